//! The contract of tallies: sums by day that are added up from the audit trail, entry by entry.
//!
//! What they count is the caller's; the store adds, and keeps how far the trail has been read.

use landfall_core::id::{NotificationId, Tenant, TopicId};
use landfall_core::time::Timestamp;

use super::error::Answered;

/// What a sum is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TallyKey {
    /// The day, in days since 1970-01-01 (UTC).
    pub day: i64,
    /// The class, or nothing for the whole tenant.
    pub class: Option<TopicId>,
    /// What is counted, such as `sent` or `response_ms`.
    pub measure: String,
    /// The channel, or empty.
    pub channel: String,
    /// The notification's type, or empty.
    pub notification_type: String,
    /// The bucket of a histogram, or 0.
    pub bucket: u16,
}

/// How much is added to a sum, or what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Of what.
    pub key: TallyKey,
    /// How many.
    pub count: u64,
}

/// An entry of the trail with what a tally needs of its notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Countable {
    /// Its number in the tenant's trail.
    pub number: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub action: String,
    /// What else is known, as JSON; nothing once it is erased.
    pub metadata: Option<String>,
    /// The notification that it is about, where it is about one.
    pub notification: Option<CountedNotification>,
}

/// The notification of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedNotification {
    /// Its name.
    pub id: NotificationId,
    /// Its type.
    pub notification_type: String,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// The class or topic that it was sent to.
    pub class: Option<TopicId>,
}

/// A tenant's trail, as far as it has not been counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uncounted {
    /// Whose.
    pub tenant: Tenant,
    /// The last entry that was counted.
    pub counted: u64,
    /// What comes after it, in order, at most as many as were asked for.
    pub entries: Vec<Countable>,
}

/// Which sums to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TallyFilter {
    /// The first day.
    pub from: i64,
    /// The last day.
    pub to: i64,
    /// Those of a class, or of the whole tenant.
    pub class: Option<TopicId>,
}

/// Reads tallies and what is still to be counted.
pub trait Tallies {
    /// Gives what is not counted yet of tenants after `after`, at most `tenants` of them and
    /// `limit` entries of each; tenants that are all counted are left out.
    fn uncounted(
        &self,
        after: Option<Tenant>,
        tenants: usize,
        limit: usize,
    ) -> Answered<'_, Vec<Uncounted>>;

    /// Adds to sums and moves the tenant's place from `from` to `to`, in one transaction; false,
    /// with nothing done, when somebody else has moved it.
    fn count(&self, tenant: &Tenant, from: u64, to: u64, tallies: Vec<Tally>)
    -> Answered<'_, bool>;

    /// Reads sums, those of the same key over all days of the filter added up (their day is the
    /// filter's first).
    fn tallies(&self, tenant: &Tenant, filter: TallyFilter) -> Answered<'_, Vec<Tally>>;
}
