//! The contract of devices that sync: what is known of each, what it did each time, and what apps
//! that send activities are shown.

use landfall_core::feed::Number;
use landfall_core::id::{Tenant, UserId};
use landfall_core::notification::JsonText;
use landfall_core::time::Timestamp;
use uuid::Uuid;

use super::error::Answered;

/// Activities of one status, and conflicts, are counted up to here.
pub const ACTIVITIES_COUNTED_MAX: u64 = 10_000;

/// What is known of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDevice {
    /// Its name; each of a user's is another.
    pub device: Box<str>,
    /// When it synced first.
    pub first_at: Timestamp,
    /// When it synced last.
    pub seen_at: Timestamp,
    /// The stamp of what it wrote last: the time, and the count within it.
    pub stamp: Option<(Timestamp, u32)>,
    /// Up to where it has confirmed to have its user's data feed.
    pub place: Number,
    /// Up to where it was given what its user's data feed has of activities.
    pub given: Number,
    /// How often it pushed as one that counts its generations; 0 for one that does not.
    pub generation: u64,
    /// Its last sync session.
    pub session: Option<Uuid>,
    /// How many operations it said it had not sent yet, and when it said so.
    pub pending: Option<(u64, Timestamp)>,
}

/// What becomes of a device, and of its sync session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceNext {
    /// Whose.
    pub user: UserId,
    /// Its name.
    pub device: Box<str>,
    /// When it synced; the latest is kept.
    pub at: Timestamp,
    /// The stamp of what it wrote last; the greatest is kept.
    pub stamp: Option<(Timestamp, u32)>,
    /// Up to where it has its user's data feed; the greatest is kept.
    pub place: Option<Number>,
    /// Up to where it is given what its user's data feed has of activities; the greatest is kept.
    pub given: Option<Number>,
    /// Its generation; the greatest is kept.
    pub generation: Option<u64>,
    /// What it did; the session that is known stays where there is none.
    pub session: Option<SessionNext>,
    /// How many operations it says it has not sent yet; what it said before stays where it says nothing.
    pub pending: Option<u64>,
}

impl DeviceNext {
    /// Begins with a device that was there at a time and said nothing.
    #[must_use]
    pub fn seen(user: &UserId, device: &str, at: Timestamp) -> Self {
        Self {
            user: user.clone(),
            device: device.into(),
            at,
            stamp: None,
            place: None,
            given: None,
            generation: None,
            session: None,
            pending: None,
        }
    }
}

/// What a device did, in which of its sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionNext {
    /// Which; a UUIDv7.
    pub id: Uuid,
    /// What it did, to be added.
    pub counts: SessionCounts,
}

/// How much a device did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SessionCounts {
    /// Operations that it brought.
    pub operations: u64,
    /// Those of them that were applied as they were sent.
    pub applied: u64,
    /// Those that were merged with what others had done.
    pub merged: u64,
    /// Those that wait for a person.
    pub conflicts: u64,
    /// Those that have no effect.
    pub rejected: u64,
    /// Those that had been decided before.
    pub replayed: u64,
    /// Rows that it was given.
    pub pulled: u64,
}

/// A sync session: what a device did within some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// Its name; a UUIDv7.
    pub id: Uuid,
    /// Whose of the user's devices.
    pub device: Box<str>,
    /// When it began.
    pub started_at: Timestamp,
    /// When the device was last heard of in it.
    pub ended_at: Timestamp,
    /// What it did.
    pub counts: SessionCounts,
}

/// How an activity stands (S0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActivityStatus {
    /// It took effect.
    Synced,
    /// A person has to say what becomes of it.
    Conflict,
    /// It has no effect.
    Failed,
}

impl ActivityStatus {
    /// All of them.
    pub const ALL: [ActivityStatus; 3] = [Self::Synced, Self::Conflict, Self::Failed];

    /// Names it as S0 spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::Conflict => "conflict",
            Self::Failed => "failed",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// An operation as apps that send activities know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredActivity {
    /// The operation's id, which is S0's `offline_id`.
    pub id: Box<str>,
    /// Its type.
    pub kind: Box<str>,
    /// The entity that it is about.
    pub entity_id: Box<str>,
    /// The device that brought it last.
    pub device: Box<str>,
    /// What it says.
    pub data: JsonText,
    /// How it stands.
    pub status: ActivityStatus,
    /// Why.
    pub reason: Box<str>,
    /// When it came first.
    pub created_at: Timestamp,
    /// When it was decided last.
    pub decided_at: Timestamp,
}

/// What an activity becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityNext {
    /// Its type.
    pub kind: Box<str>,
    /// The entity that it is about.
    pub entity_id: Box<str>,
    /// What it says.
    pub data: JsonText,
    /// How it stands.
    pub status: ActivityStatus,
    /// Why.
    pub reason: Box<str>,
}

/// Chooses activities of one user, oldest first, then by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityFilter {
    /// Whose.
    pub user: UserId,
    /// Of one type.
    pub kind: Option<Box<str>>,
    /// That this device brought last.
    pub device: Option<Box<str>>,
    /// That stand so.
    pub status: Option<ActivityStatus>,
    /// Behind this one, by when it came and its id.
    pub after: Option<(Timestamp, Box<str>)>,
    /// At most so many.
    pub limit: usize,
}

impl ActivityFilter {
    /// Begins with all of a user's, at most so many.
    #[must_use]
    pub fn of(user: &UserId, limit: usize) -> Self {
        Self { user: user.clone(), kind: None, device: None, status: None, after: None, limit }
    }
}

/// How many activities of a user stand how, and how many conflicts wait for them, each up to
/// [`ACTIVITIES_COUNTED_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ActivityCounts {
    /// Those that took effect.
    pub synced: u64,
    /// Those that wait for a person.
    pub conflict: u64,
    /// Those that have no effect.
    pub failed: u64,
    /// Conflicts that wait for a person, of activities and of other operations.
    pub open_conflicts: u64,
}

/// Reads what is known of devices that sync.
pub trait Devices {
    /// Lists a user's devices, by their names.
    fn devices(
        &self,
        tenant: &Tenant,
        user: &UserId,
        after: Option<Box<str>>,
        limit: usize,
    ) -> Answered<'_, Vec<StoredDevice>>;

    /// Lists a user's sync sessions, newest first, of all devices or of one.
    fn sync_sessions(
        &self,
        tenant: &Tenant,
        user: &UserId,
        before: Option<Uuid>,
        device: Option<Box<str>>,
        limit: usize,
    ) -> Answered<'_, Vec<StoredSession>>;

    /// Lists a user's activities, oldest first, then by id.
    fn activities(
        &self,
        tenant: &Tenant,
        filter: ActivityFilter,
    ) -> Answered<'_, Vec<StoredActivity>>;

    /// Counts a user's activities, and the conflicts that wait for them.
    fn activity_counts(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, ActivityCounts>;

    /// Gives those of the named activities that are there, by id.
    fn named_activities(
        &self,
        tenant: &Tenant,
        user: &UserId,
        ids: Vec<Box<str>>,
    ) -> Answered<'_, Vec<StoredActivity>>;
}
