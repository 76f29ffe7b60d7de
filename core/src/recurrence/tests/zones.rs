//! Every change of clocks in every zone from 2000 to 2037, against what its offsets say.
//!
//! What is expected is worked out from the list of a zone's changes alone: which offsets hold
//! from when to when. Nothing of what is tested may be asked for it.

use std::collections::{BTreeSet, HashSet};

use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, ToSpan};

use super::*;

const HOUR: i64 = 3_600;

/// One change: from when on, and the seconds to add to UTC before and after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Change {
    at: i64,
    before: i64,
    after: i64,
}

/// Lists the changes of a zone from a year before those that are checked to a year after them.
fn changes(zone: &TimeZone) -> Vec<Change> {
    let begin: jiff::Timestamp = "1999-01-01T00:00:00Z".parse().unwrap();
    let end: jiff::Timestamp = "2039-01-01T00:00:00Z".parse().unwrap();
    let mut before = i64::from(zone.to_offset(begin).seconds());
    let listed = zone.following(begin).take_while(|change| change.timestamp() < end);
    let changes = listed.map(|change| {
        let after = i64::from(change.offset().seconds());
        let change = Change { at: change.timestamp().as_second(), before, after };
        before = after;
        change
    });
    changes.filter(|change| change.before != change.after).collect()
}

/// A time by a clock on the wall, as the seconds to which UTC would have come when it shows that.
type Wall = i64;

/// Gives the instants at which clocks show a time: none, one or two.
fn instants(changes: &[Change], wall: Wall) -> Vec<i64> {
    let first = changes.first().map(|first| (i64::MIN, first.before, first.at));
    let rest = changes.iter().enumerate().map(|(place, change)| {
        (change.at, change.after, changes.get(place + 1).map_or(i64::MAX, |next| next.at))
    });
    let spans = first.into_iter().chain(rest);
    let shown = spans.filter(|(from, offset, to)| (*from..*to).contains(&(wall - offset)));
    shown.map(|(_, offset, _)| wall - offset).collect()
}

/// Gives the instant that RFC 5545 3.3.5 means by a time on the wall.
fn meant(changes: &[Change], wall: Wall) -> i64 {
    let shown = instants(changes, wall).first().copied();
    let left_out = || {
        let holds = |one: &&Change| (one.at + one.before..one.at + one.after).contains(&wall);
        wall - changes.iter().find(holds).expect("shown, or left out by a change").before
    };
    shown.unwrap_or_else(left_out)
}

fn civil(wall: Wall) -> DateTime {
    DateTime::constant(1970, 1, 1, 0, 0, 0, 0) + SignedDuration::from_secs(wall)
}

/// Holds an event with a rule to the instants expected, from its start and from those near a change.
fn check(zone: &Zone, start: Wall, text: &str, near: i64, expected: impl IntoIterator<Item = i64>) {
    let expected: BTreeSet<i64> = expected.into_iter().collect();
    let expected: Vec<i64> = expected.into_iter().collect();
    let (start, rule) = (civil(start), Some(rule(text)));
    let when = When { start, zone: zone.clone(), rule, added: vec![], left_out: vec![] };
    let event = recurrence(when);
    let from = |from: i64, most: usize| {
        let occurrences = event.occurrences_from(Timestamp::from_ms(from * 1_000));
        occurrences.take(most).map(|one| one.at.as_ms() / 1_000).collect::<Vec<i64>>()
    };
    let what = format!("{text} from {start} in {}", zone.name());
    assert_eq!(from(expected[0], expected.len()), expected, "{what}");
    let middle = expected.windows(2).filter(|pair| (pair[0]..=pair[1] + HOUR).contains(&near));
    for begin in middle.map(|pair| pair[0] + 1).chain(near - 1..=near + 1) {
        let next = expected.iter().copied().find(|at| *at >= begin);
        assert!(next.is_none() || from(begin, 1) == Vec::from_iter(next), "{what} after {begin}");
    }
}

/// Checks daily, weekly and hourly events that a change crosses, at a time it leaves out or repeats.
fn check_change(zone: &Zone, changes: &[Change], change: Change, wall: Wall) {
    let day = 24 * HOUR;
    let daily = (-2..=2).map(|day_of| meant(changes, wall + day_of * day));
    check(zone, wall - 2 * day, "FREQ=DAILY", change.at, daily);
    let weekly = (-1..=1).map(|week| meant(changes, wall + week * 7 * day));
    check(zone, wall - 7 * day, "FREQ=WEEKLY", change.at, weekly);
    let moved = change.after - change.before;
    let start = wall - 3 * HOUR;
    let hours = (moved.abs() / HOUR + 6).min(30);
    let hourly = (0..hours).flat_map(|hour| {
        let wall = start + hour * HOUR;
        let shown = if -moved >= HOUR { instants(changes, wall) } else { vec![] };
        if shown.is_empty() { vec![meant(changes, wall)] } else { shown }
    });
    // What is just behind the end of this list could belong before its last.
    let hourly: BTreeSet<i64> = hourly.filter(|at| *at < change.at + 2 * HOUR).collect();
    if moved % HOUR == 0 && instants(changes, start).len() == 1 {
        let first = meant(changes, start);
        let each_hour = (0..).map(|hour| first + hour * HOUR).take(hourly.len());
        assert!(hourly.iter().copied().eq(each_hour), "{} {change:?}", zone.name());
    }
    check(zone, start, "FREQ=HOURLY", change.at, hourly);
}

