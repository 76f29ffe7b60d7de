//! The instants that a rule means in a zone, in order, and its end.
//!
//! What happens on the days on which clocks change is said at [`crate::recurrence`]. This file
//! must never hold more instants than local times are left out or shown twice at one change.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::DateTime;

use super::Occurrence;
use super::expand::{Ending, Expansion};
use super::rule::{End, Rule, Until};
use crate::time::Timestamp;
use crate::zone::{Shown, Zone};

/// A search for the occurrences of a rule.
#[derive(Debug, Clone)]
pub(super) struct Instances<'a> {
    zone: &'a Zone,
    expansion: Expansion,
    /// Seconds of the rule's interval, where its periods are shorter than a day.
    interval: Option<i64>,
    from: Timestamp,
    /// The last instant, for a rule that ends at one.
    until: Option<Timestamp>,
    /// How many may still come, for a rule that counts.
    left: Option<u32>,
    /// Found, but perhaps not yet in order.
    found: BTreeMap<Timestamp, DateTime>,
    /// Up to here, included, nothing earlier can be found.
    settled: Option<Timestamp>,
}

impl<'a> Instances<'a> {
    /// Begins a search for what is at or after `from`.
    pub(super) fn of(rule: &Rule, start: DateTime, zone: &'a Zone, from: Timestamp) -> Self {
        let utc = Zone::utc();
        let until = match rule.end {
            End::Until(Until::Utc(last)) => super::instants(&utc, last).next(),
            _ => None,
        };
        let last = match (rule.end, until) {
            // No clock was ever moved by more than a day.
            (_, Some(until)) => zone.local(until).datetime().saturating_add(26.hours()),
            (End::Until(until), None) => until.last(),
            _ => DateTime::MAX,
        };
        let (begin, left) = match rule.end {
            End::Count(count) => (start, Some(count)),
            _ => (zone.earliest_local(from), None),
        };
        Self {
            zone,
            expansion: Expansion::of(rule, start, begin, last),
            interval: rule
                .frequency
                .seconds_within_a_day()
                .map(|length| length * i64::from(rule.interval)),
            from,
            until,
            left,
            found: BTreeMap::new(),
            settled: None,
        }
    }

    /// Says why no more instants come; none while they may.
    pub(super) const fn ending(&self) -> Option<Ending> {
        self.expansion.ending()
    }

    /// Lets the search look as often as one search may.
    pub(super) const fn look_again(&mut self) {
        self.expansion.look_again();
    }

    /// Finds the next instant of all that the rule means.
    fn find(&mut self) -> Option<Occurrence> {
        loop {
            let is_settled = |at| self.ending().is_some() || self.settled >= Some(at);
            if self.found.first_key_value().is_some_and(|(at, _)| is_settled(*at)) {
                return self.found.pop_first().map(|(at, local)| Occurrence { local, at });
            }
            match self.expansion.find() {
                Some(local) => self.place(local),
                None if self.found.is_empty() => return None,
                None => {}
            }
        }
    }

    /// Places a local time among the instants.
    ///
    /// Later local times are later, but for those that clocks leave out: they wait for one that
    /// clocks show. If that is the same instant, the time which the clocks show names it.
    fn place(&mut self, local: DateTime) {
        match self.zone.shows(local) {
            Some(Shown::Once(at)) => {
                self.found.insert(at, local);
                self.settled = Some(at);
            }
            Some(Shown::Never { moved }) => {
                self.found.insert(moved, local);
            }
            Some(Shown::Twice { first, second }) => {
                self.found.insert(first, local);
                self.settled = Some(first);
                let repeated = (second.as_ms() - first.as_ms()) / 1_000;
                if self.interval.is_some_and(|interval| interval <= repeated) {
                    self.found.insert(second, local);
                }
            }
            None => {}
        }
    }
}

impl Iterator for Instances<'_> {
    type Item = Occurrence;

    fn next(&mut self) -> Option<Occurrence> {
        loop {
            self.left = match self.left {
                Some(left) => Some(left.checked_sub(1)?),
                None => None,
            };
            let next = self.find()?;
            if self.until.is_some_and(|until| next.at > until) {
                return None;
            }
            if next.at >= self.from {
                return Some(next);
            }
        }
    }
}
