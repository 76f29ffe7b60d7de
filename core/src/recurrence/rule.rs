//! The rule by which an event recurs: the value of RFC 5545's `RRULE`, read and checked.
//!
//! A rule knows no start and no zone; this file must never look for a time that the rule says.

use std::fmt;

use jiff::civil::{Date, DateTime, Time, Weekday};

use super::table::{By, Frequency};

/// Bytes of a rule's text.
pub const TEXT_MAX: usize = 1_000;
/// The largest `COUNT`: who asks for a late occurrence of a counted rule waits while it is counted.
pub const COUNT_MAX: u32 = 10_000;
/// The largest `INTERVAL`: more than the seconds of 31 years.
pub const INTERVAL_MAX: u32 = 999_999_999;

/// By which rule an event recurs (RFC 5545 3.3.10).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rule {
    pub(super) frequency: Frequency,
    /// Every how many periods, from 1.
    pub(super) interval: u32,
    pub(super) end: End,
    /// The numbers of each part, ascending and each once; empty where the part is absent, and for
    /// `BYDAY`.
    pub(super) numbers: [Vec<i16>; By::ALL.len()],
    /// The days of `BYDAY`, in order and each once; empty where it is absent.
    pub(super) weekdays: Vec<NthWeekday>,
    pub(super) week_start: Weekday,
}

/// What ends a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// Nothing.
    Never,
    /// That it has recurred so often, the start included; 1 to [`COUNT_MAX`].
    Count(u32),
    /// That a time has passed.
    Until(Until),
}

/// The last time at which an event may recur.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Until {
    /// The whole of this day, where the event is.
    Date(Date),
    /// This time, included, by the clock where the event is.
    Local(DateTime),
    /// This time, included, in UTC.
    Utc(DateTime),
}

impl Until {
    /// Gives the last second as its own clock shows it: the one where the event is, or that of UTC.
    pub(super) fn last(self) -> DateTime {
        match self {
            Self::Date(date) => date.to_datetime(Time::constant(23, 59, 59, 0)),
            Self::Local(last) | Self::Utc(last) => last,
        }
    }
}

/// A day of the week, or one of those that a month or year has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct NthWeekday {
    /// From 1, or from -1 where they are counted from the end; none for every one.
    pub(super) nth: Option<i16>,
    pub(super) weekday: Weekday,
}

impl Rule {
    /// Gives how long the periods of the rule are.
    pub const fn frequency(&self) -> Frequency {
        self.frequency
    }

    /// Tells what ends the rule.
    pub const fn end(&self) -> End {
        self.end
    }

    /// Gives the numbers of a part, ascending; none where it is absent.
    pub(super) fn numbers(&self, by: By) -> &[i16] {
        &self.numbers[by as usize]
    }
}

/// Gives the two letters by which RFC 5545 3.3.10 knows a day of the week.
pub const fn letters(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Monday => "MO",
        Weekday::Tuesday => "TU",
        Weekday::Wednesday => "WE",
        Weekday::Thursday => "TH",
        Weekday::Friday => "FR",
        Weekday::Saturday => "SA",
        Weekday::Sunday => "SU",
    }
}

impl fmt::Display for Rule {
    /// Writes the rule so that equal rules are written alike: parts in the order in which the RFC
    /// applies them, numbers ascending, and what goes without saying left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FREQ={}", self.frequency)?;
        if self.interval != 1 {
            write!(f, ";INTERVAL={}", self.interval)?;
        }
        match self.end {
            End::Never => {}
            End::Count(count) => write!(f, ";COUNT={count}")?,
            End::Until(until) => write!(f, ";UNTIL={until}")?,
        }
        for by in By::ALL {
            match by {
                By::Day => write_list(f, by, &self.weekdays)?,
                _ => write_list(f, by, self.numbers(by))?,
            }
        }
        if self.week_start != Weekday::Monday {
            write!(f, ";WKST={}", letters(self.week_start))?;
        }
        Ok(())
    }
}

fn write_list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, by: By, list: &[T]) -> fmt::Result {
    for (place, one) in list.iter().enumerate() {
        match place {
            0 => write!(f, ";{}={one}", by.name())?,
            _ => write!(f, ",{one}")?,
        }
    }
    Ok(())
}

impl fmt::Display for NthWeekday {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.nth {
            Some(nth) => write!(f, "{nth}{}", letters(self.weekday)),
            None => f.write_str(letters(self.weekday)),
        }
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Date(date) => write_date(f, *date),
            Self::Local(last) => write_time(f, *last),
            Self::Utc(last) => {
                write_time(f, *last)?;
                f.write_str("Z")
            }
        }
    }
}

fn write_date(f: &mut fmt::Formatter<'_>, date: Date) -> fmt::Result {
    write!(f, "{:04}{:02}{:02}", date.year(), date.month(), date.day())
}

fn write_time(f: &mut fmt::Formatter<'_>, at: DateTime) -> fmt::Result {
    write_date(f, at.date())?;
    write!(f, "T{:02}{:02}{:02}", at.hour(), at.minute(), at.second())
}
