//! The contract of knowing blobs: which there are, where their bytes are, and who may read them.
//!
//! The bytes themselves are files, which are no store's.

use landfall_core::blob::BlobHash;
use landfall_core::id::{Tenant, UserId};
use landfall_core::time::Timestamp;
use uuid::Uuid;

use super::error::Answered;

/// What is known of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its name within the tenant.
    pub hash: BlobHash,
    /// Which file holds its bytes; no two blobs ever share one.
    pub file: Uuid,
    /// Its length.
    pub bytes: u64,
    /// Its media type, as whoever brought it first said.
    pub media_type: String,
}

/// How much room there is for blobs, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobRoom {
    /// For all of the tenant's.
    pub of_tenant: u64,
    /// For what the user uploads, of which each blob takes [`BLOB_WEIGHT_MIN`] at least.
    pub of_user: u64,
}

/// What a blob takes of its uploader's room at least, in bytes: small files cost a disk more than they hold.
pub const BLOB_WEIGHT_MIN: u64 = 4_096;

/// A blob of any tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    /// Whose.
    pub tenant: Tenant,
    /// What.
    pub blob: Blob,
}

/// Reads what is known of blobs.
pub trait Blobs {
    /// Gives those of these blobs that the tenant has, in any order.
    fn blobs(&self, tenant: &Tenant, hashes: Vec<BlobHash>) -> Answered<'_, Vec<Blob>>;

    /// Says whether a user may read a blob: they uploaded it, or are in a class of which a lesson
    /// that is there at `now` refers to it, or in a topic of which a message carries it.
    fn may_read_blob(
        &self,
        tenant: &Tenant,
        hash: BlobHash,
        user: &UserId,
        now: Timestamp,
    ) -> Answered<'_, bool>;

    /// Says whether a user is at least a teacher of any class.
    fn teaches(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, bool>;

    /// Says whether a user is in any topic.
    fn belongs(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, bool>;

    /// Adds up what the blobs weigh that a user uploaded; costs the same however many there are.
    fn blob_total_of_user(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, u64>;

    /// Adds up the bytes of a tenant's blobs; costs the same however many there are.
    fn blob_total(&self, tenant: &Tenant) -> Answered<'_, u64>;

    /// Finds blobs of any tenant that nothing refers to and that nobody had a use for since
    /// `before`; they wait for [`Write::ForgetBlob`](crate::Write::ForgetBlob), oldest first.
    fn unneeded_blobs(&self, before: Timestamp, limit: usize) -> Answered<'_, Vec<StoredBlob>>;

    /// Gives those of these files that hold a blob of any tenant.
    fn blob_files(&self, files: Vec<Uuid>) -> Answered<'_, Vec<Uuid>>;
}
