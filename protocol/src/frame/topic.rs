//! Topics over a socket, and who is there: what a client asks, and what it is told (S3, contract 4).
//!
//! `{"type", "payload"}`, and the client's `ref` with whatever answers it. A frame with a `number` of a topic's
//! feed comes in the order of these; one that was missed is read again, or told by `topic_gap`.

use landfall_core::feed::Number;
use landfall_core::following::Told;
use landfall_core::id::{TopicId, UserId};
use landfall_core::message::{Message, Unread};
use landfall_core::notify::FieldError;
use landfall_core::presence::Status;
use landfall_core::topic::Topic;
use serde::{Deserialize, Serialize};

use super::Reference;
use crate::attachments::AttachmentPut;
use crate::messages::{MessageItem, MessagePost, ReadPost, UnreadAnswer};
use crate::presence::StatusItem;
use crate::text::{FeedNumber, IdText, Time};

/// Joins a topic's room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JoinTopic {
    /// Which.
    #[serde(alias = "topicId")]
    pub topic_id: IdText,
    /// The last number of its feed that the device has: what changed since then comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<FeedNumber>,
}

/// Leaves a topic's room; one stays a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeaveTopic {
    /// Which.
    #[serde(alias = "topicId")]
    pub topic_id: IdText,
}

/// Sends a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SendMessage {
    /// Where.
    #[serde(alias = "topicId")]
    pub topic_id: IdText,
    /// The words; may be absent beside attachments.
    #[serde(default, alias = "text")]
    pub message: String,
    /// What the device calls it: sent again under this name it is the same message. At most 128 characters.
    #[serde(default, alias = "clientId", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<IdText>,
    /// Users whom it names; members among them are told so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<IdText>,
    /// A label that is stored and echoed.
    #[serde(default, alias = "roomId", skip_serializing_if = "Option::is_none")]
    pub room_id: Option<IdText>,
    /// The message that it answers.
    #[serde(default, alias = "replyTo", skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Files that it carries, 10 at most; uploaded before, by the sender or where the sender may read them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<AttachmentPut>,
}

impl From<SendMessage> for MessagePost {
    fn from(ask: SendMessage) -> Self {
        let SendMessage {
            topic_id: _,
            message,
            client_id,
            mentions,
            room_id,
            reply_to,
            attachments,
        } = ask;
        Self { message, client_id, mentions, room_id, reply_to, attachments }
    }
}

/// Says up to where one has read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MarkAsRead {
    /// Where.
    #[serde(alias = "topicId")]
    pub topic_id: IdText,
    /// Up to this `number`.
    #[serde(default, alias = "upTo", skip_serializing_if = "Option::is_none")]
    pub up_to: Option<FeedNumber>,
    /// Up to the last of these messages; everything where neither is given.
    #[serde(default, alias = "messageIds", skip_serializing_if = "Vec::is_empty")]
    pub message_ids: Vec<String>,
}

impl From<MarkAsRead> for ReadPost {
    fn from(ask: MarkAsRead) -> Self {
        let MarkAsRead { topic_id: _, up_to, message_ids } = ask;
        Self { up_to, message_ids }
    }
}

/// What a client asks about a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicAsk {
    /// Joins its room.
    Join(JoinTopic),
    /// Leaves its room.
    Leave(LeaveTopic),
    /// Sends a message.
    Send(Box<SendMessage>),
    /// Says up to where one has read.
    Read(MarkAsRead),
}

impl TopicAsk {
    /// Names the topic.
    ///
    /// # Errors
    /// What is wrong with its name.
    pub fn topic(&self) -> Result<TopicId, FieldError> {
        let id = match self {
            Self::Join(ask) => &ask.topic_id,
            Self::Leave(ask) => &ask.topic_id,
            Self::Send(ask) => &ask.topic_id,
            Self::Read(ask) => &ask.topic_id,
        };
        id.read("/topic_id", TopicId::parse)
    }
}

