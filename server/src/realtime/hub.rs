//! The hub: who is connected to this node, under which bounds.
//!
//! Finding the connections of a feed costs the same however many there are. Must never wait for
//! a client, nor hold one of its locks while it calls another part.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use landfall_core::feed::FeedKey;
use landfall_core::id::{Tenant, UserId};
use landfall_core::rate::Pace;
use landfall_core::session::{PageSizes, Session};
use landfall_core::time::Timestamp;
use tokio::sync::Semaphore;

use super::alerts::Alerts;
use super::audience::{Audience, Listens};
use super::codec::Codec;
use super::connection::{self, Connection};
use super::deadlines::Deadlines;
use super::presence::Presence;
use super::queue::QueueLimits;
use super::read_marks::ReadMarks;
use super::rooms::Rooms;
use super::topic_news::TopicNews;
use super::wire::Wire;
use crate::app::{Connected, LiveCounters, LiveStats};

/// How the hub serves its connections.
#[derive(Debug, Clone, Copy)]
pub struct HubSettings {
    /// Seconds between heartbeats to one connection.
    pub heartbeat_seconds: u32,
    /// Seconds of silence after which a connection is closed.
    pub silence_seconds: u32,
    /// Rows of a replay and of a page.
    pub pages: PageSizes,
    /// Frames and bytes that may wait for one connection.
    pub queue_frames: usize,
    /// Bytes that may wait for one connection.
    pub queue_bytes: usize,
    /// Bytes of one message of a client.
    pub message_bytes: usize,
    /// How many frames a client may send, or no bound.
    pub frame_pace: Option<Pace>,
    /// Seconds in which a message that was begun has to be there in full.
    pub message_seconds: u32,
    /// Nesting of a client's JSON.
    pub json_depth: usize,
    /// Connections of this node.
    pub connections: usize,
    /// Connections of one user.
    pub connections_per_user: usize,
    /// Sessions that read the store at the same time.
    pub reads: usize,
    /// Seconds from when a connection was sent something of a room until it is asked whether it has it.
    pub read_mark_seconds: u32,
}

/// What happened on this node since its start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Changes passed to sessions.
    pub frames_sent: AtomicU64,
    /// Sessions that began with a number.
    pub replays: AtomicU64,
    /// Notifications that devices confirmed.
    pub confirmed: AtomicU64,
    /// Connections closed because they read too slowly.
    pub slow_closed: AtomicU64,
    /// Connections closed because they sent too many frames.
    pub flood_closed: AtomicU64,
    /// Times that the bus lost nudges.
    pub nudges_lost: AtomicU64,
}

/// What a new connection brings.
pub(super) struct Parts {
    /// The inbox that it follows.
    pub(super) feed: Arc<FeedKey>,
    /// Whose it is.
    pub(super) user: UserId,
    /// The device as it names itself.
    pub(super) device: Option<Arc<str>>,
    /// The socket.
    pub(super) wire: Wire,
    /// What is spoken on it.
    pub(super) codec: Codec,
    /// What of others it hears.
    pub(super) listens: Listens,
    /// Whence it came.
    pub(super) from: Option<IpAddr>,
    /// When the token ends.
    pub(super) expires_at: Timestamp,
    /// Where the session begins.
    pub(super) session: Session,
}

/// Why a connection was not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// The server has as many as it may have.
    #[error("this server has no room for more connections")]
    Server,
    /// The user has.
    #[error("this user has too many connections")]
    User,
}

const SHARDS: usize = 64;

type Followers = HashMap<Arc<FeedKey>, Vec<Arc<Connection>>>;

