//! What is scheduled for classes: events and their occurrences (S0, contract 5).

mod answer;
mod query;
mod quiz;

use landfall_core::due::LocalTime;
use landfall_core::id::TopicId;
use landfall_core::notify::FieldError;
use landfall_core::recurrence::{ADDED_MAX, LEFT_OUT_MAX, Rule};
use landfall_core::schedule::{
    EventChange, EventDraft, EventKind, EventTimes, QuizDraft, QuizSchedule, Said, Words,
};
use landfall_core::time::Timestamp;
use landfall_core::zone::Zone;
use serde::{Deserialize, Serialize};

pub use answer::{CalendarAnswer, EventAnswer, MomentItem, OccurrenceItem};
pub use query::{EventsPage, EventsQuery, OccurrenceQuery, event_place};
pub use quiz::{QuizAnswer, QuizPut};

use crate::names::must_be_one_of;
use crate::text::IdText;
use crate::users::given;

/// Schedules an event, a live session or a quiz; S0's `scheduled_start` is `scheduled_at`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct EventPost {
    /// The class whose members hear of it; for a quiz that is known, that of the quiz where absent.
    #[serde(alias = "classId", skip_serializing_if = "Option::is_none")]
    pub class_id: Option<IdText>,
    /// `quiz`, `live_session` or `event`, which it is where absent: the stem of the types of what is told of it. The
    /// calls for quizzes and live sessions do not look at it.
    #[serde(alias = "eventType", skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What else there is to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where it is, or what to open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// When it starts for the first time: RFC 3339, or a date and time without a zone by the clocks of `tz`.
    #[serde(
        alias = "scheduledAt",
        alias = "scheduled_start",
        alias = "scheduledStart",
        skip_serializing_if = "Option::is_none"
    )]
    pub scheduled_at: Option<String>,
    /// For how many minutes; 60 where absent.
    #[serde(alias = "durationMinutes", skip_serializing_if = "Option::is_none")]
    pub duration_minutes: Option<u32>,
    /// The time zone whose clocks tell it; that of the preferences or the profile of who schedules it where absent,
    /// else UTC.
    #[serde(alias = "timezone", alias = "time_zone", skip_serializing_if = "Option::is_none")]
    pub tz: Option<String>,
    /// By which rule it recurs (RFC 5545 3.3.10).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rrule: Option<String>,
    /// Further times, as `scheduled_at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rdates: Option<Vec<String>>,
    /// Times at which it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exdates: Option<Vec<String>>,
}

/// Changes an event, or one of its occurrences: what is absent stays, null removes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct EventPatch {
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What else there is to know.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub description: Option<Option<String>>,
    /// Where it is, or what to open.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub link: Option<Option<String>>,
    /// When it starts.
    #[serde(
        alias = "scheduledAt",
        alias = "scheduled_start",
        alias = "scheduledStart",
        skip_serializing_if = "Option::is_none"
    )]
    pub scheduled_at: Option<String>,
    /// For how many minutes.
    #[serde(alias = "durationMinutes", skip_serializing_if = "Option::is_none")]
    pub duration_minutes: Option<u32>,
    /// The time zone whose clocks tell it.
    #[serde(alias = "timezone", alias = "time_zone", skip_serializing_if = "Option::is_none")]
    pub tz: Option<String>,
    /// By which rule it recurs.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub rrule: Option<Option<String>>,
    /// Further times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rdates: Option<Vec<String>>,
    /// Times at which it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exdates: Option<Vec<String>>,
    /// The version that this changes; whatever is there where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

/// Reads fields one after the other and gathers what is wrong.
#[derive(Default)]
struct Reading(Vec<FieldError>);

impl Reading {
    fn fault(&mut self, pointer: &str, detail: impl Into<String>) {
        self.0.push(FieldError::new(pointer, detail));
    }

    fn said(&mut self, pointer: &str, text: &str) -> Option<Said> {
        let said = Timestamp::parse(text).ok().map(Said::At);
        let said = said.or_else(|| LocalTime::parse(text).ok().map(Said::Local));
        if said.is_none() {
            let detail = "must be an RFC 3339 time such as 2026-01-15T10:00:00Z, or one without a zone by the clocks of tz";
            self.fault(pointer, detail);
        }
        said
    }

    fn list(&mut self, name: &str, texts: Option<&Vec<String>>, max: usize) -> Option<Vec<Said>> {
        let texts = texts?;
        if texts.len() > max {
            self.fault(&format!("/{name}"), format!("must have at most {max} entries"));
            return None;
        }
        let read = |(at, text): (usize, &String)| self.said(&format!("/{name}/{at}"), text);
        Some(texts.iter().enumerate().filter_map(read).collect())
    }

