//! Repeating a use case: at a steady pace, at once while there is more, slower while it fails.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::service::ServiceError;

/// Runs `work` every `pause` until cancelled; work that did something is run again at once.
pub(super) async fn every<F>(
    name: &'static str,
    pause: Duration,
    cancel: CancellationToken,
    mut work: impl FnMut() -> F,
) where
    F: Future<Output = Result<usize, ServiceError>>,
{
    let mut backoff = Backoff::new(name);
    while !cancel.is_cancelled() {
        match work().await {
            Ok(done) => {
                tracing::trace!(worker = name, done, "a run ended");
                backoff.succeeded();
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
            }
            Err(error) => backoff.failed(&error, &cancel).await,
        }
    }
}

/// Waits longer with each failure, and says so once until it works again.
pub(super) struct Backoff {
    name: &'static str,
    failures: u32,
}

const FIRST: Duration = Duration::from_millis(250);
const DOUBLINGS_MAX: u32 = 5;

impl Backoff {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, failures: 0 }
    }

    pub(super) fn succeeded(&mut self) {
        if std::mem::take(&mut self.failures) > 0 {
            tracing::info!(worker = self.name, "works again");
        }
    }

    pub(super) async fn failed(&mut self, error: &ServiceError, cancel: &CancellationToken) {
        if self.failures == 0 {
            let cause = error.cause();
            tracing::warn!(worker = self.name, %error, cause, "failed; tries again until it works");
        }
        let wait = FIRST * 2u32.pow(self.failures.min(DOUBLINGS_MAX));
        self.failures = self.failures.saturating_add(1);
        tokio::select! {
            () = cancel.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}