/// Everybody who is connected to this node.
pub struct Hub {
    pub(super) settings: HubSettings,
    pub(super) reads: Semaphore,
    /// What happened since the start.
    pub counters: Counters,
    shards: Vec<Mutex<Followers>>,
    hasher: RandomState,
    /// By the second within the heartbeat's period in which each has its turn.
    pub(super) slots: Vec<Mutex<HashMap<u64, Arc<Connection>>>>,
    /// When tokens end, in milliseconds, and of which connection.
    expiries: Deadlines,
    /// Who hears of others.
    pub(super) audience: Audience,
    /// Messages of which listeners are to be told.
    pub(super) alerts: Alerts,
    /// Of whom a connection came or went.
    pub(super) presence: Presence,
    /// Who follows which topic.
    pub(super) rooms: Rooms,
    /// Who is to be asked what they have read.
    pub(super) read_marks: ReadMarks,
    /// What of topics waits to be told to members.
    pub(super) topic_news: TopicNews,
    /// When messages that were begun have to be there, in seconds since the start.
    pub(super) unfinished: Deadlines,
    next_id: AtomicU64,
    total: AtomicUsize,
    users: AtomicUsize,
    /// Sum of the seconds at which the open connections were opened: gives their average age.
    opened_at_sum: AtomicU64,
    started_at: Instant,
    /// Whole seconds since the start, kept by the heartbeat so that nobody asks a clock.
    pub(super) seconds: AtomicU32,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    /// Makes a hub without connections.
    pub fn new(settings: HubSettings) -> Self {
        let slots = settings.heartbeat_seconds.max(1);
        Self {
            settings,
            reads: Semaphore::new(settings.reads),
            counters: Counters::default(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            slots: (0..slots).map(|_| Mutex::default()).collect(),
            expiries: Deadlines::default(),
            audience: Audience::default(),
            alerts: Alerts::default(),
            presence: Presence::default(),
            rooms: Rooms::default(),
            read_marks: ReadMarks::default(),
            topic_news: TopicNews::default(),
            unfinished: Deadlines::default(),
            next_id: AtomicU64::new(0),
            total: AtomicUsize::new(0),
            users: AtomicUsize::new(0),
            opened_at_sum: AtomicU64::new(0),
            started_at: Instant::now(),
            seconds: AtomicU32::new(0),
        }
    }

    /// Tells the second that the heartbeat keeps.
    pub(super) fn second(&self) -> u32 {
        self.seconds.load(Ordering::Relaxed)
    }

    fn shard(&self, feed: &FeedKey) -> MutexGuard<'_, Followers> {
        let hash = self.hasher.hash_one(feed) as usize;
        lock(&self.shards[hash % SHARDS])
    }

    /// Gives the connections that follow a feed.
    pub(super) fn followers(&self, feed: &FeedKey) -> Vec<Arc<Connection>> {
        self.shard(feed).get(feed).cloned().unwrap_or_default()
    }

    /// Counts the connections that follow a feed.
    pub(super) fn count_of(&self, feed: &FeedKey) -> usize {
        self.shard(feed).get(feed).map_or(0, Vec::len)
    }

