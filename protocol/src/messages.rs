//! Messages of a topic, and what a member has not read (S3, contract 4).

use std::collections::BTreeSet;

use landfall_core::feed::Number;
use landfall_core::id::{MessageId, UserId, check_id};
use landfall_core::message::{
    ATTACHMENTS_MAX, Message, MessageBody, MessageDraft, Participation, Unread,
};
use landfall_core::notify::FieldError;
use serde::{Deserialize, Serialize};

use crate::attachments::{AttachmentItem, AttachmentPut, read_attachments};
use crate::text::{FeedNumber, IdText, Time};

/// Messages that one request may name as read.
pub const MESSAGE_IDS_MAX: usize = 200;

/// Sends a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessagePost {
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

/// Changes a message; its files stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessagePatch {
    /// The words.
    #[serde(alias = "text")]
    pub message: String,
    /// Users whom it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<IdText>,
}

impl MessagePost {
    /// Reads what is said; its bounds are checked where it is sent.
    ///
    /// # Errors
    /// Every fault.
    pub fn read(self) -> Result<MessageDraft, Vec<FieldError>> {
        let Self { message, client_id, mentions, room_id, reply_to, attachments } = self;
        let mut faults = Vec::new();
        let mentions = read_mentions(&mentions, &mut faults);
        let attachments = read_attachments(attachments, ATTACHMENTS_MAX, &mut faults);
        let (client_id, room_id) = (client_id.map(|id| id.0), room_id.map(|id| id.0));
        for (pointer, text) in [("/client_id", &client_id), ("/room_id", &room_id)] {
            let fault = text.as_ref().and_then(|text| check_id(text).err());
            faults.extend(fault.map(|error| FieldError::new(pointer, error.to_string())));
        }
        let reply_to = reply_to.and_then(|id| {
            let read = MessageId::parse(&id);
            read.map_err(|error| faults.push(FieldError::new("/reply_to", error.to_string()))).ok()
        });
        if !faults.is_empty() {
            return Err(faults);
        }
        let body =
            MessageBody { text: message, mentions, room_id, reply_to, attachments: Vec::new() };
        Ok(MessageDraft { body, attachments, client_id })
    }
}

impl MessagePatch {
    /// Reads what is said from now on.
    ///
    /// # Errors
    /// Every fault.
    pub fn read(self) -> Result<MessageBody, Vec<FieldError>> {
        let mut faults = Vec::new();
        let mentions = read_mentions(&self.mentions, &mut faults);
        let body = MessageBody { text: self.message, mentions, ..MessageBody::default() };
        if faults.is_empty() { Ok(body) } else { Err(faults) }
    }
}

/// Reads users, each once, in their order.
fn read_mentions(mentions: &[IdText], faults: &mut Vec<FieldError>) -> Vec<UserId> {
    let mut named = BTreeSet::new();
    let mut users = Vec::with_capacity(mentions.len());
    for (index, id) in mentions.iter().enumerate() {
        match id.read(&format!("/mentions/{index}"), UserId::parse) {
            Ok(user) if named.insert(user.clone()) => users.push(user),
            Ok(_) => {}
            Err(fault) => faults.push(fault),
        }
    }
    users
}

/// A message, or what is left of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessageItem {
    /// Its name.
    pub id: String,
    /// Its topic.
    pub topic_id: String,
    /// The number on its topic's feed with which it was sent: messages are in this order.
    pub number: FeedNumber,
    /// The number of its last change.
    pub changed: FeedNumber,
    /// Who wrote it.
    pub sender_id: String,
    /// What the sender was called then.
    pub sender_name: Option<String>,
    /// What the sender's device called it.
    pub client_id: Option<String>,
    /// The words; empty once it was deleted.
    pub message: String,
    /// Users whom it names.
    pub mentions: Vec<String>,
    /// A label.
    pub room_id: Option<String>,
    /// The message that it answers.
    pub reply_to: Option<String>,
    /// Files that it carries; none once it was deleted.
    pub attachments: Vec<AttachmentItem>,
    /// When it was sent.
    pub created_at: Time,
    /// When it was last changed, if it was.
    pub edited_at: Option<Time>,
    /// Whether it was deleted.
    pub deleted: bool,
}

