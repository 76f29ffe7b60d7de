//! Adding up the audit trail: each entry once, in bounded steps, however many nodes do it.
//!
//! What is added is decided from entries alone, so that it does not matter where one step ends and
//! the next begins. The sums of a notification stand on the day on which it was accepted.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use landfall_core::audit::Action;
use landfall_core::day::Day;
use landfall_core::histogram::bucket_of;
use landfall_core::id::{NotificationId, Tenant};
use landfall_core::tally::{Event, Gain, Measure, Story};
use landfall_core::time::Timestamp;
use landfall_store::{Countable, CountedNotification, Tally as Sum, TallyKey, Uncounted};

use super::tally::Tally;
use super::trail::Told;
use super::{ServiceError, Services};

/// Tenants of one round, whose entries are held at once; the next round goes on with others.
const TENANTS_PER_ROUND: usize = 8;
/// Entries of a notification's earlier story that are read at once.
const STORY_PAGE: usize = 500;
/// Stories that are read at the same time.
const AT_ONCE: usize = 16;
/// Notifications whose deliveries are asked for at once.
const IDS_PER_QUERY: usize = 500;
/// The outbox may have forgotten the deliveries of a notification that is older.
const DELIVERIES_KEPT_MS: i64 = 86_400_000;

/// How far counting has come on this node.
#[derive(Debug)]
pub(super) struct Counting {
    walk: Mutex<Walk>,
    /// Milliseconds: what was stored before is counted.
    until: AtomicI64,
}

/// A walk over all tenants, which may take several rounds.
#[derive(Debug, Clone)]
struct Walk {
    /// After which tenant the next round goes on; it begins anew without one.
    after: Option<Tenant>,
    /// Until when the tenants are counted that it has come by.
    until: Timestamp,
}

impl Counting {
    pub(super) fn new(now: Timestamp) -> Self {
        let walk = Walk { after: None, until: now };
        Self { walk: Mutex::new(walk), until: AtomicI64::new(now.as_ms()) }
    }

    fn walk(&self, now: Timestamp) -> Walk {
        let walk = self.walk.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if walk.after.is_none() { Walk { after: None, until: now } } else { walk }
    }

    fn go_on(&self, walk: Walk) {
        if walk.after.is_none() {
            self.until.store(walk.until.as_ms(), Ordering::Relaxed);
        }
        *self.walk.lock().unwrap_or_else(PoisonError::into_inner) = walk;
    }
}

/// An entry with what it means.
struct Meaning<'a> {
    event: Event,
    at: Timestamp,
    of: &'a CountedNotification,
}

impl Services {
    /// Tells until when everything that happened is in the sums, as far as this node knows.
    pub fn counted_until(&self) -> Timestamp {
        Timestamp::from_ms(self.counting.until.load(Ordering::Relaxed))
    }

    /// Adds up the next entries of tenants whose turn it is, at most `limit` of each; tells how
    /// many it read, `limit` where any tenant has more. One that fails holds up nobody else's.
    ///
    /// # Errors
    /// When nothing could be added up; what is counted stays, the rest is tried again.
    pub async fn count_trail(&self, limit: usize) -> Result<usize, ServiceError> {
        let mut walk = self.counting.walk(self.now());
        let found = self.store.uncounted(walk.after, TENANTS_PER_ROUND, limit).await?;
        let last = found.last().filter(|_| found.len() == TENANTS_PER_ROUND);
        walk.after = last.map(|one| one.tenant.clone());
        let mut done = if walk.after.is_some() { limit } else { 0 };
        let mut tally = Tally::of("analytics");
        // Together, so that they share commits.
        let mut counted = stream::iter(found)
            .map(async |uncounted| {
                let (count, ends) = (uncounted.entries.len(), ends(&uncounted));
                (count, ends, self.count_up(uncounted).await)
            })
            .buffer_unordered(AT_ONCE);
        while let Some((count, (first_at, last_at), added)) = counted.next().await {
            done = done.max(count);
            let until = match &added {
                Ok(true) => last_at.filter(|_| count >= limit),
                // Somebody else counts it; the next round sees how far they have come.
                Ok(false) | Err(_) => first_at,
            };
            walk.until = until.map_or(walk.until, |until| until.min(walk.until));
            tally.add(added);
        }
        drop(counted);
        self.counting.go_on(walk);
        tally.finish(&self.troubles).map(|_| done)
    }

    /// Adds up what was read of one tenant; false when somebody else has done it.
    async fn count_up(&self, uncounted: Uncounted) -> Result<bool, ServiceError> {
        let Uncounted { tenant, counted, entries } = uncounted;
        let Some(last) = entries.last() else { return Ok(true) };
        let meanings: Vec<Meaning<'_>> = entries.iter().flat_map(meanings).collect();
        let mut stories = self.stories(&tenant, counted, &meanings).await?;
        let mut sums: BTreeMap<TallyKey, u64> = BTreeMap::new();
        for Meaning { event, at, of } in meanings {
            let after_ms = u64::try_from(at.as_ms() - of.created_at.as_ms()).unwrap_or(0);
            for gain in stories.entry(of.id).or_default().add(event, after_ms) {
                add(&mut sums, of, gain);
            }
        }
        let sums = sums.into_iter().map(|(key, count)| Sum { key, count }).collect();
        Ok(self.store.count(&tenant, counted, last.number, sums).await?)
    }