    fn zone(&mut self, name: Option<&String>) -> Option<Zone> {
        let zone = Zone::parse(name?);
        zone.map_err(|error| self.fault("/tz", error.to_string())).ok()
    }

    fn rule(&mut self, text: &str) -> Option<Rule> {
        Rule::parse(text).map_err(|error| self.fault("/rrule", error.to_string())).ok()
    }

    fn kind(&mut self, name: Option<&String>) -> Option<EventKind> {
        let Some(name) = name else { return Some(EventKind::default()) };
        let kind = EventKind::parse(name);
        if kind.is_none() {
            self.fault("/event_type", must_be_one_of(&EventKind::ALL.map(EventKind::as_str)));
        }
        kind
    }

    fn class(&mut self, id: Option<&IdText>) -> Option<TopicId> {
        id?.read("/class_id", TopicId::parse).map_err(|fault| self.0.push(fault)).ok()
    }
}

impl EventPost {
    /// Reads what is to be scheduled; a call for one `kind` names it.
    ///
    /// # Errors
    /// Every fault.
    pub fn draft(self, kind: Option<EventKind>) -> Result<EventDraft, Vec<FieldError>> {
        let mut reading = Reading::default();
        let kind = kind.or_else(|| reading.kind(self.event_type.as_ref()));
        if self.class_id.is_none() {
            reading.fault("/class_id", "is required");
        }
        if self.title.is_none() {
            reading.fault("/title", "is required");
        }
        let class = reading.class(self.class_id.as_ref());
        let times = self.times(&mut reading);
        let Self { title, description, link, .. } = self;
        let words = Words { title: title.unwrap_or_default(), description, link };
        match (class, kind, times) {
            (Some(class), Some(kind), Some(times)) if reading.0.is_empty() => {
                Ok(EventDraft { class, kind, words, times })
            }
            _ => Err(reading.0),
        }
    }

    /// Reads when a quiz is to be, and what else is said of it.
    ///
    /// # Errors
    /// Every fault.
    pub fn quiz(self) -> Result<QuizSchedule, Vec<FieldError>> {
        let mut reading = Reading::default();
        let class = reading.class(self.class_id.as_ref());
        let times = self.times(&mut reading);
        let Self { title, description, link, duration_minutes: minutes, .. } = self;
        match times {
            Some(times) if reading.0.is_empty() => Ok(QuizSchedule {
                quiz: QuizDraft { class, title, minutes },
                description,
                link,
                times,
            }),
            _ => Err(reading.0),
        }
    }

    fn times(&self, reading: &mut Reading) -> Option<EventTimes> {
        let Self { scheduled_at, duration_minutes, tz, rrule, rdates, exdates, .. } = self;
        let start = match scheduled_at {
            Some(text) => reading.said("/scheduled_at", text),
            None => {
                reading.fault("/scheduled_at", "is required");
                None
            }
        };
        let zone = reading.zone(tz.as_ref());
        let rule = rrule.as_ref().and_then(|text| reading.rule(text));
        let added = reading.list("rdates", rdates.as_ref(), ADDED_MAX).unwrap_or_default();
        let left_out = reading.list("exdates", exdates.as_ref(), LEFT_OUT_MAX).unwrap_or_default();
        Some(EventTimes { start: start?, zone, minutes: *duration_minutes, rule, added, left_out })
    }
}

impl EventPatch {
    /// Reads what an event is to become.
    ///
    /// # Errors
    /// Every fault.
    pub fn change(self) -> Result<EventChange, Vec<FieldError>> {
        let Self {
            title,
            description,
            link,
            scheduled_at,
            duration_minutes,
            tz,
            rrule,
            rdates,
            exdates,
            version,
        } = self;
        let mut reading = Reading::default();
        let change = EventChange {
            title,
            description,
            link,
            start: scheduled_at.and_then(|text| reading.said("/scheduled_at", &text)),
            zone: reading.zone(tz.as_ref()),
            minutes: duration_minutes,
            rule: rrule.map(|rule| rule.and_then(|text| reading.rule(&text))),
            added: reading.list("rdates", rdates.as_ref(), ADDED_MAX),
            left_out: reading.list("exdates", exdates.as_ref(), LEFT_OUT_MAX),
            version,
        };
        if reading.0.is_empty() { Ok(change) } else { Err(reading.0) }
    }
}
