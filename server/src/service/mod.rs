//! The use cases: load, let core decide, commit, and let the nudge follow.
//!
//! A service knows neither HTTP nor sockets nor a wire shape. It may decide nothing that core can
//! decide, and answer nothing that is not committed.

pub mod analytics;
mod attachments;
mod audit;
pub mod blobs;
pub mod callbacks;
pub mod cancel;
pub(crate) mod compose;
mod counting;
pub mod deliveries;
mod digests;
mod error;
pub mod forecast;
mod ids;
mod in_flight;
pub mod inbox;
pub mod lessons;
pub mod links;
pub mod live_queue;
pub mod lives;
pub mod manual;
mod memo;
pub mod messages;
pub mod notices;
pub mod notify;
pub mod outbox;
pub mod outcome;
pub mod people;
pub mod presence;
mod probe;
pub mod reading;
pub mod retention;
mod revocations;
mod routing;
pub mod schedule;
pub mod sends;
mod sent;
pub mod sms_answers;
pub mod suppressions;
pub mod sync;
mod tally;
pub mod templates;
pub mod timeline;
pub mod topics;
pub mod trail;
pub mod unreported;
mod uploads;

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use landfall_core::cursor::CursorKey;
use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::{Tenant, TopicId, UserId};
use landfall_core::notify::NotifyLimits;
use landfall_core::time::Timestamp;
use landfall_store::{Backlog, Revocation, Store, StoreError};

use tokio::sync::Semaphore;

use crate::blobs::{BlobFolder, Place};
use crate::clock::Clock;
use crate::templates::Templates;
pub use error::ServiceError;
pub use ids::Ids;
use in_flight::InFlight;
pub use probe::Trouble;
pub use revocations::PAGE as REVOCATIONS_PAGE;
use uploads::Uploads;

/// Says how many devices of a user are connected to this node.
pub trait Connections: Send + Sync {
    /// Counts the live connections that follow a feed.
    fn count(&self, feed: &FeedKey) -> usize;
    /// Closes the connections whose tokens these cover.
    fn close_revoked(&self, revoked: &[&Revocation]);
    /// Hears that everything of a feed up to a number is stored as confirmed, so that no connection still counts it as
    /// owed; must not bring about another write.
    fn confirmed(&self, feed: &FeedKey, up_to: Number);

    /// Says whether a connection of a user has joined a topic's room.
    fn has_joined(&self, tenant: &Tenant, user: &UserId, topic: &TopicId) -> bool;

    /// Makes every session compare itself with the store: what it knows may no longer hold.
    fn resync(&self);
}

/// What the services are set to.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Sizes of a notification.
    pub notify: NotifyLimits,
    /// Seconds until a notification expires whose sender does not say; `None` is never.
    pub ttl_seconds: Option<u64>,
    /// Recipients that one transaction of a send reaches.
    pub chunk: usize,
    /// Members of one bulk change.
    pub members_bulk: usize,
    /// For how long an idempotency key is kept, in milliseconds.
    pub idempotency_ms: i64,
    /// For how long what nobody needs any more is kept.
    pub keeps: retention::Keeps,
    /// For how long a single token's revocation is kept, in milliseconds.
    pub revocation_ms: i64,
    /// Sizes of lessons and blobs.
    pub classes: ClassSettings,
    /// For how long a device that syncs may be away, in milliseconds.
    pub away_ms: i64,
    /// How members are told of messages who are not there.
    pub notices: notices::NoticeSettings,
    /// How presence is kept.
    pub presence: presence::PresenceSettings,
    /// Segments that the sender of text messages may send in a second.
    pub segments_per_second: NonZeroU32,
}

/// What lessons and blobs are held to, in bytes and counts.
#[derive(Debug, Clone, Copy)]
pub struct ClassSettings {
    /// Lessons of one class.
    pub lessons_max: usize,
    /// The largest blob of who writes lessons.
    pub blob_bytes: u64,
    /// The largest blob of other members.
    pub member_blob_bytes: u64,
    /// All blobs that one of them uploads.
    pub member_bytes: u64,
    /// All blobs of one tenant.
    pub tenant_bytes: u64,
    /// For how long a blob is kept that nothing refers to, in milliseconds.
    pub orphan_ms: i64,
}

