//! Locks by feed: pushes to a feed are decided beside each other, and one that was overtaken alone.
//!
//! Deciding beside others lets many be committed together, and nearly always they are about different
//! entities. Where many devices write into one, each would be overtaken again and again; with the lock,
//! each waits at most for those that came before it. Other nodes are not held up by it: of these there
//! are few. Nothing relies on the locks: the commit checks what was decided from, and whoever has waited
//! for long enough decides without.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use landfall_core::feed::FeedKey;
use landfall_store::StoreError;
use tokio::sync::RwLock;
use tokio::time::timeout;

use crate::service::{ServiceError, unless_stale};

/// Feeds share so many locks.
const LOCKS: usize = 256;
/// For so long a push waits for its turn, where one that has it stands still.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// So often is a push decided alone while other nodes overtake it.
const ALONE_MAX: usize = 20;

/// Who decides about which feed, on this node.
#[derive(Debug)]
pub struct FeedLocks {
    locks: Box<[RwLock<()>]>,
    hasher: RandomState,
}

impl Default for FeedLocks {
    fn default() -> Self {
        let locks = std::iter::repeat_with(RwLock::default).take(LOCKS).collect();
        Self { locks, hasher: RandomState::new() }
    }
}

impl FeedLocks {
    /// Decides about a feed, and again while the commit answers `Stale`.
    ///
    /// # Errors
    /// `Unavailable` where other nodes overtook it every time; those of `decide`.
    pub(super) async fn deciding<T, F>(
        &self,
        feed: &FeedKey,
        mut decide: impl FnMut() -> F,
    ) -> Result<T, ServiceError>
    where
        F: Future<Output = Result<T, ServiceError>>,
    {
        let lock = self.of(feed);
        {
            let _beside = timeout(WAIT_MAX, lock.read()).await;
            if let Some(result) = unless_stale(decide().await) {
                return result;
            }
        }
        let _alone = timeout(WAIT_MAX, lock.write()).await;
        for _ in 0..ALONE_MAX {
            if let Some(result) = unless_stale(decide().await) {
                return result;
            }
        }
        let why = "other nodes change the same entities all the time";
        Err(StoreError::Unavailable(why.into()).into())
    }

    fn of(&self, feed: &FeedKey) -> &RwLock<()> {
        let place = self.hasher.hash_one(feed) % LOCKS as u64;
        &self.locks[usize::try_from(place).expect("it is less than their number")]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use landfall_core::id::{Tenant, UserId};

    use super::*;

    fn feed() -> FeedKey {
        FeedKey::data(&Tenant::parse("t").unwrap(), &UserId::parse("u").unwrap())
    }

    /// Changes a version as a commit does: only from what was read before.
    async fn change(version: &AtomicUsize) -> Result<(), ServiceError> {
        let read = version.load(Ordering::SeqCst);
        tokio::task::yield_now().await;
        let changed =
            version.compare_exchange(read, read + 1, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if changed { Ok(()) } else { Err(StoreError::Stale.into()) }
    }

    #[tokio::test]
    async fn everybody_who_writes_into_one_entity_gets_their_turn() {
        let (locks, version) = (Arc::new(FeedLocks::default()), Arc::new(AtomicUsize::new(0)));
        let mut running = tokio::task::JoinSet::new();
        for _ in 0..200 {
            let (locks, version) = (Arc::clone(&locks), Arc::clone(&version));
            running.spawn(async move { locks.deciding(&feed(), || change(&version)).await });
        }
        while let Some(ended) = running.join_next().await {
            ended.unwrap().unwrap();
        }
        assert_eq!(version.load(Ordering::SeqCst), 200);
    }

    #[tokio::test]
    async fn one_that_stands_still_keeps_nobody_for_ever() {
        let (locks, feed, version) = (FeedLocks::default(), feed(), AtomicUsize::new(0));
        let stands = std::future::pending::<Result<(), ServiceError>>;
        let mut standing = Box::pin(locks.deciding(&feed, stands));
        assert!(futures_util::poll!(&mut standing).is_pending());
        let mut is_first = true;
        let decide = || {
            let overtaken = std::mem::take(&mut is_first);
            let change = change(&version);
            async move { if overtaken { Err(StoreError::Stale.into()) } else { change.await } }
        };
        locks.deciding(&feed, decide).await.unwrap();
        assert_eq!(version.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn one_that_others_always_overtake_is_told_to_come_again() {
        let decide = || async { Err::<(), _>(StoreError::Stale.into()) };
        let answer = FeedLocks::default().deciding(&feed(), decide).await;
        assert!(matches!(answer, Err(ServiceError::Store(StoreError::Unavailable(_)))));
    }
}
