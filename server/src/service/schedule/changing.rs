//! What a plan becomes when it is changed, as a whole or one occurrence; nothing here is stored.

use std::collections::BTreeMap;

use landfall_core::due::LocalTime;
use landfall_core::notify::FieldError;
use landfall_core::recurrence::{Rule, When};
use landfall_core::schedule::{Change, EventChange, Plan, Said, Schedule, Words};
use landfall_core::zone::Zone;

use super::events::schedule_of;
use crate::service::ServiceError;

/// Gives the zone by whose clocks an event is told that begins then: what is once can be told by UTC where the
/// zone's clocks show that time a second time.
pub(super) fn kept_zone(
    start: Said,
    zone: Zone,
    rule: Option<&Rule>,
) -> Result<Zone, ServiceError> {
    match rule {
        _ if start.is_kept(&zone) => Ok(zone),
        None => Ok(Zone::utc()),
        Some(_) => Err(second_of_two()),
    }
}

fn second_of_two() -> ServiceError {
    let detail =
        "is the second of two times that the clocks there show alike, of which the first is meant";
    ServiceError::Invalid(vec![FieldError::new("/scheduled_at", detail)])
}

fn changed_words(old: &Words, change: &EventChange) -> Words {
    let EventChange { title, description, link, .. } = change;
    Words {
        title: title.clone().unwrap_or_else(|| old.title.clone()),
        description: description.clone().unwrap_or_else(|| old.description.clone()),
        link: link.clone().unwrap_or_else(|| old.link.clone()),
    }
}

/// Changes a plan as a whole. Occurrences that were changed alone stay so where they are still there.
pub(super) fn changed(old: &Plan, change: &EventChange) -> Result<Plan, ServiceError> {
    let rule = change.rule.clone().unwrap_or_else(|| old.when.rule.clone());
    let zone = change.zone.clone().unwrap_or_else(|| old.when.zone.clone());
    let zone = match change.start {
        Some(start) => kept_zone(start, zone, rule.as_ref())?,
        None => zone,
    };
    let local = |said: &Said| said.local(&zone).shown();
    let all = |said: &Option<Vec<Said>>, old: &[_]| {
        said.as_ref().map_or_else(|| old.to_vec(), |said| said.iter().map(local).collect())
    };
    let when = When {
        start: change.start.as_ref().map_or(old.when.start, local),
        added: all(&change.added, &old.when.added),
        left_out: all(&change.left_out, &old.when.left_out),
        zone: zone.clone(),
        rule,
    };
    let mut plan = Plan {
        words: changed_words(&old.words, change),
        minutes: change.minutes.unwrap_or(old.minutes),
        when,
        changes: BTreeMap::new(),
    };
    if let Ok(schedule) = Schedule::new(&plan) {
        let is_there = |name: &LocalTime| schedule.recurrence().occurrence(name.shown()).is_some();
        let stay = old.changes.iter().filter(|(name, _)| is_there(name));
        let stay = stay.map(|(name, change)| (*name, change.clone())).collect();
        plan.changes = stay;
    }
    Ok(plan)
}

fn named(plan: &Plan, name: LocalTime) -> Result<(), ServiceError> {
    let is_there = plan.changes.contains_key(&name)
        || schedule_of(plan)?.recurrence().occurrence(name.shown()).is_some();
    if is_there { Ok(()) } else { Err(ServiceError::NotFound("occurrence of this event")) }
}

/// Changes one occurrence of a plan.
pub(super) fn with_changed(
    old: &Plan,
    name: LocalTime,
    change: &EventChange,
) -> Result<Plan, ServiceError> {
    named(old, name)?;
    let of_all = [
        ("/rrule", change.rule.is_some()),
        ("/tz", change.zone.is_some()),
        ("/rdates", change.added.is_some()),
        ("/exdates", change.left_out.is_some()),
    ];
    let of_all = of_all.into_iter().filter(|(_, is_said)| *is_said);
    let faults: Vec<FieldError> =
        of_all.map(|(pointer, _)| FieldError::new(pointer, "is of the event as a whole")).collect();
    if !faults.is_empty() {
        return Err(ServiceError::Invalid(faults));
    }
    let base = old.changes.get(&name).cloned();
    let base = base.unwrap_or_else(|| Change {
        start: name,
        minutes: old.minutes,
        words: old.words.clone(),
    });
    let start = match change.start {
        Some(said) if !said.is_kept(&old.when.zone) => return Err(second_of_two()),
        Some(said) => said.local(&old.when.zone),
        None => base.start,
    };
    let next = Change {
        start,
        minutes: change.minutes.unwrap_or(base.minutes),
        words: changed_words(&base.words, change),
    };
    let mut plan = old.clone();
    plan.changes.insert(name, next);
    Ok(plan)
}

/// Leaves one occurrence of a plan out.
pub(super) fn without(old: &Plan, name: LocalTime) -> Result<Plan, ServiceError> {
    named(old, name)?;
    let mut plan = old.clone();
    plan.changes.remove(&name);
    if !plan.when.left_out.contains(&name.shown()) {
        plan.when.left_out.push(name.shown());
    }
    Ok(plan)
}
