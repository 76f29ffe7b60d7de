//! Settings of `[realtime]`.

use serde::Deserialize;

use super::{Kib, Seconds};
use crate::service::presence::{PresenceSettings, StatusAudience};

/// Sockets: heartbeats, replay and queues.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RealtimeSettings {
    /// Between heartbeats to a socket.
    pub heartbeat_seconds: Seconds,
    /// Without any frame from a client until its socket is closed.
    pub silence_seconds: Seconds,
    /// Notifications of one replay at most.
    pub replay_max: u32,
    /// Undelivered notifications sent at a time.
    pub pending_page: u32,
    /// Frames that may wait for one connection.
    pub queue_max_frames: usize,
    /// What may wait for one connection, in KiB.
    pub queue_max_kib: Kib,
    /// Sessions that read the store at the same time; further ones wait.
    pub replay_reads: usize,
    /// Send buffer of a connection in the kernel.
    pub send_buffer_kib: Kib,
    /// From when a socket was sent something of a room until it is asked whether it has it.
    pub read_mark_seconds: Seconds,
    /// Who may know whether somebody is there.
    pub presence_audience: AudienceName,
    /// Whoever is back within this was never gone.
    pub presence_grace_seconds: Seconds,
    /// A node that has not said for so long that it runs is gone, with all who were connected to it.
    pub presence_lease_seconds: Seconds,
}

/// Who may know whether somebody is there, as the setting spells it.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AudienceName {
    /// Every user of the tenant.
    Tenant,
    /// Those who share a topic with them.
    Topic,
    /// Nobody but themselves.
    Nobody,
}

impl RealtimeSettings {
    /// Says how presence is kept.
    pub fn presence(&self) -> PresenceSettings {
        PresenceSettings {
            audience: match self.presence_audience {
                AudienceName::Tenant => StatusAudience::Tenant,
                AudienceName::Topic => StatusAudience::Topic,
                AudienceName::Nobody => StatusAudience::Nobody,
            },
            grace_ms: self.presence_grace_seconds.millis(),
            lease_ms: self.presence_lease_seconds.millis(),
        }
    }
}
