//! When an event recurs: a rule of RFC 5545, dates added and left out, and the zone whose clocks it
//! is told by.
//!
//! An event keeps its local time when the clocks change. What that means on the days of a change:
//!
//! - A local time that the clocks leave out **moves by as much as they did** (RFC 5545 3.3.5):
//!   02:30 is at 03:30 that day. So a class does not vanish, which 3.3.10 would have it do.
//! - A local time that the clocks show twice is **the first** of the two (3.3.5).
//! - Where a rule's periods are hours, minutes or seconds, and no longer than the time that is
//!   repeated, it means **both**, so that there is no hour without. In London an hourly event is at
//!   00:00, 02:00 and 03:00 in spring; at 00:00, 01:00, 01:00 and 02:00 in autumn.
//! - What comes to the same instant is one occurrence, and a `COUNT` counts it once.
//!
//! To change an event as a whole is to say [`When`] anew. To change one occurrence is to leave it
//! out and to keep, under its name, what takes its place.
//!
//! This file must never ask what time it is, and must never walk through all that has been: a
//! search begins where it is asked for, unless a `COUNT` has to be counted.

mod days;
mod expand;
mod floating;
mod instances;
mod parse;
mod rule;
mod table;
#[cfg(test)]
mod tests;
mod times;

use jiff::civil::{DateTime, Time};

pub use expand::{Ending, LOOKS_MAX};
pub use floating::LocalTimes;
pub use parse::RuleError;
pub use rule::{COUNT_MAX, End, INTERVAL_MAX, Rule, TEXT_MAX, Until, letters};
pub use table::Frequency;

use crate::time::Timestamp;
use crate::zone::{Shown, Zone};
use instances::Instances;

/// Dates that are added to a rule.
pub const ADDED_MAX: usize = 1_000;
/// Occurrences that are left out.
pub const LEFT_OUT_MAX: usize = 1_000;

const DAY_MS: i64 = 24 * 3_600_000;
/// Before all occurrences.
const FIRST: Timestamp = Timestamp::from_ms(i64::MIN / 2);

/// What is said of when an event is.
///
/// Local times are those of the zone, in whole seconds: what is finer is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    /// The first time (`DTSTART`).
    pub start: DateTime,
    /// Where the clocks are that tell it.
    pub zone: Zone,
    /// By which rule it recurs; without one it is once.
    pub rule: Option<Rule>,
    /// Further times (`RDATE`), in any order; at most [`ADDED_MAX`].
    pub added: Vec<DateTime>,
    /// Times at which it is not (`EXDATE`), in any order; at most [`LEFT_OUT_MAX`].
    ///
    /// Leaves out what is at that time: both, of a time that the clocks show twice. What is not
    /// there may be left out too.
    pub left_out: Vec<DateTime>,
}

impl When {
    /// Gives the rule as RFC 5545 3.3.10 wants it beside a start that has a zone: its `UNTIL`, if
    /// there is one, in UTC.
    ///
    /// Where clocks leave out the last local time or show it twice, on the day they change, the
    /// instant that it means by [`Zone::at`] is the last.
    pub fn rule_in_utc(&self) -> Option<Rule> {
        let mut rule = self.rule.clone()?;
        if let End::Until(until @ (Until::Date(_) | Until::Local(_))) = rule.end
            && let Some(last) = self.zone.at(until.last())
        {
            rule.end = End::Until(Until::Utc(Zone::utc().local(last).datetime()));
        }
        Some(rule)
    }
}

/// When an event is, checked: its start is its first occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence {
    when: When,
    /// What is there besides the rule, ascending.
    besides: Vec<Occurrence>,
    /// Instants at which it is not, ascending.
    never: Vec<Timestamp>,
}

/// One time at which an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Occurrence {
    /// The local time as the rule says it, which names the occurrence when it is changed alone
    /// (`RECURRENCE-ID`).
    ///
    /// On a day on which the clocks change they may show another. Two occurrences share it where
    /// an event means both of a time that the clocks show twice; `at` tells them apart.
    pub local: DateTime,
    /// When it is.
    pub at: Timestamp,
}

/// Says why an event cannot be at these times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecurrenceError {
    /// The rule does not say the start, but perhaps a later time: the first that it says.
    #[error("does not fit the start of the event{}", later(.first))]
    StartOutsideRule {
        /// A start that would do; none where the rule says no time from there on, or none that
        /// [`LOOKS_MAX`] looks can find.
        first: Option<DateTime>,
    },
    /// More than [`ADDED_MAX`] dates are added.
    #[error("adds more than {ADDED_MAX} dates")]
    AddedTooMany,
    /// More than [`LEFT_OUT_MAX`] occurrences are left out.
    #[error("leaves out more than {LEFT_OUT_MAX} dates")]
    LeftOutTooMany,
    /// The start is within a day or two of where times end, in the years -9999 and 9999.
    #[error("starts too near to the end of all times")]
    OutOfRange,
}

fn later(first: &Option<DateTime>) -> String {
    match first {
        Some(first) => format!(": the first time that it says is {first}"),
        None => ": it says no time from there on".to_owned(),
    }
}

