//! The contract of what is scheduled for classes: events, their occurrences ahead, quizzes, and of which moments
//! members were told.

use landfall_core::due::LocalTime;
use landfall_core::id::{EventId, QuizId, SendId, Tenant, TopicId, UserId};
use landfall_core::schedule::{Moment, Planned, Span};
use landfall_core::time::Timestamp;
use uuid::Uuid;

use super::error::Answered;
use super::sends::StoredSend;

/// A stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its name.
    pub id: EventId,
    /// Whose members hear of it.
    pub class: TopicId,
    /// The quiz that it holds; no other event does.
    pub quiz: Option<QuizId>,
    /// Kind, words and times; nobody's but the caller's to read.
    pub body: String,
    /// Counts what was changed of it, from 1.
    pub version: u64,
    /// When its first occurrence starts.
    pub begins_at: Timestamp,
    /// By when all is over, if ever.
    pub over_by: Option<Timestamp>,
    /// Occurrences that start before then were stored.
    pub expanded_to: Timestamp,
    /// When more of them are to be stored, if there are.
    pub expand_at: Option<Timestamp>,
    /// Who scheduled it.
    pub created_by: UserId,
    /// When it was scheduled.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A stored quiz.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredQuiz {
    /// Its name.
    pub id: QuizId,
    /// Whose members take it.
    pub class: TopicId,
    /// What it is called.
    pub title: String,
    /// For how many minutes.
    pub minutes: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// An occurrence that is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOccurrence {
    /// Whose server.
    pub tenant: Tenant,
    /// Of which event.
    pub event: EventId,
    /// In which version of it.
    pub version: u64,
    /// For which class.
    pub class: TopicId,
    /// Which, and when.
    pub planned: Planned,
}

/// A moment that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueMoment {
    /// Of which occurrence.
    pub occurrence: StoredOccurrence,
    /// Which.
    pub moment: Moment,
}

/// What became of a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firing {
    /// Of which event.
    pub event: EventId,
    /// What its occurrence is called.
    pub name: LocalTime,
    /// When that starts: what starts at another time is another one.
    pub starts_at: Timestamp,
    /// Which moment of it.
    pub moment: Moment,
    /// When it was due.
    pub due_at: Timestamp,
    /// When that was noted.
    pub noted_at: Timestamp,
    /// What tells members of it; nothing where it was missed.
    pub send: Option<SendId>,
}

/// Moments of one sort, each found by an index of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Track {
    /// Reminders, at as many minutes as somebody of the class asked for.
    Reminders,
    /// Starts.
    Starts,
    /// Ends.
    Ends,
}

/// Which moments are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueAsk {
    /// Of which sort.
    pub track: Track,
    /// Due after then, …
    pub after: Timestamp,
    /// … and by then.
    pub by: Timestamp,
    /// Behind this one: the last of the page before.
    pub behind: Option<DueMoment>,
    /// So many at most.
    pub limit: usize,
}

/// Which events a list is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFilter {
    /// Those of a class; of all classes of a user; or those that hold this quiz.
    pub of: EventsOf,
    /// Behind this one, by id.
    pub behind: Option<EventId>,
    /// Not those that are over by then.
    pub from: Timestamp,
    /// Not those that begin only then.
    pub to: Timestamp,
    /// So many at most.
    pub limit: usize,
}

/// Whose events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventsOf {
    /// Those of a class.
    Class(TopicId),
    /// Those of all classes that a user is in.
    User(UserId),
}

