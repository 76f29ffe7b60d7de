//! The contract of reading messages.

use landfall_core::audit::Hash;
use landfall_core::feed::Number;
use landfall_core::id::{MessageId, Tenant, TopicId, UserId};
use landfall_core::message::{Message, Participation, Unread};
use landfall_core::time::Timestamp;

use super::error::Answered;

/// A message with the digest of what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// The message, or what is left of it.
    pub message: Message,
    /// The digest of what its device sent.
    pub digest: Hash,
}

/// Which messages of a topic a list is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageSlice {
    /// Those that are there, newest first.
    Newest {
        /// With a number below this one.
        below: Option<Number>,
    },
    /// Those that are there and mention somebody, newest first.
    Mentioning {
        /// With a number below this one.
        below: Number,
    },
    /// What changed after a number, and what is left of what was deleted, oldest change first.
    ChangedAfter(Number),
}

/// Reads messages. Of a topic that was deleted and made again, only what was sent since then is there.
pub trait Messages {
    /// Finds the message that a sender's device called so, or what is left of it.
    fn message_of_client(
        &self,
        tenant: &Tenant,
        of: (TopicId, UserId),
        client_id: String,
    ) -> Answered<'_, Option<StoredMessage>>;

    /// Finds a message of a topic, or what is left of it.
    fn message(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        id: MessageId,
    ) -> Answered<'_, Option<Message>>;

    /// Gives the number of the newest of these messages, as far as they are the topic's, or what is left of them.
    fn newest_of(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        ids: Vec<MessageId>,
    ) -> Answered<'_, Option<Number>>;

    /// Lists messages of a topic.
    fn messages(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        slice: MessageSlice,
        limit: usize,
    ) -> Answered<'_, Vec<Message>>;

    /// Tells what a user has not read of each of some topics; nothing of those that they are not in.
    fn unread_messages(
        &self,
        tenant: &Tenant,
        user: &UserId,
        topics: Vec<TopicId>,
    ) -> Answered<'_, Vec<Option<Unread>>>;

    /// Tells how the members of a topic take part, by user id, after `after` (a user id, or empty).
    fn participation(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        after: String,
        limit: usize,
    ) -> Answered<'_, Vec<Participation>>;

    /// Takes away what is left of the messages of deleted topics, so many at most; tells how many.
    fn forget_messages(&self, now: Timestamp, limit: usize) -> Answered<'_, usize>;
}
