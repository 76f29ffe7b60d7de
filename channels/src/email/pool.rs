//! Connections to the mail server that are open and idle.
//!
//! A connection is kept only when the server is known to wait for the next command; whoever
//! takes one asks the server whether it is still there.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::transport::smtp::client::AsyncSmtpConnection;
use tokio::time::Instant;

/// After that a connection is no longer used: servers close idle ones after five minutes.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// Idle connections, the last used on top.
pub(super) struct Pool {
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
    max: usize,
}

impl Pool {
    pub(super) fn new(max: usize) -> Self {
        Self { idle: Mutex::default(), max }
    }

    /// Takes the connection that was used last, if it was used lately.
    pub(super) fn take(&self) -> Option<AsyncSmtpConnection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, since)| since.elapsed() < IDLE_MAX);
        idle.pop().map(|(connection, _)| connection)
    }

    /// Keeps a connection, unless there are enough: then it is closed.
    pub(super) fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.max {
            idle.push((connection, Instant::now()));
        }
    }
}
