//! The contract of revocations: who may act no more although their token says so.

use landfall_core::auth::Revoked;
use landfall_core::feed::Number;
use landfall_core::id::{Tenant, UserId};
use landfall_core::time::Timestamp;

use super::error::Answered;

/// A revocation as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// The number of its last change, over all tenants: in commit order.
    pub number: Number,
    /// Whose server.
    pub tenant: Tenant,
    /// What is revoked.
    pub of: Revoked,
    /// When it was made: a user's tokens are covered that were issued until then.
    pub at: Timestamp,
    /// Why, as whoever made it said.
    pub reason: Option<String>,
    /// Who made it.
    pub by: UserId,
    /// Whether it is in force no more.
    pub is_lifted: bool,
}

/// Reads and forgets revocations. They are written by units only.
pub trait Revocations {
    /// Gives what changed after a number, lifted ones too, of every tenant, in the order of their
    /// numbers. Whoever asks on from the last one misses nothing.
    fn revocations_after(&self, after: Number, limit: usize) -> Answered<'_, Vec<Revocation>>;

    /// Lists those of a tenant that are in force, newest first, below a number where one is given.
    fn revocations(
        &self,
        tenant: &Tenant,
        below: Option<Number>,
        limit: usize,
    ) -> Answered<'_, Vec<Revocation>>;

    /// Forgets those of single tokens and those lifted, whose last change was before `before`, at
    /// most `limit`; tells how many. A user's is never forgotten while it is in force.
    fn forget_revocations(&self, before: Timestamp, limit: usize) -> Answered<'_, usize>;
}
