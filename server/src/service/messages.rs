//! Messages of topics: who may write, change and read them, and what a member has not read (contract 4).

use std::sync::Arc;

use landfall_core::attachment::AttachmentDraft;
use landfall_core::audit::{Action, Entity, Hash, digest};
use landfall_core::auth::Caller;
use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::{MessageId, TopicId};
use landfall_core::json::{Object, Value};
use landfall_core::message::{Message, MessageBody, MessageDraft, Participation, Unread};
use landfall_core::topic::{MemberRole, TopicAction};
use landfall_store::{Guard, MessageSlice, Outcome, StoreError, Unit, Write};
use serde_json::json;

use super::revocations::unit_of;
use super::topics::still;
use super::{ServiceError, Services, deciding};

/// What sending did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentMessage {
    /// The message as it is now.
    pub message: Message,
    /// Whether it was not there before.
    pub is_new: bool,
}

/// What a device missed of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// Messages that changed, oldest change first.
    pub messages: Vec<Message>,
    /// Whether it was more than is given, and so nothing is.
    pub is_cut: bool,
    /// Up to here nothing is missing but what was cut.
    pub up_to: Number,
}

const NOT_THERE: ServiceError = ServiceError::NotFound("message");

impl Services {
    /// Sends a message, once for each name that its device gives.
    ///
    /// # Errors
    /// `Invalid`, also for a blob that is not there or that the caller may not read;
    /// `NotFound` for a private topic that the caller is not in, `Forbidden` for a public one;
    /// `Conflict` where the device called another message so.
    pub async fn send_message(
        &self,
        caller: &Caller,
        topic: &TopicId,
        draft: &MessageDraft,
    ) -> Result<SentMessage, ServiceError> {
        draft.check(self.settings.notify.message_chars).map_err(ServiceError::Invalid)?;
        let digest = said(draft);
        deciding(|| async move {
            self.allowed(caller, topic, TopicAction::WriteMessages).await?;
            if let Some(sent) = self.sent_before(caller, topic, draft, digest).await? {
                return Ok(sent);
            }
            let attachments = self.attachments(caller, &draft.attachments).await?;
            let body = MessageBody { attachments, ..draft.body.clone() };
            let message = self.new_message(caller, topic, (body, draft.client_id.clone()));
            let mut unit = self.unit_of_member(caller, topic);
            let stored = Box::new(message.clone());
            unit.writes.push(Write::SendMessage { message: stored, digest });
            let number = numbered(&self.commit(unit).await?.outcomes)?;
            let message = Message { number, changed: number, ..message };
            Ok(SentMessage { message, is_new: true })
        })
        .await
    }

    async fn sent_before(
        &self,
        caller: &Caller,
        topic: &TopicId,
        draft: &MessageDraft,
        digest: Hash,
    ) -> Result<Option<SentMessage>, ServiceError> {
        let Some(client_id) = &draft.client_id else { return Ok(None) };
        let of = (topic.clone(), caller.user.clone());
        let found = self.store.message_of_client(&caller.tenant, of, client_id.clone()).await?;
        match found {
            None => Ok(None),
            Some(found) if found.digest == digest => {
                Ok(Some(SentMessage { message: found.message, is_new: false }))
            }
            Some(_) => {
                let detail = "another message of yours in this topic has this client_id";
                Err(ServiceError::Conflict(detail.into()))
            }
        }
    }

    fn new_message(
        &self,
        caller: &Caller,
        topic: &TopicId,
        (body, client_id): (MessageBody, Option<String>),
    ) -> Message {
        let at = self.now();
        Message {
            id: self.ids.message(at),
            topic: topic.clone(),
            number: Number::ZERO,
            changed: Number::ZERO,
            sender: caller.user.clone(),
            sender_name: caller.name.clone(),
            client_id,
            body,
            created_at: at,
            edited_at: None,
            is_deleted: false,
        }
    }

    /// Begins a unit on condition that the caller is still a member.
    pub(super) fn unit_of_member(&self, caller: &Caller, topic: &TopicId) -> Unit {
        let mut unit = unit_of(caller);
        let user = caller.user.clone();
        unit.guards.push(Guard::MemberAtLeast(topic.clone(), user, MemberRole::Member));
        unit
    }

