//! The contract of telling members of messages who are not there (contract 4).
//!
//! Whatever stores a message leaves word that its topic has news: one row for the topic, however many messages
//! and members it has. Whoever works on it finds the members who are to be told, and notes of each that they
//! were.

use landfall_core::feed::Number;
use landfall_core::id::{NotificationId, Tenant, TopicId, UserId};
use landfall_core::time::Timestamp;

use super::error::Answered;

/// A topic with messages of which members may still have to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Of which tenant.
    pub tenant: Tenant,
    /// Which topic.
    pub topic: TopicId,
    /// Up to this message.
    pub up_to: Number,
}

/// When members are to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoticePace {
    /// It is now.
    pub now: Timestamp,
    /// When the oldest lease of a node began that still holds: who is at an older one is not connected.
    pub since: Timestamp,
    /// Somebody who has not read what they were told of is told again only so many milliseconds later.
    pub window_ms: i64,
    /// Whether those who are connected may still go away without having read: then it is looked again after
    /// `again_ms`.
    pub waits_for_connected: bool,
    /// Milliseconds between such looks.
    pub again_ms: i64,
}

/// A member who is not there, has not read, and is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// Who.
    pub user: UserId,
    /// Up to where they have read.
    pub read_up_to: Number,
    /// Up to where they were told.
    pub notified_up_to: Number,
    /// The notification that told them, where it is still there and unread.
    pub notification: Option<NotificationId>,
}

/// A member of whom it is noted up to where they were told of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedMember {
    /// Who.
    pub user: UserId,
    /// Up to where they were told before.
    pub from: Number,
    /// The notification that told them; nothing where they are not to be told.
    pub notification: Option<NotificationId>,
}

/// Members of a topic of whom it is noted that they were told of its messages, or are not to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedMembers {
    /// Where.
    pub topic: TopicId,
    /// Up to this message.
    pub up_to: Number,
    /// When; within the window from then on they are not looked at again, unless they read the topic.
    pub at: Timestamp,
    /// Of whom.
    pub members: Vec<NotedMember>,
}

/// Finds who is to be told of messages.
pub trait Notices {
    /// Takes topics that are due, those that have waited longest first, and makes them due again at `until`, so
    /// that whoever dies over one leaves it to another.
    fn claim_notices(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Answered<'_, Vec<Notice>>;

    /// Gives members of a topic who are to be told now, by user id, after `after` (a user id, or empty).
    fn untold(
        &self,
        notice: &Notice,
        pace: NoticePace,
        after: String,
        limit: usize,
    ) -> Answered<'_, Vec<Untold>>;

    /// Ends the work on a topic: where members are to be told later it is due then, else, or without a pace, it
    /// is gone; where there was another message meanwhile, it stays as that left it.
    fn settle_notice(&self, notice: &Notice, pace: Option<NoticePace>) -> Answered<'_, ()>;

    /// Gives for each of these members the notification that told them of their topic's messages, where it is
    /// still there and unread, and up to which message it did.
    fn told_by(
        &self,
        tenant: &Tenant,
        members: Vec<(TopicId, UserId)>,
    ) -> Answered<'_, Vec<Option<(NotificationId, Number)>>>;
}
