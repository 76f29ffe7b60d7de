//! What the parts of a rule are called, which numbers they take, and what each does at which
//! frequency: the table of RFC 5545 3.3.10.
//!
//! Only facts of the RFC stand here. This file must never look at a date.

use std::fmt;

/// How long the periods of a rule are (`FREQ`), the shortest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Frequency {
    /// Seconds.
    Secondly,
    /// Minutes.
    Minutely,
    /// Hours.
    Hourly,
    /// Days.
    Daily,
    /// Weeks, which begin on the rule's `WKST`.
    Weekly,
    /// Months.
    Monthly,
    /// Calendar years.
    Yearly,
}

impl Frequency {
    /// Each, the shortest first.
    pub const ALL: [Self; 7] = [
        Self::Secondly,
        Self::Minutely,
        Self::Hourly,
        Self::Daily,
        Self::Weekly,
        Self::Monthly,
        Self::Yearly,
    ];

    /// Gives the word of the RFC.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Secondly => "SECONDLY",
            Self::Minutely => "MINUTELY",
            Self::Hourly => "HOURLY",
            Self::Daily => "DAILY",
            Self::Weekly => "WEEKLY",
            Self::Monthly => "MONTHLY",
            Self::Yearly => "YEARLY",
        }
    }

    /// Gives the seconds of a period that is shorter than a day, by a clock that nobody changes.
    pub(super) const fn seconds_within_a_day(self) -> Option<i64> {
        match self {
            Self::Secondly => Some(1),
            Self::Minutely => Some(60),
            Self::Hourly => Some(3_600),
            Self::Daily | Self::Weekly | Self::Monthly | Self::Yearly => None,
        }
    }
}

impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A part of a rule that says which times of a period are meant, in the order in which the RFC
/// applies them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum By {
    Month,
    WeekNo,
    YearDay,
    MonthDay,
    Day,
    Hour,
    Minute,
    Second,
    SetPos,
}

/// What a part does with the times of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It makes one time several. Where it is absent the start of the event says what it would.
    Expand,
    /// It drops the times that it does not name. Where it is absent it drops none.
    Limit,
    /// It must not be said at this frequency.
    Refused,
}

/// The table of RFC 5545 3.3.10, as its pages show it but for one thing: its two notes on
/// `BYDAY` say "limit" where `BYYEARDAY` or `BYMONTHDAY` is there too, which comes to the same,
/// because every day has to fit all the parts that speak of days.
#[rustfmt::skip]
const TABLE: [(By, [Effect; 7]); By::ALL.len()] = {
    use Effect::{Expand, Limit, Refused};
    //              SECONDLY MINUTELY HOURLY   DAILY    WEEKLY   MONTHLY  YEARLY
    [
        (By::Month,    [Limit,   Limit,   Limit,   Limit,   Limit,   Limit,   Expand]),
        (By::WeekNo,   [Refused, Refused, Refused, Refused, Refused, Refused, Expand]),
        (By::YearDay,  [Limit,   Limit,   Limit,   Refused, Refused, Refused, Expand]),
        (By::MonthDay, [Limit,   Limit,   Limit,   Limit,   Refused, Expand,  Expand]),
        (By::Day,      [Limit,   Limit,   Limit,   Limit,   Expand,  Expand,  Expand]),
        (By::Hour,     [Limit,   Limit,   Limit,   Expand,  Expand,  Expand,  Expand]),
        (By::Minute,   [Limit,   Limit,   Expand,  Expand,  Expand,  Expand,  Expand]),
        (By::Second,   [Limit,   Expand,  Expand,  Expand,  Expand,  Expand,  Expand]),
        (By::SetPos,   [Limit,   Limit,   Limit,   Limit,   Limit,   Limit,   Limit]),
    ]
};

impl By {
    pub(super) const ALL: [Self; 9] = [
        Self::Month,
        Self::WeekNo,
        Self::YearDay,
        Self::MonthDay,
        Self::Day,
        Self::Hour,
        Self::Minute,
        Self::Second,
        Self::SetPos,
    ];

    /// Says what the part does at a frequency.
    pub(super) const fn effect(self, frequency: Frequency) -> Effect {
        TABLE[self as usize].1[frequency as usize]
    }

    /// Says whether the part makes one time several at a frequency.
    pub(super) const fn expands(self, frequency: Frequency) -> bool {
        matches!(self.effect(frequency), Effect::Expand)
    }

    /// Gives the word of the RFC.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Month => "BYMONTH",
            Self::WeekNo => "BYWEEKNO",
            Self::YearDay => "BYYEARDAY",
            Self::MonthDay => "BYMONTHDAY",
            Self::Day => "BYDAY",
            Self::Hour => "BYHOUR",
            Self::Minute => "BYMINUTE",
            Self::Second => "BYSECOND",
            Self::SetPos => "BYSETPOS",
        }
    }

    /// Gives the numbers that the part takes; for `BYDAY` those that may stand before a day.
    pub(super) const fn range(self) -> Range {
        match self {
            Self::Month => Range::Plain(1, 12),
            Self::WeekNo | Self::Day => Range::Signed(53),
            Self::YearDay | Self::SetPos => Range::Signed(366),
            Self::MonthDay => Range::Signed(31),
            Self::Hour => Range::Plain(0, 23),
            Self::Minute => Range::Plain(0, 59),
            Self::Second => Range::Plain(0, 60),
        }
    }
}

/// Numbers that a part takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    /// From the first to the second, without a sign.
    Plain(i16, i16),
    /// From 1, or counted from the end of the period from -1.
    Signed(i16),
}

impl Range {
    /// Reads a number that lies within; its sign may be written where the range has signs.
    pub(super) fn read(self, text: &str) -> Option<i16> {
        let (sign, digits) = match (self, text.strip_prefix('-'), text.strip_prefix('+')) {
            (Self::Signed(_), Some(digits), _) => (-1, digits),
            (Self::Signed(_), _, Some(digits)) => (1, digits),
            _ => (1, text),
        };
        let is_written = (1..=3).contains(&digits.len());
        let is_number = is_written && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number: i16 = is_number.then(|| digits.parse().ok()).flatten()?;
        let (least, most) = match self {
            Self::Plain(least, most) => (least, most),
            Self::Signed(most) => (1, most),
        };
        (least..=most).contains(&number).then_some(sign * number)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(least, most) => write!(f, "{least} to {most}"),
            Self::Signed(most) => write!(f, "1 to {most} or -{most} to -1"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_in_the_order_of_its_parts() {
        for (place, by) in By::ALL.into_iter().enumerate() {
            assert_eq!((by as usize, TABLE[place].0), (place, by));
        }
        for (place, frequency) in Frequency::ALL.into_iter().enumerate() {
            assert_eq!(frequency as usize, place);
        }
    }
}
