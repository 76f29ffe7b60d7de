//! Looking again at a delivery whose attempt waited for its turn: a read, a cancel, an opt-out or an
//! expiry may have been stored meanwhile.
//!
//! Asks the store once more, so must never be done where nothing waited: neither for a provider nor in a
//! claim that read many tenants' facts.

use landfall_core::delivery::OnDue;
use landfall_store::Delivery;

use super::attempt::Prepared;
use super::ended::Target;
use super::{Due, look};
use crate::service::{ServiceError, Services};

/// What is to be done after the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// Go on.
    Try,
    /// Store this, and send nothing.
    Settle(OnDue),
    /// End what has no notification any more.
    Forget,
    /// Leave it: it is, or will be, somebody else's.
    Leave,
}

impl Services {
    /// Decides anew, from what the store says now.
    pub(super) async fn look_again(&self, delivery: &Delivery, target: Target) -> Again {
        match self.decided_again(delivery, target).await {
            Ok(again) => again,
            // Nothing was tried: the lease gives it back.
            Err(error) => {
                tracing::warn!(
                    error = error.cause(),
                    "a delivery whose turn came waits for the store"
                );
                Again::Leave
            }
        }
    }

    async fn decided_again(
        &self,
        delivery: &Delivery,
        target: Target,
    ) -> Result<Again, ServiceError> {
        let due = self.with_facts(vec![delivery.clone()]).await?;
        let Some(Due { facts, .. }) = due.into_iter().next() else { return Ok(Again::Leave) };
        if self.is_over(delivery) {
            return Ok(Again::Leave);
        }
        let Some(facts) = facts else { return Ok(Again::Forget) };
        match look::look(delivery, &facts, self.now()) {
            OnDue::Try => {}
            decided => return Ok(Again::Settle(decided)),
        }
        Ok(match self.prepare(delivery, &facts).await? {
            Prepared::Closed(decided) => Again::Settle(decided),
            Prepared::Ready(_, now) if now == target => Again::Try,
            // Another address leads to them now: the next claim goes there.
            Prepared::Ready(..) | Prepared::Split(_) => Again::Leave,
        })
    }

    /// Does what was decided instead of sending.
    pub(super) async fn keep(&self, delivery: Delivery, again: Again) {
        match again {
            Again::Settle(decided) => self.settle_without(delivery, decided).await,
            Again::Forget => self.forget_orphan(delivery).await,
            Again::Try | Again::Leave => {}
        }
    }

    /// Says whether the lease of a claim has ended, so that the delivery may be somebody else's.
    pub(super) fn is_over(&self, delivery: &Delivery) -> bool {
        delivery.due_at.is_some_and(|lease_ends| lease_ends <= self.now())
    }
}
