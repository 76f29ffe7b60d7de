//! A connection's task: reads what the client says, writes what the socket did not take at once,
//! and reads the store for the session.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use landfall_core::rate::{Bucket, Pace};
use landfall_core::session::Read;
use landfall_protocol::frame::ClientMessage;
use landfall_protocol::problem::{CloseCode, Code};
use landfall_socketio::namespaces::Namespaces;
use tokio::io::Interest;

use super::asks::Asks;
use super::connection::{Connection, Ending};
use super::frame::{Decoder, FrameError, Incoming};
use super::gateway::Gateway;
use super::mark::Mark;
use super::talking::catch_up;
use super::{saying, socketio};

/// Bytes read at once; one buffer per thread, not per connection.
const READ_BYTES: usize = 64 * 1_024;
/// A closing connection gets so long to take the close frame and to answer it.
const CLOSING: Duration = Duration::from_secs(5);

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// What a connection's task knows of its client's sending.
struct Reader<'a> {
    gateway: &'a Gateway,
    connection: &'a Arc<Connection>,
    decoder: Decoder,
    /// How much of its frames it has used.
    sent: Bucket,
    /// The second at which the message that was begun has to be there.
    due: Option<u32>,
    /// What it asks.
    asks: Asks<'a>,
    /// What a Socket.IO client has joined; a plain socket has none.
    namespaces: Option<Namespaces>,
}

/// Serves a connection until it ends.
pub(super) async fn serve(
    gateway: &Gateway,
    connection: &Arc<Connection>,
    (followed, namespaces): (Vec<u8>, Option<Namespaces>),
) {
    let hub = &gateway.hub;
    let (sent, asks) = (Bucket::default(), Asks::default());
    let decoder = Decoder::default();
    let mut reader = Reader { gateway, connection, decoder, sent, due: None, asks, namespaces };
    if !followed.is_empty() {
        let mut bytes = followed;
        reader.take_in(&mut bytes);
    }
    while connection.ending() == Ending::Open {
        if let Some(read) = connection.take_wanted() {
            read_store(gateway, connection, read).await;
            continue;
        }
        if catch_up(gateway, connection).await {
            continue;
        }
        reader.turn().await;
    }
    drop(reader);
    if matches!(connection.ending(), Ending::Closing(_)) {
        if connection.lock().is_slow {
            hub.counters.slow_closed.fetch_add(1, Ordering::Relaxed);
        }
        let _ = tokio::time::timeout(CLOSING, say_goodbye(connection)).await;
    }
}

impl Reader<'_> {
    /// Waits for the socket or a wake-up, and serves what it was.
    async fn turn(&mut self) {
        let connection = self.connection;
        let interest = if connection.is_blocked() {
            Interest::READABLE.add(Interest::WRITABLE)
        } else {
            Interest::READABLE
        };
        let ready = tokio::select! {
            ready = connection.wire.ready(interest) => ready,
            () = connection.wake.notified() => return,
            () = self.asks.work(self.gateway, connection) => return,
        };
        let Ok(ready) = ready else { return connection.gone() };
        if ready.is_writable() {
            connection.flush(&mut connection.lock());
        }
        if ready.is_readable() && self.read().is_err() {
            connection.gone();
        }
    }

    /// Reads what is there; an error means that the socket is gone.
    fn read(&mut self) -> io::Result<()> {
        BUFFER.with_borrow_mut(|buffer| match self.connection.wire.try_read(buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.take_in(&mut buffer[..count]);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        })
    }

    fn take_in(&mut self, mut bytes: &mut [u8]) {
        let Self { gateway, connection, decoder, sent, asks, namespaces, .. } = self;
        let settings = &gateway.hub.settings;
        let second = gateway.hub.second();
        if !connection.codec.hears() {
            return;
        }
        connection.heard_at.store(second, Ordering::Relaxed);
        let mut has_ended_one = false;
        loop {
            let (earned, is_last) = match decoder.next(&mut bytes, settings.message_bytes) {
                Ok(Some(incoming)) => {
                    has_ended_one |= matches!(incoming, Incoming::Text(_) | Incoming::Binary(_));
                    (on_incoming(gateway, connection, &incoming, (namespaces, asks)), false)
                }
                Ok(None) => (0, true),
                Err(error) => {
                    let code = close_code(error);
                    return connection.close(&mut connection.lock(), code, code.default_reason());
                }
            };
            let frames = decoder.take_frames().saturating_sub(earned);
            let now = Duration::from_secs(second.into());
            let is_too_fast = |pace: Pace| {
                frames > pace.burst() || frames > 0 && pace.take(sent, now, frames).is_err()
            };
            if settings.frame_pace.is_some_and(is_too_fast) {
                gateway.hub.counters.flood_closed.fetch_add(1, Ordering::Relaxed);
                return connection.refuse(Code::RateLimited, "too many frames at once");
            }
            if is_last {
                break;
            }
        }
        if has_ended_one {
            self.watch_no_more();
        }
        self.watch(second);
    }

    /// Sees to it that what was begun is waited for, but not for ever.
    fn watch(&mut self, second: u32) {
        if !self.decoder.is_unfinished() {
            self.watch_no_more();
        } else if self.due.is_none() {
            let hub = &self.gateway.hub;
            let due = second.saturating_add(hub.settings.message_seconds);
            hub.unfinished.insert(i64::from(due), self.connection.id);
            self.due = Some(due);
        }
    }

    fn watch_no_more(&mut self) {
        if let Some(due) = self.due.take() {
            self.gateway.hub.unfinished.remove(i64::from(due), self.connection.id);
        }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.watch_no_more();
    }
}

