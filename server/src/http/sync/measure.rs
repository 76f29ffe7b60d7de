//! What is counted of calls of sync, and what devices say of themselves.

use std::time::{Duration, Instant};

use landfall_protocol::sync::ClientReport;

use crate::app::App;
use crate::metrics::SyncCall;

/// More than any device holds; what says more is none that counts.
const PENDING_MAX: u64 = 1_000_000_000;

/// Takes the time of a call.
pub(super) async fn took<T>(app: &App, call: SyncCall, run: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let done = run.await;
    app.metrics.sync.took(call, began.elapsed());
    done
}

/// Counts what a device tells of itself; gives how many operations it has not sent yet.
pub(super) fn report(app: &App, report: Option<ClientReport>) -> Option<u64> {
    let ClientReport { pending, drain_ms, background_succeeded, background_failed } = report?;
    let runs = |count: Option<u64>| count.unwrap_or_default();
    app.metrics.sync.background_runs(runs(background_succeeded), runs(background_failed));
    if let Some(waited) = drain_ms {
        app.metrics.sync.queue_drained(Duration::from_millis(waited));
    }
    pending.map(|count| count.min(PENDING_MAX))
}
