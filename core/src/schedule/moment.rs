//! The moments at which members hear of an occurrence, and what becomes of one that was missed (contract 5).

use super::{EventKind, Span};
use crate::time::Timestamp;

const MINUTE_MS: i64 = 60_000;
/// For so long after an event is over its members still hear that it is.
pub const LATE_END_MS: i64 = 60 * MINUTE_MS;

/// One moment at which members hear of an occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// So many minutes before it starts; with none, when it does.
    Reminder(u32),
    /// It starts.
    Start,
    /// It is over.
    End,
}

/// Whether there is still a point in telling of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lateness {
    /// It is to be told, and is worth nothing from then on.
    Fires {
        /// When it is worth nothing any more.
        until: Timestamp,
    },
    /// It was missed: nobody is told of it any more.
    Missed,
}

impl Moment {
    /// Says when it is.
    pub const fn due(self, Span { starts, ends }: Span) -> Timestamp {
        match self {
            Self::Reminder(minutes) => starts.plus_ms(-(minutes as i64 * MINUTE_MS)),
            Self::Start => starts,
            Self::End => ends,
        }
    }

    /// Says whether there is still a point in telling of it at `now`, which is not before it is due: a reminder
    /// until the start, a start until the end, an end for an hour. A reminder at the start counts as one.
    pub fn lateness(self, span: Span, now: Timestamp) -> Lateness {
        let until = match self {
            Self::Reminder(0) | Self::Start => span.ends,
            Self::Reminder(_) => span.starts,
            Self::End => span.ends.plus_ms(LATE_END_MS),
        };
        if now < until { Lateness::Fires { until } } else { Lateness::Missed }
    }

    /// Says whether somebody who wants reminders at these `wanted` minutes gets the one at `minutes` before `starts`
    /// when it goes out at `now`: not where it is late and one that is nearer to the start is due, too, nor one that
    /// is late for the start itself.
    pub fn reminds(minutes: u32, wanted: &[u32], starts: Timestamp, now: Timestamp) -> bool {
        let is_due = |minutes: u32| starts.plus_ms(-(i64::from(minutes) * MINUTE_MS)) <= now;
        let nearer = || wanted.iter().any(|other| *other < minutes && is_due(*other));
        let has_begun = minutes > 0 && starts <= now;
        wanted.contains(&minutes) && !has_begun && !nearer()
    }

    /// Gives the type of what is told, such as `quiz_reminder` (contract 5).
    pub fn notification_type(self, kind: EventKind) -> String {
        let what = match self {
            Self::Reminder(_) => "reminder",
            Self::Start => "started",
            Self::End => "ended",
        };
        format!("{}_{what}", kind.as_str())
    }
}
