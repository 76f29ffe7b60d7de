//! The story of a notification that goes out later, before it does: no inbox has it yet.

use std::sync::Arc;

use landfall_core::auth::Caller;
use landfall_core::digest::Digest;
use landfall_core::due::Due;
use landfall_core::feed::Number;
use landfall_core::id::{NotificationId, UserId};
use landfall_core::notification::Notification;
use landfall_core::time::Timestamp;
use landfall_store::{SendState, SendTo, StoredSend};

use super::super::compose::zone_of;
use super::super::people::{Found, Wishes};
use super::super::{ServiceError, Services};
use super::{Timeline, happened};

impl Services {
    /// Tells of a notification that waits, was taken back while it did, or went out in a digest; for whom it is,
    /// who sent it, and admins.
    pub(super) async fn waiting_timeline(
        &self,
        caller: &Caller,
        id: NotificationId,
        send: &StoredSend,
    ) -> Result<Timeline, ServiceError> {
        let unknown = || ServiceError::NotFound("notification");
        let SendTo::One(user, ..) = &send.to else { return Err(unknown()) };
        let is_own = *user == caller.user || send.content.sender_id.as_ref() == Some(&caller.user);
        if !is_own && !caller.is_admin() {
            return Err(unknown());
        }
        let entries = self.entries_about(caller, id).await?;
        let due_at = self.goes_out_at(caller, user, send).await?;
        let lives_ms = send.later.as_ref().and_then(|later| later.lives_ms);
        let expires_at = due_at.zip(lives_ms).map(|(at, ms)| at.plus_ms(ms));
        Ok(Timeline {
            notification: unseen(user, id, send, expires_at),
            canceled_at: send.canceled_at,
            due_at,
            events: entries.iter().map(happened).collect(),
        })
    }

    /// Says when it goes out, by its recipient's zone as it is now; never, once it was taken back.
    async fn goes_out_at(
        &self,
        caller: &Caller,
        user: &UserId,
        send: &StoredSend,
    ) -> Result<Option<Timestamp>, ServiceError> {
        let waits = send.state != SendState::Ended;
        let Some(later) = send.later.as_ref().filter(|_| waits) else { return Ok(None) };
        if let (SendState::Gathered, Some(Digest { key, .. })) = (send.state, &send.digest) {
            return Ok(self.store.digest_due_at(&caller.tenant, user, key).await?);
        }
        let window_ms = send.digest.as_ref().map_or(0, |digest| digest.window_ms);
        let Some(local) = later.local else { return Ok(Some(later.due_at.plus_ms(window_ms))) };
        let found = self.gathering.recipient(&caller.tenant, user).await?;
        let Found { recipient, tenant_wishes } = found;
        let zone = zone_of(&recipient, &Wishes::of(&recipient, &tenant_wishes));
        Ok(Some(Due::Local(local).in_zone(&zone).max(self.now()).plus_ms(window_ms)))
    }
}

/// Shows a send to one user as the notification that it becomes: without a number, and on no channel.
fn unseen(
    user: &UserId,
    id: NotificationId,
    send: &StoredSend,
    expires_at: Option<Timestamp>,
) -> Notification {
    Notification {
        id,
        user: user.clone(),
        content: Arc::clone(&send.content),
        number: Number::ZERO,
        changed: Number::ZERO,
        created_at: send.created_at,
        expires_at,
        delivered_at: None,
        attempts: 0,
        read_at: None,
        deleted: false,
        channels: Vec::new(),
        send: None,
    }
}
