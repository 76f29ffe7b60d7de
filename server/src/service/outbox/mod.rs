//! The outbox: what is due is claimed, looked at again, tried, and stored as it ended.
//!
//! Claiming takes as much of each channel as its providers have room for, so that a slow one holds
//! up its own deliveries alone. What a delivery was planned from may have changed by the time it
//! is due: it is decided anew then, by core, from what the store says at that moment.

mod again;
mod attempt;
mod ended;
mod facts;
mod look;
mod overtaken;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use landfall_channels::{Outcome, Registry};
use landfall_core::channel::Channel;
use landfall_core::delivery::{OnDue, RetryPolicy};
use landfall_core::id::Tenant;
use landfall_store::{Claimed, Claiming, Delivery};

pub(super) use attempt::{plain_sms, subject};
use facts::Facts;

use super::tally::Tally;
use super::{ServiceError, Services};

/// Tenants that one claim looks at; the next goes on with others.
const TENANTS_PER_CLAIM: usize = 64;
/// Pages of tenants that one claim walks until something is due; the next goes on after them.
const PAGES_PER_CLAIM: usize = 16;
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
    /// When nothing could be claimed; what was stays the claimer's.
    pub async fn claim_due(&self, limit: usize) -> Result<Vec<Due>, ServiceError> {
        let mut claimed = Vec::new();
        let mut tally = Tally::of("outbox");
        for channel in self.outbox.registry.leading_out() {
            let room = self.outbox.registry.room(channel).min(limit - claimed.len());
            if room > 0 {
                tally.add(self.claim(channel, room).await.map(|more| claimed.extend(more)));
            }
        }
        tally.finish(&self.troubles)?;
        self.with_facts(claimed).await
    }

    /// Ends what waits for channels that are not configured any more; tells how much.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn end_unconfigured(&self, limit: usize) -> Result<usize, ServiceError> {
        let mut ended = 0;
        for channel in Channel::ALL {
            if channel == Channel::Websocket || self.outbox.registry.is_configured(channel) {
                continue;
            }
            let claimed = self.claim(channel, limit).await?;
            ended += claimed.len();
            for due in self.with_facts(claimed).await? {
                self.deliver(due).await;
            }
        }
        Ok(ended)
    }

    /// Claims of one channel, page by page of tenants, until something is due.
    async fn claim(&self, channel: Channel, limit: usize) -> Result<Vec<Delivery>, ServiceError> {
        let now = self.now();
        let mut after = self.outbox.place(channel);
        let mut begins_anew = after.is_none();
        for _ in 0..PAGES_PER_CLAIM {
            let claiming = Claiming {
                channel,
                now,
                lease_until: now.plus_ms(self.outbox.settings.lease_ms),
                after,
                tenants: TENANTS_PER_CLAIM,
                per_tenant: PER_TENANT.min(limit),
                limit,
            };
            let Claimed { deliveries, last } = self.store.claim(claiming).await?;
            self.outbox.go_on_after(channel, last.clone());
            if !deliveries.is_empty() || (last.is_none() && begins_anew) {
                return Ok(deliveries);
            }
            begins_anew |= last.is_none();
            after = last;
        }
        Ok(vec![])
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
        if self.is_over(&delivery) {
            return None;
        }
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
