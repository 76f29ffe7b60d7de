//! What commits do to feeds, as whoever listens hears of it: the content of nudges.
//!
//! A nudge may be lost; the store is the truth. So nothing may be here that is not stored, too.

use std::sync::Arc;

use crate::feed::Number;
use crate::id::{ConflictId, UserId};
use crate::message::Message;
use crate::notification::InboxChange;
use crate::sync::{EntityName, Verb};

/// What a commit did to a feed, or to those who read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedChange {
    /// An inbox grew by one.
    Inbox {
        /// With this number; the head before it was one less.
        number: Number,
        /// What changed.
        change: InboxChange,
    },
    /// An entity changed, on its owner's `data` feed or a topic's.
    Entity {
        /// With this number; the head before it was one less.
        number: Number,
        /// What changed.
        change: EntityChange,
    },
    /// A message of the topic whose feed this is was sent, changed or deleted.
    Message {
        /// With this number; the head before it was one less.
        number: Number,
        /// The message as it is now.
        message: Arc<Message>,
    },
    /// The topic whose feed this is was made or changed, or its members were, or it is no more.
    Topic {
        /// With this number; the head before it was one less.
        number: Number,
        /// What that means for who follows it.
        change: TopicChange,
    },
    /// A member of the topic whose feed this is has read on. Takes no number.
    MessagesRead {
        /// Who.
        user: UserId,
        /// Up to this number of the feed.
        up_to: Number,
    },
    /// A conflict began that waits for the user whose `data` feed this is. Takes no number.
    Conflict(ConflictBegan),
}

impl FeedChange {
    /// Gives the number that it took, if it took one.
    pub fn number(&self) -> Option<Number> {
        match self {
            Self::Inbox { number, .. }
            | Self::Entity { number, .. }
            | Self::Message { number, .. }
            | Self::Topic { number, .. } => Some(*number),
            Self::MessagesRead { .. } | Self::Conflict(_) => None,
        }
    }
}

/// What a change of a topic means for who follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicChange {
    /// They go on.
    Stays,
    /// A member left or was removed.
    Left(UserId),
    /// It was deleted, and nobody is in it any more.
    Deleted,
}

/// What became of an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityChange {
    /// Which.
    pub name: EntityName,
    /// What was done to it.
    pub verb: Verb,
    /// Its version now.
    pub version: u64,
    /// What did it; nothing where no device did.
    pub by: Option<Origin>,
}

/// A device of somebody: two users' devices may have the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Whose.
    pub user: UserId,
    /// How it calls itself.
    pub device: Box<str>,
}

impl Origin {
    /// Says whether this is the device itself. One without a name is nobody else.
    pub fn is(&self, user: &UserId, device: Option<&str>) -> bool {
        Some(&*self.device) == device && self.user == *user
    }
}

/// A conflict that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictBegan {
    /// Which.
    pub id: ConflictId,
    /// About which entity.
    pub name: EntityName,
    /// What is proposed, in a word.
    pub suggested: Box<str>,
    /// Whose operation began it.
    pub by: Origin,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_device_is_one_of_its_user() {
        let (ada, ben) = (UserId::parse("ada").unwrap(), UserId::parse("ben").unwrap());
        let origin = Origin { user: ada.clone(), device: "phone".into() };
        assert!(origin.is(&ada, Some("phone")));
        assert!(!origin.is(&ben, Some("phone")), "another's may have the same name");
        assert!(!origin.is(&ada, Some("tablet")) && !origin.is(&ada, None));
    }
}
