//! Repeating a use case: at a steady pace, at once while there is more, slower while it fails.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::service::ServiceError;

/// How often a piece of work is repeated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Between two runs.
    pub(super) pause: Duration,
    /// A run that did this much has left more, and is followed by the next at once.
    pub(super) full: usize,
}

/// Runs `work` at this pace until cancelled.
pub(super) async fn every<F>(
    name: &'static str,
    Pace { pause, full }: Pace,
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
                if done >= full {
                    tokio::task::yield_now().await;
                    continue;
                }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use tokio::time::Instant;

    #[tokio::test]
    async fn a_backlog_is_worked_off_without_a_pause() {
        let (runs, begun) = (Cell::new(0), Instant::now());
        let cancel = CancellationToken::new();
        let pace = Pace { pause: Duration::from_secs(3_600), full: 5 };
        every("test", pace, cancel.clone(), || {
            runs.set(runs.get() + 1);
            if runs.get() == 4 {
                cancel.cancel();
            }
            std::future::ready(Ok(5))
        })
        .await;
        assert_eq!(runs.get(), 4);
        assert!(begun.elapsed() < Duration::from_secs(60));
    }

    #[tokio::test]
    async fn less_than_a_full_run_is_followed_by_the_pause() {
        let (runs, cancel) = (Cell::new(0), CancellationToken::new());
        let pace = Pace { pause: Duration::from_secs(3_600), full: 5 };
        let work = every("test", pace, cancel.clone(), || {
            runs.set(runs.get() + 1);
            std::future::ready(Ok(4))
        });
        tokio::select! { biased; () = work => {} () = std::future::ready(()) => {} }
        assert_eq!(runs.get(), 1);
    }
}
