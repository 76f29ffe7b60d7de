//! What is told of writes to entities and lessons, once they are committed.
//!
//! Values alone: whoever commits such writes in another way tells the same by these.

use std::sync::Arc;

use landfall_core::change::{ConflictBegan, EntityChange, FeedChange, Origin, TopicChange};
use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::{LessonId, Tenant, TopicId};
use landfall_core::lesson::Lesson;
use landfall_core::message::Message;
use landfall_core::sync::{EntityName, Verb};

use crate::{Change, Conflict, ConflictNext, Outcome, SyncWrite, Write};

/// The type of a lesson among entities.
const LESSON: &str = "lesson";

/// Says what is told of an operation that ended so: that its entity changed, where it took a number,
/// and that a conflict began that waits for a person.
pub(crate) fn of_operation(
    tenant: &Tenant,
    write: &SyncWrite,
    ended: Outcome,
) -> impl Iterator<Item = Change> {
    entity(write, ended).into_iter().chain(conflict(tenant, write))
}

fn entity(write: &SyncWrite, ended: Outcome) -> Option<Change> {
    let (Outcome::Numbered(number), Some(next)) = (ended, &write.next) else { return None };
    let change = EntityChange {
        name: write.name.clone(),
        verb: if next.is_deleted { Verb::Delete } else { Verb::of_version(next.version) },
        version: next.version,
        by: Some(origin(write)),
    };
    let feed = Arc::new(write.feed.clone());
    Some(Change { feed, change: FeedChange::Entity { number, change } })
}

fn origin(write: &SyncWrite) -> Origin {
    Origin { user: write.user.clone(), device: write.device.clone() }
}

fn conflict(tenant: &Tenant, write: &SyncWrite) -> Option<Change> {
    let Some(ConflictNext::New(Conflict { id, is_open: true, decided_by, .. })) =
        write.conflict.as_deref()
    else {
        return None;
    };
    let began = ConflictBegan {
        id: *id,
        name: write.name.clone(),
        suggested: decided_by.clone(),
        by: origin(write),
    };
    let feed = Arc::new(FeedKey::data(tenant, &write.user));
    Some(Change { feed, change: FeedChange::Conflict(began) })
}

/// Says what is told of a topic that changed with a number.
pub(crate) fn of_topic(
    tenant: &Tenant,
    topic: &TopicId,
    number: Number,
    change: TopicChange,
) -> Change {
    let feed = Arc::new(FeedKey::topic(tenant, topic));
    Change { feed, change: FeedChange::Topic { number, change } }
}

/// Says which topic a write changes, and what that means for who follows it.
pub(crate) fn topic_of(write: &Write) -> Option<(TopicId, TopicChange)> {
    match write {
        Write::PutTopic(topic) => Some((topic.id.clone(), TopicChange::Stays)),
        Write::DeleteTopic { topic, .. } => Some((topic.clone(), TopicChange::Deleted)),
        Write::RemoveMember { topic, user } => {
            Some((topic.clone(), TopicChange::Left(user.clone())))
        }
        _ => None,
    }
}

/// Says what is told of a write about messages that ended so.
pub(crate) fn of_message(tenant: &Tenant, write: Write, ended: Outcome) -> Option<Change> {
    let (topic, change) = match (write, ended) {
        (
            Write::SendMessage { message, .. } | Write::ChangeMessage { message, .. },
            Outcome::Numbered(number),
        ) => {
            let born = if message.number == Number::ZERO { number } else { message.number };
            let message = Message { number: born, changed: number, ..*message };
            let feed = FeedKey::topic(tenant, &message.topic);
            (feed, FeedChange::Message { number, message: Arc::new(message) })
        }
        (Write::ReadMessages { topic, user, up_to }, Outcome::Done) => {
            (FeedKey::topic(tenant, &topic), FeedChange::MessagesRead { user, up_to })
        }
        _ => return None,
    };
    Some(Change { feed: Arc::new(topic), change })
}

/// What is to be told of a lesson once its write has a number.
pub(crate) struct LessonTold {
    feed: FeedKey,
    change: EntityChange,
}

/// Says what is to be told of a write, if it is one of a lesson.
pub(crate) fn of_lesson(tenant: &Tenant, write: &Write) -> Option<LessonTold> {
    let told = |id: &LessonId, class: &TopicId, verb, version| LessonTold {
        feed: FeedKey::topic(tenant, class),
        change: EntityChange {
            name: EntityName { kind: LESSON.into(), id: id.as_str().into() },
            verb,
            version,
            by: None,
        },
    };
    match write {
        Write::PutLesson { lesson, .. } => {
            let Lesson { id, class, version, .. } = &**lesson;
            Some(told(id, class, Verb::of_version(*version), *version))
        }
        Write::DeleteLesson { id, class, version, .. } => {
            Some(told(id, class, Verb::Delete, version + 1))
        }
        _ => None,
    }
}

impl LessonTold {
    /// Gives the change, if the write took a number.
    pub(crate) fn numbered(self, made: Outcome) -> Option<Change> {
        let Outcome::Numbered(number) = made else { return None };
        let Self { feed, change } = self;
        let change = FeedChange::Entity { number, change };
        Some(Change { feed: Arc::new(feed), change })
    }
}
