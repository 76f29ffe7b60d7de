//! Pull: what changed since a device last asked, on its user's own feed and on those of its topics.

use std::sync::Arc;

use landfall_core::auth::Caller;
use landfall_core::feed::{FeedKey, Head, Number};
use landfall_core::id::{DeviceId, TopicId};
use landfall_core::lesson::Lesson;
use landfall_core::notification::JsonText;
use landfall_core::sync::{EntityName, Verb};
use landfall_core::time::Timestamp;
use landfall_store::{Membership, StoredEntity};

use super::Since;
use super::deltas::{FieldChanges, Had};
use super::places::{Place, Places};
use crate::service::{ServiceError, Services};

/// Rows that are read at once: as many large ones are still little.
const PAGE: usize = 128;
/// After so many bytes of data nothing more is read for a page, however many changes it may have.
const BYTES_MAX: usize = 4 << 20;
/// The type as which lessons come.
pub const LESSON: &str = "lesson";
/// Stands for all types of activities, on their user's own feed: a cursor holds though a type is added.
/// No type is named so.
pub(super) const ACTIVITIES: &str = "|activities";

/// What a device asks for.
#[derive(Debug, Clone)]
pub struct PullAsk {
    /// Which device.
    pub device: Option<DeviceId>,
    /// From where.
    pub since: Since,
    /// Which types; all where none is named.
    pub kinds: Vec<Box<str>>,
    /// Changes at most.
    pub limit: usize,
    /// Whether what changed of an entity may come in place of all its fields.
    pub deltas: bool,
    /// How many operations it says it has not sent yet, if it says so.
    pub pending: Option<u64>,
}

/// What a device gets.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// Entities that changed, each once and as it is.
    pub changes: Vec<ChangedEntity>,
    /// Goes on behind them.
    pub cursor: String,
    /// Whether there is more.
    pub has_more: bool,
    /// Whether what the device stood on is not known any more, so that this begins at the beginning.
    pub is_reset: bool,
    /// Topics that the device may not read any more.
    pub removed: Vec<TopicId>,
    /// The server's time, before which everything is in it.
    pub at: Timestamp,
    /// Before when everything that was answered is in a backup that the operator vouched for. Nothing
    /// for a device that starts over: it has to offer again first what an earlier life may have lost; and
    /// nothing where nothing changed.
    pub backed_up_to: Option<Timestamp>,
}

/// An entity as it is, or that it was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedEntity {
    /// Which.
    pub name: EntityName,
    /// The topic to which it belongs; the user's own where there is none.
    pub topic: Option<TopicId>,
    /// What was done to it last.
    pub verb: Verb,
    /// Its version.
    pub version: u64,
    /// The number of the change on its feed.
    pub changed: Number,
    /// What it holds.
    pub data: Held,
    /// When.
    pub at: Timestamp,
    /// By which device; nothing where it was none.
    pub device: Option<Box<str>>,
}

/// What an entity holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// Its fields.
    Fields(JsonText),
    /// What changed of its fields since the device had it.
    Changes(FieldChanges),
    /// It is a lesson.
    Lesson(Box<Lesson>),
    /// Nothing: it was deleted.
    Nothing,
}

/// A feed that a device may read.
struct Feed {
    key: Arc<FeedKey>,
    topic: Option<TopicId>,
    joined_at: Timestamp,
    head: Head,
}

/// A page while it is filled.
struct Page<'a> {
    caller: &'a Caller,
    ask: &'a PullAsk,
    kinds: &'a [Box<str>],
    left: usize,
    bytes: usize,
    changes: Vec<ChangedEntity>,
}

