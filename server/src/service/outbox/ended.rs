//! Storing how a delivery stands after it was looked at or tried, with what follows from it.
//!
//! One unit holds the delivery's new state, what it means for the channels behind it, and the
//! entry of the trail, so that a crash leaves all of it or nothing. A dead address is removed afterwards:
//! the next attempt would find it dead again.

use std::time::Duration;

use landfall_channels::Outcome;
use landfall_core::audit::{Action, Entity, Hash};
use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::delivery::{
    AddressFate, Ended, Next, OnDue, OnEnded, Tried, ask_first, next, on_ended,
};
use landfall_core::id::AddressId;
use landfall_core::plan::Reason;
use landfall_core::time::Timestamp;
use landfall_store::{AuditDraft, Delivery, Settlement, StoreError, Suppression, Unit, Write};
use serde_json::json;

use crate::service::Services;
use crate::service::trail::action_of;

/// How long a store that is away is waited for before the answer of a provider is given up; the
/// lease of the claim is about as long.
pub(super) const STORE_TRIES: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// An attempt that ended.
pub(super) struct Attempted {
    pub(super) outcome: Outcome,
    pub(super) provider: &'static str,
    /// After that nobody wants the notification.
    pub(super) expires_at: Option<Timestamp>,
    /// What leads to the recipient, so that it can be removed or suppressed.
    pub(super) target: Target,
}

/// What an attempt went to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// A registered address.
    Address(AddressId),
    /// A phone number or mailbox, by its keyed hash.
    Hashed(Hash),
}

/// Whether the end of a delivery was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    /// As it was decided.
    AsDecided,
    /// It does not stand any more as it was decided from.
    Overtaken,
    /// For another reason it was not.
    Not,
}

/// How a delivery stands now.
pub(super) struct Stand {
    pub(super) state: DeliveryState,
    pub(super) reason: Reason,
    pub(super) due_at: Option<Timestamp>,
}

impl Services {
    /// Stores a decision that was made without an attempt.
    pub(super) async fn settle_without(&self, delivery: Delivery, decided: OnDue) {
        let stand = match decided {
            OnDue::Try => return,
            OnDue::Hold { until, reason } => {
                Stand { state: DeliveryState::Held, reason, due_at: Some(until) }
            }
            OnDue::Skip(reason) => Stand { state: DeliveryState::Skipped, reason, due_at: None },
            OnDue::Fail(reason) => Stand { state: DeliveryState::Failed, reason, due_at: None },
        };
        let mut settlement = self.settlement(&delivery, &stand);
        if stand.reason == Reason::NotNeeded {
            // Nor is anything behind it.
            settlement.next = Next::Skip(Reason::NotNeeded);
        }
        let entry = self.told(&delivery, &stand, None);
        self.store_end(&delivery, settlement, vec![], Some(entry)).await;
    }

    /// Stores how an attempt ended.
    pub(super) async fn settle_attempt(&self, delivery: &Delivery, attempted: &Attempted) {
        let (ended, code, reference) = read(&attempted.outcome);
        let tried = Tried {
            channel: delivery.channel,
            attempts_before: delivery.attempts,
            expires_at: attempted.expires_at,
            now: self.now(),
        };
        let jitter = u64::from_ne_bytes(self.ids.bytes());
        let next = on_ended(ended, tried, self.outbox.settings.policy, jitter);
        let (stand, fate) = stands(next);
        let mut settlement = self.settlement(delivery, &stand);
        settlement.is_attempt = ended.is_attempt();
        settlement.code = Some(code.clone());
        if reference.is_some() {
            settlement.ask_at = ask_first(delivery.channel, stand.state, settlement.at);
        }
        settlement.reference = reference;
        settlement.provider = Some(attempted.provider.to_owned());
        // What was kept back is no news, and would fill the trail.
        let entry = ended
            .is_attempt()
            .then(|| self.told(delivery, &stand, Some((attempted.provider, &code))));
        let also = self.consequences(delivery, fate, &attempted.target, &code);
        let kept = settlement.clone();
        let stored = self.store_end(delivery, settlement, also.clone(), entry).await;
        if stored == Stored::Overtaken && ended.is_attempt() {
            self.keep_overtaken(delivery, &stand, kept, also).await;
        }
        if let (AddressFate::Removed, Target::Address(id)) = (fate, &attempted.target) {
            self.remove_dead(delivery, *id, &code).await;
        }
    }

