//! How many a second: a token bucket as a value.
//!
//! A bucket is one number, so that there can be one for each connection. It never asks the time:
//! `now` is what a monotonic clock shows, counted from any start that stays the same.

use std::num::NonZeroU32;
use std::time::Duration;

const SECOND_NS: u64 = 1_000_000_000;

/// So many a second, and so many at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    per_second: NonZeroU32,
    burst: NonZeroU32,
}

/// How much of a pace has been used; a new one is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bucket {
    /// When it is full again, in nanoseconds of the monotonic clock; in the past it is full.
    full_at: u64,
}

impl Pace {
    /// Makes a pace of `per_second`, of which `burst_seconds` (0 counts as 1) may come at once;
    /// nothing for 0, which is no limit.
    pub fn new(per_second: u32, burst_seconds: u32) -> Option<Self> {
        let per_second = NonZeroU32::new(per_second)?;
        let burst =
            per_second.saturating_mul(NonZeroU32::new(burst_seconds).unwrap_or(NonZeroU32::MIN));
        Some(Self { per_second, burst })
    }

    /// Tells how many may come at once.
    pub fn burst(self) -> u32 {
        self.burst.get()
    }

    /// Takes `cost` out of a bucket, or says after what time it can be taken.
    ///
    /// What costs more than a whole bucket is taken from a full one and leaves a debt, so that
    /// nothing is refused for ever. Over any time, no more is taken than a bucketful, what the
    /// pace gives in that time, and one such debt. A clock that goes back gives nothing.
    ///
    /// # Errors
    /// The time to wait, at least a nanosecond; nothing was taken.
    pub fn take(self, bucket: &mut Bucket, now: Duration, cost: u32) -> Result<(), Duration> {
        let now = nanoseconds(now);
        let needed = self.time_for(cost.min(self.burst()));
        let used = bucket.full_at.saturating_sub(now);
        let wait = used.saturating_add(needed).saturating_sub(self.time_for(self.burst()));
        if wait > 0 {
            return Err(Duration::from_nanos(wait));
        }
        self.charge(bucket, Duration::from_nanos(now), cost);
        Ok(())
    }

    /// Takes `cost` out of a bucket without asking, for what has happened already; what is missing
    /// becomes a debt.
    pub fn charge(self, bucket: &mut Bucket, now: Duration, cost: u32) {
        let from = bucket.full_at.max(nanoseconds(now));
        bucket.full_at = from.saturating_add(self.time_for(cost));
    }

    /// Gives the time in which the pace makes up for `cost`, rounded up: never more than the pace.
    fn time_for(self, cost: u32) -> u64 {
        (u64::from(cost) * SECOND_NS).div_ceil(u64::from(self.per_second.get()))
    }
}

