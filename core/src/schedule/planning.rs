//! How a plan is made of what somebody wants, and what it becomes when it is changed, as a whole or one
//! occurrence.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::civil::DateTime;

use super::{
    Change, EventChange, EventTimes, MINUTES_DEFAULT, Plan, Said, Schedule, Words, faults,
};
use crate::due::LocalTime;
use crate::notify::FieldError;
use crate::recurrence::{Rule, When};
use crate::zone::Zone;

/// Why a plan does not become what somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unplanned {
    /// This is wrong with it.
    Invalid(Vec<FieldError>),
    /// It has no such occurrence.
    NoSuchOccurrence,
}

impl Plan {
    /// Makes a plan and checks it; `zone` is where its author is.
    ///
    /// # Errors
    /// Every fault.
    pub fn of(words: Words, times: &EventTimes, zone: Zone) -> Result<Self, Unplanned> {
        let EventTimes { start, zone: said_zone, minutes, rule, added, left_out } = times;
        let zone = kept_zone(*start, said_zone.clone().unwrap_or(zone), rule.as_ref())?;
        let local = |said: &Said| said.local(&zone).shown();
        let when = When {
            start: local(start),
            rule: rule.clone(),
            added: added.iter().map(local).collect(),
            left_out: left_out.iter().map(local).collect(),
            zone: zone.clone(),
        };
        let minutes = minutes.unwrap_or(MINUTES_DEFAULT);
        Self { words, when, minutes, changes: BTreeMap::new() }.checked()
    }

    fn checked(self) -> Result<Self, Unplanned> {
        let faults = faults(&self);
        if faults.is_empty() { Ok(self) } else { Err(Unplanned::Invalid(faults)) }
    }

    /// Changes the event as a whole.
    ///
    /// Where it starts at another time, what was said of single occurrences moves along: what is left out stays so,
    /// and what was changed alone is found under its new name. What the rule says no more is dropped.
    ///
    /// # Errors
    /// Every fault.
    pub fn changed(&self, change: &EventChange) -> Result<Self, Unplanned> {
        let old = &self.when;
        let rule = change.rule.clone().unwrap_or_else(|| old.rule.clone());
        let zone = change.zone.clone().unwrap_or_else(|| old.zone.clone());
        let zone = match change.start {
            Some(start) => kept_zone(start, zone, rule.as_ref())?,
            None => zone,
        };
        let local = |said: &Said| said.local(&zone).shown();
        let start = change.start.as_ref().map_or(old.start, local);
        let by = start.duration_since(old.start);
        let all = |said: &Option<Vec<Said>>, old: &[DateTime]| match said {
            Some(said) => said.iter().map(local).collect(),
            None => old.iter().map(|local| moved(*local, by)).collect(),
        };
        let when = When {
            start,
            added: all(&change.added, &old.added),
            left_out: all(&change.left_out, &old.left_out),
            zone: zone.clone(),
            rule,
        };
        let minutes = change.minutes.unwrap_or(self.minutes);
        let words = changed_words(&self.words, change);
        let mut next = Self { words, minutes, when, changes: BTreeMap::new() };
        next.changes = self.changes_moved(&next, by);
        next.checked()
    }

    /// Gives the changes of single occurrences that are still there after the event was moved.
    fn changes_moved(&self, next: &Self, by: SignedDuration) -> BTreeMap<LocalTime, Change> {
        let Ok(schedule) = Schedule::new(next) else { return BTreeMap::new() };
        let moved_on = self.changes.iter().map(|(name, change)| {
            let new_name = LocalTime::of(moved(name.shown(), by));
            // What was put to another time stays there.
            let start = if change.start == *name { new_name } else { change.start };
            (new_name, Change { start, ..change.clone() })
        });
        moved_on.filter(|(name, _)| schedule.has(*name)).collect()
    }

    /// Changes one occurrence.
    ///
    /// # Errors
    /// Every fault; that there is no such occurrence.
    pub fn with_changed(&self, name: LocalTime, change: &EventChange) -> Result<Self, Unplanned> {
        self.require(name)?;
        let of_all = [
            ("/rrule", change.rule.is_some()),
            ("/tz", change.zone.is_some()),
            ("/rdates", change.added.is_some()),
            ("/exdates", change.left_out.is_some()),
        ];
        let of_all = of_all.into_iter().filter(|(_, is_said)| *is_said);
        let fault = |(pointer, _)| FieldError::new(pointer, "is of the event as a whole");
        let faults: Vec<FieldError> = of_all.map(fault).collect();
        if !faults.is_empty() {
            return Err(Unplanned::Invalid(faults));
        }
        let base = self.changes.get(&name).cloned().unwrap_or_else(|| Change {
            start: name,
            minutes: self.minutes,
            words: self.words.clone(),
        });
        let zone = &self.when.zone;
        let start = match change.start {
            Some(said) if !said.is_kept(zone) => return Err(second_of_two()),
            Some(said) => said.local(zone),
            None => base.start,
        };
        let minutes = change.minutes.unwrap_or(base.minutes);
        let next = Change { start, minutes, words: changed_words(&base.words, change) };
        let mut plan = self.clone();
        plan.changes.insert(name, next);
        plan.checked()
    }

    /// Leaves one occurrence out.
    ///
    /// # Errors
    /// That there is no such occurrence; that none or too many would be left out then.
    pub fn without(&self, name: LocalTime) -> Result<Self, Unplanned> {
        self.require(name)?;
        let mut plan = self.clone();
        plan.changes.remove(&name);
        plan.when.left_out.push(name.shown());
        plan.checked()
    }

    fn require(&self, name: LocalTime) -> Result<(), Unplanned> {
        let is_there = Schedule::new(self).is_ok_and(|schedule| schedule.has(name));
        if is_there { Ok(()) } else { Err(Unplanned::NoSuchOccurrence) }
    }
}

fn moved(local: DateTime, by: SignedDuration) -> DateTime {
    local.checked_add(by).unwrap_or(local)
}

fn changed_words(old: &Words, change: &EventChange) -> Words {
    let EventChange { title, description, link, .. } = change;
    Words {
        title: title.clone().unwrap_or_else(|| old.title.clone()),
        description: description.clone().unwrap_or_else(|| old.description.clone()),
        link: link.clone().unwrap_or_else(|| old.link.clone()),
    }
}

/// Gives the zone by whose clocks an event is told that begins then: what is once can be told by UTC where the
/// zone's clocks show that time a second time.
fn kept_zone(start: Said, zone: Zone, rule: Option<&Rule>) -> Result<Zone, Unplanned> {
    match rule {
        _ if start.is_kept(&zone) => Ok(zone),
        None => Ok(Zone::utc()),
        Some(_) => Err(second_of_two()),
    }
}

fn second_of_two() -> Unplanned {
    let detail =
        "is the second of two times that the clocks there show alike, of which the first is meant";
    Unplanned::Invalid(vec![FieldError::new("/scheduled_at", detail)])
}