    fn settlement(&self, delivery: &Delivery, stand: &Stand) -> Settlement {
        let at = self.now();
        Settlement {
            state: stand.state,
            reason: stand.reason,
            due_at: stand.due_at,
            next: next(delivery.channel, stand.state, at),
            ..unchanged(delivery, at)
        }
    }

    fn consequences(
        &self,
        delivery: &Delivery,
        fate: AddressFate,
        target: &Target,
        code: &str,
    ) -> Vec<Write> {
        let Target::Hashed(address) = target else { return vec![] };
        let suppression = self.suppression(delivery.channel, *address, fate, code);
        suppression.map(|one| Write::Suppress(Box::new(one))).into_iter().collect()
    }

    /// Suppresses an address of which a provider's code says that nothing is to go there any more.
    pub(in crate::service) fn suppression(
        &self,
        channel: Channel,
        address: Hash,
        fate: AddressFate,
        code: &str,
    ) -> Option<Suppression> {
        let reason = match fate {
            AddressFate::Kept => return None,
            AddressFate::Removed => format!("gone: {code}"),
            AddressFate::Suppressed => format!("opted out: {code}"),
        };
        let source = "provider".to_owned();
        Some(Suppression { channel, address, reason, source, at: self.now() })
    }

    /// Removes an address that its provider calls dead; one that is gone already is none.
    async fn remove_dead(&self, delivery: &Delivery, id: AddressId, code: &str) {
        let mut unit = Unit::new(&delivery.tenant);
        unit.writes.push(Write::RemoveAddress { user: delivery.user.clone(), id });
        let metadata = json!({ "channel": delivery.channel.as_str(), "code": code });
        let entity = Entity::Other("address", id.to_string());
        unit.audit.push(self.own_entry(&delivery.user, Action::AddressRemoved, entity, metadata));
        match self.commit(unit).await {
            Ok(_) | Err(StoreError::Stale) => {}
            Err(error) => {
                tracing::warn!(%error, "a dead address was not removed; the next attempt finds it so again")
            }
        }
    }

