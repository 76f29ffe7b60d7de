//! Whether the store answers, asked at most once a second however many want to know.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Services;

/// How long the store may take to answer, and for how long the answer counts.
const FRESH: Duration = Duration::from_secs(1);

/// What the store answered last.
#[derive(Debug, Default)]
pub(super) struct Probe(Mutex<Option<(Instant, bool)>>);

impl Probe {
    /// Gives what is known. Who finds it stale asks anew; the others go on with what was known.
    fn fresh(&self) -> Option<bool> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, is_there) = (*known)?;
        if at.elapsed() < FRESH {
            return Some(is_there);
        }
        *known = Some((Instant::now(), is_there));
        None
    }

    fn learn(&self, answer: (Instant, bool)) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }
}

impl Services {
    /// Says whether the store can read and write, as it was within the last second.
    pub async fn store_is_there(&self) -> bool {
        if let Some(known) = self.probe.fresh() {
            return known;
        }
        let check = tokio::time::timeout(FRESH, self.store.check()).await;
        let is_there = matches!(check, Ok(Ok(())));
        self.probe.learn((Instant::now(), is_there));
        is_there
    }
}
