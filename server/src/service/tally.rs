//! Counting what a worker did of many pieces, of which one that fails must not hold up the rest.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::ServiceError;

/// Between two lines about pieces that fail while others succeed.
const PAUSE: Duration = Duration::from_secs(10);

/// When it was last told that pieces fail.
#[derive(Debug, Default)]
pub(super) struct Troubles(Mutex<Option<Instant>>);

impl Troubles {
    /// Says that something failed while other things go on, but not again at once.
    pub(super) fn tell(&self, error: &ServiceError) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|at| at.elapsed() >= PAUSE) {
            *told = Some(Instant::now());
            let cause = error.cause();
            tracing::warn!(%error, cause, "a part of the work failed; it is tried again");
        }
    }
}

/// How many pieces succeeded, and why the first that did not failed.
#[derive(Debug, Default)]
pub(super) struct Tally {
    done: usize,
    failure: Option<ServiceError>,
}

impl Tally {
    /// Counts a piece that did its part or found that nothing was left to do.
    pub(super) fn add<T>(&mut self, result: Result<T, ServiceError>) {
        match result {
            Ok(_) => self.done += 1,
            Err(error) => {
                self.failure.get_or_insert(error);
            }
        }
    }

    /// Gives how many succeeded; an error only where something failed and nothing succeeded.
    pub(super) fn finish(self, troubles: &Troubles) -> Result<usize, ServiceError> {
        match self.failure {
            Some(error) if self.done == 0 => Err(error),
            Some(error) => {
                troubles.tell(&error);
                Ok(self.done)
            }
            None => Ok(self.done),
        }
    }
}
