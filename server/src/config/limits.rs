//! Settings of `[limits]`: every limit on what comes in.

use landfall_core::notify::NotifyLimits;
use serde::Deserialize;

use super::{Kib, Seconds};

/// The one table of limits.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// A request's body.
    pub body_kib: Kib,
    /// One line of a batch.
    pub batch_line_kib: Kib,
    /// A request's line and header fields together.
    pub header_kib: Kib,
    /// Nesting of JSON.
    pub json_depth: usize,
    /// Characters of a title.
    pub title_chars: usize,
    /// Characters of a message.
    pub message_chars: usize,
    /// A notification's `data` as JSON.
    pub data_kib: Kib,
    /// Users in one send.
    pub recipients_max: usize,
    /// Members in one bulk change.
    pub members_bulk_max: usize,
    /// Entries on a page when the caller does not say.
    pub page_default: u32,
    /// Entries on a page at most.
    pub page_max: u32,
    /// A frame from a socket.
    pub frame_kib: Kib,
    /// In which a frame that was begun has to be there in full.
    pub frame_seconds: Seconds,
    /// For which what was sent may stay unacknowledged before the peer counts as dead.
    pub dead_peer_seconds: Seconds,
    /// Open connections to this server.
    pub connections_max: usize,
    /// Open sockets of one user.
    pub connections_per_user: usize,
    /// In which a request's header has to be there in full.
    pub header_seconds: Seconds,
    /// In which the next part of a body has to come.
    pub body_seconds: Seconds,
    /// The slowest pace of a whole body.
    pub body_kib_per_second: Kib,
    /// Requests of a user who may not send; 0 is no limit.
    pub user_requests_per_second: u32,
    /// Requests of a tenant's callers together; 0 is no limit.
    pub tenant_requests_per_second: u32,
    /// Notifications that a tenant may have sent; 0 is no limit.
    pub tenant_notifications_per_second: u32,
    /// Tokens and signatures that do not hold, from one address; 0 is no limit.
    pub refused_tokens_per_second: u32,
    /// Frames of one socket; 0 is no limit.
    pub frames_per_second: u32,
    /// So many seconds' worth of the four may come at once.
    pub burst_seconds: Seconds,
    /// Lessons of one class.
    pub lessons_per_class_max: usize,
    /// Attachments of one lesson.
    pub lesson_attachments_max: usize,
    /// A lesson's `data` as JSON.
    pub lesson_data_kib: Kib,
    /// A request that brings offline work.
    pub sync_body_kib: Kib,
    /// Operations of one push.
    pub sync_operations_max: usize,
    /// Changes of one pull.
    pub pull_max: usize,
}

impl Limits {
    /// Gives the sizes that a notification must keep.
    pub fn notify(&self) -> NotifyLimits {
        NotifyLimits {
            title_chars: self.title_chars,
            message_chars: self.message_chars,
            data_bytes: self.data_kib.bytes(),
            recipients: self.recipients_max,
        }
    }
}
