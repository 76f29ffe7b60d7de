//! What is forgotten because of its age, class by class: so much in one run, and counted.

use std::sync::{Mutex, PoisonError};

use landfall_core::time::Timestamp;
use landfall_store::{InboxPlace, OldInboxes};

use super::{ServiceError, Services};

/// For how long what nobody needs any more is kept; nothing for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keeps {
    /// Notifications and sends, from when they were accepted.
    pub notifications_ms: Option<i64>,
    /// The details of the trail.
    pub details_ms: Option<i64>,
}

/// A sort of data that is forgotten by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataClass {
    /// Notifications in inboxes.
    Notifications,
    /// Sends that went out.
    Sends,
    /// Ended deliveries.
    Deliveries,
    /// Details of the audit trail.
    AuditDetails,
    /// Synced activities.
    Activities,
    /// Sync sessions.
    SyncSessions,
    /// Versions, outcomes, resolved conflicts and deleted entities.
    SyncHistory,
    /// Occurrences that are over, and what became of moments.
    Schedule,
    /// Messages of topics that were deleted.
    Messages,
    /// Blobs that nothing refers to.
    Blobs,
    /// Idempotency keys.
    IdempotencyKeys,
    /// Revocations.
    Revocations,
}

impl DataClass {
    /// Names it as metrics do.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Notifications => "notifications",
            Self::Sends => "sends",
            Self::Deliveries => "deliveries",
            Self::AuditDetails => "audit_details",
            Self::Activities => "activities",
            Self::SyncSessions => "sync_sessions",
            Self::SyncHistory => "sync_history",
            Self::Schedule => "schedule",
            Self::Messages => "messages",
            Self::Blobs => "blobs",
            Self::IdempotencyKeys => "idempotency_keys",
            Self::Revocations => "revocations",
        }
    }
}

/// How far a walk over all inboxes has come.
#[derive(Debug, Default)]
pub(super) struct InboxWalk(Mutex<Option<InboxPlace>>);

/// Inboxes that one run looks at: each is asked for its oldest notification.
const INBOXES: usize = 5_000;

impl Services {
    /// Forgets notifications that are older than they are kept, at most `limit`; tells how many. Goes on where the
    /// run before ended.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn forget_notifications(&self, limit: usize) -> Result<usize, ServiceError> {
        let Some(before) = self.before(self.settings.keeps.notifications_ms) else { return Ok(0) };
        let mut place = *self.swept_inboxes.0.lock().unwrap_or_else(PoisonError::into_inner);
        let OldInboxes { old, last } = self.store.old_inboxes(place, before, INBOXES).await?;
        let mut left = limit;
        for inbox in old {
            left -= self.store.forget_notifications(inbox, before, left).await?;
            if left == 0 {
                break;
            }
            place = Some(inbox);
        }
        let reached = if left == 0 { place } else { last };
        *self.swept_inboxes.0.lock().unwrap_or_else(PoisonError::into_inner) = reached;
        Ok(limit - left)
    }

    /// Forgets sends that went out and are older than notifications are kept, at most `limit`; tells how many.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn forget_sends(&self, limit: usize) -> Result<usize, ServiceError> {
        let Some(before) = self.before(self.settings.keeps.notifications_ms) else { return Ok(0) };
        Ok(self.store.forget_sends(before, limit).await?)
    }

    /// Erases details of the trail that are older than they are kept, of `limit` entries at most; tells of how many.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn forget_details(&self, limit: usize) -> Result<usize, ServiceError> {
        let Some(before) = self.before(self.settings.keeps.details_ms) else { return Ok(0) };
        Ok(self.store.forget_details(before, limit).await?)
    }

    fn before(&self, keep_ms: Option<i64>) -> Option<Timestamp> {
        Some(self.now().plus_ms(-keep_ms?))
    }
}
