//! Counting what a worker did of many pieces, of which one that fails must not hold up the rest.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::ServiceError;

/// Between two lines about pieces of one sort that fail while others succeed.
const PAUSE: Duration = Duration::from_secs(10);

/// When it was last told that pieces of a sort fail.
#[derive(Debug, Default)]
pub(super) struct Troubles(Mutex<HashMap<&'static str, Instant>>);

impl Troubles {
    /// Says that something failed while other things go on, but not again at once.
    fn tell(&self, work: &'static str, error: &ServiceError) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.get(work).is_none_or(|at| at.elapsed() >= PAUSE) {
            told.insert(work, Instant::now());
            let cause = error.cause();
            tracing::warn!(work, %error, cause, "a part of the work failed; it is tried again");
        }
    }
}

/// How many pieces succeeded, and why the first that did not failed.
#[derive(Debug)]
pub(super) struct Tally {
    work: &'static str,
    done: usize,
    failure: Option<ServiceError>,
}

impl Tally {
    /// Begins to count pieces of this sort.
    pub(super) fn of(work: &'static str) -> Self {
        Self { work, done: 0, failure: None }
    }

    /// Counts a piece that did its part or found that nothing was left to do.
    pub(super) fn add<T>(&mut self, result: Result<T, ServiceError>) {
        self.add_many(1, result);
    }

    /// Counts pieces that succeed or fail together.
    pub(super) fn add_many<T>(&mut self, pieces: usize, result: Result<T, ServiceError>) {
        match result {
            Ok(_) => self.done += pieces,
            Err(error) => {
                self.failure.get_or_insert(error);
            }
        }
    }

    /// Says whether anything succeeded.
    pub(super) fn has_done(&self) -> bool {
        self.done > 0
    }

    /// Says whether anything failed.
    pub(super) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Gives how many succeeded; an error only where something failed and nothing succeeded.
    pub(super) fn finish(self, troubles: &Troubles) -> Result<usize, ServiceError> {
        match self.failure {
            Some(error) if self.done == 0 => Err(error),
            Some(error) => {
                troubles.tell(self.work, &error);
                Ok(self.done)
            }
            None => Ok(self.done),
        }
    }
}
