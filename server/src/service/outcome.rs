//! Waiting for the outcome of a notification that was just stored, for a sender who asks for it.
//!
//! It is stored and answered for by then: nothing that goes wrong here may make that an error.

use std::time::Duration;

use landfall_core::auth::Caller;
use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::feed::FeedKey;
use landfall_core::id::{NotificationId, Tenant};
use landfall_core::notification::Notification;
use landfall_core::plan::{Step, Strategy};
use landfall_core::summary;
use landfall_core::time::Timestamp;
use landfall_store::{Delivery, StoreError};
use tokio_util::sync::CancellationToken;

use super::Services;
use super::notify::Accepted;

/// So often is it looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// So many senders may wait at once; whoever comes then is answered at once.
pub(super) const WAITING_MAX: usize = 256;

/// How a notification stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its channels.
    pub plan: Vec<Step>,
    /// Its deliveries, of channels that lead out of the server.
    pub deliveries: Vec<Delivery>,
}

impl Services {
    /// Waits until every channel of a notification has an outcome, but no longer than `wait`, nor
    /// once `stop` is cancelled; gives how it stands then. Nothing when too many wait already.
    ///
    /// Of a fallback the outcome is that something was sent or delivered and nothing else is due
    /// in that time. A live connection has an outcome to wait for only while there is one.
    pub async fn outcome(
        &self,
        caller: &Caller,
        accepted: &Accepted,
        wait: Duration,
        stop: &CancellationToken,
    ) -> Option<Outcome> {
        let _turn = self.turns.waiting.try_acquire().ok()?;
        let until = self.now().plus_ms(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        let mut outcome = Outcome { plan: accepted.plan.clone(), deliveries: vec![] };
        let ends = tokio::time::sleep(wait);
        tokio::pin!(ends);
        let (mut connections, mut has_ended) = (accepted.connections, false);
        loop {
            match self.outcome_now(&caller.tenant, accepted.id).await {
                Ok(Some(found)) => (outcome, connections) = found,
                Ok(None) => return Some(outcome),
                Err(error) => {
                    tracing::warn!(%error, "an outcome that is waited for cannot be read")
                }
            }
            if has_ended || outcome.is_over(connections, until) {
                return Some(outcome);
            }
            has_ended = tokio::select! {
                () = &mut ends => true,
                () = stop.cancelled() => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
            };
        }
    }

    async fn outcome_now(
        &self,
        tenant: &Tenant,
        id: NotificationId,
    ) -> Result<Option<(Outcome, usize)>, StoreError> {
        let standings = self.store.notification_standings(tenant, vec![id]).await?;
        let Some(standing) = standings.into_iter().next() else { return Ok(None) };
        let Notification { user, channels, .. } = &*standing.notification;
        let connections = self.connections.count(&FeedKey::inbox(tenant, user));
        let mut plan = channels.clone();
        if !summary::leads_out(&plan) {
            return Ok(Some((Outcome { plan, deliveries: vec![] }, connections)));
        }
        let mut deliveries = self.store.deliveries_of(tenant, vec![id]).await?;
        deliveries.retain(|one| !one.is_replaced);
        let stands = |one: &Delivery| (one.channel, one.state, one.reason);
        summary::bring_up_to_date(&mut plan, deliveries.iter().map(stands));
        Ok(Some((Outcome { plan, deliveries }, connections)))
    }
}

impl Outcome {
    /// Finds the delivery that speaks for a channel.
    pub fn best(&self, channel: Channel) -> Option<&Delivery> {
        let on_channel = self.deliveries.iter().filter(|one| one.channel == channel);
        on_channel.max_by_key(|one| summary::rank(one.state))
    }

    fn is_over(&self, connections: usize, until: Timestamp) -> bool {
        let is_live = |step: &Step| step.channel != Channel::Websocket || connections > 0;
        let waits = |step: &Step| step.state == DeliveryState::Queued && is_live(step);
        if !self.plan.iter().any(waits) {
            return true;
        }
        let has_arrived =
            |step: &Step| matches!(step.state, DeliveryState::Sent | DeliveryState::Delivered);
        let is_due = |one: &Delivery| {
            one.state == DeliveryState::Queued && one.due_at.is_some_and(|at| at <= until)
        };
        let is_fallback = self.deliveries.iter().any(|one| one.strategy == Strategy::Fallback);
        is_fallback && self.plan.iter().any(has_arrived) && !self.deliveries.iter().any(is_due)
    }
}
