//! What decides about a delivery, read together for all that were claimed together.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use landfall_core::id::{NotificationId, Tenant, UserId};
use landfall_core::plan::{Reach, Strategy};
use landfall_core::preference::{About, Preferences, Resolved};
use landfall_store::{Delivery, Recipient, Recipients, Standing};

use super::Due;
use crate::service::people::{Wishes, read_wishes};
use crate::service::routing::Brought;
use crate::service::tally::Tally;
use crate::service::{ServiceError, Services};

/// What decides about a delivery.
pub(in crate::service) struct Facts {
    /// Since when they may hold no more.
    pub(super) read_at: Instant,
    /// Its notification.
    pub(super) standing: Standing,
    /// Who is to get it.
    pub(super) recipient: Recipient,
    /// What they say of this kind of news.
    pub(super) preferences: Resolved,
    /// What their tenant wants for everybody.
    pub(super) tenant_wishes: Arc<Preferences>,
    /// How channels lead to them.
    pub(super) reach: Reach,
    /// All deliveries of the notification, where a fallback has to look at those before it.
    pub(super) others: Vec<Delivery>,
}

impl Services {
    /// Reads what decides about these deliveries; one without is of a notification that is gone.
    pub(super) async fn with_facts(
        &self,
        deliveries: Vec<Delivery>,
    ) -> Result<Vec<Due>, ServiceError> {
        let mut tenants: BTreeMap<Tenant, Vec<Delivery>> = BTreeMap::new();
        for delivery in deliveries {
            tenants.entry(delivery.tenant.clone()).or_default().push(delivery);
        }
        let mut due = Vec::new();
        let mut tally = Tally::of("outcomes");
        for (tenant, deliveries) in tenants {
            // A tenant whose rows cannot be read holds up nobody else's; its lease ends by itself.
            let facts = self.facts_of(&tenant, deliveries).await;
            tally.add(facts.map(|facts| due.extend(facts)));
        }
        tally.finish(&self.troubles)?;
        Ok(due)
    }

    async fn facts_of(
        &self,
        tenant: &Tenant,
        deliveries: Vec<Delivery>,
    ) -> Result<Vec<Due>, ServiceError> {
        let read_at = Instant::now();
        let ids = distinct(deliveries.iter().map(|delivery| delivery.notification));
        let users = distinct(deliveries.iter().map(|delivery| delivery.user.clone()));
        let behind =
            |delivery: &&Delivery| delivery.strategy == Strategy::Fallback && delivery.position > 0;
        let chained = distinct(deliveries.iter().filter(behind).map(|d| d.notification));
        let (standings, Recipients { users, everybody }, others) = futures_util::try_join!(
            async { Ok::<_, ServiceError>(self.store.notification_standings(tenant, ids).await?) },
            async { Ok(self.store.recipients(tenant, users).await?) },
            async {
                if chained.is_empty() {
                    return Ok(vec![]);
                }
                Ok(self.store.deliveries_of(tenant, chained).await?)
            },
        )?;
        let wishes = Arc::new(read_wishes(everybody.as_ref()));
        let standings: HashMap<NotificationId, Standing> =
            standings.into_iter().map(|one| (one.notification.id, one)).collect();
        let recipients: HashMap<UserId, Recipient> =
            users.into_iter().map(|one| (one.user.clone(), one)).collect();
        let facts = |delivery: &Delivery| {
            let standing = standings.get(&delivery.notification)?.clone();
            let recipient = recipients.get(&delivery.user)?.clone();
            let about = About {
                notification_type: &standing.notification.content.notification_type,
                topic: standing.topic.as_ref(),
            };
            let preferences = Wishes::of(&recipient, &wishes).resolved(about);
            // A number that was brought along is looked up by itself when it is tried.
            let brought = delivery.to.as_ref().map_or(Brought::Nothing, |_| Brought::Phone(None));
            let reach = self.reach(&recipient, brought);
            let of_same = |other: &&Delivery| other.notification == delivery.notification;
            let others = others.iter().filter(of_same).cloned().collect();
            let tenant_wishes = Arc::clone(&wishes);
            Some(Facts { read_at, standing, recipient, preferences, tenant_wishes, reach, others })
        };
        let due = |delivery: Delivery| Due { facts: facts(&delivery), delivery };
        Ok(deliveries.into_iter().map(due).collect())
    }
}

fn distinct<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items.dedup();
    items
}