impl Services {
    /// Gives what changed.
    ///
    /// # Errors
    /// `Invalid` for a cursor that was not given for this; when the store is away.
    pub async fn pull(&self, caller: &Caller, ask: &PullAsk) -> Result<Pulled, ServiceError> {
        // Before the life that the device stands in is looked at.
        let (at, backed_up_to) = (self.now(), self.backed_up_to());
        let (members, kinds) = match is_of_activities(ask) {
            // Never empty, which would be all.
            true => (Vec::new(), [self.kinds.of_activities(), ask.kinds.clone()].concat()),
            false => {
                let members = self.store.memberships(&caller.tenant, &caller.user).await?;
                (members, ask.kinds.clone())
            }
        };
        let feeds = self.feeds_of(caller, members).await?;
        let (mut places, is_reset, removed) = self.begins(caller, ask, &feeds).await?;
        if let Some(device) = &ask.device {
            // Who asks for some types has not said what it has of the others.
            let has_said = ask.kinds.is_empty() && !is_reset;
            let place = has_said.then_some(places.own.number);
            self.heard_of(caller, device, (place, ask.pending)).await?;
        }
        let (left, bytes, changes) = (ask.limit, 0, Vec::new());
        let mut page = Page { caller, ask, kinds: &kinds, left, bytes, changes };
        let mut has_more = false;
        for feed in &feeds {
            let place = match &feed.topic {
                None => &mut places.own,
                Some(topic) => {
                    places.topics.entry(topic.clone()).or_insert(Place::begin(feed.head))
                }
            };
            self.read_on(&mut page, feed, place).await?;
            has_more |= place.number < feed.head.newest;
        }
        let cursor = self.sealed(caller, &ask.kinds, &places);
        let goes_on = !is_reset && !matches!(ask.since, Since::Beginning);
        // Who brought something gets it back as a change, so that an idle sync need not say it.
        let backed_up_to = backed_up_to.filter(|_| goes_on && !page.changes.is_empty());
        Ok(Pulled { changes: page.changes, cursor, has_more, is_reset, removed, at, backed_up_to })
    }

    /// Finds the feed of a caller's own, and behind it those of topics, and where each stands.
    async fn feeds_of(
        &self,
        caller: &Caller,
        members: Vec<Membership>,
    ) -> Result<Vec<Feed>, ServiceError> {
        let own =
            (Arc::new(FeedKey::data(&caller.tenant, &caller.user)), None, Timestamp::from_ms(0));
        let of_topic = |Membership { topic, joined_at, .. }: Membership| {
            (Arc::new(FeedKey::topic(&caller.tenant, &topic)), Some(topic), joined_at)
        };
        let all: Vec<_> = std::iter::once(own).chain(members.into_iter().map(of_topic)).collect();
        let keys = all.iter().map(|(key, ..)| Arc::clone(key)).collect();
        let heads = self.store.heads(keys).await?;
        let feed = |((key, topic, joined_at), head)| Feed { key, topic, joined_at, head };
        Ok(all.into_iter().zip(heads).map(feed).collect())
    }

    /// Finds where to begin, whether that is at the beginning though the device stood elsewhere, and
    /// what it may not read any more.
    async fn begins(
        &self,
        caller: &Caller,
        ask: &PullAsk,
        feeds: &[Feed],
    ) -> Result<(Places, bool, Vec<TopicId>), ServiceError> {
        let beginning = || {
            let begin = |feed: &Feed| Some((feed.topic.clone()?, Place::begin(feed.head)));
            let own = feeds.first().map_or(Place::default(), |own| Place::begin(own.head));
            Places { own, topics: feeds.iter().filter_map(begin).collect() }
        };
        let mut places = match &ask.since {
            Since::Beginning => return Ok((beginning(), false, Vec::new())),
            // What was there then may be gone without a trace.
            Since::Time(at) if self.store.epoch().is_after(*at) => {
                return Ok((beginning(), true, Vec::new()));
            }
            Since::Time(at) => self.places_before(feeds, *at).await?,
            Since::Cursor(text, kinds) => match self.places_in(caller, kinds, text)? {
                Some(places) => places,
                None => return Ok((beginning(), true, Vec::new())),
            },
        };
        let holds = |feed: &Feed| match &feed.topic {
            None => places.own.holds(feed.head),
            Some(topic) => places.topics.get(topic).is_none_or(|place| place.holds(feed.head)),
        };
        if !feeds.iter().all(holds) {
            return Ok((beginning(), true, Vec::new()));
        }
        let is_there =
            |topic: &TopicId| feeds.iter().any(|feed| feed.topic.as_ref() == Some(topic));
        let removed = match &ask.since {
            // A time says nothing of what the device could read by then.
            Since::Time(_) if is_of_activities(ask) => Vec::new(),
            Since::Time(_) => self.store.left_topics(&caller.tenant, &caller.user).await?,
            _ => places.topics.keys().filter(|topic| !is_there(topic)).cloned().collect(),
        };
        places.topics.retain(|topic, _| is_there(topic));
        Ok((places, false, removed))
    }

    /// Finds the places below everything that was stored at a time or later. What a user joined since
    /// begins at its beginning.
    async fn places_before(&self, feeds: &[Feed], at: Timestamp) -> Result<Places, ServiceError> {
        let mut places = Places::default();
        for feed in feeds {
            let place = match &feed.topic {
                Some(_) if feed.joined_at >= at => Place::begin(feed.head),
                _ => Place::at(self.store.number_before(&feed.key, at).await?),
            };
            match &feed.topic {
                None => places.own = place,
                Some(topic) => _ = places.topics.insert(topic.clone(), place),
            }
        }
        Ok(places)
    }