    /// Finds a message that is there.
    async fn found_message(
        &self,
        caller: &Caller,
        topic: &TopicId,
        id: MessageId,
    ) -> Result<Message, ServiceError> {
        let found = self.store.message(&caller.tenant, topic, id).await?;
        found.filter(|message| !message.is_deleted).ok_or(NOT_THERE)
    }

    /// Changes the words and the mentions of a message; only its sender may, while they are in the topic.
    ///
    /// # Errors
    /// `Invalid`; `NotFound`; `Forbidden` for anybody else.
    pub async fn edit_message(
        &self,
        caller: &Caller,
        topic: &TopicId,
        id: MessageId,
        body: &MessageBody,
    ) -> Result<Message, ServiceError> {
        deciding(|| async move {
            self.allowed(caller, topic, TopicAction::WriteMessages).await?;
            let there = self.found_message(caller, topic, id).await?;
            if there.sender != caller.user {
                return Err(ServiceError::Forbidden("only its sender may change it".into()));
            }
            let MessageBody { text, mentions, .. } = body.clone();
            let body = MessageBody { text, mentions, ..there.body.clone() };
            let checked = body.check(self.settings.notify.message_chars, body.attachments.len());
            checked.map_err(ServiceError::Invalid)?;
            if body == there.body {
                return Ok(there);
            }
            let next = Message { body, edited_at: Some(self.now()), ..there.clone() };
            let unit = self.unit_of_member(caller, topic);
            self.change_message(caller, (unit, Action::MessageChanged), there.changed, next).await
        })
        .await
    }

    /// Deletes a message; its sender may, and whoever teaches the topic.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden`.
    pub async fn delete_message(
        &self,
        caller: &Caller,
        topic: &TopicId,
        id: MessageId,
    ) -> Result<(), ServiceError> {
        deciding(|| async move {
            self.allowed(caller, topic, TopicAction::ReadMessages).await?;
            let there = self.found_message(caller, topic, id).await?;
            let unit = if there.sender == caller.user {
                self.allowed(caller, topic, TopicAction::WriteMessages).await?;
                self.unit_of_member(caller, topic)
            } else {
                self.allowed(caller, topic, TopicAction::Moderate).await?;
                let mut unit = unit_of(caller);
                unit.guards.push(Guard::TopicThere(topic.clone()));
                unit.guards.extend(still(caller, topic, MemberRole::Teacher));
                unit
            };
            let from = there.changed;
            let at = Some(self.now());
            let body = MessageBody::default();
            let next = Message { body, edited_at: at, is_deleted: true, ..there };
            self.change_message(caller, (unit, Action::MessageDeleted), from, next).await?;
            Ok(())
        })
        .await
    }

    async fn change_message(
        &self,
        caller: &Caller,
        (mut unit, action): (Unit, Action),
        from: Number,
        next: Message,
    ) -> Result<Message, ServiceError> {
        let entity = Entity::Other("message", next.id.to_string());
        let metadata =
            json!({ "topic_id": next.topic.as_str(), "sender_id": next.sender.as_str() });
        unit.audit.push(self.entry(caller, action, entity, metadata));
        unit.writes.push(Write::ChangeMessage { message: Box::new(next.clone()), from });
        let changed = numbered(&self.commit(unit).await?.outcomes)?;
        Ok(Message { changed, ..next })
    }

    /// Gives a message.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` for a public topic that the caller is not in.
    pub async fn message(
        &self,
        caller: &Caller,
        topic: &TopicId,
        id: MessageId,
    ) -> Result<Message, ServiceError> {
        self.allowed(caller, topic, TopicAction::ReadMessages).await?;
        self.found_message(caller, topic, id).await
    }

    /// Lists messages of a topic.
    ///
    /// # Errors
    /// As [`Services::message`].
    pub async fn messages(
        &self,
        caller: &Caller,
        topic: &TopicId,
        slice: MessageSlice,
        limit: usize,
    ) -> Result<Vec<Message>, ServiceError> {
        self.allowed(caller, topic, TopicAction::ReadMessages).await?;
        Ok(self.store.messages(&caller.tenant, topic, slice, limit).await?)
    }