impl Bucket {
    /// Says whether the bucket is full, so that forgetting it changes nothing.
    pub fn is_full(self, now: Duration) -> bool {
        self.full_at <= nanoseconds(now)
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const START: Duration = Duration::from_secs(1_000);

    fn ms(ms: u64) -> Duration {
        START + Duration::from_millis(ms)
    }

    #[test]
    fn a_burst_then_the_pace() {
        let pace = Pace::new(10, 2).unwrap();
        let mut bucket = Bucket::default();
        for _ in 0..20 {
            assert_eq!(pace.take(&mut bucket, ms(0), 1), Ok(()));
        }
        assert_eq!(pace.take(&mut bucket, ms(0), 1), Err(Duration::from_millis(100)));
        assert_eq!(pace.take(&mut bucket, ms(100), 1), Ok(()));
        assert_eq!(pace.take(&mut bucket, ms(100), 3), Err(Duration::from_millis(300)));
        assert_eq!(pace.take(&mut bucket, ms(400), 3), Ok(()));
        assert!(!bucket.is_full(ms(400)) && bucket.is_full(ms(2_400)));
    }

    #[test]
    fn more_than_a_bucketful_needs_a_full_one_and_leaves_a_debt() {
        let pace = Pace::new(10, 1).unwrap();
        let mut bucket = Bucket::default();
        assert_eq!(pace.take(&mut bucket, ms(0), 25), Ok(()));
        assert_eq!(pace.take(&mut bucket, ms(0), 1), Err(Duration::from_millis(1_600)));
        assert_eq!(pace.take(&mut bucket, ms(0), 25), Err(Duration::from_millis(2_500)));
        assert_eq!(pace.take(&mut bucket, ms(2_500), 25), Ok(()));
    }

    #[test]
    fn no_number_a_second_is_no_limit() {
        assert_eq!(Pace::new(0, 5), None);
        assert_eq!(Pace::new(7, 0).unwrap().burst(), 7);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let pace = Pace::new(1, 1).unwrap();
        let mut bucket = Bucket::default();
        assert_eq!(pace.take(&mut bucket, ms(0), 1), Ok(()));
        assert_eq!(pace.take(&mut bucket, Duration::ZERO, 1), Err(START + Duration::from_secs(1)));
        assert_eq!(pace.take(&mut bucket, ms(1_000), 1), Ok(()));
    }

    fn paces() -> impl Strategy<Value = Pace> {
        (1_u32..5_000, 0_u32..20).prop_map(|(rate, seconds)| Pace::new(rate, seconds).unwrap())
    }

    proptest! {
        /// Between any two takes, what was taken fits a bucketful, the pace and one debt.
        #[test]
        fn never_more_than_the_pace(
            pace in paces(),
            asks in prop::collection::vec((0_u64..2_000_000_000, 1_u32..4_000), 1..60),
        ) {
            let mut bucket = Bucket::default();
            let mut now = START;
            let mut taken: Vec<(Duration, u32)> = Vec::new();
            for (step, cost) in asks {
                now += Duration::from_nanos(step);
                if pace.take(&mut bucket, now, cost).is_ok() {
                    taken.push((now, cost));
                }
            }
            for (first, (since, _)) in taken.iter().enumerate() {
                let mut sum = 0_f64;
                for (until, cost) in &taken[first..] {
                    sum += f64::from(*cost);
                    let given = (*until - *since).as_secs_f64() * f64::from(pace.per_second.get());
                    let debt = f64::from(cost.saturating_sub(pace.burst()));
                    prop_assert!(sum <= f64::from(pace.burst()) + given + debt + 0.001);
                }
            }
        }

        /// A refusal says exactly when: at that time it is taken, a nanosecond before it is not.
        #[test]
        fn a_refusal_says_when(
            pace in paces(),
            used in 0_u32..20_000,
            cost in 1_u32..20_000,
        ) {
            let mut bucket = Bucket::default();
            pace.charge(&mut bucket, START, used);
            let before = bucket;
            if let Err(wait) = pace.take(&mut bucket, START, cost) {
                prop_assert_eq!(bucket, before);
                let early = START + wait - Duration::from_nanos(1);
                prop_assert!(pace.take(&mut bucket, early, cost).is_err());
                prop_assert_eq!(pace.take(&mut bucket, START + wait, cost), Ok(()));
            }
        }

        /// Who keeps below the pace is never refused, however long.
        #[test]
        fn who_keeps_the_pace_is_never_refused(pace in paces(), extra in 1_u64..1_000) {
            let mut bucket = Bucket::default();
            let step = Duration::from_nanos(pace.time_for(1) + extra);
            for at in 0..2_000_u32 {
                prop_assert_eq!(pace.take(&mut bucket, START + step * at, 1), Ok(()));
            }
        }

        /// Nothing overflows, at any time and any cost.
        #[test]
        fn any_numbers_are_safe(now: Duration, cost: u32, per_second: u32, seconds: u32) {
            if let Some(pace) = Pace::new(per_second, seconds) {
                let mut bucket = Bucket::default();
                pace.charge(&mut bucket, now, cost);
                let _ = pace.take(&mut bucket, now, cost);
                let _ = pace.take(&mut bucket, Duration::MAX, u32::MAX);
                let _ = bucket.is_full(now);
            }
        }
    }
}
