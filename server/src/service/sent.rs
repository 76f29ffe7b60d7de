//! Finding what was sent by its id: a notification, or a send, which a notification to one user is until it
//! goes out.

use landfall_core::id::{NotificationId, SendId, Tenant};
use landfall_store::{SendState, SendTo, Standing, StoredSend};
use uuid::Uuid;

use super::{ServiceError, Services};

/// What was sent under an id.
pub(super) enum Sent {
    /// A notification that has gone out.
    Notification(Standing),
    /// A notification to one user that waits, or was taken back while it did.
    Waiting(NotificationId, Box<StoredSend>),
    /// A notification to one user that went out in a digest: no inbox has it itself.
    Digested(Box<StoredSend>),
    /// A send to many.
    Many(Box<StoredSend>),
}

impl Services {
    /// Finds what was sent under an id.
    pub(super) async fn sent(
        &self,
        tenant: &Tenant,
        id: Uuid,
    ) -> Result<Option<Sent>, ServiceError> {
        if let Some(found) = self.standing_of(tenant, NotificationId(id)).await? {
            return Ok(Some(Sent::Notification(found)));
        }
        let Some(send) = self.store.send(tenant, SendId(id)).await? else { return Ok(None) };
        let SendTo::One(_, id, _) = send.to else { return Ok(Some(Sent::Many(Box::new(send)))) };
        if send.state == SendState::Ended && send.canceled_at.is_none() {
            // It went out between the two questions, or with others.
            let found = self.standing_of(tenant, id).await?.map(Sent::Notification);
            let digested = send.digest.is_some().then(|| Sent::Digested(Box::new(send)));
            return Ok(found.or(digested));
        }
        Ok(Some(Sent::Waiting(id, Box::new(send))))
    }

    async fn standing_of(
        &self,
        tenant: &Tenant,
        id: NotificationId,
    ) -> Result<Option<Standing>, ServiceError> {
        Ok(self.store.notification_standings(tenant, vec![id]).await?.into_iter().next())
    }
}