    /// Tells where a topic stands, for who joins its room: its head, and what is not read.
    ///
    /// # Errors
    /// As [`Services::message`].
    pub async fn topic_stands(
        &self,
        caller: &Caller,
        topic: &TopicId,
    ) -> Result<(Number, Unread), ServiceError> {
        self.allowed(caller, topic, TopicAction::ReadMessages).await?;
        let head = self.topic_head(caller, topic).await?;
        let unread = self.counted_unread(caller, vec![topic.clone()]).await?;
        let nothing = Unread { read_up_to: head, ..Unread::default() };
        Ok((head, unread.into_iter().next().flatten().unwrap_or(nothing)))
    }

    /// Gives what changed behind a number, `limit` messages at most; where it was more, none of them.
    ///
    /// # Errors
    /// As [`Services::message`].
    pub async fn missed_messages(
        &self,
        caller: &Caller,
        topic: &TopicId,
        had: Number,
        limit: usize,
    ) -> Result<Missed, ServiceError> {
        self.allowed(caller, topic, TopicAction::ReadMessages).await?;
        // Before the rows, so that nothing up to it is missing.
        let head = self.topic_head(caller, topic).await?;
        let slice = MessageSlice::ChangedAfter(had);
        let messages =
            self.store.messages(&caller.tenant, topic, slice, limit.saturating_add(1)).await?;
        if messages.len() > limit {
            return Ok(Missed { messages: Vec::new(), is_cut: true, up_to: head });
        }
        let last = messages.last().map_or(head, |message| message.changed);
        Ok(Missed { messages, is_cut: false, up_to: head.max(last) })
    }

    pub(super) async fn topic_head(
        &self,
        caller: &Caller,
        topic: &TopicId,
    ) -> Result<Number, ServiceError> {
        let feed = Arc::new(FeedKey::topic(&caller.tenant, topic));
        let heads = self.store.heads(vec![feed]).await?;
        Ok(heads.first().map(|head| head.newest).unwrap_or_default())
    }

    /// Tells how the members of a topic take part, by user id, after `after`; for who teaches it.
    ///
    /// # Errors
    /// `Forbidden`; `NotFound`.
    pub async fn participation(
        &self,
        caller: &Caller,
        topic: &TopicId,
        after: String,
        limit: usize,
    ) -> Result<Vec<Participation>, ServiceError> {
        self.allowed(caller, topic, TopicAction::Moderate).await?;
        Ok(self.store.participation(&caller.tenant, topic, after, limit).await?)
    }

    /// Takes away what is left of the messages of deleted topics, so many at most; tells how many.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn forget_messages(&self, limit: usize) -> Result<usize, ServiceError> {
        Ok(self.store.forget_messages(self.now(), limit).await?)
    }
}

fn numbered(outcomes: &[Outcome]) -> Result<Number, ServiceError> {
    match outcomes.last() {
        Some(Outcome::Numbered(number)) => Ok(*number),
        _ => Err(ServiceError::Store(StoreError::Stale)),
    }
}

/// Digests what a device said.
fn said(draft: &MessageDraft) -> Hash {
    let text = |text: &str| Value::Text(text.to_owned());
    let MessageBody { text: words, mentions, room_id, reply_to, attachments: _ } = &draft.body;
    let files = draft.attachments.iter().map(file_said).collect();
    let mentions = mentions.iter().map(|user| text(user.as_str())).collect();
    let members = [
        ("attachments", (!draft.attachments.is_empty()).then_some(Value::List(files))),
        ("mentions", Some(Value::List(mentions))),
        ("message", Some(text(words))),
        ("reply_to", reply_to.as_ref().map(|id| text(&id.to_string()))),
        ("room_id", room_id.as_deref().map(text)),
    ];
    let there = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    digest(Value::Object(there.collect::<Object>()).canonical().as_bytes())
}

fn file_said(file: &AttachmentDraft) -> Value {
    let AttachmentDraft { hash, name, media_type, bytes } = file;
    let members = [
        ("bytes", bytes.map(|bytes| bytes.to_string())),
        ("name", Some(name.clone())),
        ("sha256", Some(hash.to_string())),
        ("type", media_type.clone()),
    ];
    let there = members.into_iter().filter_map(|(name, text)| Some((name, Value::Text(text?))));
    Value::Object(there.map(|(name, value)| (name.to_owned(), value)).collect())
}