/// A topic whose room one has joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopicJoined {
    /// Which.
    pub topic_id: String,
    /// The highest number of its feed.
    pub head: FeedNumber,
    /// Others' messages that are not read, 1,000 at most.
    pub unread_count: u64,
    /// Whether there are more.
    pub capped: bool,
    /// Up to this number everything is read.
    pub read_up_to: FeedNumber,
}

impl TopicJoined {
    /// Tells where a topic stands.
    pub fn new(topic: &TopicId, head: Number, unread: Unread) -> Self {
        let UnreadAnswer { unread_count, capped, read_up_to } = unread.into();
        let (topic_id, head) = (topic.to_string(), FeedNumber(head));
        Self { topic_id, head, unread_count, capped, read_up_to }
    }
}

/// A topic whose room one has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopicLeft {
    /// Which.
    pub topic_id: String,
    /// `left`, as the client asked, or `not_a_member` any more.
    pub reason: String,
}

/// Numbers of a topic's feed that were left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopicGap {
    /// Of which topic.
    pub topic_id: String,
    /// The client's number.
    pub from: FeedNumber,
    /// The last number left out; its history returns them by `after`.
    pub to: FeedNumber,
}

/// Somebody has read on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessagesRead {
    /// In which topic.
    pub topic_id: String,
    /// Who.
    pub user_id: String,
    /// Up to this number of its feed.
    pub read_up_to: FeedNumber,
}

/// What a member has not read of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopicRead {
    /// Which.
    pub topic_id: String,
    /// Others' messages that are not read, 1,000 at most.
    pub unread_count: u64,
    /// Whether there are more.
    pub capped: bool,
    /// Up to this number everything is read.
    pub read_up_to: FeedNumber,
}

impl TopicRead {
    /// Tells what is left.
    pub fn new(topic: &TopicId, unread: Unread) -> Self {
        let UnreadAnswer { unread_count, capped, read_up_to } = unread.into();
        Self { topic_id: topic.to_string(), unread_count, capped, read_up_to }
    }
}

/// A message was sent in a room that one has not joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessageAlert {
    /// In which topic.
    pub topic_id: String,
    /// What people call it.
    pub topic_title: String,
    /// The message's label.
    pub room_id: Option<String>,
    /// Which message.
    pub message_id: String,
    /// Its number.
    pub number: FeedNumber,
    /// Who wrote it.
    pub sender_id: String,
    /// What they were called then.
    pub sender_name: Option<String>,
    /// Its beginning, 100 characters at most.
    pub preview: String,
    /// When it was sent.
    pub created_at: Time,
}

/// Many came and went: whatever was told of users may not hold any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PresenceReset {
    /// Ask anew for those whom you show, at a random moment within so many milliseconds.
    pub within_ms: u64,
}

/// What the server says of topics and of who is there; its `type` is a reserved name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", content = "payload", rename_all = "snake_case")]
pub enum TopicFrame {
    /// Answers `join_topic`.
    TopicJoined(TopicJoined),
    /// Answers `leave_topic`, or tells that one may not read it any more.
    TopicLeft(TopicLeft),
    /// Answers `send_message`.
    MessageSent(Box<MessageItem>),
    /// Answers `mark_as_read`.
    TopicRead(TopicRead),
    /// A message was sent, by whomever.
    NewMessage(Box<MessageItem>),
    /// A message was changed by its sender.
    MessageChanged(Box<MessageItem>),
    /// A message was deleted: what is left of it.
    MessageDeleted(Box<MessageItem>),
    /// More was missed than is sent again.
    TopicGap(TopicGap),
    /// A member has read on.
    MessagesRead(MessagesRead),
    /// A message was sent in a room that one has not joined.
    GlobalMessageAlert(MessageAlert),
    /// Somebody came or went.
    UserStatusChange(StatusItem),
    /// Many did.
    PresenceReset(PresenceReset),
}