/// Everything a use case needs; built once and shared.
pub struct Services {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Clock,
    /// Makes ids and salts.
    pub ids: Ids,
    /// Seals cursors.
    pub cursor_key: CursorKey,
    /// Who is connected.
    pub connections: Arc<dyn Connections>,
    /// The words of notifications.
    pub templates: Arc<Templates>,
    /// Carries deliveries out.
    pub outbox: outbox::Outbox,
    /// Signs what is called back.
    pub links: links::Links,
    /// Limits and defaults.
    pub settings: Settings,
    /// What people's use cases need.
    pub people: people::PeopleParts,
    /// Where the bytes of blobs are.
    pub blobs: BlobFolder,
    /// The types of entities that devices may bring.
    pub kinds: sync::Kinds,
    /// Who has been here since the start.
    pub meetings: people::Meetings,
    /// Wakes the worker that recalls sends.
    pub recall_asked: tokio::sync::Notify,
    /// Wakes the worker that expands sends.
    pub send_accepted: tokio::sync::Notify,
    counting: counting::Counting,
    gathering: people::Gathering,
    in_flight: InFlight,
    uploads: Uploads,
    in_force: revocations::InForce,
    probe: probe::Probe,
    rolled_back: lives::Found,
    backed_up: lives::BackedUp,
    /// After which tenant the next round of expansion goes on.
    expanded_up_to: Mutex<Option<Tenant>>,
    /// How far what older keys sealed has been sealed anew.
    renewing: Mutex<people::Walk>,
    clockwork: schedule::Clockwork,
    swept_inboxes: retention::InboxWalk,
    /// How far the folder of blobs has been swept.
    swept_up_to: Mutex<Place>,
    /// What devices say that they have.
    heard: sync::Heard,
    /// Who decides about which feed.
    feed_locks: sync::FeedLocks,
    troubles: tally::Troubles,
    turns: Turns,
}

/// Who has to wait for their turn, so that nobody keeps the store from all others.
struct Turns {
    /// Held by who searches or verifies, which may read very much: one of each at a time, so that
    /// inboxes and replays always find a reader.
    searching: Semaphore,
    verifying: Semaphore,
    /// Held by who sums up what devices should have, for one page.
    checking: Semaphore,
    /// Held by who forecasts a large send, one at a time.
    forecasting: Semaphore,
    /// Held by who waits for the outcome of a notification.
    waiting: Semaphore,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            searching: Semaphore::new(1),
            verifying: Semaphore::new(1),
            checking: Semaphore::new(1),
            forecasting: Semaphore::new(1),
            waiting: Semaphore::new(outcome::WAITING_MAX),
        }
    }
}

/// What [`Services`] are built from.
pub struct Parts {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Clock,
    /// Seals cursors.
    pub cursor_key: CursorKey,
    /// Who is connected.
    pub connections: Arc<dyn Connections>,
    /// The words of notifications.
    pub templates: Arc<Templates>,
    /// Carries deliveries out.
    pub outbox: outbox::Outbox,
    /// Signs what is called back.
    pub links: links::Links,
    /// Limits and defaults.
    pub settings: Settings,
    /// What people's use cases need.
    pub people: people::PeopleParts,
    /// Where the bytes of blobs are.
    pub blobs: BlobFolder,
    /// The types of entities that devices may bring.
    pub kinds: sync::Kinds,
}

impl Services {
    /// Builds the services.
    pub fn new(parts: Parts) -> Self {
        Self {
            gathering: people::Gathering::new(Arc::clone(&parts.store)),
            counting: counting::Counting::new(parts.clock.now()),
            store: parts.store,
            clock: parts.clock,
            ids: Ids::new(),
            cursor_key: parts.cursor_key,
            connections: parts.connections,
            templates: parts.templates,
            outbox: parts.outbox,
            links: parts.links,
            recall_asked: tokio::sync::Notify::new(),
            settings: parts.settings,
            people: parts.people,
            blobs: parts.blobs,
            kinds: parts.kinds,
            swept_up_to: Mutex::default(),
            heard: sync::Heard::default(),
            feed_locks: sync::FeedLocks::default(),
            meetings: people::Meetings::default(),
            send_accepted: tokio::sync::Notify::new(),
            in_flight: InFlight::default(),
            uploads: Uploads::default(),
            in_force: revocations::InForce::default(),
            probe: probe::Probe::default(),
            rolled_back: lives::Found::default(),
            backed_up: lives::BackedUp::default(),
            expanded_up_to: Mutex::default(),
            renewing: Mutex::default(),
            clockwork: schedule::Clockwork::default(),
            swept_inboxes: retention::InboxWalk::default(),
            troubles: tally::Troubles::default(),
            turns: Turns::default(),
        }
    }

    /// Tells the time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Services {
    /// Forgets idempotency keys that have had their day; tells how many.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn forget_keys(&self, limit: usize) -> Result<usize, ServiceError> {
        let before = self.now().plus_ms(-self.settings.idempotency_ms);
        Ok(self.store.forget_keys(before, limit).await?)
    }

    /// Counts what the outbox holds, up to `limit` of a kind.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn backlog(&self, limit: usize) -> Result<Backlog, ServiceError> {
        Ok(self.store.backlog(self.now(), limit).await?)
    }
}

/// So often is a decision made anew when its preconditions keep changing under it.
const ATTEMPTS_MAX: usize = 5;

/// Repeats a decision while its commit answers `Stale`, a bounded number of times.
async fn deciding<T, F>(mut decide: impl FnMut() -> F) -> Result<T, ServiceError>
where
    F: Future<Output = Result<T, ServiceError>>,
{
    for _ in 1..ATTEMPTS_MAX {
        if let Some(result) = unless_stale(decide().await) {
            return result;
        }
    }
    decide().await
}

/// Gives a result; nothing where what was decided relied on something that is another by now.
fn unless_stale<T>(result: Result<T, ServiceError>) -> Option<Result<T, ServiceError>> {
    let is_stale = matches!(result, Err(ServiceError::Store(StoreError::Stale)));
    (!is_stale).then_some(result)
}
