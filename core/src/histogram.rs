//! Counts of durations in buckets of a fixed scale, from which percentiles are read.
//!
//! The scale never changes, so counts of any two times and places can be added up. A percentile is
//! at most 5 % off; the memory does not grow with what is counted.

use std::collections::BTreeMap;

/// Each doubling is cut into so many buckets: at most 1/16 wide, so its middle is off by 1/32.
const PARTS: u64 = 16;
const PARTS_LOG: u32 = PARTS.trailing_zeros();

/// Durations from this many milliseconds (136 years) on share the last bucket.
const CEILING_MS: u64 = 1 << 42;

/// How many buckets there are.
pub const BUCKETS: u16 = bucket_number(CEILING_MS) + 1;

/// One bucket of the scale, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(u16);

const fn bucket_number(ms: u64) -> u16 {
    if ms < PARTS {
        return ms as u16;
    }
    let doublings = ms.ilog2() - PARTS_LOG;
    let part = (ms >> doublings) - PARTS;
    (PARTS + doublings as u64 * PARTS + part) as u16
}

impl Bucket {
    /// Takes a number that was stored.
    pub fn new(number: u16) -> Option<Self> {
        (number < BUCKETS).then_some(Self(number))
    }

    /// Gives the number to store.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Gives the milliseconds that stand for all in the bucket: its middle.
    pub const fn ms(self) -> u64 {
        let number = self.0 as u64;
        if number < PARTS {
            return number;
        }
        let doublings = (number - PARTS) / PARTS;
        let low = (PARTS + (number - PARTS) % PARTS) << doublings;
        low + ((1 << doublings) >> 1)
    }
}

/// Finds the bucket of a duration in milliseconds.
pub const fn bucket_of(ms: u64) -> Bucket {
    Bucket(bucket_number(if ms > CEILING_MS { CEILING_MS } else { ms }))
}

/// A percentage from 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u8);

impl Percent {
    /// Takes a number from 1 to 100.
    pub const fn new(percent: u8) -> Option<Self> {
        if percent >= 1 && percent <= 100 { Some(Self(percent)) } else { None }
    }

    /// Nineteen of twenty.
    pub const P95: Self = Self(95);
    /// All but one of a hundred.
    pub const P99: Self = Self(99);
}

/// How many durations fell into each bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Histogram {
    counts: BTreeMap<Bucket, u64>,
}

impl Histogram {
    /// Counts a duration in milliseconds.
    pub fn record(&mut self, ms: u64) {
        self.add(bucket_of(ms), 1);
    }

    /// Adds what was counted before.
    pub fn add(&mut self, bucket: Bucket, count: u64) {
        let known = self.counts.entry(bucket).or_default();
        *known = known.saturating_add(count);
    }

    /// Gives the buckets that are not empty, from the shortest.
    pub fn counts(&self) -> impl Iterator<Item = (Bucket, u64)> + '_ {
        self.counts.iter().map(|(bucket, count)| (*bucket, *count))
    }

    /// Gives the number of durations.
    pub fn count(&self) -> u64 {
        self.counts.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Gives the milliseconds within which so many percent of the durations lie, by nearest rank;
    /// nothing when none was counted.
    pub fn percentile(&self, percent: Percent) -> Option<u64> {
        let total = u128::from(self.count());
        let rank = (total * u128::from(percent.0)).div_ceil(100);
        let mut passed = 0_u128;
        let reached = |count: &u64| {
            passed += u128::from(*count);
            passed >= rank
        };
        let mut reached = reached;
        self.counts.iter().find(|(_, count)| reached(count)).map(|(bucket, _)| bucket.ms())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn of(durations: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        durations.iter().for_each(|ms| histogram.record(*ms));
        histogram
    }

    #[test]
    fn percentiles_are_those_of_nearest_rank() {
        let hundred: Vec<u64> = (1..=100).collect();
        let check = |durations: &[u64], percent: u8| {
            of(durations).percentile(Percent::new(percent).unwrap())
        };
        assert_eq!(check(&[], 50), None);
        assert_eq!(check(&[7], 1), Some(7));
        assert_eq!(check(&[7], 100), Some(7));
        assert_eq!(check(&hundred, 10), Some(10));
        assert_eq!(check(&hundred, 50), Some(51));
        assert_eq!(check(&[0, 0, 0, 30], 75), Some(0));
        assert_eq!(check(&[0, 0, 0, 30], 76), Some(30));
        assert_eq!(Percent::new(0), None);
        assert_eq!(Percent::new(101), None);
    }

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        let numbers: Vec<u16> = (0..70_000).map(|ms| bucket_of(ms).number()).collect();
        assert!(numbers.windows(2).all(|two| two[1] == two[0] || two[1] == two[0] + 1));
        assert_eq!(bucket_of(u64::MAX).number(), BUCKETS - 1);
        assert_eq!(Bucket::new(BUCKETS), None);
        for number in 0..BUCKETS {
            let bucket = Bucket::new(number).unwrap();
            assert_eq!(bucket_of(bucket.ms()), bucket);
        }
    }

    proptest! {
        /// A percentile is at most 5 % off the exact one.
        #[test]
        fn percentiles_are_near_the_exact_ones(
            mut durations in prop::collection::vec(
                prop_oneof![0_u64..100, 0_u64..10_000, 0_u64..CEILING_MS],
                1..200,
            ),
            percent in 1_u8..=100,
        ) {
            let read = of(&durations).percentile(Percent::new(percent).unwrap()).unwrap();
            durations.sort_unstable();
            let rank = (durations.len() * usize::from(percent)).div_ceil(100);
            let exact = durations[rank - 1];
            prop_assert!(read.abs_diff(exact) * 20 <= exact, "{} for {}", read, exact);
        }

        /// What was counted apart and added up is what was counted together.
        #[test]
        fn adding_up_is_counting_together(
            one in prop::collection::vec(0_u64..1_000_000, 0..50),
            other in prop::collection::vec(0_u64..1_000_000, 0..50),
        ) {
            let mut sum = of(&one);
            for (bucket, count) in of(&other).counts() {
                sum.add(Bucket::new(bucket.number()).unwrap(), count);
            }
            prop_assert_eq!(sum, of(&[one, other].concat()));
        }
    }
}
