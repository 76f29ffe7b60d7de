//! Up to where members have read: as they say, and as their sockets confirm (contract 4).

use landfall_core::audit::{Action, Details, Entity};
use landfall_core::auth::Caller;
use landfall_core::feed::Number;
use landfall_core::id::{MessageId, Tenant, TopicId, UserId};
use landfall_core::message::Unread;
use landfall_core::notify::FieldError;
use landfall_core::topic::TopicAction;
use landfall_store::{AuditDraft, Unit, Write};
use serde_json::json;

use super::{ServiceError, Services, deciding};

/// Up to where a member says they have read: up to a number, or some messages; else everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadAsk {
    /// Up to this number of the topic's feed.
    pub up_to: Option<Number>,
    /// Up to the last of these.
    pub messages: Vec<MessageId>,
}

/// A socket has what was sent to a room that it has joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOn {
    /// Of which tenant.
    pub tenant: Tenant,
    /// Which topic's.
    pub topic: TopicId,
    /// Whose it is.
    pub user: UserId,
    /// Up to this number.
    pub up_to: Number,
}

/// Marks that are moved on by one commit.
const TOGETHER: usize = 256;

impl Services {
    /// Notes up to where the caller has read; tells what is left.
    ///
    /// # Errors
    /// As [`Services::send_message`]; `Invalid` where none of the messages that are named is the topic's.
    pub async fn read_messages(
        &self,
        caller: &Caller,
        topic: &TopicId,
        ask: &ReadAsk,
    ) -> Result<Unread, ServiceError> {
        deciding(|| async move {
            self.allowed(caller, topic, TopicAction::WriteMessages).await?;
            let up_to = self.up_to(caller, topic, ask).await?;
            let mut unit = self.unit_of_member(caller, topic);
            let (tenant, user) = (caller.tenant.clone(), caller.user.clone());
            let read = ReadOn { tenant, topic: topic.clone(), user, up_to };
            self.note_read(&[read], &mut unit).await?;
            self.commit(unit).await?;
            let unread = self.counted_unread(caller, vec![topic.clone()]).await?;
            unread.into_iter().next().flatten().ok_or(ServiceError::NotFound("topic"))
        })
        .await
    }

    /// Puts into a unit that members of its tenant have read on, and with it the notifications that told them of it.
    async fn note_read(&self, read: &[ReadOn], unit: &mut Unit) -> Result<(), ServiceError> {
        let at = self.now();
        let members = read.iter().map(|one| (one.topic.clone(), one.user.clone())).collect();
        let told_by = self.store.told_by(&unit.tenant, members).await?;
        for (ReadOn { topic, user, up_to, .. }, told_by) in read.iter().zip(told_by) {
            if let Some((id, _)) = told_by.filter(|(_, told)| told <= up_to) {
                let metadata = json!({ "topic_id": topic.as_str() }).to_string();
                let details = Details { actor: Some(user.clone()), target: None, metadata };
                unit.audit.push(AuditDraft {
                    at,
                    action: Action::NotificationRead,
                    entity: Entity::Notification(id),
                    details: self.ids.salted(details),
                });
                unit.writes.push(Write::MarkRead { user: user.clone(), id, at });
            }
            let (topic, user) = (topic.clone(), user.clone());
            unit.writes.push(Write::ReadMessages { topic, user, up_to: *up_to });
        }
        Ok(())
    }

    async fn up_to(
        &self,
        caller: &Caller,
        topic: &TopicId,
        ask: &ReadAsk,
    ) -> Result<Number, ServiceError> {
        let mut up_to = ask.up_to;
        if !ask.messages.is_empty() {
            let named = ask.messages.clone();
            up_to = up_to.max(self.store.newest_of(&caller.tenant, topic, named).await?);
        }
        if up_to.is_none() && !ask.messages.is_empty() {
            let detail = "must name messages of this topic";
            return Err(ServiceError::Invalid(vec![FieldError::new("/message_ids", detail)]));
        }
        let newest = self.topic_head(caller, topic).await?;
        Ok(up_to.map_or(newest, |up_to| up_to.min(newest)))
    }

    /// Notes what sockets have, each as often as it is said; many marks cost one commit.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn record_read(&self, mut read: Vec<ReadOn>) -> Result<(), ServiceError> {
        // In one order for all nodes, so that no two wait for each other.
        let by_name = |a: &ReadOn, b: &ReadOn| {
            (&a.tenant, &a.topic, &a.user).cmp(&(&b.tenant, &b.topic, &b.user))
        };
        read.sort_unstable_by(by_name);
        for of_tenant in read.chunk_by(|a, b| a.tenant == b.tenant) {
            for some in of_tenant.chunks(TOGETHER) {
                self.record_together(some).await?;
            }
        }
        Ok(())
    }

    async fn record_together(&self, read: &[ReadOn]) -> Result<(), ServiceError> {
        let Some(first) = read.first() else { return Ok(()) };
        deciding(|| async move {
            let mut unit = Unit::new(&first.tenant);
            self.note_read(read, &mut unit).await?;
            Ok(self.commit(unit).await.map(drop)?)
        })
        .await
    }

    /// Tells what the caller has not read of each of some topics: nothing of one whose room a device of theirs
    /// has joined.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn unread_messages(
        &self,
        caller: &Caller,
        topics: Vec<TopicId>,
    ) -> Result<Vec<Option<Unread>>, ServiceError> {
        let mut unread = self.counted_unread(caller, topics.clone()).await?;
        for (unread, topic) in unread.iter_mut().zip(&topics) {
            if let Some(unread) = unread.as_mut().filter(|unread| unread.count > 0)
                && self.connections.has_joined(&caller.tenant, &caller.user, topic)
            {
                *unread = Unread { read_up_to: unread.read_up_to, ..Unread::default() };
            }
        }
        Ok(unread)
    }

    /// Tells what is behind the caller's marks.
    pub(super) async fn counted_unread(
        &self,
        caller: &Caller,
        topics: Vec<TopicId>,
    ) -> Result<Vec<Option<Unread>>, ServiceError> {
        Ok(self.store.unread_messages(&caller.tenant, &caller.user, topics).await?)
    }
}
