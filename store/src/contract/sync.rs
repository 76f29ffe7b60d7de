//! The contract of offline work: entities, what devices did to them, and conflicts.

use landfall_core::audit::Hash;
use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::{ConflictId, Tenant, UserId};
use landfall_core::notification::JsonText;
use landfall_core::sync::EntityName;
use landfall_core::time::Timestamp;

use super::devices::{ActivityNext, StoredDevice};
use super::error::Answered;
use super::retention::ForgottenWork;

/// An entity as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntity {
    /// Which.
    pub name: EntityName,
    /// Grows by one with each change that devices see; the first is 1.
    pub version: u64,
    /// Grows by one with each write of the row.
    pub revision: u64,
    /// The number of its last change on the feed.
    pub changed: Number,
    /// Its fields; of one that was deleted, those that it had.
    pub data: JsonText,
    /// Whether it was deleted.
    pub is_deleted: bool,
    /// When its fields were written, as whoever decides keeps it.
    pub stamps: JsonText,
    /// The device that wrote last.
    pub device: Box<str>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What an entity was at one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityVersion {
    /// Which.
    pub name: EntityName,
    /// At which version.
    pub version: u64,
    /// Its fields then.
    pub data: JsonText,
    /// Whether it was deleted.
    pub is_deleted: bool,
    /// The number on the feed with which it became so.
    pub changed: Number,
}

/// What one device had of an entity after its last edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBranch {
    /// Of which entity.
    pub name: EntityName,
    /// Whose.
    pub device: Box<str>,
    /// The last edit.
    pub operation: Box<str>,
    /// The device's own count of versions, if it counts.
    pub client_version: Option<u64>,
    /// The server version on which it stands.
    pub base_version: u64,
    /// The fields; nothing once the device deleted the entity.
    pub fields: Option<JsonText>,
    /// The entity's number after that edit.
    pub changed: Number,
    /// Whether the last edit was refused.
    pub is_refused: bool,
}

/// An operation that was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOperation {
    /// Its name, which its device gave it; each of a user's is another.
    pub id: Box<str>,
    /// The digest of all that it said.
    pub digest: Hash,
    /// How it ended, as whoever decided keeps it; nothing once that was forgotten.
    pub outcome: Option<JsonText>,
    /// When it was decided.
    pub at: Timestamp,
}

/// What one operation does: its outcome, and everything that goes with it.
///
/// `Stale` unless the entity stands at `from`, the device's branch of it ends with `from_branch`, and
/// the operation is there as `keeps` says. `Numbered` when devices have something to see, else
/// `Done`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncWrite {
    /// The feed on which the entity lives, of the unit's tenant.
    pub feed: FeedKey,
    /// The entity.
    pub name: EntityName,
    /// Whose operation it is.
    pub user: UserId,
    /// The device that brought it.
    pub device: Box<str>,
    /// The operation; its outcome must be there.
    pub operation: StoredOperation,
    /// Whether it is there already.
    pub keeps: OperationKeep,
    /// The revision from which it was decided; 0 where the entity was never there.
    pub from: u64,
    /// The version that went with it.
    pub from_version: u64,
    /// The operation with which the device's branch of the entity ended; nothing where it had none.
    pub from_branch: Option<Box<str>>,
    /// What the entity becomes; nothing where its row stays as it is.
    pub next: Option<EntityNext>,
    /// What the device had before; nothing where that is not kept.
    pub branch: Option<BranchNext>,
    /// What was in the way of what.
    pub conflict: Option<Box<ConflictNext>>,
    /// What apps that send activities are shown of it, under the operation's id; what is there is
    /// replaced, but for when it came about.
    pub activity: Option<Box<ActivityNext>>,
}

/// Whether an operation was decided before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKeep {
    /// It was not; `Stale` where it is there.
    New,
    /// It was, with the same digest, and its activity failed: it is decided once more; `Stale`
    /// otherwise.
    Again,
}

/// What an entity becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityNext {
    /// Its version; the same as before where devices have nothing to see.
    pub version: u64,
    /// Its fields.
    pub data: JsonText,
    /// Whether it is deleted.
    pub is_deleted: bool,
    /// When its fields were written.
    pub stamps: JsonText,
}

/// What a device's branch becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchNext {
    /// The device's own count of versions, if it counts.
    pub client_version: Option<u64>,
    /// The server version on which it stands.
    pub base_version: u64,
    /// The fields; nothing once the device deleted the entity.
    pub fields: Option<JsonText>,
    /// Whether the edit was refused.
    pub is_refused: bool,
}

/// What becomes of a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConflictNext {
    /// There is a new one.
    New(Conflict),
    /// An open one goes on with what its device says now; `Stale` unless it is open.
    GoesOn {
        /// Which.
        id: ConflictId,
        /// The fields as the device has them now; nothing where it deleted the entity.
        client: Option<JsonText>,
    },
    /// An open one is resolved, and activities of its device about the entity that waited for it are
    /// synced; `Stale` unless it is open.
    Resolved {
        /// Which.
        id: ConflictId,
        /// What was decided, in a word.
        resolution: Box<str>,
        /// What the entity became; nothing where it is not there.
        result: Option<JsonText>,
        /// By whom.
        by: UserId,
    },
}

