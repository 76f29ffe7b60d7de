//! Carrying out the outbox: claims what is due while there is room, and waits for what comes.
//!
//! A delivery that was claimed is worked on by a task of its own, so that a slow provider holds up
//! its own deliveries alone. When the server stops nothing more is claimed, and what is under way
//! ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::periodic::Backoff;
use crate::metrics::Metrics;
use crate::service::Services;

/// Claimed at once at most: a claim is one commit, however much it gives.
const CLAIM_MAX: usize = 512;
/// So long nobody looks at least: what is due and was not claimed has no room now.
const REST: Duration = Duration::from_millis(50);
/// So long nobody looks, when nothing is known to come: another node may have left something.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Delivers until cancelled, `room` at a time; ends when what was under way has.
pub(super) async fn deliver(
    services: Arc<Services>,
    metrics: Arc<Metrics>,
    room: usize,
    cancel: CancellationToken,
) {
    let mut backoff = Backoff::new("outbox");
    release(&services, &mut backoff, &cancel).await;
    let mut under_way = JoinSet::new();
    while !cancel.is_cancelled() {
        while under_way.try_join_next().is_some() {}
        let free = room.saturating_sub(under_way.len()).min(CLAIM_MAX);
        if free == 0 {
            tokio::select! { () = cancel.cancelled() => {} _ = under_way.join_next() => {} }
            continue;
        }
        match services.claim_due(free).await {
            Ok(due) if due.is_empty() => {
                backoff.succeeded();
                wait(&services, &mut under_way, &cancel).await;
            }
            Ok(due) => {
                backoff.succeeded();
                for one in due {
                    let (services, metrics) = (Arc::clone(&services), Arc::clone(&metrics));
                    under_way.spawn(async move {
                        if let Some((channel, outcome)) = services.deliver(one).await {
                            metrics.outbox.attempt(channel, &outcome);
                        }
                    });
                }
            }
            Err(error) => backoff.failed(&error, &cancel).await,
        }
    }
    while under_way.join_next().await.is_some() {}
}

/// What the server that ran before had claimed is due again, if nobody else can have it.
async fn release(services: &Services, backoff: &mut Backoff, cancel: &CancellationToken) {
    while !cancel.is_cancelled() {
        match services.release_claims().await {
            Ok(_) => return backoff.succeeded(),
            Err(error) => backoff.failed(&error, cancel).await,
        }
    }
}

/// Waits until something may be due.
async fn wait(services: &Services, under_way: &mut JoinSet<()>, cancel: &CancellationToken) {
    let next = services.next_due().await.unwrap_or(LOOK_EVERY).clamp(REST, LOOK_EVERY);
    tokio::select! {
        () = cancel.cancelled() => {}
        () = services.outbox.woken.notified() => {}
        Some(_) = under_way.join_next() => {}
        () = tokio::time::sleep(next) => {}
    }
}

/// Goes on with the recall of sends until cancelled.
pub(super) async fn recall(services: Arc<Services>, cancel: CancellationToken) {
    let mut backoff = Backoff::new("recalls");
    while !cancel.is_cancelled() {
        match services.recall_sends().await {
            Ok(0) => {
                backoff.succeeded();
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = services.recall_asked.notified() => {}
                    () = tokio::time::sleep(Duration::from_secs(5)) => {}
                }
            }
            Ok(_) => backoff.succeeded(),
            Err(error) => backoff.failed(&error, &cancel).await,
        }
    }
}
