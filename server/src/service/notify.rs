//! Notify: a notification for one user, or a stored send to many.
//!
//! Who may send what to whom is decided here once, for every way of sending.

use std::sync::Arc;

use landfall_core::audit::{Action, Entity, Hash};
use landfall_core::auth::{Caller, Scope};
use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::{NotificationId, SendId, TopicId, UserId};
use landfall_core::notification::{Content, JsonText, NewNotification, Priority};
use landfall_core::notify::{Draft, Recipients, faults};
use landfall_core::plan::{self, Route, Step, Way, plan};
use landfall_core::preference::Resolved;
use landfall_core::time::Timestamp;
use landfall_core::topic::{self, MemberRole, Standing, TopicAction, Verdict};
use landfall_store::{Guard, IdempotencyKey, SendTo, StoreError, StoredSend, Write};
use serde_json::json;

use super::memo::{Memo, replayed};
use super::revocations::unit_of;
use super::{ServiceError, Services, deciding};

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
    /// Its number on the user's inbox: the `replay_id`.
    pub number: Number,
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

/// Whom a send reaches, and on which conditions.
struct Reach {
    to: SendTo,
    accepted: u64,
    rejected: Vec<(UserId, String)>,
    guards: Vec<Guard>,
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
        let faults = faults(&draft, &self.settings.notify);
        if !faults.is_empty() {
            return Err(ServiceError::Invalid(faults));
        }
        require_scopes(caller, &draft)?;
        let _held = match &key {
            Some(key) => Some(self.in_flight.take(&caller.tenant, &key.scope, &key.key)?),
            None => None,
        };
        match draft.recipients.clone() {
            Recipients::User(user) => {
                deciding(|| self.notify_one(caller, &draft, &user, key.as_ref())).await
            }
            Recipients::Users(users) => {
                deciding(|| self.notify_users(caller, &draft, &users, key.as_ref())).await
            }
            Recipients::Topic(topic) => {
                deciding(|| self.notify_topic(caller, &draft, &topic, key.as_ref())).await
            }
        }
    }

    async fn notify_one(
        &self,
        caller: &Caller,
        draft: &Draft,
        user: &UserId,
        key: Option<&RequestKey>,
    ) -> Result<Notified, ServiceError> {
        let mut unit = unit_of(caller);
        if is_class_bound(caller) && *user != caller.user {
            let stranger = vec![user.clone()];
            let taught = self.store.taught_by(&caller.tenant, &caller.user, stranger).await?;
            if taught.is_empty() {
                return Err(outside_classes());
            }
            unit.guards.push(Guard::TaughtBy(user.clone(), caller.user.clone()));
        }
        let now = self.now();
        let new = self.new_notification(caller, draft, user, now);
        let accepted = Accepted {
            id: new.id,
            created_at: now,
            plan: new.channels.clone(),
            connections: self.connections.count(&FeedKey::inbox(&caller.tenant, user)),
            number: Number::ZERO,
        };
        unit.audit.push(self.created_entry(&new));
        unit.writes.push(Write::Publish(Box::new(new)));
        unit.idempotency = key.map(|key| keyed(key, &Memo::of(&accepted), now));
        match self.commit(unit).await {
            Ok(receipt) => {
                let number = receipt.numbers().first().copied().unwrap_or_default();
                Ok(Notified::One(Accepted { number, ..accepted }))
            }
            Err(StoreError::Duplicate(answer)) => replayed(*answer),
            Err(error) => Err(error.into()),
        }
    }

    fn new_notification(
        &self,
        caller: &Caller,
        draft: &Draft,
        user: &UserId,
        now: Timestamp,
    ) -> NewNotification {
        NewNotification {
            id: self.ids.notification(now),
            user: user.clone(),
            content: Arc::new(content(caller, draft)),
            created_at: now,
            expires_at: self.expiry(draft, now),
            channels: self.plan(draft, now),
            send: None,
        }
    }

    fn plan(&self, draft: &Draft, now: Timestamp) -> Vec<Step> {
        let way =
            |channel| Way { is_configured: self.channels.is_configured(channel), ..Way::OPEN };
        let planned = plan(Route {
            requested: &draft.channels,
            template: &[],
            priority: draft.priority,
            strategy: None,
            escalate_after_ms: None,
            reach: &plan::Reach::of(way),
            preferences: &Resolved::default(),
            is_online: false,
            now,
            expires_at: self.expiry(draft, now),
        });
        planned.into_iter().map(plan::Planned::step).collect()
    }

    fn expiry(&self, draft: &Draft, now: Timestamp) -> Option<Timestamp> {
        let seconds = draft.ttl_seconds.or(self.settings.ttl_seconds)?;
        let ms = i64::try_from(seconds).ok()?.checked_mul(1_000)?;
        Some(now.plus_ms(ms))
    }

    async fn notify_users(
        &self,
        caller: &Caller,
        draft: &Draft,
        users: &[UserId],
        key: Option<&RequestKey>,
    ) -> Result<Notified, ServiceError> {
        let mut users = users.to_vec();
        users.sort_unstable();
        users.dedup();
        let mut rejected = Vec::new();
        if is_class_bound(caller) {
            let taught = self.store.taught_by(&caller.tenant, &caller.user, users.clone()).await?;
            let reason = || "is in none of the classes you teach".to_owned();
            let strangers = users.iter().filter(|user| taught.binary_search(user).is_err());
            rejected = strangers.map(|user| (user.clone(), reason())).collect();
            users = taught;
        }
        if users.is_empty() {
            return Err(outside_classes());
        }
        let accepted = users.len() as u64;
        let reach = Reach { to: SendTo::Users(users), accepted, rejected, guards: vec![] };
        self.accept_send(caller, draft, reach, key).await
    }

    async fn notify_topic(
        &self,
        caller: &Caller,
        draft: &Draft,
        topic: &TopicId,
        key: Option<&RequestKey>,
    ) -> Result<Notified, ServiceError> {
        let view = self.store.topic(&caller.tenant, topic, &caller.user).await?;
        let view = view.ok_or(ServiceError::NotFound("topic"))?;
        let standing = Standing {
            sends: true,
            sends_to_all: !is_class_bound(caller),
            ..super::topics::standing(caller, &view)
        };
        match topic::may(TopicAction::Send, standing) {
            Verdict::Yes => {}
            Verdict::No => return Err(outside_classes()),
            Verdict::Hidden => return Err(ServiceError::NotFound("topic")),
        }
        let mut guards = vec![Guard::TopicThere(topic.clone())];
        if is_class_bound(caller) {
            let (topic, user) = (topic.clone(), caller.user.clone());
            guards.push(Guard::MemberAtLeast(topic, user, MemberRole::Teacher));
        }
        let to = SendTo::Topic(topic.clone());
        let reach = Reach { to, accepted: view.members, rejected: vec![], guards };
        self.accept_send(caller, draft, reach, key).await
    }

    async fn accept_send(
        &self,
        caller: &Caller,
        draft: &Draft,
        reach: Reach,
        key: Option<&RequestKey>,
    ) -> Result<Notified, ServiceError> {
        let Reach { to, accepted, rejected, guards } = reach;
        let now = self.now();
        let send = StoredSend {
            id: self.ids.send(now),
            tenant: caller.tenant.clone(),
            content: Arc::new(content(caller, draft)),
            channels: self.plan(draft, now),
            to,
            cursor: String::new(),
            accepted,
            expanded: 0,
            is_active: true,
            canceled_at: None,
            created_at: now,
            expires_at: self.expiry(draft, now),
        };
        let answer = AcceptedSend { id: send.id, accepted, rejected, is_repeated: false };
        let entity = Entity::Other("send", send.id.to_string());
        let metadata = json!({ "accepted": accepted, "rejected": answer.rejected.len() });
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

fn require_scopes(caller: &Caller, draft: &Draft) -> Result<(), ServiceError> {
    let kind = notification_type(draft);
    if !caller.may_send(kind) {
        return Err(ServiceError::needs(&format!("notify:send or notify:send:{kind}")));
    }
    if draft.priority == Priority::Critical && !caller.may(&Scope::NotifyCritical) {
        return Err(ServiceError::needs("notify:critical"));
    }
    if draft.phone_number.is_some() && !caller.may(&Scope::NotifyPhone) {
        return Err(ServiceError::needs("notify:phone"));
    }
    Ok(())
}

/// A teacher sends to the classes they teach and to who is in them; a service or an admin, who
/// can manage topics anyway, to everybody.
fn is_class_bound(caller: &Caller) -> bool {
    caller.has_role("teacher") && !caller.may(&Scope::TopicsManage)
}

fn outside_classes() -> ServiceError {
    ServiceError::Forbidden("you may send only to the classes you teach".into())
}

/// The type is the template's name where it was not given.
fn notification_type(draft: &Draft) -> &str {
    let named = draft.notification_type.as_deref().or(draft.template_id.as_deref());
    named.expect("a checked draft has a type or a template")
}

fn content(caller: &Caller, draft: &Draft) -> Content {
    let empty = || JsonText::trusted("{}");
    Content {
        notification_type: notification_type(draft).to_owned(),
        template_id: draft.template_id.clone(),
        title: draft.title.clone().unwrap_or_default(),
        message: draft.message.clone().unwrap_or_default(),
        data: draft.data.clone().unwrap_or_else(empty),
        priority: draft.priority,
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
