//! Tells the audit trail of requests that were refused for want of permission.
//!
//! At a bounded rate and never in the way of the answer: what comes too fast is only counted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use landfall_core::id::{Tenant, UserId};
use tokio::time::Instant;

use crate::app::App;

/// Entries that one node writes within [`WINDOW`].
const ENTRIES_MAX: u32 = 20;
const WINDOW: Duration = Duration::from_secs(1);

/// The budget of a node's entries.
#[derive(Debug)]
pub(super) struct Refusals(Mutex<(Instant, u32)>);

impl Default for Refusals {
    fn default() -> Self {
        Self(Mutex::new((Instant::now(), 0)))
    }
}

impl Refusals {
    /// Writes an entry in the background, if the budget allows.
    pub(super) fn record(
        &self,
        app: &Arc<App>,
        from: (Tenant, Option<UserId>),
        what: String,
        why: String,
    ) {
        if !self.take(Instant::now()) {
            app.metrics.refusals_unrecorded.inc();
            return;
        }
        let services = Arc::clone(&app.services);
        app.tasks.spawn(async move {
            let (tenant, user) = from;
            if let Err(error) = services.record_refused(&tenant, user, &what, &why).await {
                tracing::warn!(%error, "the trail did not take a refusal");
            }
        });
    }

    fn take(&self, now: Instant) -> bool {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(window.0) >= WINDOW {
            *window = (now, 0);
        }
        window.1 += 1;
        window.1 <= ENTRIES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_entries_fit_a_second() {
        let budget = Refusals::default();
        let begun = Instant::now();
        let taken = |at: Instant| (0..100).filter(|_| budget.take(at)).count();
        assert_eq!(taken(begun), 20);
        assert_eq!(taken(begun + WINDOW / 2), 0);
        assert_eq!(taken(begun + WINDOW * 2), 20);
    }
}
