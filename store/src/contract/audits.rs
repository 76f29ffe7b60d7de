//! The contract of the audit trail.

use landfall_core::audit::{Action, Hash};
use landfall_core::id::{NotificationId, Tenant, UserId};
use landfall_core::time::Timestamp;

use super::error::Answered;

/// A question to the trail; entries come newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// Only this action.
    pub action: Option<Action>,
    /// Only entries about this type of thing.
    pub entity_type: Option<String>,
    /// Only entries about this thing.
    pub entity_id: Option<String>,
    /// Only entries whose actor this is.
    pub actor: Option<UserId>,
    /// Only entries whose target this is.
    pub target: Option<UserId>,
    /// Only entries at or after this time.
    pub since: Option<Timestamp>,
    /// Only entries before this time.
    pub until: Option<Timestamp>,
    /// Only entries with a number below this.
    pub below: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

/// An entry as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its place in the tenant's trail: gapless from 1.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub action: String,
    /// About what type of thing.
    pub entity_type: String,
    /// About which.
    pub entity_id: String,
    /// Who did it.
    pub actor: Option<String>,
    /// To whom.
    pub target: Option<String>,
    /// More, as a JSON object; nothing once it is erased.
    pub metadata: Option<String>,
    /// The block that binds it, once one does.
    pub block: Option<u64>,
    /// Whether a block binds it yet.
    pub is_sealed: bool,
    /// Whether its details were erased.
    pub is_erased: bool,
}

/// What one run of the sealer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SealReport {
    /// Blocks made.
    pub blocks: u64,
    /// Entries bound.
    pub entries: u64,
}

/// What a walk along a tenant's chain found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verification {
    /// Blocks that were checked.
    pub blocks: u64,
    /// Sealed entries that were checked.
    pub entries: u64,
    /// Entries that no block binds yet.
    pub unsealed: u64,
    /// Entries whose details were erased.
    pub erased: u64,
    /// The hash of the last block, to be kept elsewhere.
    pub head: Option<Hash>,
    /// The first thing that does not fit: a block and why.
    pub broken: Option<(u64, String)>,
}

/// Reads, seals and checks the trail. Entries are written by units only.
pub trait Audits {
    /// Lists entries, newest first.
    fn audit(&self, tenant: &Tenant, filter: AuditFilter) -> Answered<'_, Vec<AuditRecord>>;

    /// Gives the entries about a notification with a number above `after`, oldest first, but for
    /// the one that says that it was created: the notification's own row says so.
    fn about(
        &self,
        tenant: &Tenant,
        notification: NotificationId,
        after: u64,
        limit: usize,
    ) -> Answered<'_, Vec<AuditRecord>>;

    /// Says whether a tenant has a trail: whatever was stored for one left an entry.
    fn has_trail(&self, tenant: &Tenant) -> Answered<'_, bool>;

    /// Gives tenants that have a trail, by name after a place, at most `limit`: a walk over all.
    fn trails(&self, after: Option<Tenant>, limit: usize) -> Answered<'_, Vec<Tenant>>;

    /// Chains the unsealed entries of every tenant into one block each, at most `limit` entries a
    /// block. At most one sealer runs at a time; a crash leaves entries unsealed, never twice.
    fn seal(&self, at: Timestamp, limit: usize) -> Answered<'_, SealReport>;

    /// Recomputes a tenant's chain from its first block: every digest that still has its details,
    /// every block's hash, and that no number is missing.
    fn verify(&self, tenant: &Tenant) -> Answered<'_, Verification>;

    /// Erases the details of entries whose actor or target is this user; the chain still
    /// verifies. Tells how many.
    fn erase_details(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, u64>;
}
