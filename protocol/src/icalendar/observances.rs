//! The observances of a zone, as few as say them all (RFC 5545 3.6.5).
//!
//! A zone tells when its clocks change, not by which rule they will. The rule is found from the
//! changes to come and held to all of them, back to the first that it does not say. What comes
//! before, and the changes of zones that know no such rule, are listed. This file must never say
//! a change by a rule that says another one too.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Weekday};
use landfall_core::recurrence::letters;
use landfall_core::time::Timestamp;
use landfall_core::zone::{Onset, Zone};

/// By this year the tz database lists no changes any more, but goes by rules; Gaza's are listed
/// up to 2086.
const LISTED_UNTIL: i16 = 2088;
/// Years in which a yearly rule has to hold after that: in as many a date has been each weekday.
const YEARS: usize = 28;
/// Days in a week, of which each has the weekday of a rule once.
const WEEK: usize = 7;

/// Observances of one kind, each with the same offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Series {
    /// The first.
    pub(super) first: Onset,
    /// When the others begin.
    pub(super) recurs: Recurs,
}

/// When an observance begins again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Recurs {
    /// At these local times.
    At(Vec<DateTime>),
    /// By this recurrence rule.
    Yearly(String),
}

/// The rhythm in which a zone changes clocks, once it has one.
struct Rhythm {
    /// How many onsets a year has.
    each_year: usize,
    /// The place of the first onset that is part of it.
    since: usize,
    /// Days of the year on which an onset can be, for each, from the last of a year to its first.
    weeks: Vec<Week>,
}

/// Seven days in a row, each as month and day.
type Week = BTreeSet<(i8, i8)>;

/// Gives the observances of a zone from the one in force at `from` on, by their first onset.
///
/// They are right until the year 2116, or 28 years from the year of `from` if that is later; and
/// for ever, where the zone keeps to a yearly rule or changes no more.
pub(super) fn observances(zone: &Zone, from: Timestamp) -> Vec<Series> {
    let end = zone.local(from).year().max(LISTED_UNTIL) + YEARS as i16;
    let onsets = zone.onsets(from).take_while(|onset| onset.local().year() < end);
    let mut onsets: Vec<Onset> = onsets.collect();
    if let Some(first) = onsets.first_mut() {
        begin_late(first, from);
    }
    let rhythm = rhythm(&onsets, end);
    let since = rhythm.as_ref().map_or(onsets.len(), |rhythm| rhythm.since);
    let mut all = listed(&onsets[..since]);
    all.extend(rhythm.iter().flat_map(|rhythm| yearly(&onsets, rhythm)));
    all.sort_by_key(|series| series.first.at);
    all
}

/// Lets the first observance begin in 1970, or at `from` if that is earlier: there are programs
/// that read no earlier onset and no offset with seconds, and nobody asks what was before.
fn begin_late(first: &mut Onset, from: Timestamp) {
    let midnight = Timestamp::from_ms(i64::from(-first.offset_to.seconds()) * 1_000);
    let begin = midnight.min(from);
    if first.at < begin {
        (first.at, first.offset_from) = (begin, first.offset_to);
    }
}

/// Gathers onsets that are alike.
fn listed(onsets: &[Onset]) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    for onset in onsets {
        let alike = all.iter_mut().find(|series| is_alike(&series.first, onset));
        match alike.map(|series| &mut series.recurs) {
            Some(Recurs::At(others)) => others.push(onset.local()),
            _ => all.push(Series { first: onset.clone(), recurs: Recurs::At(Vec::new()) }),
        }
    }
    all
}

fn is_alike(one: &Onset, other: &Onset) -> bool {
    let told = |onset: &Onset| (onset.offset_from, onset.offset_to, onset.kind);
    told(one) == told(other) && one.name == other.name
}

/// Finds the rhythm to which the onsets up to the year `end` keep in the end, if there is one.
fn rhythm(onsets: &[Onset], end: i16) -> Option<Rhythm> {
    let is_last = |onset: &&Onset| onset.local().year() == end - 1;
    let each_year = onsets.iter().rev().take_while(is_last).count();
    let begin = onsets.len().checked_sub(each_year * YEARS).filter(|_| each_year > 0)?;
    let goes_on = |place: usize| is_year_before(&onsets[place], &onsets[place + each_year]);
    let weeks =
        (0..each_year).map(|place| week(onsets.iter().rev().skip(place).step_by(each_year)));
    let weeks: Vec<Week> = weeks.collect::<Option<_>>()?;
    if !(begin..onsets.len() - each_year).all(goes_on) {
        return None;
    }
    let is_said = |place: &usize| {
        let week = &weeks[(onsets.len() - 1 - place) % each_year];
        goes_on(*place) && week.contains(&day(&onsets[*place]))
    };
    let since = (0..begin).rev().take_while(is_said).last().unwrap_or(begin);
    Some(Rhythm { each_year, since, weeks })
}

