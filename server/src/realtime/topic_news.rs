//! Changes of topics' entities on their way to members: who is one is asked when it is told, so that
//! nobody hears of what was done after they had left.
//!
//! What waits is bounded, whatever happens: where it would be more, listeners are told that something
//! changed. Must never hold up the hub's thread.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use landfall_core::change::EntityChange;
use landfall_core::feed::FeedKey;
use landfall_core::id::{Tenant, TopicId};
use landfall_core::topic::Member;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::hub::Hub;
use super::subscribed::Notice;
use crate::service::{ServiceError, Services};

/// Topics whose changes may wait.
const TOPICS_MAX: usize = 4_096;
/// Changes of one topic that may wait.
const CHANGES_MAX: usize = 128;
/// Before members are asked for again that the store could not give.
const PAUSE: Duration = Duration::from_secs(1);

/// What of one topic waits.
#[derive(Debug, Default)]
struct Batch {
    changes: Vec<EntityChange>,
    /// Whether there was more.
    is_cut: bool,
}

impl Batch {
    /// Adds a change; of one entity the last of each device stays.
    fn add(&mut self, change: EntityChange) {
        self.changes.retain(|older| older.name != change.name || older.by != change.by);
        if self.changes.len() < CHANGES_MAX {
            self.changes.push(change);
        } else {
            self.is_cut = true;
        }
    }
}

/// What waits.
#[derive(Debug, Default)]
struct Waiting {
    topics: HashMap<Arc<FeedKey>, Batch>,
    /// Tenants of topics that found no room.
    cut: HashSet<Tenant>,
}

/// What of topics waits to be told, and who listens at all.
#[derive(Debug, Default)]
pub(super) struct TopicNews {
    waiting: Mutex<Waiting>,
    wake: Notify,
    /// The connections of each tenant that hear of any entity.
    listeners: Mutex<HashMap<Tenant, HashSet<u64>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TopicNews {
    /// Notes that a connection hears of entities.
    pub(super) fn listen(&self, tenant: &Tenant, id: u64) {
        lock(&self.listeners).entry(tenant.clone()).or_default().insert(id);
    }

    /// Notes that it does no more.
    pub(super) fn leave(&self, tenant: &Tenant, id: u64) {
        let mut listeners = lock(&self.listeners);
        if let Entry::Occupied(mut those) = listeners.entry(tenant.clone()) {
            those.get_mut().remove(&id);
            if those.get().is_empty() {
                those.remove();
            }
        }
    }

    /// Says whether anybody of a tenant hears of entities.
    fn is_heard(&self, tenant: &Tenant) -> bool {
        lock(&self.listeners).contains_key(tenant)
    }

    /// Takes a change in, to be told to the topic's members.
    pub(super) fn add(&self, feed: &Arc<FeedKey>, change: &EntityChange) {
        if !self.is_heard(&feed.tenant) {
            return;
        }
        let mut waiting = lock(&self.waiting);
        if waiting.topics.len() >= TOPICS_MAX && !waiting.topics.contains_key(feed) {
            waiting.cut.insert(feed.tenant.clone());
        } else {
            waiting.topics.entry(Arc::clone(feed)).or_default().add(change.clone());
        }
        drop(waiting);
        self.wake.notify_one();
    }

    /// Keeps a batch whose members could not be asked for, behind what came meanwhile.
    fn put_back(&self, feed: Arc<FeedKey>, batch: Batch) {
        let mut waiting = lock(&self.waiting);
        let newer = waiting.topics.insert(feed.clone(), batch);
        if let (Some(newer), Some(batch)) = (newer, waiting.topics.get_mut(&feed)) {
            batch.is_cut |= newer.is_cut;
            newer.changes.into_iter().for_each(|change| batch.add(change));
        }
        drop(waiting);
        self.wake.notify_one();
    }

    fn take(&self) -> Waiting {
        std::mem::take(&mut *lock(&self.waiting))
    }
}

/// Tells members of their topics' entities until it is cancelled.
pub async fn tell_members(hub: Arc<Hub>, services: Arc<Services>, cancel: CancellationToken) {
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            () = hub.topic_news.wake.notified() => {}
        }
        let Waiting { topics, cut } = hub.topic_news.take();
        hub.owe(|tenant| cut.contains(tenant));
        for (feed, batch) in topics {
            let told = tokio::select! {
                () = cancel.cancelled() => return,
                told = tell(&hub, &services, &feed, &batch) => told,
            };
            if let Err(error) = told {
                tracing::warn!(%error, "members could not be asked for; they are asked for again");
                hub.topic_news.put_back(feed, batch);
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }
}

/// Tells those who are members now. Every change was committed before, so that whoever left before
/// one of them is none.
async fn tell(
    hub: &Hub,
    services: &Services,
    feed: &FeedKey,
    batch: &Batch,
) -> Result<(), ServiceError> {
    let Ok(topic) = TopicId::parse(&feed.owner) else { return Ok(()) };
    let tell = |member: Member| hub.notify_member(feed, &member, batch);
    services.walk_members(&feed.tenant, &topic, tell).await
}

impl Hub {
    fn notify_member(&self, feed: &FeedKey, member: &Member, batch: &Batch) {
        for connection in self.followers(&FeedKey::inbox(&feed.tenant, &member.user)) {
            let mut state = connection.lock();
            for change in &batch.changes {
                connection.on_notice(&mut state, &Notice::of_change(feed, None, change));
            }
            if let Some(subscription) = state.subscription.as_mut().filter(|_| batch.is_cut) {
                subscription.owe();
            }
            connection.flush(&mut state);
        }
    }

