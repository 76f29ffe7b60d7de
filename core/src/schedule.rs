//! What is scheduled for a class: quizzes, live sessions and other events, and when their members hear of
//! them (S0, contract 5).
//!
//! An event is kept as a whole, with its rule. Its occurrences are found when they are needed, by
//! [`Schedule::planned`]; whoever is a member then hears of each at the [`Moment`]s that this file names.
//! Nothing here asks what time it is.

mod draft;
mod faults;
mod moment;
mod planning;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use draft::{EventChange, EventDraft, EventTimes, QuizDraft, QuizSchedule, Said};
pub use faults::{
    CHANGES_MAX, DENSE_DAYS, DENSE_MAX, DESCRIPTION_CHARS_MAX, MINUTES_MAX, TITLE_CHARS_MAX,
    faults, words_faults,
};
pub use moment::{LATE_END_MS, Lateness, Moment};
pub use planning::Unplanned;

use crate::due::LocalTime;
use crate::id::{EventId, QuizId, TopicId, UserId};
use crate::recurrence::{Recurrence, RecurrenceError, When};
use crate::time::Timestamp;

/// How long an event is about which nothing was said, in minutes (S0).
pub const MINUTES_DEFAULT: u32 = 60;

/// What an event is: the stem of the types of what is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EventKind {
    /// A quiz.
    Quiz,
    /// A lesson that is held live.
    LiveSession,
    /// Anything else.
    #[default]
    Event,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Quiz, Self::LiveSession, Self::Event];

    /// Names the kind as the wire spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quiz => "quiz",
            Self::LiveSession => "live_session",
            Self::Event => "event",
        }
    }

    /// Reads the wire's name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What is said of an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Words {
    /// What it is called.
    pub title: String,
    /// What else there is to know.
    pub description: Option<String>,
    /// Where it is, or what to open.
    pub link: Option<String>,
}

/// Something that is scheduled for a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its name within the tenant.
    pub id: EventId,
    /// Whose members hear of it.
    pub class: TopicId,
    /// What it is.
    pub kind: EventKind,
    /// The quiz that it holds.
    pub quiz: Option<QuizId>,
    /// When it is, for how long and what is said of it.
    pub plan: Plan,
    /// Counts what was changed of it, from 1.
    pub version: u64,
    /// Who scheduled it.
    pub created_by: UserId,
    /// When it was scheduled.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// When an event is, for how long, and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What is said of it.
    pub words: Words,
    /// When it is.
    pub when: When,
    /// For how many minutes each time.
    pub minutes: u32,
    /// Occurrences that were changed alone, by what they are called: the local time that the rule says.
    pub changes: BTreeMap<LocalTime, Change>,
}

/// What takes the place of one occurrence.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Change {
    /// When it is instead, by the event's clocks.
    pub start: LocalTime,
    /// For how many minutes.
    pub minutes: u32,
    /// What is said of it.
    pub words: Words,
}

/// From when to when something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// When it begins.
    pub starts: Timestamp,
    /// When it is over.
    pub ends: Timestamp,
}

impl Span {
    /// Makes the span of so many minutes.
    pub const fn of(starts: Timestamp, minutes: u32) -> Self {
        Self { starts, ends: starts.plus_ms(minutes as i64 * 60_000) }
    }
}

/// One occurrence of an event, with the changes that were made to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Planned {
    /// What it is called: the local time that the rule says, changed or not.
    pub name: LocalTime,
    /// When it is.
    pub span: Span,
}

/// A plan that can be looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule<'a> {
    recurrence: Recurrence,
    plan: &'a Plan,
}

impl<'a> Schedule<'a> {
    /// Checks when an event is.
    ///
    /// # Errors
    /// As [`Recurrence::new`].
    pub fn new(plan: &'a Plan) -> Result<Self, RecurrenceError> {
        Ok(Self { recurrence: Recurrence::new(plan.when.clone())?, plan })
    }

    /// Gives what is said of when it is.
    pub const fn recurrence(&self) -> &Recurrence {
        &self.recurrence
    }

    /// Gives the occurrences that end after `from` and start before `to`, in order, `limit` at most; where
    /// there are more, the earliest.
    pub fn planned(&self, from: Timestamp, to: Timestamp, limit: usize) -> Vec<Planned> {
        let plan = self.plan;
        let by_rule_from = from.plus_ms(1 - i64::from(plan.minutes) * 60_000);
        let by_rule = self.recurrence.occurrences_from(by_rule_from);
        let by_rule = by_rule.take_while(|found| found.at < to);
        let by_rule =
            by_rule.filter(|found| !plan.changes.contains_key(&LocalTime::of(found.local)));
        let by_rule = by_rule.take(limit);
        let mut planned: Vec<Planned> = by_rule
            .map(|found| Planned {
                name: LocalTime::of(found.local),
                span: Span::of(found.at, plan.minutes),
            })
            .collect();
        let changed = plan.changes.iter();
        let changed =
            changed.map(|(name, one)| Planned { name: *name, span: span_of(&plan.when, one) });
        planned.extend(changed.filter(|one| one.span.ends > from && one.span.starts < to));
        planned.sort_unstable_by_key(|one| (one.span, one.name));
        planned.dedup_by_key(|one| one.span.starts);
        planned.truncate(limit);
        planned
    }

    /// Says whether an occurrence is called so: one that the rule says, even where it was changed alone.
    pub fn has(&self, name: LocalTime) -> bool {
        let found = self.recurrence.occurrence(name.shown());
        found.is_some_and(|found| LocalTime::of(found.local) == name)
    }

    /// Gives the first occurrence, as the rule says it.
    pub fn first(&self) -> Option<Planned> {
        self.planned(Timestamp::from_ms(i64::MIN / 2), Timestamp::from_ms(i64::MAX / 2), 1).pop()
    }

    /// Gives a time by which every occurrence is over; nothing where there is no end to them.
    pub fn over_by(&self) -> Option<Timestamp> {
        let Plan { when, minutes, changes, .. } = self.plan;
        let last = Span::of(self.recurrence.none_after()?, *minutes).ends;
        let changed = changes.values().map(|one| span_of(when, one).ends).max();
        Some(changed.map_or(last, |changed| changed.max(last)))
    }
}

fn span_of(when: &When, change: &Change) -> Span {
    Span::of(change.start.in_zone(&when.zone), change.minutes)
}
