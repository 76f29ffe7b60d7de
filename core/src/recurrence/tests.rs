//! What the tests of recurrence share: they speak in texts, and never look inside.

mod bounds;
mod occurrences;
mod properties;
mod reading;
mod rfc;
mod zones;

use jiff::civil::DateTime;

use super::*;

fn rule(text: &str) -> Rule {
    Rule::parse(text).unwrap_or_else(|error| panic!("{text} {error}"))
}

fn local(text: &str) -> DateTime {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap_or_else(|error| panic!("{text} {error}"))
}

fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap_or_else(|error| panic!("{name} {error}"))
}

/// Says when an event is that has a rule and nothing besides.
fn by_rule(start: &str, zone_name: &str, text: &str) -> When {
    let (start, zone) = (local(start), zone(zone_name));
    When { start, zone, rule: Some(rule(text)), added: vec![], left_out: vec![] }
}

fn recurrence(when: When) -> Recurrence {
    Recurrence::new(when.clone()).unwrap_or_else(|error| panic!("{when:?} {error}"))
}

/// Writes occurrences as clocks there show them, with the offset.
fn shown(recurrence: &Recurrence, from: &str, most: usize) -> Vec<String> {
    let occurrences = recurrence.occurrences_from(at(from)).take(most);
    let clock = |one: Occurrence| recurrence.when().zone.local(one.at);
    occurrences.map(|one| clock(one).strftime("%m-%d %H:%M %:z").to_string()).collect()
}