    /// Fills a page with what changed on a feed, and moves the place on.
    async fn read_on(
        &self,
        page: &mut Page<'_>,
        feed: &Feed,
        place: &mut Place,
    ) -> Result<(), ServiceError> {
        while place.number < feed.head.newest && page.has_room() {
            let limit = page.left.min(PAGE);
            let (mut rows, upto) = self.rows_after(page, feed, place.number, limit).await?;
            if page.ask.deltas {
                let had = Had { number: place.number, whole: place.whole };
                self.shorten(page.caller, &feed.key, had, &mut rows).await?;
            }
            *place = match rows.last() {
                Some(last) if rows.len() == limit => Place { number: last.changed, ..*place },
                _ => Place { number: upto, whole: upto, ..*place },
            };
            let was_there =
                |row: &ChangedEntity| row.verb != Verb::Delete || row.changed > place.began;
            rows.retain(was_there);
            page.take(rows);
        }
        Ok(())
    }

    /// Reads what changed after a number, oldest change first; tells up to which number that is
    /// everything, if it is fewer than `limit`.
    async fn rows_after(
        &self,
        page: &Page<'_>,
        feed: &Feed,
        after: Number,
        limit: usize,
    ) -> Result<(Vec<ChangedEntity>, Number), ServiceError> {
        let kinds = page.kinds;
        let mut rows = Vec::new();
        if kinds.is_empty() || kinds.iter().any(|kind| **kind != *LESSON) {
            let found =
                self.store.changed_entities(&feed.key, after, kinds.to_vec(), limit).await?;
            let found = self.kinds.entities(found)?;
            rows.extend(found.into_iter().map(|row| changed(row, feed.topic.as_ref())));
        }
        // The head is from before the rows were read, so nothing up to it is missing.
        let upto = rows.last().map_or(after, |row: &ChangedEntity| row.changed);
        let upto = upto.max(feed.head.newest);
        let has_lessons = kinds.is_empty() || kinds.iter().any(|kind| **kind == *LESSON);
        if let Some(class) = feed.topic.as_ref().filter(|_| has_lessons) {
            let found = self.store.changed_lessons(&feed.key.tenant, class, after, limit).await?;
            let at = self.now();
            // An entity may have changed before a lesson that was stored only after the entities were read.
            let found = found.into_iter().filter(|lesson| lesson.changed <= upto);
            rows.extend(found.map(|lesson| changed_lesson(lesson, at)));
            rows.sort_by_key(|row| row.changed);
            rows.truncate(limit);
        }
        Ok((rows, upto))
    }
}

fn is_of_activities(ask: &PullAsk) -> bool {
    ask.kinds.iter().any(|kind| **kind == *ACTIVITIES)
}

impl Page<'_> {
    const fn has_room(&self) -> bool {
        self.left > 0 && self.bytes < BYTES_MAX
    }

    fn take(&mut self, rows: Vec<ChangedEntity>) {
        self.left -= rows.len();
        let bytes = |row: &ChangedEntity| match &row.data {
            Held::Fields(data) => data.as_str().len(),
            Held::Changes(changes) => changes.fields.as_str().len(),
            Held::Lesson(lesson) => lesson.data.as_str().len(),
            Held::Nothing => 0,
        };
        self.bytes += rows.iter().map(bytes).sum::<usize>();
        self.changes.extend(rows);
    }
}

fn changed(row: StoredEntity, topic: Option<&TopicId>) -> ChangedEntity {
    let StoredEntity { name, version, changed, data, is_deleted, device, updated_at: at, .. } = row;
    ChangedEntity {
        name,
        topic: topic.cloned(),
        verb: if is_deleted { Verb::Delete } else { Verb::of_version(version) },
        version,
        changed,
        data: if is_deleted { Held::Nothing } else { Held::Fields(data) },
        at,
        device: Some(device).filter(|device| !device.is_empty()),
    }
}

/// A lesson whose time is over is gone, whether or not somebody has swept it up.
fn changed_lesson(lesson: Lesson, now: Timestamp) -> ChangedEntity {
    let is_gone = !lesson.is_there(now);
    ChangedEntity {
        name: EntityName { kind: LESSON.into(), id: lesson.id.as_str().into() },
        topic: Some(lesson.class.clone()),
        verb: if is_gone { Verb::Delete } else { Verb::of_version(lesson.version) },
        version: lesson.version,
        changed: lesson.changed,
        at: lesson.updated_at,
        device: None,
        data: if is_gone { Held::Nothing } else { Held::Lesson(Box::new(lesson)) },
    }
}
