//! What a session takes and what it gives: starts, reads, pages, frames, reactions.

use std::sync::Arc;

use crate::feed::{Head, Number};
use crate::id::NotificationId;
use crate::notification::{InboxChange, InboxRow, News};
use crate::time::Timestamp;

/// Where a device says it stands when it connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Start {
    /// It has everything up to this number (`replay_from`, S2).
    After(Number),
    /// It says nothing: it is owed what nobody has confirmed yet (S4).
    Pending,
}

/// How many rows a session asks for at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PageSizes {
    /// Rows replayed at most when a device connects with a number (S2: 100).
    pub replay: usize,
    /// Rows of one page of undelivered notifications (S4: 50), and of catching up.
    pub page: usize,
}

/// What the session wants read from its inbox feed; the answer goes to [`Session::on_page`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Read {
    /// The newest `limit` rows above `after`, oldest first; `more` says that older were left out.
    Newest {
        /// Rows above this number.
        after: Number,
        /// At most so many.
        limit: usize,
    },
    /// The oldest `limit` rows above `after`; `more` says that newer were left out.
    Oldest {
        /// Rows above this number.
        after: Number,
        /// At most so many.
        limit: usize,
    },
    /// The oldest `limit` undelivered, unread notifications above `after` and, where it is given,
    /// not above `up_to`; `more` says that newer were left out.
    Pending {
        /// Rows above this number.
        after: Number,
        /// Rows up to this number.
        up_to: Option<Number>,
        /// At most so many.
        limit: usize,
    },
}

/// Rows of one read, and where the feed stood in the same snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In the order of their numbers.
    pub rows: Vec<InboxRow>,
    /// Where the feed stood.
    pub head: Head,
    /// Whether rows were left out.
    pub more: bool,
}

/// A frame for this session alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The number up to which the device has been sent everything once it has this frame.
    pub at: Number,
    /// Nothing that the device should see lies between this number and `at`.
    pub prev: Number,
    /// What it says.
    pub body: Body,
}

/// What a frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A notification as it is now.
    Notification(Arc<News>),
    /// A notification that the device knows was read.
    Read {
        /// Which one.
        id: NotificationId,
        /// When.
        at: Timestamp,
    },
    /// A notification that the device knows was deleted.
    Deleted {
        /// Which one.
        id: NotificationId,
    },
    /// Everything up to a number was read.
    AllRead {
        /// Covers notifications up to this number.
        up_to: Number,
        /// When.
        at: Timestamp,
    },
    /// Rows above `prev` and up to `at` were left out; the inbox returns them by `after`.
    Gap,
}

/// What to do with a change that was heard live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reaction {
    /// Nothing: it was sent already, or the next read will bring it.
    Ignore,
    /// Send the frame that all sessions share, whose `prev` is the number before it.
    SendShared,
    /// Send this frame: the same change with another `prev`.
    Send(Frame),
    /// Read first.
    Read(Read),
}

impl From<&InboxChange> for Body {
    fn from(change: &InboxChange) -> Self {
        match change {
            InboxChange::Published(notification) => {
                Self::Notification(Arc::new((&**notification).into()))
            }
            InboxChange::Read { id, at } => Self::Read { id: *id, at: *at },
            InboxChange::Deleted { id } => Self::Deleted { id: *id },
            InboxChange::AllRead { up_to, at } => Self::AllRead { up_to: *up_to, at: *at },
        }
    }
}