impl TopicFrame {
    /// The `type` of every frame about topics.
    pub const TYPES: [&str; 12] = [
        "global_message_alert",
        "message_changed",
        "message_deleted",
        "message_sent",
        "messages_read",
        "new_message",
        "presence_reset",
        "topic_gap",
        "topic_joined",
        "topic_left",
        "topic_read",
        "user_status_change",
    ];

    /// Names the frame: its `type`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TopicJoined(_) => "topic_joined",
            Self::TopicLeft(_) => "topic_left",
            Self::MessageSent(_) => "message_sent",
            Self::TopicRead(_) => "topic_read",
            Self::NewMessage(_) => "new_message",
            Self::MessageChanged(_) => "message_changed",
            Self::MessageDeleted(_) => "message_deleted",
            Self::TopicGap(_) => "topic_gap",
            Self::MessagesRead(_) => "messages_read",
            Self::GlobalMessageAlert(_) => "global_message_alert",
            Self::UserStatusChange(_) => "user_status_change",
            Self::PresenceReset(_) => "presence_reset",
        }
    }

    /// Tells of a message; nothing to those for whom it came and went.
    pub fn of_message(message: &Message, told: Told) -> Option<Self> {
        let item = || Box::new(MessageItem::from(message));
        Some(match told {
            Told::New => Self::NewMessage(item()),
            Told::Changed => Self::MessageChanged(item()),
            Told::Deleted => Self::MessageDeleted(item()),
            Told::Nothing => return None,
        })
    }

    /// Tells of a message in a room that one has not joined.
    pub fn alert(topic: &Topic, message: &Message) -> Self {
        Self::GlobalMessageAlert(MessageAlert {
            topic_id: topic.id.to_string(),
            topic_title: topic.title.clone(),
            room_id: message.body.room_id.clone(),
            message_id: message.id.to_string(),
            number: FeedNumber(message.number),
            sender_id: message.sender.to_string(),
            sender_name: message.sender_name.clone(),
            preview: message.body.preview(),
            created_at: Time(message.created_at),
        })
    }

    /// Tells that somebody came or went.
    pub fn of_status(user: &UserId, status: Status) -> Self {
        Self::UserStatusChange(StatusItem::new(user, status))
    }

    /// Tells that many did, and within how many milliseconds to ask anew.
    pub const fn presence_reset(within_ms: u64) -> Self {
        Self::PresenceReset(PresenceReset { within_ms })
    }

    /// Tells that one is not in a topic's room any more.
    pub fn left(topic: &TopicId, reason: &str) -> Self {
        Self::TopicLeft(TopicLeft { topic_id: topic.to_string(), reason: reason.to_owned() })
    }

    /// Writes the payload alone: one JSON object.
    pub fn payload(&self) -> Vec<u8> {
        const NEVER_FAILS: &str = "strings and numbers can be written as JSON";
        let json = match self {
            Self::TopicJoined(payload) => serde_json::to_vec(payload),
            Self::TopicLeft(payload) => serde_json::to_vec(payload),
            Self::TopicRead(payload) => serde_json::to_vec(payload),
            Self::TopicGap(payload) => serde_json::to_vec(payload),
            Self::MessagesRead(payload) => serde_json::to_vec(payload),
            Self::GlobalMessageAlert(payload) => serde_json::to_vec(payload),
            Self::UserStatusChange(payload) => serde_json::to_vec(payload),
            Self::PresenceReset(payload) => serde_json::to_vec(payload),
            Self::MessageSent(payload)
            | Self::NewMessage(payload)
            | Self::MessageChanged(payload)
            | Self::MessageDeleted(payload) => serde_json::to_vec(payload),
        };
        json.expect(NEVER_FAILS)
    }

    /// Writes the frame, with the client's mark where it answers.
    pub fn encode(&self, reference: Option<&Reference>) -> Vec<u8> {
        #[derive(Serialize)]
        struct Answer<'a> {
            #[serde(flatten)]
            frame: &'a TopicFrame,
            #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
            reference: Option<&'a Reference>,
        }
        let answer = Answer { frame: self, reference };
        serde_json::to_vec(&answer).expect("strings and numbers can be written as JSON")
    }
}