    /// Reads the earlier stories of the notifications whose next entries depend on them.
    async fn stories(
        &self,
        tenant: &Tenant,
        counted: u64,
        meanings: &[Meaning<'_>],
    ) -> Result<HashMap<NotificationId, Story>, ServiceError> {
        let mut created = HashSet::new();
        let mut old: HashMap<NotificationId, Timestamp> = HashMap::new();
        let mut young = old.clone();
        for Meaning { event, at, of } in meanings {
            if *event == Event::Created {
                created.insert(of.id);
            } else if at.as_ms() - of.created_at.as_ms() >= DELIVERIES_KEPT_MS {
                old.insert(of.id, of.created_at);
            } else {
                young.insert(of.id, of.created_at);
            }
        }
        young.retain(|id, _| !created.contains(id));
        let ids: Vec<NotificationId> = young.keys().copied().collect();
        for ids in ids.chunks(IDS_PER_QUERY) {
            // What goes out on live connections alone has at most one entry of each kind.
            for delivery in self.store.deliveries_of(tenant, ids.to_vec()).await? {
                old.extend(young.remove_entry(&delivery.notification));
            }
        }
        old.retain(|id, _| !created.contains(id));
        let stories = stream::iter(old).map(async |(id, created_at)| {
            let story = self.story(tenant, id, created_at, counted).await?;
            Ok::<_, ServiceError>((id, story))
        });
        stories.buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Tells a notification's story again, up to the entry that was counted last.
    async fn story(
        &self,
        tenant: &Tenant,
        id: NotificationId,
        created_at: Timestamp,
        counted: u64,
    ) -> Result<Story, ServiceError> {
        let mut story = Story::default();
        story.add(Event::Created, 0);
        let mut after = 0;
        loop {
            let entries = self.store.about(tenant, id, after, STORY_PAGE).await?;
            let is_last = entries.len() < STORY_PAGE;
            for entry in entries {
                if entry.number > counted {
                    return Ok(story);
                }
                after = entry.number;
                let after_ms = entry.at.as_ms() - created_at.as_ms();
                for event in events(&entry.action, entry.metadata.as_deref()) {
                    story.add(event, u64::try_from(after_ms).unwrap_or(0));
                }
            }
            if is_last {
                return Ok(story);
            }
        }
    }
}

/// Gives the times of the first and the last entry.
fn ends(uncounted: &Uncounted) -> (Option<Timestamp>, Option<Timestamp>) {
    let at = |entry: &Countable| entry.at;
    (uncounted.entries.first().map(at), uncounted.entries.last().map(at))
}

fn events(action: &str, metadata: Option<&str>) -> Vec<Event> {
    let read = |action| Told::read(Some(action), metadata).events(action);
    Action::parse(action).map(read).unwrap_or_default()
}

fn meanings(entry: &Countable) -> Vec<Meaning<'_>> {
    let Countable { number: _, at, action, metadata, notification } = entry;
    let Some(of) = notification else { return Vec::new() };
    let events = events(action, metadata.as_deref()).into_iter();
    events.map(|event| Meaning { event, at: *at, of }).collect()
}

/// Adds a gain to the sums of the tenant, and of the class if the notification went to one.
fn add(sums: &mut BTreeMap<TallyKey, u64>, of: &CountedNotification, gain: Gain) {
    let key = |measure: Measure| TallyKey {
        day: Day::of(of.created_at).0,
        class: None,
        measure: measure.as_str().to_owned(),
        channel: String::new(),
        notification_type: String::new(),
        bucket: 0,
    };
    let gains = match gain {
        Gain::One(Measure::Notifications) => {
            let notification_type = of.notification_type.clone();
            vec![(TallyKey { notification_type, ..key(Measure::Notifications) }, 1)]
        }
        Gain::One(measure) => vec![(key(measure), 1)],
        Gain::On(measure, channel) => {
            vec![(TallyKey { channel: channel.as_str().to_owned(), ..key(measure) }, 1)]
        }
        Gain::Response(ms) => {
            let bucket = bucket_of(ms).number();
            vec![
                (key(Measure::Responses), 1),
                (key(Measure::ResponseMs), ms),
                (TallyKey { bucket, ..key(Measure::ResponseBuckets) }, 1),
            ]
        }
    };
    for (key, count) in gains {
        if let Some(class) = &of.class {
            let class = Some(class.clone());
            *sums.entry(TallyKey { class, ..key.clone() }).or_default() += count;
        }
        *sums.entry(key).or_default() += count;
    }
}