    /// Tells how many connections there are.
    fn total(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    /// Takes a connection in, or says why not. From here on it hears every change of its feed.
    pub(super) fn add(&self, parts: Parts) -> Result<Arc<Connection>, (Wire, NoRoom)> {
        let Parts { feed, user, device, wire, codec, listens, from, expires_at, session } = parts;
        let room = |total| (total < self.settings.connections).then_some(total + 1);
        if self.total.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_err() {
            return Err((wire, NoRoom::Server));
        }
        let mut shard = self.shard(&feed);
        let feed = shard.get_key_value(&feed).map_or(feed, |(known, _)| Arc::clone(known));
        let followers = shard.entry(Arc::clone(&feed)).or_default();
        if followers.len() >= self.settings.connections_per_user {
            self.total.fetch_sub(1, Ordering::Relaxed);
            return Err((wire, NoRoom::User));
        }
        let connection = Arc::new(Connection::new(connection::Parts {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            feed,
            user,
            device,
            wire,
            codec,
            listens,
            from,
            opened_at: self.started_at.elapsed().as_secs(),
            heard_at: self.second(),
            expires_at,
            session,
            limits: QueueLimits {
                frames: self.settings.queue_frames,
                bytes: self.settings.queue_bytes,
            },
        }));
        followers.push(Arc::clone(&connection));
        if followers.len() == 1 {
            self.users.fetch_add(1, Ordering::Relaxed);
        }
        drop(shard);
        self.note(&connection);
        Ok(connection)
    }

    /// Notes a connection wherever it is looked for by something else than its feed.
    fn note(&self, connection: &Arc<Connection>) {
        self.presence.touch(&connection.feed);
        self.audience.enter(connection);
        self.opened_at_sum.fetch_add(connection.opened_at, Ordering::Relaxed);
        self.expiries.insert(connection.expires_at().as_ms(), connection.id);
        lock(self.slot(connection.id)).insert(connection.id, Arc::clone(connection));
    }

    fn slot(&self, id: u64) -> &Mutex<HashMap<u64, Arc<Connection>>> {
        &self.slots[id as usize % self.slots.len()]
    }

    /// Lets a connection go.
    pub(super) fn remove(&self, connection: &Connection) {
        let mut shard = self.shard(&connection.feed);
        if let Some(followers) = shard.get_mut(&connection.feed) {
            followers.retain(|other| other.id != connection.id);
            if followers.is_empty() {
                shard.remove(&connection.feed);
                self.users.fetch_sub(1, Ordering::Relaxed);
            }
        }
        drop(shard);
        self.presence.touch(&connection.feed);
        self.audience.leave(connection);
        self.leave_all(connection);
        self.topic_news.leave(&connection.feed.tenant, connection.id);
        if lock(self.slot(connection.id)).remove(&connection.id).is_some() {
            self.expiries.remove(connection.expires_at().as_ms(), connection.id);
            self.total.fetch_sub(1, Ordering::Relaxed);
            self.opened_at_sum.fetch_sub(connection.opened_at, Ordering::Relaxed);
        }
    }

    /// Notes that a connection's token was renewed.
    pub(super) fn renew(&self, connection: &Connection, expires_at: Timestamp) {
        let old = connection.expires_at.swap(expires_at.as_ms(), Ordering::Relaxed);
        if self.expiries.remove(old, connection.id) {
            self.expiries.insert(expires_at.as_ms(), connection.id);
        }
    }

    /// Takes the connections whose tokens have ended, at a cost that does not grow with the rest.
    pub(super) fn take_expired(&self, now: Timestamp) -> Vec<Arc<Connection>> {
        self.known(self.expiries.take_until(now.as_ms()))
    }

    /// Takes the connections that began a message and have not ended it in time.
    pub(super) fn take_overdue(&self, second: u32) -> Vec<Arc<Connection>> {
        self.known(self.unfinished.take_until(i64::from(second)))
    }

    pub(super) fn known(&self, ids: Vec<u64>) -> Vec<Arc<Connection>> {
        let connection = |id| lock(self.slot(id)).get(&id).cloned();
        ids.into_iter().filter_map(connection).collect()
    }

    /// Gives the connections whose turn it is in a second, or all of them.
    pub(super) fn connections(&self, slot: Option<usize>) -> Vec<Arc<Connection>> {
        let slots = match slot {
            Some(slot) => &self.slots[slot..=slot],
            None => &self.slots[..],
        };
        slots.iter().flat_map(|slot| lock(slot).values().cloned().collect::<Vec<_>>()).collect()
    }
}

impl LiveStats for Hub {
    fn total_connections(&self) -> u64 {
        self.total() as u64
    }

    fn active_users(&self) -> u64 {
        self.users.load(Ordering::Relaxed) as u64
    }

    fn connected(&self, tenant: &Tenant) -> Connected {
        let mut connected = Connected::default();
        for shard in &self.shards {
            for (_, followers) in lock(shard).iter().filter(|(feed, _)| feed.tenant == *tenant) {
                connected.connections += followers.len() as u64;
                connected.users += 1;
            }
        }
        connected
    }

    fn average_duration_seconds(&self) -> u64 {
        let Some(opened) =
            self.opened_at_sum.load(Ordering::Relaxed).checked_div(self.total_connections())
        else {
            return 0;
        };
        self.started_at.elapsed().as_secs().saturating_sub(opened)
    }

    fn counters(&self) -> LiveCounters {
        let now = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters { frames_sent, replays, confirmed, slow_closed, flood_closed, nudges_lost } =
            &self.counters;
        LiveCounters {
            frames_sent: now(frames_sent),
            replays: now(replays),
            confirmed: now(confirmed),
            slow_closed: now(slow_closed),
            flood_closed: now(flood_closed),
            nudges_lost: now(nudges_lost),
        }
    }
}