impl From<&Message> for MessageItem {
    fn from(message: &Message) -> Self {
        let MessageBody { text, mentions, room_id, reply_to, attachments } = &message.body;
        Self {
            id: message.id.to_string(),
            topic_id: message.topic.to_string(),
            number: FeedNumber(message.number),
            changed: FeedNumber(message.changed),
            sender_id: message.sender.to_string(),
            sender_name: message.sender_name.clone(),
            client_id: message.client_id.clone(),
            message: text.clone(),
            mentions: mentions.iter().map(ToString::to_string).collect(),
            room_id: room_id.clone(),
            reply_to: reply_to.map(|id| id.to_string()),
            attachments: attachments.iter().map(AttachmentItem::from).collect(),
            created_at: Time(message.created_at),
            edited_at: message.edited_at.map(Time),
            deleted: message.is_deleted,
        }
    }
}

/// Says up to where the caller has read; everything where neither is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ReadPost {
    /// Up to this `number`.
    #[serde(alias = "upTo", skip_serializing_if = "Option::is_none")]
    pub up_to: Option<FeedNumber>,
    /// Up to the last of these messages.
    #[serde(alias = "messageIds", skip_serializing_if = "Vec::is_empty")]
    pub message_ids: Vec<String>,
}

impl ReadPost {
    /// Reads up to where.
    ///
    /// # Errors
    /// Every fault.
    pub fn read(self) -> Result<(Option<Number>, Vec<MessageId>), Vec<FieldError>> {
        let Self { up_to, message_ids } = self;
        if message_ids.len() > MESSAGE_IDS_MAX {
            let detail = format!("must name at most {MESSAGE_IDS_MAX} messages");
            return Err(vec![FieldError::new("/message_ids", detail)]);
        }
        let mut faults = Vec::new();
        let mut read = |(index, id): (usize, String)| {
            let fault = |error: landfall_core::id::IdError| {
                FieldError::new(&format!("/message_ids/{index}"), error.to_string())
            };
            MessageId::parse(&id).map_err(|error| faults.push(fault(error))).ok()
        };
        let ids = message_ids.into_iter().enumerate().filter_map(&mut read).collect();
        if faults.is_empty() { Ok((up_to.map(|up_to| up_to.0), ids)) } else { Err(faults) }
    }
}

/// What a member of a topic has not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UnreadAnswer {
    /// Others' messages that the caller has not read, 1,000 at most.
    pub unread_count: u64,
    /// Whether there are more.
    pub capped: bool,
    /// Up to this number of the topic's feed everything is read.
    pub read_up_to: FeedNumber,
}

impl From<Unread> for UnreadAnswer {
    fn from(Unread { count, is_capped, read_up_to }: Unread) -> Self {
        Self { unread_count: count, capped: is_capped, read_up_to: FeedNumber(read_up_to) }
    }
}

/// How a member takes part in a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ParticipationItem {
    /// Who.
    pub user_id: String,
    /// How many messages of theirs are there.
    pub messages: u64,
    /// When they wrote the last one of them.
    pub last_message_at: Option<Time>,
    /// Others' messages that they have not read, 1,000 at most.
    pub unread_count: u64,
    /// Whether there are more.
    pub capped: bool,
    /// Up to this number of the topic's feed they have read everything.
    pub read_up_to: FeedNumber,
}

impl From<&Participation> for ParticipationItem {
    fn from(one: &Participation) -> Self {
        let UnreadAnswer { unread_count, capped, read_up_to } = one.unread.into();
        Self {
            user_id: one.user.to_string(),
            messages: one.messages,
            last_message_at: one.last_message_at.map(Time),
            unread_count,
            capped,
            read_up_to,
        }
    }
}
