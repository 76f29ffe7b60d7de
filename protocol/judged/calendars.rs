//! Writes calendars for programs that are not ours to judge: `scripts/calendar_judge.py`.
//!
//! A line on standard input is an event as JSON ([`Asked`]). The answer is a line of JSON with the
//! calendar's text and the times at which Landfall itself has the event ([`Answer`]), or with `!`
//! and what is wrong. It must never hold more than a line.

use std::io::{BufRead, Write};

use jiff::ToSpan;
use jiff::civil::DateTime;
use landfall_core::recurrence::{Occurrence, Recurrence, RecurrenceError, Rule, When};
use landfall_core::time::Timestamp;
use landfall_core::zone::Zone;
use landfall_protocol::icalendar::{Calendar, Change, Details, Event};
use serde::{Deserialize, Serialize};

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// An event, and up to when its times are wanted.
#[derive(Deserialize)]
struct Asked {
    zone: String,
    /// Where the rule does not say it, the first time that it does say is taken instead.
    start: String,
    minutes: u32,
    title: String,
    description: String,
    until: String,
    #[serde(default)]
    rule: Option<String>,
    #[serde(default)]
    added: Vec<String>,
    /// Places among the occurrences from the first: those that are left out.
    #[serde(default)]
    left_out: Vec<usize>,
    /// Places and minutes: occurrences that are so much later, and take ten minutes longer.
    #[serde(default)]
    moved: Vec<(usize, i64)>,
}

#[derive(Serialize)]
struct Answer {
    text: String,
    /// When it is, in UTC, and for how many minutes.
    times: Vec<(String, u32)>,
}

fn main() -> Fallible<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        match answer(&serde_json::from_str(&line?)?) {
            Ok(answer) => writeln!(out, "{}", serde_json::to_string(&answer)?)?,
            Err(error) => writeln!(out, "!{error}")?,
        }
    }
    Ok(())
}

fn answer(asked: &Asked) -> Fallible<Answer> {
    let until = Timestamp::parse(&asked.until)?;
    let whole = whole(asked)?;
    let all: Vec<Occurrence> = before(&whole, until).collect();
    let moved = asked.moved.iter().filter_map(|(place, by)| Some((all.get(*place)?, *by)));
    let moved: Vec<(DateTime, DateTime)> = moved
        .map(|(one, by)| Ok((one.local, one.local.checked_add(by.minutes())?)))
        .collect::<Result<_, jiff::Error>>()?;
    let gone = asked.left_out.iter().filter_map(|place| Some(all.get(*place)?.local));
    let left_out = gone.chain(moved.iter().map(|(local, _)| *local)).collect();
    let rest = Recurrence::new(When { left_out, ..whole.when().clone() })?;
    let zone = &whole.when().zone;
    let instead =
        moved.iter().filter_map(|(_, start)| Some((zone.at(*start)?, asked.minutes + 10)));
    let times = before(&rest, until).map(|one| (one.at, asked.minutes)).chain(instead);
    let times = times.map(|(at, minutes)| (at.to_string(), minutes)).collect();
    Ok(Answer { text: text(asked, rest.when(), &moved), times })
}

/// Takes the event with all that its rule says and nothing left out.
fn whole(asked: &Asked) -> Fallible<Recurrence> {
    let rule = asked.rule.as_deref().map(Rule::parse).transpose()?;
    let added = asked.added.iter().map(|added| added.parse()).collect::<Result<_, _>>()?;
    let (start, zone) = (asked.start.parse()?, Zone::parse(&asked.zone)?);
    let when = When { start, zone, rule, added, left_out: Vec::new() };
    Ok(match Recurrence::new(when.clone()) {
        Err(RecurrenceError::StartOutsideRule { first: Some(start) }) => {
            Recurrence::new(When { start, ..when })?
        }
        recurrence => recurrence?,
    })
}

fn before(recurrence: &Recurrence, until: Timestamp) -> impl Iterator<Item = Occurrence> + '_ {
    let all = recurrence.occurrences_from(Timestamp::from_ms(i64::MIN));
    all.take_while(move |one| one.at < until)
}

fn text(asked: &Asked, when: &When, moved: &[(DateTime, DateTime)]) -> String {
    let changed = Timestamp::from_ms(1_767_225_600_000);
    let details = Details {
        title: &asked.title,
        description: Some(&asked.description),
        link: Some("https://example.org/lessons/1"),
        duration_minutes: asked.minutes,
        changed,
        sequence: 3,
    };
    let longer = Details { duration_minutes: asked.minutes + 10, ..details.clone() };
    let changes = moved.iter().map(|(recurrence_id, start)| Change {
        recurrence_id: *recurrence_id,
        start: *start,
        details: longer.clone(),
    });
    let changes = changes.collect();
    let event = Event { uid: "1@landfall", kind: "exam", created: changed, when, details, changes };
    Calendar { name: &asked.title, events: vec![event] }.text()
}
