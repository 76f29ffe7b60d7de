//! What an event must look like before it is stored.
//!
//! Names every fault with its place (RFC 6901), never only the first; it decides nothing else.

use super::{Plan, Schedule, Words};
use crate::notify::{FieldError, link_fault};
use crate::recurrence::{LEFT_OUT_MAX, RecurrenceError};
use crate::time::Timestamp;

/// Minutes of an event at most: 31 days.
pub const MINUTES_MAX: u32 = 31 * 24 * 60;
/// Characters of a title.
pub const TITLE_CHARS_MAX: usize = 200;
/// Characters of a description.
pub const DESCRIPTION_CHARS_MAX: usize = 4_000;
/// Occurrences that may be changed alone.
pub const CHANGES_MAX: usize = LEFT_OUT_MAX;
/// So many occurrences may be within [`DENSE_DAYS`] days.
pub const DENSE_MAX: usize = 1_000;
/// Days in which they are counted: as far ahead as the earliest reminder can be.
pub const DENSE_DAYS: i64 = 28;
const DAY_MS: i64 = 24 * 3_600_000;

/// Says every fault of a plan; an empty answer means that it can be stored.
pub fn faults(plan: &Plan) -> Vec<FieldError> {
    let mut faults = Vec::new();
    faults.extend(words_faults(&plan.words));
    if plan.minutes == 0 || plan.minutes > MINUTES_MAX {
        let detail = format!("must be between 1 and {MINUTES_MAX} minutes");
        faults.push(FieldError::new("/duration_minutes", detail));
    }
    if plan.changes.len() > CHANGES_MAX {
        let detail = format!("has more than {CHANGES_MAX} occurrences that were changed alone");
        faults.push(FieldError::new("/occurrence", detail));
    }
    for change in plan.changes.values() {
        faults.extend(words_faults(&change.words));
    }
    if faults.is_empty() {
        check_times(plan, &mut faults);
    }
    faults
}

/// Says every fault of what is said of an event.
pub fn words_faults(words: &Words) -> Vec<FieldError> {
    let Words { title, description, link } = words;
    let mut faults = Vec::new();
    if title.trim().is_empty() {
        faults.push(FieldError::new("/title", "must hold words"));
    }
    let texts = [
        ("/title", Some(title), TITLE_CHARS_MAX),
        ("/description", description.as_ref(), DESCRIPTION_CHARS_MAX),
    ];
    for (pointer, text, max) in texts {
        let Some(text) = text else { continue };
        if text.chars().count() > max {
            faults.push(FieldError::new(pointer, format!("must have at most {max} characters")));
        }
        if text.contains('\0') {
            faults.push(FieldError::new(pointer, "must not hold the character U+0000"));
        }
    }
    faults.extend(link.as_ref().and_then(|link| link_fault("/link", link)));
    faults
}

fn check_times(plan: &Plan, faults: &mut Vec<FieldError>) {
    let schedule = match Schedule::new(plan) {
        Ok(schedule) => schedule,
        Err(error) => {
            let pointer = match error {
                RecurrenceError::StartOutsideRule { .. } => "/rrule",
                RecurrenceError::AddedTooMany => "/rdates",
                RecurrenceError::LeftOutTooMany => "/exdates",
                RecurrenceError::OutOfRange => "/scheduled_at",
            };
            faults.push(FieldError::new(pointer, error.to_string()));
            return;
        }
    };
    if schedule.first().is_none() {
        faults.push(FieldError::new("/exdates", "leaves no occurrence"));
    } else if is_dense(&schedule) {
        let detail = format!("is more often than {DENSE_MAX} times in {DENSE_DAYS} days");
        faults.push(FieldError::new("/rrule", detail));
    }
}

/// Says whether it is too often at any time. The first day may be cut short by the start; what a rule says of days
/// behind it, it says again and again.
fn is_dense(schedule: &Schedule<'_>) -> bool {
    let always = Timestamp::from_ms(i64::MIN / 2);
    let looked_at = schedule.recurrence().occurrences_from(always).take(3 * DENSE_MAX);
    let times: Vec<i64> = looked_at.map(|found| found.at.as_ms()).collect();
    times.windows(DENSE_MAX + 1).any(|some| some[DENSE_MAX] - some[0] < DENSE_DAYS * DAY_MS)
}