/// Gives the code with which a connection ends that broke the rules of the wire.
pub(super) fn close_code(error: FrameError) -> CloseCode {
    let named = |code: &CloseCode| code.number() == error.close_code();
    CloseCode::ALL.into_iter().find(named).unwrap_or(CloseCode::Protocol)
}

/// Serves a message; gives how many frames it earns.
fn on_incoming<'a>(
    gateway: &'a Gateway,
    connection: &'a Arc<Connection>,
    incoming: &Incoming<'_>,
    (namespaces, asks): (&mut Option<Namespaces>, &mut Asks<'a>),
) -> u32 {
    if let Some(namespaces) = namespaces {
        return socketio::on_incoming(gateway, connection, incoming, (namespaces, asks));
    }
    let text = match incoming {
        Incoming::Text(text) => text,
        Incoming::Binary(_) => {
            let detail = "binary frames are not understood here";
            connection.send_refusal(Code::Unreadable, detail, &Mark::None);
            return 0;
        }
        other => return saying::on_control(gateway, connection, other),
    };
    match ClientMessage::decode(text.as_bytes(), gateway.hub.settings.json_depth) {
        Ok(ClientMessage { frame, reference }) => {
            saying::on_frame(gateway, connection, frame, reference.into(), asks)
        }
        Err(bad) => {
            connection.send(&bad.into());
            0
        }
    }
}

async fn read_store(gateway: &Gateway, connection: &Arc<Connection>, read: Read) {
    let hub = &gateway.hub;
    let Ok(_permit) = hub.reads.acquire().await else { return };
    let tenant = &connection.feed.tenant;
    match gateway.services.page(tenant, &connection.user, read).await {
        Ok(page) => connection.on_page(page, gateway.services.now()),
        Err(error) => {
            tracing::warn!(%error, "a session could not read; it tries again at its heartbeat");
            connection.lock().session.on_read_failed();
        }
    }
}

/// Writes what is left, says that nothing more comes, and waits for the client to close, so that
/// its last bytes do not make the system throw our close frame away.
async fn say_goodbye(connection: &Connection) {
    while connection.is_blocked() {
        let ready = connection.wire.ready(Interest::READABLE.add(Interest::WRITABLE)).await;
        if ready.is_err() || discard(connection) {
            return;
        }
        connection.flush(&mut connection.lock());
    }
    if connection.wire.shutdown_write().is_err() {
        return;
    }
    while connection.wire.readable().await.is_ok() && !discard(connection) {}
}

/// Throws away what came; says whether the socket is at its end.
fn discard(connection: &Connection) -> bool {
    BUFFER.with_borrow_mut(|buffer| match connection.wire.try_read(buffer) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    })
}