    /// Says in the trail what became of a delivery.
    fn told(
        &self,
        delivery: &Delivery,
        stand: &Stand,
        by: Option<(&'static str, &str)>,
    ) -> AuditDraft {
        self.told_as(action_of(stand.state), delivery, stand, by)
    }

    /// Says in the trail what was done about a delivery, and how it stands since.
    pub(super) fn told_as(
        &self,
        action: Action,
        delivery: &Delivery,
        stand: &Stand,
        by: Option<(&str, &str)>,
    ) -> AuditDraft {
        let metadata = json!({
            "channel": delivery.channel.as_str(),
            "delivery": delivery.id.to_string(),
            "state": stand.state.as_str(),
            "reason": stand.reason.as_str(),
            "rule": stand.reason.rule(),
            "attempt": by.map(|_| delivery.attempts + 1),
            "provider": by.map(|(provider, _)| provider),
            "code": by.map(|(_, code)| code),
            "due_at": stand.due_at.map(|at| at.to_string()),
            "escalated": delivery.reason == Reason::UnlessRead,
        });
        let entity = Entity::Notification(delivery.notification);
        self.own_entry(&delivery.user, action, entity, metadata)
    }

    async fn store_end(
        &self,
        delivery: &Delivery,
        settlement: Settlement,
        also: Vec<Write>,
        entry: Option<AuditDraft>,
    ) -> Stored {
        let mut unit = Unit::new(&delivery.tenant);
        // At one time with the rows, so that what follows from it is not told before it.
        let entry = entry.map(|entry| AuditDraft { at: settlement.at, ..entry });
        let wakes = settlement.next != Next::Wait || settlement.due_at.is_some();
        unit.writes.push(Write::Settle(Box::new(settlement)));
        unit.writes.extend(also);
        unit.audit.extend(entry);
        let stored = self.commit_end(unit).await;
        if wakes {
            self.outbox.woken.notify_one();
        }
        stored
    }

    /// Commits, again and again while the store is away, until the claim is nobody's any more.
    pub(super) async fn commit_end(&self, unit: Unit) -> Stored {
        for attempt in 0..STORE_TRIES {
            match self.commit(unit.clone()).await {
                Ok(_) => return Stored::AsDecided,
                // The lease ended and somebody else has it, or a report overtook the answer.
                Err(StoreError::Stale) => return Stored::Overtaken,
                Err(StoreError::Unavailable(_)) => pause(attempt).await,
                Err(error) => {
                    tracing::error!(%error, "what became of a delivery was not stored");
                    return Stored::Not;
                }
            }
        }
        tracing::warn!("what became of a delivery was not stored in time; it is tried again");
        Stored::Not
    }

    /// Ends a delivery whose notification is not there.
    pub(super) async fn forget_orphan(&self, delivery: Delivery) {
        let (state, reason) = (DeliveryState::Skipped, Reason::Deleted);
        let stand = Stand { state, reason, due_at: None };
        let settlement = self.settlement(&delivery, &stand);
        self.store_end(&delivery, settlement, vec![], None).await;
    }
}

/// Waits for a store that is away, longer from time to time.
pub(super) async fn pause(attempt: u32) {
    tokio::time::sleep(FIRST_PAUSE * 2u32.pow(attempt.min(5))).await;
}

/// What a settlement is before it says anything.
pub(super) fn unchanged(delivery: &Delivery, at: Timestamp) -> Settlement {
    Settlement {
        id: delivery.id,
        claim: delivery.claim,
        state: delivery.state,
        reason: delivery.reason,
        due_at: delivery.due_at,
        ask_at: None,
        is_attempt: false,
        code: None,
        reference: None,
        provider: None,
        at,
        address: None,
        split: vec![],
        next: Next::Wait,
    }
}

/// Says how a delivery stands after an attempt, and what becomes of its address.
const fn stands(ended: OnEnded) -> (Stand, AddressFate) {
    match ended {
        OnEnded::Sent => (
            Stand { state: DeliveryState::Sent, reason: Reason::Accepted, due_at: None },
            AddressFate::Kept,
        ),
        OnEnded::Retry { at, reason } => {
            (Stand { state: DeliveryState::Queued, reason, due_at: Some(at) }, AddressFate::Kept)
        }
        OnEnded::Fail { reason, address } => {
            (Stand { state: DeliveryState::Failed, reason, due_at: None }, address)
        }
    }
}

/// Brings a provider's answer to core's words; gives the code and the provider's name of it, too.
fn read(outcome: &Outcome) -> (Ended, String, Option<String>) {
    let ms = |after: Duration| i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
    let (ended, code, reference) = match outcome {
        Outcome::Sent { reference, code } => (Ended::Sent, code, reference.clone()),
        Outcome::Gone { code } => (Ended::Gone, code, None),
        Outcome::OptedOut { code } => (Ended::OptedOut, code, None),
        Outcome::Refused { code } => (Ended::Refused, code, None),
        Outcome::Later { after, code } => (Ended::Later { after_ms: after.map(ms) }, code, None),
        Outcome::TooMany { after, code } => {
            (Ended::Later { after_ms: Some(ms(*after)) }, code, None)
        }
        Outcome::Unknown { code } => (Ended::Unknown, code, None),
        Outcome::Broken { code } => (Ended::Broken, code, None),
        Outcome::NotTried { after, code } => (Ended::NotTried { after_ms: ms(*after) }, code, None),
    };
    (ended, code.clone(), reference)
}