/// A change of what is scheduled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScheduleWrite {
    /// Makes or changes an event and replaces its occurrences that are not over at `since` by these; what was sent for
    /// occurrences that are no more, or to another class, and is still worth something, is taken back. `Stale` unless
    /// its version follows the stored one, its class is there, and its class has at most `class_max` events that
    /// are not over with it, and no other event holds its quiz. `Done`.
    PutEvent {
        /// As it is from now on.
        event: Box<StoredEvent>,
        /// When.
        since: Timestamp,
        /// Its occurrences from then until it was expanded to.
        planned: Vec<Planned>,
        /// Events of its class at most.
        class_max: usize,
    },
    /// Deletes an event and its occurrences; what was told of it stays known, and what was sent and is still worth
    /// something is taken back. `Stale` unless it is there in this version. `Done`.
    DeleteEvent {
        /// Which.
        id: EventId,
        /// In which version.
        version: u64,
        /// When.
        at: Timestamp,
    },
    /// Stores further occurrences of an event; `Unchanged` unless it is there in this version. `Done`.
    Expand {
        /// Of which event.
        id: EventId,
        /// In which version.
        version: u64,
        /// Occurrences; those that are there stay.
        planned: Vec<Planned>,
        /// Those that start before then are stored now.
        to: Timestamp,
        /// When more are to be, if there are.
        again_at: Option<Timestamp>,
    },
    /// Notes what became of a moment and stores what tells of it, unless that was done before, or the event is not
    /// there in this version: `Unchanged`. `Done`.
    Fire {
        /// What is noted.
        firing: Firing,
        /// In which version of the event.
        version: u64,
        /// What tells of it, where it was not missed.
        send: Option<Box<StoredSend>>,
    },
    /// Notes that all moments of an occurrence that were due when it was stored have been looked at. `Done`.
    Looked {
        /// Of which event.
        event: EventId,
        /// Which starts then.
        starts_at: Timestamp,
        /// In which version of the event.
        version: u64,
        /// When.
        at: Timestamp,
    },
    /// Makes or changes a quiz; `Stale` unless its class is there. `Done`.
    PutQuiz(Box<StoredQuiz>),
    /// Gives a user's calendar another secret. `Done`.
    PutCalendar {
        /// Whose.
        user: UserId,
        /// What it is made from; no other calendar's is.
        nonce: Uuid,
        /// When.
        at: Timestamp,
    },
}

/// Reads what is scheduled.
pub trait Schedules {
    /// Finds an event.
    fn event(&self, tenant: &Tenant, id: EventId) -> Answered<'_, Option<StoredEvent>>;

    /// Finds the event that holds a quiz.
    fn event_of_quiz(&self, tenant: &Tenant, quiz: &QuizId) -> Answered<'_, Option<StoredEvent>>;

    /// Lists events by id.
    fn events(&self, tenant: &Tenant, filter: EventFilter) -> Answered<'_, Vec<StoredEvent>>;

    /// Gives what became of the moments of an event, the newest first, behind a place; the place of each is its
    /// occurrence's start and moment.
    fn firings(
        &self,
        tenant: &Tenant,
        event: EventId,
        behind: Option<(Timestamp, Moment)>,
        limit: usize,
    ) -> Answered<'_, Vec<Firing>>;

    /// Finds a quiz.
    fn quiz(&self, tenant: &Tenant, id: &QuizId) -> Answered<'_, Option<StoredQuiz>>;

    /// Gives what the secret of a user's calendar is made from.
    fn calendar(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, Option<Uuid>>;

    /// Finds whose calendar's secret is made from that.
    fn calendar_of(&self, nonce: Uuid) -> Answered<'_, Option<(Tenant, UserId)>>;

    /// Says up to when moments have been looked at; `None` before the first time.
    fn schedule_clock(&self) -> Answered<'_, Option<Timestamp>>;

    /// Moves that on, or back; says whether it still stood at `from`.
    fn set_schedule_clock(&self, from: Option<Timestamp>, to: Timestamp) -> Answered<'_, bool>;

    /// Gives moments of all tenants that are due and were not noted yet, in an order of their own. Costs what is due, and a look for each
    /// number of minutes that anybody asked for, however many occurrences are ahead.
    fn due_moments(&self, ask: DueAsk) -> Answered<'_, Vec<DueMoment>>;

    /// Gives occurrences that nobody has looked at since they were stored, the earliest first.
    fn new_occurrences(&self, limit: usize) -> Answered<'_, Vec<StoredOccurrence>>;

    /// Gives how many minutes before the start members of a class asked to be reminded, ascending, with what their
    /// tenant set for all and the usual.
    fn reminders_of(&self, tenant: &Tenant, class: &TopicId) -> Answered<'_, Vec<u32>>;

    /// Gives events of all tenants whose further occurrences are to be stored, the longest due first.
    fn events_to_expand(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Answered<'_, Vec<(Tenant, StoredEvent)>>;

    /// Forgets occurrences that were over before then; tells how many.
    fn forget_occurrences(&self, before: Timestamp, limit: usize) -> Answered<'_, usize>;

    /// Forgets what became of moments that were noted before then; tells how many.
    fn forget_firings(&self, before: Timestamp, limit: usize) -> Answered<'_, usize>;
}

impl StoredOccurrence {
    /// Gives when it is.
    pub const fn span(&self) -> Span {
        self.planned.span
    }
}