impl Recurrence {
    /// Checks what is said of an event.
    ///
    /// RFC 5545 3.8.5.3 lets the start be the first occurrence, and count, even where the rule
    /// does not say it, and calls the result undefined; programs differ on it. So such a start is
    /// refused here, with the first time that the rule does say.
    ///
    /// # Errors
    /// The rule does not say the start, or the lists are too long.
    pub fn new(when: When) -> Result<Self, RecurrenceError> {
        let start = whole_second(when.start);
        if let Some(rule) = &when.rule {
            let first = rule.local_times(start).next();
            if first != Some(start) {
                return Err(RecurrenceError::StartOutsideRule { first });
            }
        }
        if when.added.len() > ADDED_MAX {
            return Err(RecurrenceError::AddedTooMany);
        }
        if when.left_out.len() > LEFT_OUT_MAX {
            return Err(RecurrenceError::LeftOutTooMany);
        }
        let alone = when.rule.is_none().then_some(start);
        let besides = alone.into_iter().chain(when.added.iter().copied().map(whole_second));
        let besides = besides.filter_map(|local| once(&when.zone, local));
        let mut besides: Vec<Occurrence> = besides.collect();
        besides.sort_unstable_by_key(|one| (one.at, one.local));
        besides.dedup_by_key(|one| one.at);
        let never =
            when.left_out.iter().flat_map(|local| instants(&when.zone, whole_second(*local)));
        let mut never: Vec<Timestamp> = never.collect();
        never.sort_unstable();
        once(&when.zone, start).ok_or(RecurrenceError::OutOfRange)?;
        Ok(Self { when: When { start, ..when }, besides, never })
    }

    /// Gives what was said.
    pub const fn when(&self) -> &When {
        &self.when
    }

    /// Finds the occurrences at or after a time, in order, each instant once.
    ///
    /// It costs the same however long the event has been recurring, but for a rule with a `COUNT`,
    /// which is counted from its start.
    pub fn occurrences_from(&self, from: Timestamp) -> Occurrences<'_> {
        let When { start, zone, rule, .. } = &self.when;
        let behind = self.besides.partition_point(|one| one.at < from);
        Occurrences {
            rule: rule.as_ref().map(|rule| Instances::of(rule, *start, zone, from)),
            ahead: None,
            besides: self.besides.get(behind..).unwrap_or_default(),
            never: &self.never,
        }
    }

    /// Gives a time after which no occurrence is; nothing where there is no end to them.
    pub fn none_after(&self) -> Option<Timestamp> {
        let by_rule = match self.when.rule.as_ref().map(Rule::end) {
            None => None,
            Some(End::Never) => return None,
            Some(End::Until(Until::Utc(last))) => Some(Zone::utc().time_of(last)),
            // Of a time that the clocks show twice the later one; no clock is put back further than a day.
            Some(End::Until(until)) => Some(self.when.zone.time_of(until.last()).plus_ms(DAY_MS)),
            Some(End::Count(_)) => self.occurrences_from(FIRST).last().map(|last| last.at),
        };
        let beside = self.besides.last().map(|last| last.at);
        Some(by_rule.max(beside).unwrap_or(FIRST))
    }

    /// Finds the occurrence at a local time, to change it alone or to leave it out.
    ///
    /// Of two that share their local time it is the first. A time that the clocks left out finds
    /// what is at the time to which it moves.
    pub fn occurrence(&self, local: DateTime) -> Option<Occurrence> {
        let at = instants(&self.when.zone, whole_second(local)).next()?;
        self.occurrences_from(at).next().filter(|found| found.at == at)
    }
}

/// The occurrences of an event from some time on; see [`Recurrence::occurrences_from`].
#[derive(Debug, Clone)]
pub struct Occurrences<'a> {
    rule: Option<Instances<'a>>,
    /// The next of the rule.
    ahead: Option<Occurrence>,
    /// What is left besides the rule.
    besides: &'a [Occurrence],
    never: &'a [Timestamp],
}

impl Occurrences<'_> {
    /// Says whether more occurrences may be there, but so far away that [`LOOKS_MAX`] looks found
    /// none; asked after the last one.
    pub fn has_given_up(&self) -> bool {
        let ending = self.rule.as_ref().and_then(Instances::ending);
        ending == Some(Ending::GaveUp)
    }

    /// Takes the earlier of what the rule says next and what is next besides it.
    fn take(&mut self) -> Option<Occurrence> {
        self.ahead = self.ahead.take().or_else(|| self.rule.as_mut()?.next());
        let beside = self.besides.first().copied();
        let (rule_at, beside_at) = (self.ahead.map(|one| one.at), beside.map(|one| one.at));
        let is_beside = beside_at.is_some() && rule_at.is_none_or(|at| beside_at < Some(at));
        if beside_at.is_some() && (is_beside || beside_at == rule_at) {
            self.besides = self.besides.get(1..).unwrap_or_default();
        }
        if is_beside { beside } else { self.ahead.take() }
    }
}

impl Iterator for Occurrences<'_> {
    type Item = Occurrence;

    fn next(&mut self) -> Option<Occurrence> {
        if let Some(rule) = &mut self.rule {
            rule.look_again();
        }
        loop {
            let next = self.take()?;
            if self.never.binary_search(&next.at).is_err() {
                return Some(next);
            }
        }
    }
}

fn whole_second(local: DateTime) -> DateTime {
    let time = Time::new(local.hour(), local.minute(), local.second(), 0);
    time.map_or(local, |time| local.date().to_datetime(time))
}

/// Gives the occurrence that is once at a local time.
fn once(zone: &Zone, local: DateTime) -> Option<Occurrence> {
    Some(Occurrence { local, at: instants(zone, local).next()? })
}

/// Gives the instants that a local time can mean, the earlier first.
fn instants(zone: &Zone, local: DateTime) -> impl Iterator<Item = Timestamp> + use<> {
    let (first, second) = match zone.shows(local) {
        Some(Shown::Once(at) | Shown::Never { moved: at }) => (Some(at), None),
        Some(Shown::Twice { first, second }) => (Some(first), Some(second)),
        None => (None, None),
    };
    first.into_iter().chain(second)
}
