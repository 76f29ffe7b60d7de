//! Storing whom a token named for the first time.
//!
//! No request waits for it; who comes while the store is away is stored when it is back.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::periodic::Backoff;
use crate::service::Services;

/// Strangers that are looked at together.
const BATCH_MAX: usize = 256;

/// Stores strangers as they come, until cancelled.
pub(super) async fn store(services: Arc<Services>, cancel: CancellationToken) {
    let mut backoff = Backoff::new("meetings");
    while !cancel.is_cancelled() {
        match services.store_strangers(BATCH_MAX).await {
            Ok(0) => {
                backoff.succeeded();
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = services.meetings.news.notified() => {}
                }
            }
            Ok(_) => backoff.succeeded(),
            Err(error) => backoff.failed(&error, &cancel).await,
        }
    }
}