/// Says whether an onset is what another one is a year later.
fn is_year_before(one: &Onset, other: &Onset) -> bool {
    let (local, later) = (one.local(), other.local());
    is_alike(one, other)
        && later.year() == local.year() + 1
        && (later.weekday(), later.time()) == (local.weekday(), local.time())
}

/// Gives the days that the last onsets of some are on, if these are a week.
fn week<'a>(onsets: impl Iterator<Item = &'a Onset>) -> Option<Week> {
    let days: Week = onsets.take(YEARS).map(day).collect();
    // February 29 is not in 2001, and no week that has it in some years would do.
    let of_year = |(month, day): &(i8, i8)| Date::new(2001, *month, *day).map(Date::day_of_year);
    let (first, last) = (of_year(days.first()?).ok()?, of_year(days.last()?).ok()?);
    (days.len() == WEEK && usize::try_from(last - first).ok()? == WEEK - 1).then_some(days)
}

fn day(onset: &Onset) -> (i8, i8) {
    let local = onset.local();
    (local.month(), local.day())
}

/// Writes a rhythm as rules: one for each onset of a year, or two where its week is in two months.
fn yearly(onsets: &[Onset], Rhythm { each_year, since, weeks }: &Rhythm) -> Vec<Series> {
    let mut all = Vec::new();
    for (place, week) in weeks.iter().enumerate() {
        let months: BTreeSet<i8> = week.iter().map(|(month, _)| *month).collect();
        for month in months {
            let days = week.iter().filter(|day| day.0 == month).map(|day| day.1).collect();
            let mine = (*since..onsets.len())
                .filter(|onset| (onsets.len() - 1 - onset) % each_year == place)
                .map(|onset| &onsets[onset]);
            let first = mine.clone().find(|onset| onset.local().month() == month);
            all.extend(first.map(|first| Series {
                first: first.clone(),
                recurs: Recurs::Yearly(rule(month, days, first.local().weekday())),
            }));
        }
    }
    all
}

/// Writes the rule for a weekday that is on one of some days in a row.
fn rule(month: i8, days: Vec<i8>, weekday: Weekday) -> String {
    let weekday = letters(weekday);
    let last = Date::new(2001, month, 1).map(Date::days_in_month);
    let is_week = days.len() == WEEK;
    match days[..] {
        [first @ (1 | 8 | 15 | 22), ..] if is_week => {
            format!("FREQ=YEARLY;BYMONTH={month};BYDAY={}{weekday}", first / 7 + 1)
        }
        [.., day] if is_week && last.is_ok_and(|last| day == last) => {
            format!("FREQ=YEARLY;BYMONTH={month};BYDAY=-1{weekday}")
        }
        _ => {
            let days: Vec<String> = days.iter().map(ToString::to_string).collect();
            format!("FREQ=YEARLY;BYMONTH={month};BYMONTHDAY={};BYDAY={weekday}", days.join(","))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::tz::TimeZoneDatabase;
    use landfall_core::recurrence::Rule;

    use super::*;

    /// Lists what observances say up to a year: since when clocks are how much ahead of UTC.
    fn said(all: &[Series], end: i16) -> Vec<(Timestamp, i32)> {
        let mut said = Vec::new();
        for Series { first, recurs } in all {
            let start = first.local();
            let locals: Vec<DateTime> = match recurs {
                Recurs::At(others) => [&[start], &others[..]].concat(),
                Recurs::Yearly(rule) => {
                    let rule = Rule::parse(rule).unwrap();
                    rule.local_times(start).take_while(|local| local.year() < end).collect()
                }
            };
            let ahead = i64::from(first.offset_from.seconds());
            let at = |local: DateTime| local.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
            let at = |local: DateTime| Timestamp::from_ms((at(local).as_second() - ahead) * 1_000);
            said.extend(locals.into_iter().map(|local| (at(local), first.offset_to.seconds())));
        }
        said.sort_unstable();
        said
    }

    #[test]
    fn observances_of_every_zone_say_all_its_onsets_and_no_others() {
        let end = 2150;
        for name in TimeZoneDatabase::bundled().available() {
            let Ok(zone) = Zone::parse(name.as_str()) else { continue };
            for from in ["1900-07-01T00:00:00Z", "2026-07-01T00:00:00Z"] {
                let from = Timestamp::parse(from).unwrap();
                let onsets = zone.onsets(from).take_while(|onset| onset.local().year() < end);
                let expected = onsets.map(|onset| (onset.at, onset.offset_to.seconds()));
                let expected: Vec<(Timestamp, i32)> = expected.collect();
                let said = said(&observances(&zone, from), end);
                assert!(said[0].0 <= from && said[0].1 == expected[0].1, "{name} {from}");
                assert_eq!(said[1..], expected[1..], "{name} {from}");
            }
        }
    }
}
