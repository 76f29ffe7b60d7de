//! A connection's task: reads what the client says, writes what the socket did not take at once,
//! and reads the store for the session.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use landfall_core::feed::Number;
use landfall_core::id::UserId;
use landfall_core::rate::{Bucket, Pace};
use landfall_core::session::Read;
use landfall_core::sync::ANY;
use landfall_protocol::frame::{ClientFrame, ClientMessage, ControlFrame, EntityTypes, Nothing};
use landfall_protocol::problem::{CloseCode, Code};
use landfall_protocol::text::Time;
use tokio::io::Interest;

use super::asks::{Asked, Asks};
use super::connection::{Connection, Ending, REVOKED};
use super::frame::{Decoder, FrameError, Incoming};
use super::gateway::Gateway;
use super::talking::catch_up;
use crate::auth::AuthError;
use crate::judge::{Refused, Shown};
use crate::service::inbox::Confirmed;
use crate::service::sync::LESSON;

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
}

/// Serves a connection until it ends.
pub(super) async fn serve(gateway: &Gateway, connection: &Arc<Connection>, followed: Vec<u8>) {
    let hub = &gateway.hub;
    let (sent, asks) = (Bucket::default(), Asks::default());
    let decoder = Decoder::default();
    let mut reader = Reader { gateway, connection, decoder, sent, due: None, asks };
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
        let Self { gateway, connection, decoder, sent, asks, .. } = self;
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
                    (on_incoming(gateway, connection, &incoming, asks), false)
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

/// Serves a message; gives how many frames it earns: a frame that confirms something was caused by
/// what the server sent, so it does not count against the client.
fn on_incoming<'a>(
    gateway: &'a Gateway,
    connection: &'a Arc<Connection>,
    incoming: &Incoming<'_>,
    asks: &mut Asks<'a>,
) -> u32 {
    match incoming {
        Incoming::Text(text) => return on_text(gateway, connection, text, asks),
        Incoming::Binary(_) => connection.send(&ControlFrame::Error {
            code: Code::Unreadable,
            detail: "binary frames are not understood here".into(),
            reference: None,
        }),
        Incoming::Ping(payload) => connection.pong(payload),
        Incoming::Pong(payload) => {
            return confirm(gateway, connection, connection.on_pong(payload));
        }
        Incoming::Close { .. } => {
            connection.close(&mut connection.lock(), CloseCode::Normal, "");
        }
    }
    0
}

fn on_text<'a>(
    gateway: &'a Gateway,
    connection: &'a Arc<Connection>,
    text: &str,
    asks: &mut Asks<'a>,
) -> u32 {
    let depth = gateway.hub.settings.json_depth;
    match ClientMessage::decode(text.as_bytes(), depth) {
        Ok(ClientMessage { frame, reference }) => match frame {
            ClientFrame::Pong => {}
            ClientFrame::Ping => connection.send(&ControlFrame::Pong { payload: Nothing {} }),
            ClientFrame::Subscribe(types) => {
                let refused =
                    |detail| ControlFrame::Error { code: Code::Invalid, detail, reference };
                let known = known(gateway, &types);
                let subscribed = known.and_then(|()| gateway.hub.subscribe(connection, &types));
                connection.send(&subscribed.unwrap_or_else(refused));
            }
            ClientFrame::PushChange(change) => {
                let reference = change.request_id.clone().or(reference);
                asks.add(gateway, connection, Asked::Push(*change), reference);
            }
            ClientFrame::Topic(ask) => {
                asks.add(gateway, connection, Asked::Topic(ask), reference);
            }
            ClientFrame::Unsubscribe(types) => {
                connection.send(&gateway.hub.unsubscribe(connection, &types));
            }
            ClientFrame::Ack { replay_id } => {
                return confirm(gateway, connection, connection.on_ack(replay_id));
            }
            ClientFrame::Auth { token } => match renew(gateway, connection, &token.0) {
                Ok(answer) => connection.send(&answer),
                Err((code @ Code::RateLimited, detail)) => connection.refuse(code, &detail),
                Err((code, detail)) => {
                    connection.send(&ControlFrame::Error { code, detail, reference });
                }
            },
        },
        Err(bad) => connection.send(&bad.into()),
    }
    0
}

/// Refuses types of which nothing will ever be heard.
fn known(gateway: &Gateway, types: &EntityTypes) -> Result<(), String> {
    let is_known =
        |name: &str| matches!(name, ANY | LESSON) || gateway.services.kinds.get(name).is_some();
    match types.entity_types.iter().position(|name| !is_known(name)) {
        None => Ok(()),
        Some(place) => Err(format!("/payload/entityTypes/{place} is no type of this server")),
    }
}

/// Takes a fresh token of the same user and tenant.
fn renew(
    gateway: &Gateway,
    connection: &Connection,
    token: &str,
) -> Result<ControlFrame, (Code, String)> {
    let shown = Shown { token, from: connection.from, request_id: None };
    let caller = gateway.judge.admit_now(shown).map_err(|refused| match refused {
        Refused::TooFast(too_fast) => (Code::RateLimited, too_fast.to_string()),
        Refused::Token(error) => {
            if error == AuthError::Revoked {
                connection.close(&mut connection.lock(), CloseCode::Policy, REVOKED);
            }
            (error.code(), error.to_string())
        }
    })?;
    if caller.tenant != connection.feed.tenant || caller.user != connection.user {
        return Err((Code::Unauthenticated, "the token is another user's".into()));
    }
    gateway.hub.renew(connection, caller.expires_at);
    gateway.hold(connection, &caller);
    Ok(authenticated(&caller.user, caller.expires_at))
}

/// Answers a token that came as a message.
pub(super) fn authenticated(
    user: &UserId,
    expires_at: landfall_core::time::Timestamp,
) -> ControlFrame {
    ControlFrame::Authenticated { user_id: user.to_string(), expires_at: Time(expires_at) }
}

fn confirm(gateway: &Gateway, connection: &Connection, numbers: Vec<Number>) -> u32 {
    if numbers.is_empty() {
        return 0;
    }
    gateway.confirm(confirmed(connection, numbers));
    1
}

/// Names notifications of a connection's user.
pub(super) fn confirmed(connection: &Connection, numbers: Vec<Number>) -> Confirmed {
    let (feed, device) = (Arc::clone(&connection.feed), connection.device.clone());
    Confirmed { feed, numbers, device }
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
