//! The contract of reading inboxes.

use std::sync::Arc;

use landfall_core::feed::{Head, Number};
use landfall_core::id::{NotificationId, Tenant, UserId};
use landfall_core::notification::Notification;
use landfall_core::session::{Page, Read};
use landfall_core::time::Timestamp;

use super::error::Answered;

/// Which part of an inbox to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InboxSlice {
    /// Newest first by the number at which each became visible, below `below` where given.
    Newest {
        /// Only notifications that became visible before this number.
        below: Option<Number>,
    },
    /// By last change, oldest first: above `after` and, where given, below `before`.
    ChangedAfter {
        /// Only changes above this number.
        after: Number,
        /// Only changes below this number.
        before: Option<Number>,
    },
    /// By last change, newest first, below this number.
    ChangedBefore(Number),
}

/// A question to an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxQuery {
    /// Where to begin, and in which order.
    pub slice: InboxSlice,
    /// Only unread ones, or only read ones.
    pub read: Option<bool>,
    /// Only this type.
    pub notification_type: Option<String>,
    /// Leaves out so many first.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

/// A question over all inboxes of a tenant (S4's admin list).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AdminFilter {
    /// Only this user's.
    pub user: Option<UserId>,
    /// Only this type.
    pub notification_type: Option<String>,
    /// Only delivered ones, or only undelivered ones.
    pub delivered: Option<bool>,
    /// Only those whose plan names this channel.
    pub channel: Option<landfall_core::channel::Channel>,
    /// Only those accepted at or after this time.
    pub since: Option<Timestamp>,
    /// Only those accepted before this time.
    pub until: Option<Timestamp>,
    /// Only those that come after this one in the list (newest first).
    pub below: Option<NotificationId>,
    /// Leaves out so many first.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

/// A notification that expired before any device confirmed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// Whose server.
    pub tenant: Tenant,
    /// Whose inbox.
    pub user: UserId,
    /// Which one.
    pub number: Number,
}

/// Reads inboxes. Every read sees one snapshot that holds all units answered before it began.
/// Deleted notifications are in no list; only [`Inbox::read`] shows them, to tell devices.
pub trait Inbox {
    /// Reads what a session asked for. Rows, head and `more` come from one snapshot, so that
    /// nothing numbered up to the head is missing.
    fn read(&self, tenant: &Tenant, user: &UserId, read: Read) -> Answered<'_, Page>;

    /// Lists an inbox.
    fn list(
        &self,
        tenant: &Tenant,
        user: &UserId,
        query: InboxQuery,
    ) -> Answered<'_, Vec<Notification>>;

    /// Finds one notification of a user; deleted ones are not there.
    fn get(
        &self,
        tenant: &Tenant,
        user: &UserId,
        id: NotificationId,
    ) -> Answered<'_, Option<Arc<Notification>>>;

    /// Counts unread notifications and says where the feed stands.
    fn unread(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, (u64, Head)>;

    /// Gives the numbers of undelivered notifications up to `up_to`, oldest first.
    fn undelivered(
        &self,
        tenant: &Tenant,
        user: &UserId,
        up_to: Number,
        limit: usize,
    ) -> Answered<'_, Vec<Number>>;

    /// Lists notifications of a whole tenant, newest first.
    fn find(&self, tenant: &Tenant, filter: AdminFilter) -> Answered<'_, Vec<Notification>>;

    /// Finds notifications of any tenant that expired by `now` undelivered and wait for
    /// [`Write::Expire`](crate::Write::Expire), oldest first. Some may be read meanwhile by an
    /// "all read" mark.
    fn expired(&self, now: Timestamp, limit: usize) -> Answered<'_, Vec<Expired>>;
}
