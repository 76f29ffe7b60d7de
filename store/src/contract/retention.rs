//! The contract of forgetting by age, of which every step is bounded.

use landfall_core::time::Timestamp;

use super::error::Answered;

/// An inbox, in an order of the store's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxPlace(pub(crate) i64);

/// What a look at some inboxes found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OldInboxes {
    /// Those that hold something old.
    pub old: Vec<InboxPlace>,
    /// The last that was looked at, if there may be more behind it.
    pub last: Option<InboxPlace>,
}

/// How much was forgotten of offline work, by what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ForgottenWork {
    /// Earlier versions of entities, branches, outcomes of operations, and resolved conflicts.
    pub history: usize,
    /// Sync sessions.
    pub sessions: usize,
    /// Activities that are synced.
    pub activities: usize,
}

impl ForgottenWork {
    /// Counts it all.
    pub const fn total(self) -> usize {
        self.history + self.sessions + self.activities
    }
}

/// Forgets what is old.
pub trait Retention {
    /// Looks at `limit` inboxes of all tenants behind a place; gives those whose oldest notification is from before
    /// then.
    fn old_inboxes(
        &self,
        behind: Option<InboxPlace>,
        before: Timestamp,
        limit: usize,
    ) -> Answered<'_, OldInboxes>;

    /// Forgets the oldest notifications of an inbox, from before a time and at most `limit`, with their deliveries,
    /// but none of which something is still to go out; tells how many.
    ///
    /// Raises the inbox's horizon to the last change of any of them in the same transaction, so that a device that
    /// has not read that starts over.
    fn forget_notifications(
        &self,
        inbox: InboxPlace,
        before: Timestamp,
        limit: usize,
    ) -> Answered<'_, usize>;

    /// Forgets sends that were accepted and went out, or were taken back, before then, but none of which a notification
    /// or something that waits is left; tells how many.
    fn forget_sends(&self, before: Timestamp, limit: usize) -> Answered<'_, usize>;

    /// Erases the details of entries of all trails from before then; the chains still verify. Tells of how many.
    fn forget_details(&self, before: Timestamp, limit: usize) -> Answered<'_, usize>;
}
