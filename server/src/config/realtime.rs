//! Settings of `[realtime]`.

use serde::Deserialize;

use super::{Kib, Seconds};

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
}