    /// Owes word that something changed to all who listen in some tenants.
    fn owe(&self, is_meant: impl Fn(&Tenant) -> bool) {
        let meant = |(tenant, ids): (&Tenant, &HashSet<u64>)| {
            if is_meant(tenant) { ids.iter().copied().collect() } else { Vec::new() }
        };
        let ids: Vec<u64> = lock(&self.topic_news.listeners).iter().flat_map(meant).collect();
        for connection in self.known(ids) {
            let mut state = connection.lock();
            if let Some(subscription) = &mut state.subscription {
                subscription.owe();
                connection.flush(&mut state);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::realtime::fixture;
    use landfall_core::change::Origin;
    use landfall_core::id::UserId;
    use landfall_core::sync::{EntityName, Verb};
    use landfall_protocol::frame::EntityTypes;

    fn change(id: &str, version: u64, device: &str) -> EntityChange {
        let user = UserId::parse("u").unwrap();
        EntityChange {
            name: EntityName { kind: "board".into(), id: id.into() },
            verb: Verb::Update,
            version,
            by: Some(Origin { user, device: device.into() }),
        }
    }

    fn topic(name: &str) -> Arc<FeedKey> {
        let tenant = Tenant::parse("t").unwrap();
        Arc::new(FeedKey::topic(&tenant, &TopicId::parse(name).unwrap()))
    }

    fn heard() -> TopicNews {
        let news = TopicNews::default();
        news.listen(&topic("c").tenant, 1);
        news
    }

    #[test]
    fn of_one_entity_the_last_of_each_device_waits() {
        let mut batch = Batch::default();
        for (version, device) in [(1, "a"), (2, "b"), (3, "a")] {
            batch.add(change("x", version, device));
        }
        let versions: Vec<u64> = batch.changes.iter().map(|change| change.version).collect();
        assert_eq!((versions, batch.is_cut), (vec![2, 3], false));
        (0..CHANGES_MAX).for_each(|n| batch.add(change(&n.to_string(), 1, "a")));
        assert_eq!((batch.changes.len(), batch.is_cut), (CHANGES_MAX, true));
    }

    #[test]
    fn what_waits_is_bounded() {
        let news = heard();
        (0..=TOPICS_MAX).for_each(|n| news.add(&topic(&n.to_string()), &change("x", 1, "a")));
        news.add(&topic("0"), &change("y", 1, "a"));
        let Waiting { topics, cut } = news.take();
        assert_eq!((topics.len(), cut.len()), (TOPICS_MAX, 1));
        assert_eq!(topics[&topic("0")].changes.len(), 2);
        news.leave(&topic("c").tenant, 1);
        news.add(&topic("c"), &change("x", 1, "a"));
        assert!(news.take().topics.is_empty(), "nobody listens");
    }

    #[test]
    fn what_could_not_be_told_waits_before_what_came_meanwhile() {
        let news = heard();
        news.add(&topic("c"), &change("x", 1, "a"));
        let (feed, batch) = news.take().topics.into_iter().next().unwrap();
        news.add(&feed, &change("x", 2, "a"));
        news.add(&feed, &change("y", 1, "a"));
        news.put_back(feed, batch);
        let waiting = news.take();
        let changes = &waiting.topics[&topic("c")].changes;
        let said = |change: &EntityChange| format!("{} {}", change.name.id, change.version);
        assert_eq!(changes.iter().map(said).collect::<Vec<_>>(), ["x 2", "y 1"]);
    }

    #[tokio::test]
    async fn whoever_is_gone_does_not_listen() {
        let hub = fixture::hub();
        let (connection, _client) = fixture::live(&hub);
        let types = EntityTypes { entity_types: vec!["*".into()] };
        hub.subscribe(&connection, &types).unwrap();
        assert!(hub.topic_news.is_heard(&connection.feed.tenant));
        hub.remove(&connection);
        assert!(!hub.topic_news.is_heard(&connection.feed.tenant));
    }
}
