//! The contract of sends to many: one stored row, expanded afterwards in chunks.

use std::sync::Arc;

use landfall_core::id::{NotificationId, SendId, Tenant, TopicId, UserId};
use landfall_core::notification::Content;
use landfall_core::time::Timestamp;

use super::error::Answered;

/// Whom a send reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendTo {
    /// These users, sorted, each once.
    Users(Vec<UserId>),
    /// Whoever is a member when their turn comes.
    Topic(TopicId),
}

/// A stored send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSend {
    /// Its name.
    pub id: SendId,
    /// Whose server.
    pub tenant: Tenant,
    /// What it says.
    pub content: Arc<Content>,
    /// What its sender asked for that each recipient's plan is made from; nobody's but the
    /// caller's to read.
    pub route: String,
    /// Whom it reaches.
    pub to: SendTo,
    /// The last user it has reached, or empty.
    pub cursor: String,
    /// How many users it was accepted for.
    pub accepted: u64,
    /// How many users it has reached.
    pub expanded: u64,
    /// Whether it is still under way.
    pub is_active: bool,
    /// When its sender took it back.
    pub canceled_at: Option<Timestamp>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// From then on its notifications are delivered no more.
    pub expires_at: Option<Timestamp>,
}

/// Reads sends.
pub trait Sends {
    /// Gives the oldest active send of each tenant after `after`, in the order of tenants, at most
    /// `limit`: whoever asks on from the last one gives every tenant its turn.
    fn active_sends(&self, after: Option<Tenant>, limit: usize) -> Answered<'_, Vec<StoredSend>>;

    /// Gives sends whose notifications are being recalled, oldest first, each with the last
    /// notification that was, at most `limit`.
    fn recalls(&self, limit: usize) -> Answered<'_, Vec<(StoredSend, Option<NotificationId>)>>;

    /// Gives notifications that came from a send, by id after `after`, deleted ones too. Once the
    /// send is complete or taken back no more are added.
    fn notifications_of_send(
        &self,
        tenant: &Tenant,
        id: SendId,
        after: Option<NotificationId>,
        limit: usize,
    ) -> Answered<'_, Vec<(UserId, NotificationId)>>;

    /// Finds a send.
    fn send(&self, tenant: &Tenant, id: SendId) -> Answered<'_, Option<StoredSend>>;
}
