//! A person's calendar as `text/calendar` (RFC 5545), for programs that subscribe to it.
//!
//! It says when events recur and lets the reader work out their times; the zones in which it does
//! stand in it ([`timezone`]). This file must never leave a line break of somebody's text in the
//! calendar's own lines: whatever is said goes through [`lines`].

mod lines;
mod observances;
#[cfg(test)]
mod tests;
mod timezone;

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use landfall_core::recurrence::When;
use landfall_core::time::Timestamp;
use landfall_core::zone::Zone;

use lines::Lines;

/// The media type of the text (RFC 5545 8.1).
pub const MEDIA_TYPE: &str = "text/calendar; charset=utf-8";
/// How long a reader may wait before it asks for the calendar again (RFC 7986 5.7), as a duration.
const REFRESH: &str = "PT1H";
/// Who wrote the calendar.
const PRODUCT: &str = "-//Landfall//Calendar//EN";
/// The largest `SEQUENCE`: that of every integer (RFC 5545 3.3.8).
const SEQUENCE_MAX: u64 = i32::MAX as u64;

/// A calendar.
///
/// Its years are 0 to 9999, for the format knows no others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar<'a> {
    /// What it is called.
    pub name: &'a str,
    /// What is in it, in any order.
    pub events: Vec<Event<'a>>,
}

/// An event, with all its occurrences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its name, which stays the same and which no other event has anywhere (`UID`).
    pub uid: &'a str,
    /// What kind of event it is (`CATEGORIES`); none where it is empty.
    pub kind: &'a str,
    /// When it was put in (`CREATED`).
    pub created: Timestamp,
    /// When it is.
    pub when: &'a When,
    /// What is said of it.
    pub details: Details<'a>,
    /// Occurrences that were changed alone, each once.
    ///
    /// The event may leave them out (`When::left_out`) or not, it comes to the same.
    pub changes: Vec<Change<'a>>,
}

/// What takes the place of one occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<'a> {
    /// The occurrence, by the local time at which it would have been (`RECURRENCE-ID`).
    pub recurrence_id: DateTime,
    /// When it is instead, by the clocks that tell the event.
    pub start: DateTime,
    /// What is said of it.
    pub details: Details<'a>,
}

/// What is said of an event or of one occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details<'a> {
    /// Headline (`SUMMARY`).
    pub title: &'a str,
    /// More words (`DESCRIPTION`); none where it is empty.
    pub description: Option<&'a str>,
    /// Where more is to be found: a URI, which is taken as it is (`URL`).
    pub link: Option<&'a str>,
    /// How long it takes, in minutes that pass: a change of clocks does not lengthen it.
    pub duration_minutes: u32,
    /// When it was last changed (`DTSTAMP`, `LAST-MODIFIED`).
    pub changed: Timestamp,
    /// How often it was changed (`SEQUENCE`), 2,147,483,647 at most.
    pub sequence: u64,
}

impl Calendar<'_> {
    /// Writes the calendar.
    pub fn text(&self) -> String {
        let mut lines = Lines::default();
        lines.put("BEGIN:VCALENDAR");
        lines.put("VERSION:2.0");
        lines.put(&format!("PRODID:{PRODUCT}"));
        lines.put("CALSCALE:GREGORIAN");
        // The second is what programs read that do not know the first (RFC 7986 5.1, 5.7).
        lines.text("NAME", self.name);
        lines.text("X-WR-CALNAME", self.name);
        lines.put(&format!("REFRESH-INTERVAL;VALUE=DURATION:{REFRESH}"));
        lines.put(&format!("X-PUBLISHED-TTL:{REFRESH}"));
        for (zone, from) in self.zones() {
            timezone::write(&mut lines, zone, from);
        }
        for event in &self.events {
            event.write(&mut lines);
        }
        lines.put("END:VCALENDAR");
        lines.into_text()
    }

    /// Finds the zones that tell its times, by their names, and since when each has to.
    fn zones(&self) -> impl Iterator<Item = (&Zone, Timestamp)> {
        let mut zones = BTreeMap::new();
        for event in &self.events {
            let zone = &event.when.zone;
            let (_, from) = zones.entry(zone.name()).or_insert((zone, event.begin()));
            *from = event.begin().min(*from);
        }
        zones.into_values().filter(|(zone, _)| !zone.is_utc())
    }
}

impl Event<'_> {
    /// Gives the first time that is said of it.
    fn begin(&self) -> Timestamp {
        let changes = self.changes.iter().flat_map(|change| [change.recurrence_id, change.start]);
        let locals = changes.chain(self.when.added.iter().copied()).chain([self.when.start]);
        let first = locals.filter_map(|local| self.when.zone.at(local)).min();
        first.unwrap_or(Timestamp::from_ms(i64::MAX))
    }

    fn write(&self, lines: &mut Lines) {
        let When { start, zone, rule: _, added, left_out } = self.when;
        self.component(lines, &self.details, |lines| {
            lines.times("DTSTART", zone, [*start]);
            lines.duration(self.details.duration_minutes);
            if let Some(rule) = self.when.rule_in_utc() {
                lines.put(&format!("RRULE:{rule}"));
            }
            lines.times("RDATE", zone, added.iter().copied());
            lines.times(
                "EXDATE",
                zone,
                left_out.iter().copied().filter(|local| self.is_gone(*local)),
            );
        });
        for change in &self.changes {
            self.component(lines, &change.details, |lines| {
                lines.times("RECURRENCE-ID", zone, [change.recurrence_id]);
                lines.times("DTSTART", zone, [change.start]);
                lines.duration(change.details.duration_minutes);
            });
        }
    }

    /// Says whether nothing takes the place of what is left out at a time.
    ///
    /// Programs do not agree on which of the two prevails, so that only one of them is said.
    fn is_gone(&self, left_out: DateTime) -> bool {
        let at = |local| self.when.zone.at(local);
        self.changes.iter().all(|change| at(change.recurrence_id) != at(left_out))
    }

    /// Writes the event or one changed occurrence, whose times `when` writes.
    fn component(&self, lines: &mut Lines, details: &Details<'_>, when: impl FnOnce(&mut Lines)) {
        let Details { title, description, link, duration_minutes: _, changed, sequence } = details;
        lines.put("BEGIN:VEVENT");
        lines.text("UID", self.uid);
        lines.put(&format!("SEQUENCE:{}", sequence.min(&SEQUENCE_MAX)));
        lines.instant("DTSTAMP", *changed);
        lines.instant("CREATED", self.created);
        lines.instant("LAST-MODIFIED", *changed);
        when(lines);
        lines.text("SUMMARY", title);
        lines.text("DESCRIPTION", description.unwrap_or_default());
        lines.uri("URL", link.unwrap_or_default());
        lines.text("CATEGORIES", self.kind);
        lines.put("END:VEVENT");
    }
}
