//! Notify: a notification for one user, or a stored send to many.
//!
//! Who may send what to whom is decided here once, for every way of sending.

mod later;
mod reach;

use std::sync::Arc;

use landfall_core::audit::{Action, Entity, Hash};
use landfall_core::auth::{Caller, Scope};
use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::{NotificationId, SendId, UserId};
use landfall_core::notification::{Content, Priority};
use landfall_core::notify::{Draft, Recipients, escalation_fault, faults};
use landfall_core::plan::Step;
use landfall_core::time::Timestamp;
use landfall_store::{IdempotencyKey, StoreError, Write};
use serde_json::json;

use super::compose::{Addressee, BroughtPhone, Filled, Letter, Worded, no_data, priority};
use super::forecast::Forecast;
use super::memo::{Memo, replayed};
use super::people::{Found, Wishes};
use super::revocations::unit_of;
use super::routing::Asked;
use super::{ServiceError, Services, deciding};
pub(super) use later::{joins, tell_due};
pub(super) use reach::Reach;

/// Names a request, so that its repetition takes no second effect (contract 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// Caller, method and canonical path.
    pub scope: String,
    /// What the client sent.
    pub key: String,
    /// Digest of the request's body.
    pub digest: Hash,
}

/// How one notification was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its name.
    pub id: NotificationId,
    /// When.
    pub created_at: Timestamp,
    /// How each channel stands at first.
    pub plan: Vec<Step>,
    /// How many of the user's devices are connected.
    pub connections: usize,
    /// Its number on the user's inbox: the `replay_id`. Nothing that goes out later has one.
    pub number: Option<Number>,
    /// When it goes out, if not at once.
    pub due_at: Option<Timestamp>,
    /// What it was forecast to do, where that was asked for.
    pub forecast: Option<Box<Forecast>>,
    /// Whether it had been accepted before, under the same idempotency key.
    pub is_repeated: bool,
}

/// How a send to many was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedSend {
    /// Its name.
    pub id: SendId,
    /// For how many users.
    pub accepted: u64,
    /// Whom it will not reach, and why.
    pub rejected: Vec<(UserId, String)>,
    /// What it was forecast to do, where that was asked for.
    pub forecast: Option<Box<Forecast>>,
    /// Whether it had been accepted before, under the same idempotency key.
    pub is_repeated: bool,
}

/// What became of a request to notify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notified {
    /// One notification was stored.
    One(Accepted),
    /// A send was stored; its notifications follow.
    Many(AcceptedSend),
}

impl Services {
    /// Stores a notification, or a send to many, and says how.
    ///
    /// # Errors
    /// `Invalid` with every fault; `Forbidden` without the scopes that the request needs, or
    /// outside a teacher's classes; `NotFound` for a topic that the caller may not know;
    /// `InFlight` and `KeyReused` by the idempotency key; `Store` when it is not committed.
    pub async fn notify(
        &self,
        caller: &Caller,
        draft: Draft,
        key: Option<RequestKey>,
    ) -> Result<Notified, ServiceError> {
        let letter = self.checked(caller, &draft)?;
        require_scopes(caller, &draft, letter.content.priority)?;
        self.accept(caller, &draft, &letter, key).await
    }

