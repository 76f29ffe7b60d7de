//! What somebody wants to schedule, before it is checked.

use super::{EventKind, Words};
use crate::due::LocalTime;
use crate::id::TopicId;
use crate::recurrence::Rule;
use crate::time::Timestamp;
use crate::zone::Zone;

/// A time as a caller says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// The same for all.
    At(Timestamp),
    /// By the event's clocks.
    Local(LocalTime),
}

/// What an event is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDraft {
    /// Whose members hear of it.
    pub class: TopicId,
    /// What it is.
    pub kind: EventKind,
    /// What is said of it.
    pub words: Words,
    /// When it is to be.
    pub times: EventTimes,
}

/// When an event is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTimes {
    /// When it starts for the first time.
    pub start: Said,
    /// Where the clocks are that tell it; where its author is where absent.
    pub zone: Option<Zone>,
    /// For how many minutes; an hour where absent.
    pub minutes: Option<u32>,
    /// By which rule it recurs.
    pub rule: Option<Rule>,
    /// Further times.
    pub added: Vec<Said>,
    /// Times at which it is not.
    pub left_out: Vec<Said>,
}

/// What an event, or one of its occurrences, is to become: what is absent stays, `Some(None)` removes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventChange {
    /// What it is called.
    pub title: Option<String>,
    /// What else there is to know.
    pub description: Option<Option<String>>,
    /// Where it is, or what to open.
    pub link: Option<Option<String>>,
    /// When it starts.
    pub start: Option<Said>,
    /// Where the clocks are that tell it.
    pub zone: Option<Zone>,
    /// For how many minutes.
    pub minutes: Option<u32>,
    /// By which rule it recurs.
    pub rule: Option<Option<Rule>>,
    /// Further times.
    pub added: Option<Vec<Said>>,
    /// Times at which it is not.
    pub left_out: Option<Vec<Said>>,
    /// The version that is changed, where the caller names it.
    pub version: Option<u64>,
}

/// A quiz that is to be made or changed; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QuizDraft {
    /// Whose members take it; needed for a new one.
    pub class: Option<TopicId>,
    /// What it is called; needed for a new one.
    pub title: Option<String>,
    /// For how many minutes.
    pub minutes: Option<u32>,
}

/// A quiz that is to be held; its class, title and minutes are the quiz's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuizSchedule {
    /// What the quiz is to be.
    pub quiz: QuizDraft,
    /// What else there is to know.
    pub description: Option<String>,
    /// What to open.
    pub link: Option<String>,
    /// When it is to be.
    pub times: EventTimes,
}

impl Said {
    /// Gives the local time that is meant by clocks in a zone.
    pub fn local(self, zone: &Zone) -> LocalTime {
        match self {
            Self::At(at) => LocalTime::of(zone.local(at).datetime()),
            Self::Local(local) => local,
        }
    }

    /// Says whether those clocks, asked when they show it, mean the time that was said: of a time that they show
    /// twice they mean the first.
    pub fn is_kept(self, zone: &Zone) -> bool {
        match self {
            Self::At(at) => self.local(zone).in_zone(zone).as_ms() / 1_000 == at.as_ms() / 1_000,
            Self::Local(_) => true,
        }
    }
}
