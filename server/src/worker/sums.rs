//! Adding up the audit trail, and looking at what waits in the outbox.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{paced, periodic};
use crate::metrics::Metrics;
use crate::service::Services;

/// Entries of one tenant that are added up in one step.
const COUNT_MAX: usize = 2_000;
/// Between two looks at what waits in the outbox, and how much of a kind is counted.
const LOOK: Duration = Duration::from_secs(10);
const BACKLOG_MAX: usize = 100_000;

/// Starts both.
pub(super) fn start(
    services: &Arc<Services>,
    metrics: &Arc<Metrics>,
    cancel: &CancellationToken,
    workers: &mut JoinSet<()>,
) {
    let (theirs, shown) = (Arc::clone(services), Arc::clone(metrics));
    let pace = paced(Duration::from_secs(1), COUNT_MAX);
    workers.spawn(periodic::every("analytics", pace, cancel.clone(), move || {
        let (services, metrics) = (Arc::clone(&theirs), Arc::clone(&shown));
        async move {
            let counted = services.count_trail(COUNT_MAX).await;
            metrics.outbox.counted_until(services.counted_until(), services.now());
            counted
        }
    }));
    let (theirs, shown) = (Arc::clone(services), Arc::clone(metrics));
    let pace = paced(LOOK, usize::MAX);
    workers.spawn(periodic::every("backlog", pace, cancel.clone(), move || {
        let (services, metrics) = (Arc::clone(&theirs), Arc::clone(&shown));
        async move {
            let backlog = services.backlog(BACKLOG_MAX).await?;
            metrics.outbox.backlog(backlog, services.now());
            metrics.schedule.backlog(backlog, services.now());
            Ok(0)
        }
    }));
}
