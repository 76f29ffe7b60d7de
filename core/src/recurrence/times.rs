//! Times of a day that a rule names, as seconds since midnight by a clock that nobody changes.
//!
//! They are kept as hours × minutes × seconds and never listed: a day can have 86,400.

use jiff::civil::DateTime;

use super::rule::Rule;
use super::table::{By, Frequency};

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// The hours, minutes and seconds that are named, a bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    hours: u64,
    minutes: u64,
    seconds: u64,
}

impl Times {
    /// Takes what the rule says; where it does not, the start speaks for a part that would expand.
    pub(super) fn of(rule: &Rule, start: DateTime) -> Self {
        let part = |by: By, at_start: i8, all: u32| {
            let named = rule.numbers(by).iter().fold(0, |bits, number| bits | 1_u64 << number);
            match named {
                0 if by.expands(rule.frequency) => 1 << at_start,
                0 => (1 << all) - 1,
                named => named,
            }
        };
        Self {
            hours: part(By::Hour, start.hour(), 24),
            minutes: part(By::Minute, start.minute(), 60),
            seconds: part(By::Second, start.second(), 60),
        }
    }

    /// Keeps those in the same period as `second`, where periods are shorter than a day.
    pub(super) fn within(self, frequency: Frequency, second: i64) -> Self {
        let only = |bits: u64, number: i64, shortest: Frequency| {
            if frequency <= shortest { bits & 1 << number } else { bits }
        };
        Self {
            hours: only(self.hours, second / 3_600, Frequency::Hourly),
            minutes: only(self.minutes, second / 60 % 60, Frequency::Minutely),
            seconds: only(self.seconds, second % 60, Frequency::Secondly),
        }
    }

    /// Gives how many there are.
    pub(super) fn len(self) -> i64 {
        let [hours, minutes, seconds] =
            [self.hours, self.minutes, self.seconds].map(|bits| i64::from(bits.count_ones()));
        hours * minutes * seconds
    }

    /// Gives the one at a place from 0, which must be less than [`Self::len`].
    pub(super) fn nth(self, place: i64) -> Option<i64> {
        let (seconds, minutes) = (self.seconds.count_ones(), self.minutes.count_ones());
        let (rest, second) = (place / i64::from(seconds), place % i64::from(seconds));
        let (hour, minute) = (rest / i64::from(minutes), rest % i64::from(minutes));
        Some(join(bit(self.hours, hour)?, bit(self.minutes, minute)?, bit(self.seconds, second)?))
    }

    /// Finds the first at or after a second of the day.
    pub(super) fn from(self, second: i64) -> Option<i64> {
        let (hour, minute) = (second / 3_600, second / 60 % 60);
        if self.hours >> hour & 1 == 1 {
            if self.minutes >> minute & 1 == 1
                && let Some(second) = next(self.seconds, second % 60)
            {
                return Some(join(hour, minute, second));
            }
            if let Some(minute) = next(self.minutes, minute + 1) {
                return Some(join(hour, minute, next(self.seconds, 0)?));
            }
        }
        let hour = next(self.hours, hour + 1)?;
        Some(join(hour, next(self.minutes, 0)?, next(self.seconds, 0)?))
    }
}

const fn join(hour: i64, minute: i64, second: i64) -> i64 {
    hour * 3_600 + minute * 60 + second
}

/// Finds the first bit at or after a place below 64.
fn next(bits: u64, place: i64) -> Option<i64> {
    let left = bits & u64::MAX << place;
    (left != 0).then(|| i64::from(left.trailing_zeros()))
}

/// Finds the bit that has so many before it.
fn bit(mut bits: u64, before: i64) -> Option<i64> {
    for _ in 0..before {
        bits &= bits.wrapping_sub(1);
    }
    next(bits, 0)
}