/// Checks the changes for which a condition holds, and gives how many zones have one.
fn check_changes(is_checked: fn(&Change) -> bool) -> usize {
    let database = TimeZoneDatabase::bundled();
    let (from, to) = (946_684_800, 2_145_916_800);
    let (mut known, mut zones) = (HashSet::new(), 0);
    for name in database.available() {
        let changes = changes(&database.get(name.as_str()).unwrap());
        let within = |one: &&Change| (from..to).contains(&one.at) && is_checked(one);
        zones += usize::from(changes.iter().any(|one| within(&one)));
        // Many names stand for the same clocks.
        if !known.insert(changes.clone()) {
            continue;
        }
        let zone = zone(name.as_str());
        for change in changes.iter().filter(within) {
            let is_near = |one: &Change| (one.at - change.at).abs() < 60 * 24 * HOUR;
            let near: Vec<Change> = changes.iter().copied().filter(is_near).collect();
            let (one, other) = (change.at + change.before, change.at + change.after);
            let (begin, end) = (one.min(other), one.max(other));
            for wall in [begin, begin.midpoint(end), end - 1] {
                check_change(&zone, &near, *change, wall);
            }
        }
    }
    zones
}

#[test]
fn every_gap_of_every_zone_from_2000_to_2037() {
    let zones = check_changes(|change| change.after > change.before);
    assert!(zones > 250, "{zones}");
}

#[test]
fn every_fold_of_every_zone_from_2000_to_2037() {
    let zones = check_changes(|change| change.after < change.before);
    assert!(zones > 250, "{zones}");
}

#[test]
fn a_class_keeps_its_hour_over_the_year() {
    let class = recurrence(by_rule("2026-03-27T17:00", "Europe/Madrid", "FREQ=WEEKLY"));
    let expected = ["03-27 17:00 +01:00", "04-03 17:00 +02:00", "04-10 17:00 +02:00"];
    assert_eq!(shown(&class, "2026-01-01T00:00:00Z", 3), expected);
    let autumn = ["10-23 17:00 +02:00", "10-30 17:00 +01:00"];
    assert_eq!(shown(&class, "2026-10-20T00:00:00Z", 2), autumn);
}

#[test]
fn a_time_that_is_left_out_moves_and_one_that_is_repeated_is_the_first() {
    let spring = recurrence(by_rule("2026-03-28T01:30", "Europe/London", "FREQ=DAILY;COUNT=3"));
    let expected = ["03-28 01:30 +00:00", "03-29 02:30 +01:00", "03-30 01:30 +01:00"];
    assert_eq!(shown(&spring, "2026-01-01T00:00:00Z", 9), expected);
    let moved = spring.occurrences_from(at("2026-03-29T00:00:00Z")).next().unwrap();
    assert_eq!(moved.local, local("2026-03-29T01:30"));
    let autumn = recurrence(by_rule("2026-10-24T01:30", "Europe/London", "FREQ=DAILY;COUNT=3"));
    let expected = ["10-24 01:30 +01:00", "10-25 01:30 +01:00", "10-26 01:30 +00:00"];
    assert_eq!(shown(&autumn, "2026-01-01T00:00:00Z", 9), expected);
}

#[test]
fn an_hourly_event_neither_skips_nor_repeats() {
    let spring = recurrence(by_rule("2026-03-29T00:00", "Europe/London", "FREQ=HOURLY;COUNT=4"));
    let expected =
        ["03-29 00:00 +00:00", "03-29 02:00 +01:00", "03-29 03:00 +01:00", "03-29 04:00 +01:00"];
    assert_eq!(shown(&spring, "2026-03-29T00:00:00Z", 9), expected);
    let autumn = recurrence(by_rule("2026-10-25T00:00", "Europe/London", "FREQ=HOURLY;COUNT=4"));
    let expected =
        ["10-25 00:00 +01:00", "10-25 01:00 +01:00", "10-25 01:00 +00:00", "10-25 02:00 +00:00"];
    assert_eq!(shown(&autumn, "2026-10-24T00:00:00Z", 9), expected);
    let named: Vec<DateTime> =
        autumn.occurrences_from(at("2026-10-25T00:00:00Z")).map(|one| one.local).collect();
    assert_eq!(named, ["2026-10-25T01:00", "2026-10-25T01:00", "2026-10-25T02:00"].map(local));
    let other = by_rule("2026-10-24T23:00", "Europe/London", "FREQ=HOURLY;INTERVAL=2;COUNT=3");
    let expected = ["10-24 23:00 +01:00", "10-25 01:00 +01:00", "10-25 03:00 +00:00"];
    assert_eq!(shown(&recurrence(other), "2026-10-24T00:00:00Z", 9), expected);
}

#[test]
fn a_day_that_a_zone_never_had_passes_without_holes_or_doubles() {
    // Samoa went over the date line: no clock there showed any time of 2011-12-30.
    let event = recurrence(by_rule("2011-12-28T12:00:07", "Pacific/Apia", "FREQ=SECONDLY"));
    let from = at("2011-12-30T09:59:00Z");
    let ms = event.occurrences_from(from).take(1_000).map(|one| one.at.as_ms());
    assert_eq!(
        ms.collect::<Vec<_>>(),
        (0..1_000).map(|s| from.as_ms() + s * 1_000).collect::<Vec<_>>()
    );
    let daily = recurrence(by_rule("2011-12-28T12:00", "Pacific/Apia", "FREQ=DAILY;COUNT=4"));
    let expected =
        ["12-28 12:00 -10:00", "12-29 12:00 -10:00", "12-31 12:00 +14:00", "01-01 12:00 +14:00"];
    assert_eq!(shown(&daily, "2011-12-01T00:00:00Z", 9), expected);
    let gone = daily.occurrence(local("2011-12-29T12:00") + 1.day());
    assert_eq!(gone.map(|one| one.local), Some(local("2011-12-31T12:00")));
}
