//! What goes out later: a stored send that waits until it is due, or for its digest, to one user too.
//!
//! A notification to one is named when it is accepted. Whatever else depends on its recipient is decided when
//! it goes out.

use std::sync::Arc;

use landfall_core::audit::{Action, Entity};
use landfall_core::auth::Caller;
use landfall_core::digest::Digest;
use landfall_core::due::Due;
use landfall_core::feed::FeedKey;
use landfall_core::id::{NotificationId, SendId, UserId};
use landfall_core::notify::Draft;
use landfall_core::time::Timestamp;
use landfall_store::{DigestWrite, Later, SendState, SendTo, StoreError, StoredSend, Unit, Write};
use serde_json::json;

use super::super::compose::Letter;
use super::super::memo::{Memo, replayed};
use super::super::people::{Found, Wishes};
use super::super::revocations::unit_of;
use super::super::{ServiceError, Services};
use super::{Accepted, Notified, Reach, RequestKey, keyed};

impl Services {
    /// Stores a notification for one user that goes out later or with others, or at once where clocks show its time
    /// there already.
    pub(super) async fn notify_later(
        &self,
        caller: &Caller,
        draft: &Draft,
        letter: &Letter<'_>,
        (user, reach): (&UserId, Reach),
        key: Option<&RequestKey>,
    ) -> Result<Notified, ServiceError> {
        let tenant = &caller.tenant;
        let Found { recipient, tenant_wishes } = self.addressee(tenant, user, letter).await?;
        let wishes = Wishes::of(&recipient, &tenant_wishes);
        let due_at = letter.goes_out(&recipient, &wishes);
        let is_due = due_at <= letter.created_at;
        if is_due && letter.digest.is_none() {
            return self.notify_one(caller, draft, letter, (user, reach), key).await;
        }
        let words = self.worded(letter, &recipient, &wishes);
        words.map_err(|error| ServiceError::Invalid(error.into_faults()))?;
        let accepted = Accepted {
            id: self.ids.notification(letter.created_at),
            created_at: letter.created_at,
            plan: Vec::new(),
            connections: self.connections.count(&FeedKey::inbox(tenant, user)),
            number: None,
            due_at: Some(due_at.plus_ms(letter.digest.as_ref().map_or(0, |it| it.window_ms))),
            forecast: letter.forecast.clone(),
            is_repeated: false,
        };
        let phone = draft.phone_number.as_deref();
        let phone = phone.map(|phone| self.seal_brought(tenant, user, phone));
        let mut unit = self.waiting(caller, letter, (user, accepted.id), phone);
        if is_due {
            unit.writes.extend(joins(letter, SendId(accepted.id.0), user));
        }
        unit.guards.extend(reach.guards);
        unit.idempotency = key.map(|key| keyed(key, &Memo::of(&accepted), letter.created_at));
        match self.commit(unit).await {
            Ok(_) => Ok(Notified::One(accepted)),
            Err(StoreError::Duplicate(answer)) => replayed(*answer),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the unit that stores a notification for one user that waits: a send to one, whose name is the
    /// notification's.
    fn waiting(
        &self,
        caller: &Caller,
        letter: &Letter<'_>,
        (user, id): (&UserId, NotificationId),
        phone: Option<Vec<u8>>,
    ) -> Unit {
        let mut send = self.new_send(caller, letter, (SendTo::One(user.clone(), id, None), 1));
        send.id = SendId(id.0);
        send.later = send.later.map(|later| Later { phone, ..later });
        let mut metadata = json!({});
        tell_due(letter, &mut metadata);
        let (action, entity) = (Action::NotificationScheduled, Entity::Notification(id));
        let mut unit = unit_of(caller);
        unit.audit.push(self.entry_about(caller, user, action, entity, metadata));
        unit.writes.push(Write::CreateSend(Box::new(send)));
        unit
    }

    /// Makes a send of a letter.
    pub(super) fn new_send(
        &self,
        caller: &Caller,
        letter: &Letter<'_>,
        (to, accepted): (SendTo, u64),
    ) -> StoredSend {
        let now = letter.created_at;
        let is_one = matches!(to, SendTo::One(..));
        let due = letter.due.or((is_one && letter.digest.is_some()).then_some(Due::At(now)));
        let later = due.map(|due| later(due, letter));
        let waits = later.as_ref().is_some_and(|later| later.due_at > now);
        StoredSend {
            id: self.ids.send(now),
            tenant: caller.tenant.clone(),
            content: Arc::clone(&letter.content),
            route: letter.asked.text(),
            to,
            cursor: String::new(),
            accepted,
            expanded: 0,
            state: if waits { SendState::Waits } else { SendState::Active },
            reminds: None,
            digest: letter.digest.clone(),
            canceled_at: None,
            created_at: now,
            expires_at: letter.expires_at.filter(|_| later.is_none()),
            later,
        }
    }
}

/// Says what is kept of a letter that goes out later: its time to live begins when it does.
fn later(due: Due, letter: &Letter<'_>) -> Later {
    let lives = |until: Timestamp| until.as_ms().saturating_sub(letter.created_at.as_ms());
    let local = match due {
        Due::At(_) => None,
        Due::Local(local) => Some(local),
    };
    let lives_ms = letter.expires_at.map(lives);
    Later { due_at: due.looked_at(), local, lives_ms, part_of: None, phone: None }
}

/// Puts what goes out now into its recipient's digest, where it goes out with others.
pub(in super::super) fn joins(letter: &Letter<'_>, id: SendId, user: &UserId) -> Option<Write> {
    let Digest { key, window_ms } = letter.digest.clone()?;
    let due_at = letter.created_at.plus_ms(window_ms);
    let join = DigestWrite::Join { id, user: user.clone(), key, due_at };
    Some(Write::Digest(Box::new(join)))
}

/// Tells in an entry of the trail when something goes out, and with what.
pub(in super::super) fn tell_due(letter: &Letter<'_>, metadata: &mut serde_json::Value) {
    if let Some(digest) = &letter.digest {
        metadata["digest"] = json!(digest.key);
        metadata["reason"] = json!("waits for its digest");
    }
    match letter.due {
        None => {}
        Some(Due::At(at)) => metadata["deliver_at"] = json!(at.to_string()),
        Some(Due::Local(local)) => metadata["deliver_at_local"] = json!(local.to_string()),
    }
}