/// Two edits that were in each other's way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Its name.
    pub id: ConflictId,
    /// Whether a person has to say.
    pub is_open: bool,
    /// What decided, or is proposed.
    pub decided_by: Box<str>,
    /// What both began from, if it is known.
    pub base: Option<JsonText>,
    /// What the server had; nothing of an entity that was not there.
    pub server: Option<JsonText>,
    /// What the device has; nothing where it deleted the entity.
    pub client: Option<JsonText>,
    /// What became of them; nothing where the entity is not there.
    pub result: Option<JsonText>,
    /// The fields in dispute, as whoever decided keeps them.
    pub clashes: JsonText,
    /// The device's own count of versions.
    pub client_version: Option<u64>,
    /// The server's version then; 0 where there was none.
    pub server_version: u64,
}

/// A conflict as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredConflict {
    /// What was in the way of what.
    pub conflict: Conflict,
    /// The feed on which the entity lives.
    pub feed: FeedKey,
    /// The entity.
    pub name: EntityName,
    /// Whose operation it was.
    pub user: UserId,
    /// The device that brought it.
    pub device: Box<str>,
    /// The operation.
    pub operation: Box<str>,
    /// When it came about.
    pub created_at: Timestamp,
    /// When and by whom it was resolved, and how; nothing for one that a rule resolved.
    pub resolved: Option<(Timestamp, Option<UserId>, Option<Box<str>>)>,
}

/// Chooses conflicts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConflictFilter {
    /// Whose operations' they are; everybody's where nobody is named.
    pub user: Option<UserId>,
    /// Only those that are open, or only those that are not.
    pub is_open: Option<bool>,
    /// Only those that came after this one.
    pub after: Option<ConflictId>,
    /// At most so many.
    pub limit: usize,
}

/// Chooses entities of a feed that are there, in the order of their names: the type's bytes, then the
/// id's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntityRange {
    /// Only those behind this name, whether or not it is there.
    pub after: Option<EntityName>,
    /// Only those up to this name, with it.
    pub up_to: Option<EntityName>,
    /// Only those of these types; of all where none is named.
    pub kinds: Vec<Box<str>>,
    /// At most so many.
    pub limit: usize,
}

/// What a desk needs to know before it decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingsAsk {
    /// The feed on which the entities live.
    pub feed: FeedKey,
    /// Whose operations they are.
    pub user: UserId,
    /// The device that brought them.
    pub device: Box<str>,
    /// The entities.
    pub names: Vec<EntityName>,
    /// The operations, by their ids.
    pub operations: Vec<Box<str>>,
    /// Versions of entities from which edits say that they began.
    pub versions: Vec<(EntityName, u64)>,
    /// Also, for each name, its newest version with a number up to this one.
    pub had: Option<Number>,
}

impl StandingsAsk {
    /// Begins with a device of a user alone: of the entities on a feed nothing is asked. One without a
    /// name is the empty one.
    #[must_use]
    pub fn of(feed: &FeedKey, user: &UserId, device: &str) -> Self {
        Self {
            feed: feed.clone(),
            user: user.clone(),
            device: device.into(),
            names: Vec::new(),
            operations: Vec::new(),
            versions: Vec::new(),
            had: None,
        }
    }
}

/// What a desk needs to know; of everything what is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standings {
    /// The entities, deleted or not, in the order of their names.
    pub entities: Vec<StoredEntity>,
    /// The device's branches of them.
    pub branches: Vec<StoredBranch>,
    /// Those of the user's operations that were decided before.
    pub operations: Vec<StoredOperation>,
    /// The versions that are still kept, each once.
    pub versions: Vec<EntityVersion>,
    /// The open conflicts about the entities, whoever's they are.
    pub conflicts: Vec<StoredConflict>,
    /// What is known of the device.
    pub device: Option<StoredDevice>,
}

/// Reads offline work.
pub trait Syncs {
    /// Gives what a desk needs to know, all of one moment.
    fn standings(&self, ask: StandingsAsk) -> Answered<'_, Standings>;

    /// Gives those of the named entities that are there, deleted or not, in the order of their names.
    fn entities(&self, feed: &FeedKey, names: Vec<EntityName>) -> Answered<'_, Vec<StoredEntity>>;

    /// Gives entities that changed after a number, oldest change first, of some types or, where none
    /// is named, of all.
    fn changed_entities(
        &self,
        feed: &FeedKey,
        after: Number,
        kinds: Vec<Box<str>>,
        limit: usize,
    ) -> Answered<'_, Vec<StoredEntity>>;

    /// Gives entities that are there, in the order of their names; none that was deleted.
    fn entities_in(&self, feed: &FeedKey, range: EntityRange) -> Answered<'_, Vec<StoredEntity>>;

    /// Gives the number below every change of an entity or a lesson of a feed that was stored at a
    /// time or later.
    fn number_before(&self, feed: &FeedKey, at: Timestamp) -> Answered<'_, Number>;

    /// Finds a conflict.
    fn conflict(&self, tenant: &Tenant, id: ConflictId) -> Answered<'_, Option<StoredConflict>>;

    /// Lists conflicts, oldest first.
    fn conflicts(
        &self,
        tenant: &Tenant,
        filter: ConflictFilter,
    ) -> Answered<'_, Vec<StoredConflict>>;

    /// Forgets what entities were, branches, outcomes of operations, resolved conflicts, sync
    /// sessions, and activities that are synced, each from before a time and at most `limit` of
    /// each; tells how many.
    fn forget_sync(&self, before: Timestamp, limit: usize) -> Answered<'_, ForgottenWork>;

    /// Forgets entities that were deleted before a time, at most `limit`, with their versions and
    /// branches, but none about which a conflict is open; tells how many.
    ///
    /// Raises the horizon of each one's feed to the number of its last change in the same
    /// transaction, so that whoever has not read that starts over.
    fn forget_tombstones(&self, before: Timestamp, limit: usize) -> Answered<'_, usize>;
}
