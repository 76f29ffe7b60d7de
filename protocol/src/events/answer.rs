//! How events, their occurrences and their moments are shown.

use landfall_core::due::LocalTime;
use landfall_core::recurrence::{Rule, When};
use landfall_core::schedule::{Event, Plan, Planned};
use serde::{Deserialize, Serialize};

use crate::text::{Secret, Time};

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventAnswer {
    /// Its name within the tenant.
    pub id: String,
    /// The class whose members hear of it.
    pub class_id: String,
    /// `quiz`, `live_session` or `event`.
    pub event_type: String,
    /// The quiz that it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiz_id: Option<String>,
    /// What it is called.
    pub title: String,
    /// What else there is to know.
    pub description: Option<String>,
    /// Where it is, or what to open.
    pub link: Option<String>,
    /// When it starts for the first time.
    pub scheduled_at: Time,
    /// The same by the clocks of `tz`.
    pub scheduled_at_local: String,
    /// For how many minutes.
    pub duration_minutes: u32,
    /// The time zone whose clocks tell it.
    pub tz: String,
    /// By which rule it recurs.
    pub rrule: Option<String>,
    /// Further times, by the clocks of `tz`.
    pub rdates: Vec<String>,
    /// Times at which it is not, by the clocks of `tz`.
    pub exdates: Vec<String>,
    /// `scheduled` while anything of it is to come or going on, then `over`.
    pub status: String,
    /// The next occurrence that is not over.
    pub next: Option<OccurrenceItem>,
    /// In lists: its occurrences within the time that was asked for, 500 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurrences: Option<Vec<OccurrenceItem>>,
    /// Grows by one with each change.
    pub version: u64,
    /// Who scheduled it.
    pub created_by: String,
    /// When it was scheduled.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

/// One time at which an event is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OccurrenceItem {
    /// Names it when it is changed or deleted alone: the local time that the rule says.
    pub occurrence: String,
    /// When it starts.
    pub scheduled_at: Time,
    /// When it is over.
    pub ends_at: Time,
    /// What it is called, where it was changed alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Whether it was changed alone.
    pub changed: bool,
}

impl OccurrenceItem {
    /// Shows an occurrence of an event.
    pub fn of(event: &Event, Planned { name, span }: &Planned) -> Self {
        let change = event.plan.changes.get(name);
        Self {
            occurrence: name.to_string(),
            scheduled_at: Time(span.starts),
            ends_at: Time(span.ends),
            title: change.map(|change| change.words.title.clone()),
            changed: change.is_some(),
        }
    }
}

impl EventAnswer {
    /// Shows an event with the next time at which it is, and those that were asked for.
    pub fn of(event: &Event, next: Option<&Planned>, occurrences: Option<&[Planned]>) -> Self {
        let Event {
            id,
            class,
            kind,
            quiz,
            plan: Plan { words, when, minutes, changes: _ },
            version,
            created_by,
            created_at,
            updated_at,
        } = event;
        let When { start, zone, rule, added, left_out } = when;
        let item = |planned: &Planned| OccurrenceItem::of(event, planned);
        let text = |local: &_| LocalTime::of(*local).to_string();
        Self {
            id: id.to_string(),
            class_id: class.to_string(),
            event_type: kind.as_str().to_owned(),
            quiz_id: quiz.as_ref().map(ToString::to_string),
            title: words.title.clone(),
            description: words.description.clone(),
            link: words.link.clone(),
            scheduled_at: Time(LocalTime::of(*start).in_zone(zone)),
            scheduled_at_local: text(start),
            duration_minutes: *minutes,
            tz: zone.name().to_owned(),
            rrule: rule.as_ref().map(Rule::to_string),
            rdates: added.iter().map(text).collect(),
            exdates: left_out.iter().map(text).collect(),
            status: if next.is_some() { "scheduled" } else { "over" }.to_owned(),
            next: next.map(item),
            occurrences: occurrences.map(|some| some.iter().map(item).collect()),
            version: *version,
            created_by: created_by.to_string(),
            created_at: Time(*created_at),
            updated_at: Time(*updated_at),
        }
    }
}

/// What became of a moment of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MomentItem {
    /// Of which occurrence.
    pub occurrence: String,
    /// When that starts.
    pub scheduled_at: Time,
    /// `reminder`, `start` or `end`.
    pub moment: String,
    /// Minutes of a reminder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminder_minutes: Option<u32>,
    /// When it was due.
    pub due_at: Time,
    /// `sent`, or `missed` where nobody was told.
    pub status: String,
    /// When that was decided.
    pub at: Time,
    /// The send that tells members of it; `DELETE /api/v1/notify/{id}` takes it back.
    pub send_id: Option<String>,
}

/// Where a person's calendar is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CalendarAnswer {
    /// The secret: whoever has it reads the calendar.
    pub secret: Secret,
    /// The address to give to a calendar's program.
    pub url: Secret,
}
