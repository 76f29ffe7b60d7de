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
    /// that is there at `now` refers to it.
    fn may_read_blob(
        &self,
        tenant: &Tenant,
        hash: BlobHash,
        user: &UserId,
        now: Timestamp,
    ) -> Answered<'_, bool>;

    /// Says whether a user is at least a teacher of any class.
    fn teaches(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, bool>;

    /// Adds up the bytes of a tenant's blobs; costs the same however many there are.
    fn blob_total(&self, tenant: &Tenant) -> Answered<'_, u64>;

    /// Finds blobs of any tenant to which no lesson refers and that nobody had a use for since
    /// `before`; they wait for [`Write::ForgetBlob`](crate::Write::ForgetBlob), oldest first.
    fn unneeded_blobs(&self, before: Timestamp, limit: usize) -> Answered<'_, Vec<StoredBlob>>;

    /// Gives those of these files that hold a blob of any tenant.
    fn blob_files(&self, files: Vec<Uuid>) -> Answered<'_, Vec<Uuid>>;
}
