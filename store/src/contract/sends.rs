//! The contract of sends to many: one stored row, expanded afterwards in chunks.

use std::sync::Arc;

use landfall_core::digest::Digest;
use landfall_core::due::LocalTime;
use landfall_core::id::{NotificationId, SendId, Tenant, TopicId, UserId};
use landfall_core::notification::Content;
use landfall_core::time::Timestamp;

use super::error::Answered;

/// Whom a send reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendTo {
    /// These users, sorted, each once.
    Users(Vec<UserId>),
    /// Whoever is a member when their turn comes.
    Topic(TopicId),
    /// Those of these, sorted and each once, who are still members when their turn comes.
    Members(TopicId, Vec<UserId>),
    /// One user, whose notification is called so, and the topic to whose members it was sent, if to one's.
    One(UserId, NotificationId, Option<TopicId>),
}

/// Where a send stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendState {
    /// It waits until it is due.
    Waits,
    /// Its users are reached one after the other.
    Active,
    /// It waits, to one user, for their digest to go out.
    Gathered,
    /// Nobody is left, or it was taken back.
    Ended,
}

/// What a send does after a step of its expansion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendNext {
    /// It goes on.
    GoesOn,
    /// It waits until then.
    WaitsUntil(Timestamp),
    /// Nobody is left.
    Ends,
}

/// What is kept of a send that goes out later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    /// When it is looked at.
    pub due_at: Timestamp,
    /// The recipients' own date and time, where they are not all due at `due_at`.
    pub local: Option<LocalTime>,
    /// Milliseconds from when it goes out until it expires.
    pub lives_ms: Option<i64>,
    /// The send that left these recipients for later: their notifications are that one's.
    pub part_of: Option<SendId>,
    /// A phone number that came along with it, sealed; until it has gone out.
    pub phone: Option<Vec<u8>>,
}

/// What a send reminds of: it reaches those who want to be reminded so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reminds {
    /// So many minutes before it starts.
    pub minutes: u32,
    /// When it starts.
    pub starts_at: Timestamp,
}

/// A stored send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSend {
    /// Its name.
    pub id: SendId,
    /// Whose server.
    pub tenant: Tenant,
    /// What it says.
    pub content: Arc<Content>,
    /// What its sender asked for that each recipient's plan is made from; nobody's but the
    /// caller's to read.
    pub route: String,
    /// Whom it reaches.
    pub to: SendTo,
    /// The last user it has reached, or empty.
    pub cursor: String,
    /// How many users it was accepted for.
    pub accepted: u64,
    /// How many users it has reached.
    pub expanded: u64,
    /// Where it stands.
    pub state: SendState,
    /// What is kept of it where it goes out later than it was accepted.
    pub later: Option<Later>,
    /// What it reminds of, where it does.
    pub reminds: Option<Reminds>,
    /// With which others it goes out to each user, if with any.
    pub digest: Option<Digest>,
    /// When its sender took it back.
    pub canceled_at: Option<Timestamp>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// From then on its notifications are delivered no more; what goes out later says for how long instead.
    pub expires_at: Option<Timestamp>,
}

/// A digest that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueDigest {
    /// Whose server.
    pub tenant: Tenant,
    /// For whom.
    pub user: UserId,
    /// What those in it share.
    pub key: String,
    /// Counts what joined it, and what went out of it while it went on.
    pub joined: u64,
}

/// A change of a user's digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DigestWrite {
    /// Puts an active send to that user into their digest of its key, which is made where there is none, and is due
    /// then at the latest; `Stale` unless the send is active. `Done`.
    Join {
        /// Which.
        id: SendId,
        /// For whom.
        user: UserId,
        /// Into which.
        key: String,
        /// By when it has to go out.
        due_at: Timestamp,
    },
    /// Ends these sends of a digest; `Stale` unless so many have joined it, these are in it, and it holds no others
    /// where it ends. `Done`.
    Close {
        /// Which, as it was when it was read.
        digest: DueDigest,
        /// What goes out.
        sends: Vec<SendId>,
        /// What it does then.
        next: DigestNext,
    },
}

/// What a digest does after its sends went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestNext {
    /// It ends.
    Ends,
    /// It goes on with those that were too many.
    GoesOn,
}

/// Reads sends.
pub trait Sends {
    /// Gives tenants that have an active send, behind `after` in their order, at most `limit`: whoever asks on from
    /// the last one gives every tenant its turn.
    fn active_tenants(&self, after: Option<Tenant>, limit: usize) -> Answered<'_, Vec<Tenant>>;

    /// Gives a tenant's active sends to many, at most `limit`, oldest first: of more, half are the oldest, which have
    /// to come to an end, and half the newest, which should not wait until all others have.
    fn active_sends(&self, tenant: &Tenant, limit: usize) -> Answered<'_, Vec<StoredSend>>;

    /// Gives a tenant's active sends to one user each, oldest first, at most `limit`.
    fn active_ones(&self, tenant: &Tenant, limit: usize) -> Answered<'_, Vec<StoredSend>>;

    /// Makes sends active that are due, earliest first, at most `limit`; tells how many. It costs what
    /// it makes active, however much waits; what another node is just starting may be left to it.
    fn start_sends(&self, now: Timestamp, limit: usize) -> Answered<'_, usize>;

    /// Gives sends of all tenants to phone numbers that requests brought along, by name after one of
    /// them, at most `limit`.
    fn sealed_sends(&self, after: Option<SendId>, limit: usize) -> Answered<'_, Vec<StoredSend>>;

    /// Gives sends whose notifications are being recalled, oldest first, each with the last
    /// notification that was, at most `limit`.
    fn recalls(&self, limit: usize) -> Answered<'_, Vec<(StoredSend, Option<NotificationId>)>>;

    /// Gives notifications that came from a send, by id after `after`, deleted ones too. Once the
    /// send is complete or taken back no more are added.
    fn notifications_of_send(
        &self,
        tenant: &Tenant,
        id: SendId,
        after: Option<NotificationId>,
        limit: usize,
    ) -> Answered<'_, Vec<(UserId, NotificationId)>>;

    /// Gives digests of all tenants that are due, the longest first, at most `limit`. It costs what it gives.
    fn due_digests(&self, now: Timestamp, limit: usize) -> Answered<'_, Vec<DueDigest>>;

    /// Gives the sends in a user's digest, oldest first, at most `limit`.
    fn gathered(
        &self,
        tenant: &Tenant,
        user: &UserId,
        key: &str,
        limit: usize,
    ) -> Answered<'_, Vec<StoredSend>>;

    /// Says when a user's digest is due; nothing where there is none.
    fn digest_due_at(
        &self,
        tenant: &Tenant,
        user: &UserId,
        key: &str,
    ) -> Answered<'_, Option<Timestamp>>;

    /// Finds a send.
    fn send(&self, tenant: &Tenant, id: SendId) -> Answered<'_, Option<StoredSend>>;
}
