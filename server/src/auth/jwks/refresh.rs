//! Keeps one key set fresh: at the start, at its pace, and when a token names a key that is not there.
//!
//! Must never ask the issuer more often than the pace allows, whatever tokens come.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::fetch::{FetchError, Fetched, Fetcher};
use super::kept::KeptSets;
use super::set::{KeySet, Outcome};

/// How often an issuer is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The longest that a set is used without asking again; an issuer's `max-age` can shorten it.
    pub refresh: Duration,
    /// The shortest time between two fetches.
    pub refetch: Duration,
}

impl Pace {
    /// Says when to ask again after a set was taken.
    fn after_success(self, max_age: Option<Duration>) -> Duration {
        max_age.unwrap_or(self.refresh).clamp(self.refetch, self.refresh.max(self.refetch))
    }

    /// Says when to ask again after so many failures in a row.
    fn after_failure(self, failures: u32) -> Duration {
        let doubled = self.refetch * 2u32.pow(failures.saturating_sub(1).min(16));
        doubled.min(self.refresh.max(self.refetch))
    }
}

/// Fetches a key set again and again until cancelled.
pub async fn keep_fresh(
    set: Arc<KeySet>,
    fetcher: Fetcher,
    kept: KeptSets,
    pace: Pace,
    cancel: CancellationToken,
) {
    let mut failures = 0;
    loop {
        set.begins();
        let fetched = tokio::select! {
            fetched = fetcher.fetch(set.url()) => fetched,
            () = cancel.cancelled() => return,
        };
        let pause = match take(&set, fetched, pace) {
            Ok((document, max_age)) => {
                if std::mem::take(&mut failures) > 0 {
                    tracing::info!(key = set.id(), "a key set could be fetched again");
                }
                keep(&set, &kept, document).await;
                pace.after_success(max_age)
            }
            Err(error) => {
                failures += 1;
                if failures == 1 {
                    let last = set.freshness();
                    tracing::warn!(key = set.id(), %error, ?last, "a key set cannot be fetched");
                }
                set.ends(Outcome::Failed, pace.refetch);
                pace.after_failure(failures)
            }
        };
        tokio::select! {
            () = wait(&set, pause) => {}
            () = cancel.cancelled() => return,
        }
    }
}

fn take(
    set: &KeySet,
    fetched: Result<Fetched, FetchError>,
    pace: Pace,
) -> Result<(Vec<u8>, Option<Duration>), FetchError> {
    let Fetched { document, max_age } = fetched?;
    set.take(&document)?;
    set.ends(Outcome::Taken, pace.refetch);
    Ok((document, max_age))
}

/// Waits for the set's turn, or for a token that wants it sooner, which the set allows only after its rest.
async fn wait(set: &KeySet, pause: Duration) {
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        () = set.is_wanted() => {}
    }
}

/// What cannot be kept is only missed after a restart during an outage.
async fn keep(set: &Arc<KeySet>, kept: &KeptSets, document: Vec<u8>) {
    let (theirs, kept) = (Arc::clone(set), kept.clone());
    let kept = tokio::task::spawn_blocking(move || kept.keep(&theirs, &document)).await;
    if let Ok(Err(error)) = kept {
        tracing::warn!(key = set.id(), %error, "a key set cannot be kept in the data folder");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { refresh: Duration::from_secs(300), refetch: Duration::from_secs(5) };

    #[test]
    fn an_issuers_word_shortens_the_pause_within_bounds() {
        let check = |max_age: Option<u64>, expected: u64| {
            let pause = PACE.after_success(max_age.map(Duration::from_secs));
            assert_eq!(pause, Duration::from_secs(expected), "{max_age:?}");
        };
        check(None, 300);
        check(Some(0), 5);
        check(Some(60), 60);
        check(Some(86_400), 300);
    }

    #[test]
    fn failures_are_repeated_slower_up_to_the_pace() {
        let pauses: Vec<u64> = (1..9).map(|n| PACE.after_failure(n).as_secs()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
    }
}
