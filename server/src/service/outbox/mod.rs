//! The outbox: what is due is claimed, looked at again, tried, and stored as it ended.
//!
//! Claiming takes as much of each channel as its providers have room for, so that a slow one holds
//! up its own deliveries alone. What a delivery was planned from may have changed by the time it
//! is due: it is decided anew then, by core, from what the store says at that moment.

mod attempt;
mod ended;
mod facts;
mod look;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use landfall_channels::{Outcome, Registry};
use landfall_core::channel::Channel;
use landfall_core::delivery::{OnDue, RetryPolicy};
use landfall_core::id::Tenant;
use landfall_store::{Claimed, Claiming, Delivery};

pub(super) use attempt::plain_sms;
pub(super) use ended::follows;
use facts::Facts;

use super::{ServiceError, Services};

/// Tenants that one claim looks at; the next goes on with others.
const TENANTS_PER_CLAIM: usize = 64;
/// Deliveries of one tenant that a claim gives, so that a bulk leaves room for others' single ones.
const PER_TENANT: usize = 64;

/// How deliveries are carried out.
#[derive(Debug, Clone, Copy)]
pub struct OutboxSettings {
    /// How often, and how soon, one is tried again.
    pub policy: RetryPolicy,
    /// For which a claimed one is the claimer's, in milliseconds.
    pub lease_ms: i64,
    /// For which ended ones are kept, in milliseconds.
    pub keep_ms: i64,
}

/// What carries deliveries out.
pub struct Outbox {
    /// Where they go.
    pub registry: Registry,
    /// Woken when something may have become due.
    pub woken: tokio::sync::Notify,
    settings: OutboxSettings,
    /// After which tenant the next claim of a channel goes on.
    places: Mutex<BTreeMap<Channel, Tenant>>,
}

/// A delivery that is this node's to carry out, with all that decides about it.
pub struct Due {
    delivery: Delivery,
    facts: Option<Facts>,
}

impl Outbox {
    /// Delivers to these providers.
    pub fn new(registry: Registry, settings: OutboxSettings) -> Self {
        Self { registry, woken: tokio::sync::Notify::new(), settings, places: Mutex::default() }
    }

    fn place(&self, channel: Channel) -> Option<Tenant> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).get(&channel).cloned()
    }

    fn go_on_after(&self, channel: Channel, last: Option<Tenant>) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        match last {
            Some(tenant) => places.insert(channel, tenant),
            None => places.remove(&channel),
        };
    }
}

impl Services {
    /// Claims what is due and can be tried now, at most `limit`.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn claim_due(&self, limit: usize) -> Result<Vec<Due>, ServiceError> {
        let mut claimed = Vec::new();
        for channel in self.outbox.registry.leading_out() {
            let room = self.outbox.registry.room(channel).min(limit - claimed.len());
            if room > 0 {
                claimed.extend(self.claim(channel, room).await?);
            }
        }
        self.with_facts(claimed).await
    }

    async fn claim(&self, channel: Channel, limit: usize) -> Result<Vec<Delivery>, ServiceError> {
        let after = self.outbox.place(channel);
        let begins_anew = after.is_none();
        let now = self.now();
        let claiming = |after| Claiming {
            channel,
            now,
            lease_until: now.plus_ms(self.outbox.settings.lease_ms),
            after,
            tenants: TENANTS_PER_CLAIM,
            per_tenant: PER_TENANT.min(limit),
            limit,
        };
        let mut claimed = self.store.claim(claiming(after)).await?;
        if claimed.deliveries.is_empty() && !begins_anew {
            claimed = self.store.claim(claiming(None)).await?;
        }
        let Claimed { deliveries, last } = claimed;
        self.outbox.go_on_after(channel, last);
        Ok(deliveries)
    }

    /// Gives back what the server that ended before this one had claimed, where no other server
    /// can have claimed it; tells how much.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn release_claims(&self) -> Result<u64, ServiceError> {
        Ok(self.store.release_claims(self.now()).await?)
    }

    /// Tells how long nothing will be due, as far as is known; nothing where nothing waits.
    pub async fn next_due(&self) -> Option<Duration> {
        let at = self.store.next_due().await.ok().flatten()?;
        let ms = at.as_ms().saturating_sub(self.now().as_ms()).max(1);
        Some(Duration::from_millis(ms.unsigned_abs()))
    }

    /// Carries one delivery out: decides, tries, and stores what became of it.
    ///
    /// A store that is away is waited for as long as the claim lasts: an answer that cannot be
    /// stored means one more attempt, and nothing else.
    /// Gives how the attempt ended, where one was made.
    pub async fn deliver(&self, due: Due) -> Option<(Channel, Outcome)> {
        let Due { delivery, facts } = due;
        let Some(facts) = facts else {
            // Its notification is gone: nothing can be said about it any more.
            self.forget_orphan(delivery).await;
            return None;
        };
        match look::look(&delivery, &facts, self.now()) {
            OnDue::Try => self.attempt(delivery, facts).await,
            decided => {
                self.settle_without(delivery, decided).await;
                None
            }
        }
    }

    /// Forgets deliveries that ended long ago, at most `limit`; tells how many.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn forget_deliveries(&self, limit: usize) -> Result<usize, ServiceError> {
        let before = self.now().plus_ms(-self.outbox.settings.keep_ms);
        Ok(self.store.forget_deliveries(before, limit).await?)
    }
}
