//! Keeping what an attempt gave when news of its own message came before its end was stored.
//!
//! A receipt, or a provider's first report, may be quicker than our commit. The news say how the
//! delivery stands; the attempt says that it was made, by whom the message was taken, and under
//! which name. Must never change how a delivery stands.

use landfall_core::audit::Action;
use landfall_core::channel::DeliveryState;
use landfall_core::delivery::ask_first;
use landfall_store::{AuditDraft, Delivery, KeptAttempt, Settlement, Unit, Write};

use super::ended::{STORE_TRIES, Stand, Stored, pause};
use crate::service::Services;

impl Services {
    /// Keeps an attempt whose end came too late to be stored as it was decided, with what else
    /// follows from it.
    pub(super) async fn keep_overtaken(
        &self,
        delivery: &Delivery,
        stand: &Stand,
        ended: Settlement,
        also: Vec<Write>,
    ) {
        // Bounded as others are that look again when something changed under them.
        for attempt in 0..STORE_TRIES {
            let now = match self.store.delivery(&delivery.tenant, delivery.id).await {
                Ok(Some(now)) => now,
                Ok(None) => return,
                Err(_) => {
                    pause(attempt).await;
                    continue;
                }
            };
            // Otherwise it was claimed anew, is to be tried again, or what was decided is stored.
            let is_open = matches!(now.state, DeliveryState::Queued | DeliveryState::Held);
            let is_same = (now.claim, now.attempts) == (delivery.claim, delivery.attempts);
            if is_open || !is_same {
                return;
            }
            let (at, named) = (self.now(), ended.reference.as_ref());
            let mut unit = Unit::new(&delivery.tenant);
            unit.audit.push(self.told_late(delivery, stand, &ended, now.state));
            unit.writes.push(Write::KeepAttempt(Box::new(KeptAttempt {
                id: now.id,
                claim: now.claim,
                attempts_before: now.attempts,
                state: now.state,
                code: ended.code.clone().filter(|_| now.code == delivery.code),
                reference: ended.reference.clone(),
                provider: ended.provider.clone(),
                ask_at: named.and_then(|_| ask_first(now.channel, now.state, at)),
                at,
            })));
            unit.writes.extend(also.clone());
            if self.commit_end(unit).await != Stored::Overtaken {
                return;
            }
        }
    }

    /// Says in the trail that an attempt was made which news overtook: the delivery stands as they
    /// said.
    fn told_late(
        &self,
        delivery: &Delivery,
        stand: &Stand,
        ended: &Settlement,
        state: DeliveryState,
    ) -> AuditDraft {
        let action = match stand.state {
            DeliveryState::Sent => Action::DeliverySent,
            _ => Action::DeliveryAttempted,
        };
        let stand = Stand { state, reason: stand.reason, due_at: None };
        let by = ended.provider.as_deref().zip(ended.code.as_deref());
        self.told_as(action, delivery, &stand, by)
    }
}
