//! What a rule says by a clock that nobody changes, its end included.
//!
//! This is the part of a rule that needs no zone; this file must never ask for one.

use jiff::civil::DateTime;

use super::expand::{Ending, Expansion};
use super::rule::{End, Rule};

/// Local times that a rule says, in order; see [`Rule::local_times`].
#[derive(Debug, Clone)]
pub struct LocalTimes {
    expansion: Expansion,
    /// How many may still come, for a rule that counts.
    left: Option<u32>,
    from: DateTime,
}

impl Rule {
    /// Finds the times that the rule says from a start on, without a zone: an `UNTIL` in UTC is
    /// compared with the times as they are.
    ///
    /// The start itself is found only if the rule says it. What the rule leaves open is taken from
    /// the start (RFC 5545 3.3.10), and where it names weeks by number but no days of them, all
    /// seven are meant. Weeks whose year is another one count in the year of their days.
    pub fn local_times(&self, start: DateTime) -> LocalTimes {
        self.local_times_from(start, start)
    }

    /// Finds those of [`Rule::local_times`] that are not before `from`, without walking through
    /// what is before, unless the rule counts.
    pub fn local_times_from(&self, start: DateTime, from: DateTime) -> LocalTimes {
        let (begin, left, last) = match self.end {
            End::Never => (from, None, DateTime::MAX),
            End::Until(until) => (from, None, until.last()),
            End::Count(count) => (start, Some(count), DateTime::MAX),
        };
        LocalTimes { expansion: Expansion::of(self, start, begin, last), left, from }
    }
}

impl LocalTimes {
    /// Says why no more times come; asked after the last one.
    pub fn ending(&self) -> Ending {
        self.expansion.ending().unwrap_or(Ending::Over)
    }
}

impl Iterator for LocalTimes {
    type Item = DateTime;

    fn next(&mut self) -> Option<DateTime> {
        self.expansion.look_again();
        loop {
            self.left = match self.left {
                Some(left) => Some(left.checked_sub(1)?),
                None => None,
            };
            let found = self.expansion.find()?;
            if found >= self.from {
                return Some(found);
            }
        }
    }
}