    /// Checks a draft and makes what all recipients share; who may send it is another question.
    pub(super) fn checked(
        &self,
        caller: &Caller,
        draft: &Draft,
    ) -> Result<Letter<'_>, ServiceError> {
        let mut faults = faults(draft, &self.settings.notify);
        let filled = self.fill(draft).unwrap_or_else(|of_data| {
            faults.extend(of_data);
            None
        });
        faults.extend(draft.due.and_then(|due| due.fault(self.now())));
        let priority = priority(draft, filled.as_ref());
        faults.extend(escalation_fault(draft, priority));
        faults.extend(draft.digest.iter().flat_map(|digest| digest.faults(priority)));
        if !faults.is_empty() {
            return Err(ServiceError::Invalid(faults));
        }
        Ok(self.letter(caller, draft, filled))
    }

    /// Stores what was checked.
    pub(super) async fn accept(
        &self,
        caller: &Caller,
        draft: &Draft,
        letter: &Letter<'_>,
        key: Option<RequestKey>,
    ) -> Result<Notified, ServiceError> {
        let _held = self.held(caller, key.as_ref())?;
        let key = key.as_ref();
        deciding(|| async {
            let reach = self.reach_of(caller, &draft.recipients).await?;
            let waits = letter.due.is_some() || letter.digest.is_some();
            match (&draft.recipients, waits) {
                (Recipients::User(user), false) => {
                    self.notify_one(caller, draft, letter, (user, reach), key).await
                }
                (Recipients::User(user), true) => {
                    self.notify_later(caller, draft, letter, (user, reach), key).await
                }
                (Recipients::Users(_) | Recipients::Topic(_), _) => {
                    self.accept_send(caller, letter, reach, key).await
                }
            }
        })
        .await
    }

    /// Makes what all recipients share.
    pub(crate) fn letter<'t>(
        &self,
        caller: &Caller,
        draft: &Draft,
        filled: Option<Filled<'t>>,
    ) -> Letter<'t> {
        let now = self.now();
        let after_ms = |seconds: u64| i64::try_from(seconds).ok()?.checked_mul(1_000);
        Letter {
            content: Arc::new(content(caller, draft, priority(draft, filled.as_ref()))),
            filled,
            asked: Asked {
                channels: draft.channels.iter().map(ToString::to_string).collect(),
                strategy: draft.strategy.map(|strategy| strategy.as_str().to_owned()),
                escalate_after_ms: draft.escalate_after_seconds.and_then(after_ms),
            },
            topic: match &draft.recipients {
                Recipients::Topic(topic) => Some(topic.clone()),
                Recipients::User(_) | Recipients::Users(_) => None,
            },
            send: None,
            named: None,
            due: draft.due.filter(|due| !due.has_passed(now)),
            digest: draft.digest.clone(),
            created_at: now,
            expires_at: self.expiry(draft.ttl_seconds, now),
            forecast: None,
            worded: Worded::default(),
        }
    }

    async fn notify_one(
        &self,
        caller: &Caller,
        draft: &Draft,
        letter: &Letter<'_>,
        (user, reach): (&UserId, Reach),
        key: Option<&RequestKey>,
    ) -> Result<Notified, ServiceError> {
        let mut unit = unit_of(caller);
        unit.guards.extend(reach.guards);
        let tenant = &caller.tenant;
        let phone = draft.phone_number.as_deref();
        let (found, brought) = futures_util::try_join!(
            self.addressee(tenant, user, letter),
            self.brought(tenant, phone),
        )?;
        let Found { recipient, tenant_wishes } = found;
        let sealed = phone.map(|phone| self.seal_brought(tenant, user, phone));
        let phone = sealed.map(|sealed| BroughtPhone { sealed, brought });
        let wishes = &Wishes::of(&recipient, &tenant_wishes);
        let addressee = Addressee { recipient: &recipient, wishes, phone, replaces: None };
        let composed = self.composed(tenant, letter, &addressee);
        let composed = composed.map_err(|error| ServiceError::Invalid(error.into_faults()))?;
        let accepted = Accepted {
            id: composed.new.id,
            created_at: letter.created_at,
            plan: composed.new.channels.clone(),
            connections: self.connections.count(&FeedKey::inbox(tenant, user)),
            number: None,
            due_at: None,
            forecast: letter.forecast.clone(),
            is_repeated: false,
        };
        unit.audit.push(self.created_entry(&composed.new));
        composed.write(&mut unit);
        unit.idempotency = key.map(|key| keyed(key, &Memo::of(&accepted), letter.created_at));
        match self.commit(unit).await {
            Ok(receipt) => {
                let number = receipt.numbers().first().copied();
                Ok(Notified::One(Accepted { number, ..accepted }))
            }
            Err(StoreError::Duplicate(answer)) => replayed(*answer),
            Err(error) => Err(error.into()),
        }
    }

    async fn accept_send(
        &self,
        caller: &Caller,
        letter: &Letter<'_>,
        reach: Reach,
        key: Option<&RequestKey>,
    ) -> Result<Notified, ServiceError> {
        let Reach { to, accepted, rejected, guards } = reach;
        let now = letter.created_at;
        let send = self.new_send(caller, letter, (to, accepted));
        let forecast = letter.forecast.clone();
        let answer = AcceptedSend { id: send.id, accepted, rejected, forecast, is_repeated: false };
        let entity = Entity::Other("send", send.id.to_string());
        let mut metadata = json!({ "accepted": accepted, "rejected": answer.rejected.len() });
        tell_due(letter, &mut metadata);
        let mut unit = unit_of(caller);
        unit.guards.extend(guards);
        unit.audit.push(self.entry(caller, Action::SendAccepted, entity, metadata));
        unit.writes.push(Write::CreateSend(Box::new(send)));
        unit.idempotency = key.map(|key| keyed(key, &Memo::of_send(&answer), now));
        match self.commit(unit).await {
            Ok(_) => {
                self.send_accepted.notify_one();
                Ok(Notified::Many(answer))
            }
            Err(StoreError::Duplicate(answer)) => replayed(*answer),
            Err(error) => Err(error.into()),
        }
    }
}

/// Refuses a caller who lacks a scope that a draft needs.
pub(super) fn require_scopes(
    caller: &Caller,
    draft: &Draft,
    priority: Priority,
) -> Result<(), ServiceError> {
    let kind = notification_type(draft);
    if !caller.may_send(kind) {
        return Err(ServiceError::needs(&format!("notify:send or notify:send:{kind}")));
    }
    if priority == Priority::Critical && !caller.may(&Scope::NotifyCritical) {
        return Err(ServiceError::needs("notify:critical"));
    }
    if draft.phone_number.is_some() && !caller.may(&Scope::NotifyPhone) {
        return Err(ServiceError::needs("notify:phone"));
    }
    Ok(())
}

/// The type is the template's name where it was not given.
fn notification_type(draft: &Draft) -> &str {
    let named = draft.notification_type.as_deref().or(draft.template_id.as_deref());
    named.expect("a checked draft has a type or a template")
}

fn content(caller: &Caller, draft: &Draft, priority: Priority) -> Content {
    Content {
        notification_type: notification_type(draft).to_owned(),
        template_id: draft.template_id.clone(),
        title: draft.title.clone().unwrap_or_default(),
        message: draft.message.clone().unwrap_or_default(),
        data: draft.data.clone().unwrap_or_else(no_data),
        priority,
        locale: draft.locale.clone(),
        sender_id: Some(caller.user.clone()),
        sender_name: caller.name.clone(),
        image: draft.image.clone(),
        actions: draft.actions.clone(),
        link: draft.link.clone(),
    }
}

fn keyed(key: &RequestKey, memo: &Memo, at: Timestamp) -> IdempotencyKey {
    let RequestKey { scope, key, digest } = key.clone();
    let memo = serde_json::to_string(memo).expect("a memo holds only strings and numbers");
    IdempotencyKey { scope, key, digest, memo, at }
}
