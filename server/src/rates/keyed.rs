//! A bucket for each of many, bounded in memory.
//!
//! Who has been quiet long enough is forgotten, which changes nothing for them: a forgotten bucket
//! is a full one. Cost per call is constant but for a sweep that its own growth pays for.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use landfall_core::rate::{Bucket, Pace};

/// Buckets that are kept at most; everybody beyond shares one.
const KEPT_MAX: usize = 100_000;
/// So many are kept before any is looked for to forget.
const KEPT_MIN: usize = 1_024;
/// A sweep that freed nothing is not repeated sooner.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

/// Buckets of one pace, by owner.
#[derive(Debug)]
pub(super) struct Keyed<K> {
    pace: Pace,
    kept: Mutex<Kept<K>>,
}

#[derive(Debug)]
struct Kept<K> {
    buckets: HashMap<K, Bucket>,
    /// The bucket of all who found no room of their own.
    shared: Bucket,
    /// A sweep comes when so many are kept,
    sweep_at: usize,
    /// and not before this time.
    sweep_after: Duration,
}

impl<K: Hash + Eq + Clone> Keyed<K> {
    pub(super) fn new(pace: Pace) -> Self {
        let kept = Kept {
            buckets: HashMap::new(),
            shared: Bucket::default(),
            sweep_at: KEPT_MIN,
            sweep_after: Duration::ZERO,
        };
        Self { pace, kept: Mutex::new(kept) }
    }

    /// Takes one, or says how long to wait for it.
    pub(super) fn take(&self, owner: &K, now: Duration) -> Result<(), Duration> {
        self.take_many(owner, now, 1)
    }

    /// Takes so many at once, or says how long to wait for them.
    pub(super) fn take_many(&self, owner: &K, now: Duration, cost: u32) -> Result<(), Duration> {
        let mut kept = self.lock();
        self.pace.take(kept.bucket(owner, now), now, cost)
    }

    /// Says how long to wait until one could be taken, and takes nothing.
    pub(super) fn ask(&self, owner: &K, now: Duration) -> Result<(), Duration> {
        let kept = self.lock();
        let of_strangers = || match kept.buckets.len() {
            KEPT_MAX => kept.shared,
            _ => Bucket::default(),
        };
        let mut copy = kept.buckets.get(owner).copied().unwrap_or_else(of_strangers);
        self.pace.take(&mut copy, now, 1)
    }

    /// Takes so many without asking.
    pub(super) fn charge(&self, owner: &K, now: Duration, cost: u32) {
        let mut kept = self.lock();
        self.pace.charge(kept.bucket(owner, now), now, cost);
    }

    fn lock(&self) -> MutexGuard<'_, Kept<K>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq + Clone> Kept<K> {
    fn bucket(&mut self, owner: &K, now: Duration) -> &mut Bucket {
        if !self.buckets.contains_key(owner) {
            if self.buckets.len() >= self.sweep_at && now >= self.sweep_after {
                self.sweep(now);
            }
            if self.buckets.len() >= KEPT_MAX {
                return &mut self.shared;
            }
            self.buckets.insert(owner.clone(), Bucket::default());
        }
        self.buckets.get_mut(owner).expect("an owner was just given a bucket")
    }

    fn sweep(&mut self, now: Duration) {
        self.buckets.retain(|_, bucket| !bucket.is_full(now));
        self.sweep_at = (2 * self.buckets.len()).clamp(KEPT_MIN, KEPT_MAX);
        if self.buckets.len() >= KEPT_MAX {
            self.sweep_after = now + SWEEP_PAUSE;
        }
        self.buckets.shrink_to(self.sweep_at);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn second(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    fn keyed(per_second: u32) -> Keyed<usize> {
        Keyed::new(Pace::new(per_second, 1).unwrap())
    }

    #[test]
    fn each_owner_has_a_bucket_of_its_own() {
        let keyed = keyed(2);
        assert!(keyed.ask(&1, second(0)).is_ok());
        keyed.charge(&1, second(0), 2);
        assert!(keyed.ask(&1, second(0)).is_err() && keyed.take(&1, second(0)).is_err());
        assert!(keyed.take(&2, second(0)).is_ok());
        assert!(keyed.take(&1, second(1)).is_ok());
    }

    #[test]
    fn who_is_quiet_is_forgotten_and_who_is_not_is_kept() {
        let keyed = keyed(1);
        for owner in 0..50 * KEPT_MIN {
            assert!(keyed.take(&owner, second(owner as u64)).is_ok());
            keyed.charge(&usize::MAX, second(owner as u64), 1);
            assert!(keyed.lock().buckets.len() <= KEPT_MIN + 1);
        }
        let now = second(50 * KEPT_MIN as u64 - 1);
        assert!(keyed.take(&usize::MAX, now).is_err());
    }

    #[test]
    fn memory_is_bounded_and_the_rest_share_a_bucket() {
        let keyed = keyed(1);
        for owner in 0..KEPT_MAX {
            assert!(keyed.take(&owner, second(0)).is_ok());
        }
        assert!(keyed.take(&KEPT_MAX, second(0)).is_ok());
        assert!(keyed.take(&(KEPT_MAX + 1), second(0)).is_err());
        assert_eq!(keyed.lock().buckets.len(), KEPT_MAX);
        assert!(keyed.take(&(KEPT_MAX + 2), second(2)).is_ok());
        assert!(keyed.lock().buckets.len() < KEPT_MAX);
    }
}
