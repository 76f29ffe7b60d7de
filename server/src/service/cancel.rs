//! Taking back what was sent: a notification or a whole send, and, where asked, out of the inboxes.
//!
//! Nothing is searched for in the outbox: a delivery is looked at again when it is due, and finds
//! that it was taken back.

use futures_util::{StreamExt as _, stream};
use landfall_core::audit::{Action, Entity};
use landfall_core::auth::{Caller, Scope};
use landfall_core::id::{NotificationId, SendId, UserId};
use landfall_core::notification::Content;
use landfall_core::time::Timestamp;
use landfall_store::{SendTo, Standing, StoreError, StoredSend, Unit, Write};
use serde_json::json;
use uuid::Uuid;

use super::revocations::unit_of;
use super::sent::Sent;
use super::tally::Tally;
use super::{ServiceError, Services, deciding};

/// Notifications of a send that one round of a recall deletes.
const RECALL_CHUNK: usize = 100;
/// Deletions at the same time.
const AT_ONCE: usize = 32;
/// Sends whose recall goes on in one round.
const RECALLS_PER_ROUND: usize = 16;

/// Whether what was taken back also leaves the inboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// What has not gone out stays in.
    Outgoing,
    /// And it is deleted from the inbox.
    InboxToo,
}

/// What was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canceled {
    /// One notification.
    Notification(NotificationId),
    /// A send; a recall of its notifications follows.
    Send(SendId),
}

impl Services {
    /// Takes back a notification, or a send, by its id. Once more changes nothing.
    ///
    /// # Errors
    /// `NotFound` unless it is there and the caller sent it, or is an admin.
    pub async fn cancel(
        &self,
        caller: &Caller,
        id: Uuid,
        reach: Reach,
    ) -> Result<Canceled, ServiceError> {
        deciding(|| async move {
            let sent = self.sent(&caller.tenant, id).await?;
            match sent.ok_or(ServiceError::NotFound("notification or send"))? {
                Sent::Notification(standing) => {
                    require_sender(caller, &standing.notification.content, "notification")?;
                    self.cancel_one(caller, &standing, reach).await?;
                    Ok(Canceled::Notification(standing.notification.id))
                }
                Sent::Waiting(id, send) => {
                    require_sender(caller, &send.content, "notification")?;
                    self.cancel_waiting(caller, id, &send).await?;
                    Ok(Canceled::Notification(id))
                }
                Sent::Digested(send) => {
                    require_sender(caller, &send.content, "notification")?;
                    Err(ServiceError::Conflict("it went out in a digest".into()))
                }
                Sent::Many(send) => {
                    require_sender(caller, &send.content, "send")?;
                    self.cancel_send(caller, &send, reach).await?;
                    Ok(Canceled::Send(send.id))
                }
            }
        })
        .await
    }

    async fn cancel_one(
        &self,
        caller: &Caller,
        standing: &Standing,
        reach: Reach,
    ) -> Result<(), ServiceError> {
        let notification = &standing.notification;
        let (id, user) = (notification.id, &notification.user);
        let mut unit = unit_of(caller);
        let entity = || Entity::Notification(id);
        if standing.canceled_at.is_none() {
            unit.writes.push(Write::Cancel { user: user.clone(), id, at: self.now() });
            let action = Action::NotificationCanceled;
            unit.audit.push(self.entry(caller, action, entity(), json!({})));
        }
        if reach == Reach::InboxToo && !notification.deleted {
            unit.writes.push(Write::Delete { user: user.clone(), id });
            let action = Action::NotificationDeleted;
            unit.audit.push(self.entry(caller, action, entity(), json!({ "recall": true })));
        }
        if !unit.writes.is_empty() {
            self.commit(unit).await?;
        }
        Ok(())
    }

    /// Takes a notification back before it goes out: no inbox has it yet. `Stale` where it just went.
    async fn cancel_waiting(
        &self,
        caller: &Caller,
        id: NotificationId,
        send: &StoredSend,
    ) -> Result<(), ServiceError> {
        let SendTo::One(user, ..) = &send.to else { return Ok(()) };
        if send.canceled_at.is_some() {
            return Ok(());
        }
        let mut unit = unit_of(caller);
        unit.writes.push(Write::CancelSend { id: send.id, at: self.now(), recalls: false });
        let (action, entity) = (Action::NotificationCanceled, Entity::Notification(id));
        unit.audit.push(self.entry_about(caller, user, action, entity, json!({})));
        self.commit(unit).await?;
        Ok(())
    }

    async fn cancel_send(
        &self,
        caller: &Caller,
        send: &StoredSend,
        reach: Reach,
    ) -> Result<(), ServiceError> {
        let recalls = reach == Reach::InboxToo;
        let mut unit = unit_of(caller);
        unit.writes.push(Write::CancelSend { id: send.id, at: self.now(), recalls });
        let entity = Entity::Other("send", send.id.to_string());
        let action = Action::SendCanceled;
        unit.audit.push(self.entry(caller, action, entity, json!({ "recall": recalls })));
        match self.commit(unit).await {
            // It was taken back before in this way, which is what was asked for.
            Ok(_) | Err(StoreError::Stale) => {
                self.recall_asked.notify_one();
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes notifications of sends that are being recalled, a chunk of each; tells how many
    /// sends it moved.
    ///
    /// # Errors
    /// When nothing could be moved; what is done stays, the rest is tried again.
    pub async fn recall_sends(&self) -> Result<usize, ServiceError> {
        let mut tally = Tally::of("recalls");
        for (send, from) in self.store.recalls(RECALLS_PER_ROUND).await? {
            tally.add(self.recall_chunk(&send, from).await);
        }
        tally.finish(&self.troubles)
    }

    async fn recall_chunk(
        &self,
        send: &StoredSend,
        from: Option<NotificationId>,
    ) -> Result<(), ServiceError> {
        let reached = self.store.notifications_of_send(&send.tenant, send.id, from, RECALL_CHUNK);
        let reached = reached.await?;
        let is_complete = reached.len() < RECALL_CHUNK;
        let to = reached.last().map(|(_, id)| *id).or(from);
        let at = self.now();
        let deleted = stream::iter(reached).map(|(user, id)| self.recall(send, user, id, at));
        let results: Vec<_> = deleted.buffer_unordered(AT_ONCE).collect().await;
        results.into_iter().collect::<Result<(), ServiceError>>()?;
        let mut unit = Unit::new(&send.tenant);
        unit.writes.push(Write::AdvanceRecall { id: send.id, from, to, is_complete });
        match self.commit(unit).await {
            // Another node moved it on.
            Ok(_) | Err(StoreError::Stale) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn recall(
        &self,
        send: &StoredSend,
        user: UserId,
        id: NotificationId,
        at: Timestamp,
    ) -> Result<(), ServiceError> {
        let mut unit = Unit::new(&send.tenant);
        let details =
            self.details_about(&user, json!({ "recall": true, "send_id": send.id.to_string() }));
        unit.writes.push(Write::Delete { user, id });
        let (action, entity) = (Action::NotificationDeleted, Entity::Notification(id));
        unit.audit.push(landfall_store::AuditDraft { at, action, entity, details });
        match self.commit(unit).await {
            // Its owner had deleted it.
            Ok(_) | Err(StoreError::Stale) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Who sent it may take it back, and an admin; to others it is not there.
fn require_sender(
    caller: &Caller,
    content: &Content,
    what: &'static str,
) -> Result<(), ServiceError> {
    let is_own = content.sender_id.as_ref() == Some(&caller.user);
    if is_own || caller.may(&Scope::Admin) {
        return Ok(());
    }
    Err(ServiceError::NotFound(what))
}
