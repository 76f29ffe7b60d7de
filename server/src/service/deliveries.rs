//! Deliveries as they stand now: in lists of notifications, in the admin's log, and those that
//! failed once more.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use landfall_core::audit::{Action, Details, Entity};
use landfall_core::auth::Caller;
use landfall_core::channel::DeliveryState;
use landfall_core::id::{AddressId, DeliveryId, NotificationId, Tenant};
use landfall_core::notification::Notification;
use landfall_core::plan::Reason;
use landfall_core::summary;
use landfall_core::time::Timestamp;
use landfall_store::{AuditDraft, Delivery, DeliveryFilter, IdempotencyKey, StoreError, Write};
use serde_json::json;

use super::audit::require_admin;
use super::notify::RequestKey;
use super::revocations::unit_of;
use super::{ServiceError, Services, deciding};

/// A delivery with what the log shows beside it (S0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// The delivery.
    pub delivery: Delivery,
    /// What it carries.
    pub notification: Arc<Notification>,
    /// `android`, `ios` or `web`, where it goes to one address that is still there.
    pub platform: Option<String>,
}

/// Which failed deliveries are to be tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// These.
    Named(Vec<DeliveryId>),
    /// The newest ones that fit.
    Fitting(DeliveryFilter),
}

/// Addresses that are looked up at the same time.
const AT_ONCE: usize = 16;

impl Services {
    /// Lets the channels of a page of notifications show how their deliveries stand now: one query
    /// where any of them leads out of the server, none otherwise.
    pub(super) async fn bring_up_to_date(
        &self,
        tenant: &Tenant,
        rows: &mut [Notification],
    ) -> Result<(), ServiceError> {
        let leading = rows.iter().filter(|row| summary::leads_out(&row.channels));
        let ids: Vec<NotificationId> = leading.map(|row| row.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let mut of: HashMap<NotificationId, Vec<_>> = HashMap::new();
        let found = self.store.deliveries_of(tenant, ids).await?;
        for delivery in found.into_iter().filter(|one| !one.is_replaced) {
            let Delivery { notification, channel, state, reason, .. } = delivery;
            of.entry(notification).or_default().push((channel, state, reason));
        }
        for row in rows {
            if let Some(found) = of.remove(&row.id) {
                summary::bring_up_to_date(&mut row.channels, found);
            }
        }
        Ok(())
    }

    /// Lists deliveries of the caller's tenant, newest first, for admins (S0's log).
    ///
    /// # Errors
    /// `Forbidden` without the scope `admin`.
    pub async fn deliveries(
        &self,
        caller: &Caller,
        filter: DeliveryFilter,
    ) -> Result<Vec<Logged>, ServiceError> {
        require_admin(caller)?;
        let _turn = self.turns.searching.acquire().await;
        let tenant = &caller.tenant;
        let found = self.store.deliveries(tenant, filter).await?;
        let mut ids: Vec<NotificationId> = found.iter().map(|one| one.notification).collect();
        ids.sort_unstable();
        ids.dedup();
        let standings = self.store.notification_standings(tenant, ids).await?;
        let of: HashMap<_, _> =
            standings.into_iter().map(|one| (one.notification.id, one.notification)).collect();
        let platforms = self.platforms(tenant, &found).await?;
        let logged = found.into_iter().filter_map(|delivery| {
            let notification = Arc::clone(of.get(&delivery.notification)?);
            let platform = delivery.address.and_then(|address| platforms.get(&address).cloned());
            Some(Logged { delivery, notification, platform })
        });
        Ok(logged.collect())
    }

    async fn platforms(
        &self,
        tenant: &Tenant,
        deliveries: &[Delivery],
    ) -> Result<HashMap<AddressId, String>, ServiceError> {
        let mut ids: Vec<AddressId> = deliveries.iter().filter_map(|one| one.address).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut looked_up =
            stream::iter(ids).map(|id| self.store.address(tenant, id)).buffer_unordered(AT_ONCE);
        let mut platforms = HashMap::new();
        while let Some(address) = looked_up.next().await {
            platforms.extend(address?.map(|address| (address.id, address.platform)));
        }
        Ok(platforms)
    }

    /// Makes deliveries that failed for good due again; tells how many.
    ///
    /// # Errors
    /// `Forbidden` without the scope `admin`; `InFlight` and `KeyReused` by the idempotency key.
    pub async fn replay(
        &self,
        caller: &Caller,
        which: Replayed,
        key: Option<RequestKey>,
    ) -> Result<u64, ServiceError> {
        require_admin(caller)?;
        let _held = self.held(caller, key.as_ref())?;
        // Another node, or a late report, may move one on between the look and the commit.
        deciding(|| self.replay_failed(caller, &which, key.as_ref())).await
    }

    async fn replay_failed(
        &self,
        caller: &Caller,
        which: &Replayed,
        key: Option<&RequestKey>,
    ) -> Result<u64, ServiceError> {
        let failed = self.failed(caller, which).await?;
        let count = failed.len() as u64;
        let at = self.now();
        let mut unit = unit_of(caller);
        if !failed.is_empty() {
            unit.audit = failed.iter().map(|one| self.replayed_entry(caller, one, at)).collect();
            let ids = failed.into_iter().map(|one| one.id).collect();
            unit.writes.push(Write::Replay { ids, at });
        }
        unit.idempotency = key.map(|key| {
            let RequestKey { scope, key, digest } = key.clone();
            IdempotencyKey { scope, key, digest, memo: count.to_string(), at }
        });
        if unit.writes.is_empty() && unit.idempotency.is_none() {
            return Ok(0);
        }
        match self.commit(unit).await {
            Ok(_) => {
                self.outbox.woken.notify_one();
                Ok(count)
            }
            Err(StoreError::Duplicate(answer)) => answer.memo.parse().map_err(|_| {
                ServiceError::Store(StoreError::Internal("a stored answer cannot be read".into()))
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// Finds those that failed.
    async fn failed(
        &self,
        caller: &Caller,
        which: &Replayed,
    ) -> Result<Vec<Delivery>, ServiceError> {
        let tenant = &caller.tenant;
        let ids = match which {
            Replayed::Fitting(filter) => {
                let filter =
                    DeliveryFilter { state: Some(DeliveryState::Failed), ..filter.clone() };
                return Ok(self.store.deliveries(tenant, filter).await?);
            }
            Replayed::Named(ids) => ids,
        };
        let mut found =
            stream::iter(ids.clone()).map(|id| self.store.delivery(tenant, id)).buffered(AT_ONCE);
        let mut failed = Vec::new();
        while let Some(delivery) = found.next().await {
            failed.extend(delivery?.filter(|one| one.state == DeliveryState::Failed));
        }
        Ok(failed)
    }

    fn replayed_entry(&self, caller: &Caller, delivery: &Delivery, at: Timestamp) -> AuditDraft {
        let metadata = json!({
            "channel": delivery.channel.as_str(),
            "delivery": delivery.id.to_string(),
            "state": DeliveryState::Queued.as_str(),
            "reason": Reason::Replayed.as_str(),
        });
        let details = Details {
            actor: Some(caller.user.clone()),
            target: Some(delivery.user.clone()),
            metadata: metadata.to_string(),
        };
        AuditDraft {
            at,
            action: Action::DeliveryReplayed,
            entity: Entity::Notification(delivery.notification),
            details: self.ids.salted(details),
        }
    }
}
