//! The gateway: turns a socket whose handshake is done into a session.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use landfall_core::auth::Caller;
use landfall_core::feed::FeedKey;
use landfall_core::id::DeviceId;
use landfall_core::session::{ConfirmBy, Read, Session, Start};
use landfall_protocol::frame::ControlFrame;
use landfall_protocol::problem::{CloseCode, Code};
use landfall_socketio::namespaces::Namespaces;
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::audience::Listens;
use super::codec::Codec;
use super::connection::Connection;
use super::ending::REVOKED;
use super::frame;
use super::greeting::{self, NoToken};
use super::hub::{Hub, NoRoom, Parts};
use super::socketio::{self, Engine, Entered, Opening};
use super::wire::Wire;
use super::{reading, saying};
use crate::auth::AuthError;
use crate::judge::{Judge, Refused, Shown};
use crate::service::Services;
use crate::service::inbox::{Confirmed, Connected, LiveEvent};
use crate::service::live_queue::Reports;
use crate::service::reading::ReadOn;
use crate::sockets::Place;

/// Who a socket says it is.
#[derive(Debug)]
pub enum Identity {
    /// The handshake brought a token, which was good.
    Known(Box<Caller>),
    /// The handshake brought a token, which was not; the reason is told after the handshake,
    /// because a browser cannot see a refused one's status.
    Refused(AuthError),
    /// The handshake brought none: the first message has to.
    Unsaid,
}

/// What a handshake asked for.
#[derive(Debug)]
pub struct Hello {
    /// Who it is.
    pub identity: Identity,
    /// Where its session begins.
    pub start: Start,
    /// How it confirms.
    pub confirm_by: ConfirmBy,
    /// The device as it names itself.
    pub device: Option<DeviceId>,
    /// What of others it hears.
    pub listens: Listens,
    /// Whence it came, for counting alone.
    pub from: Option<IpAddr>,
    /// The connection's place, kept until the socket has ended.
    pub place: Option<Place>,
}

/// What is on its way between a session and whatever carries its bytes on.
pub const PAIR_BYTES: usize = 16 * 1_024;

/// A caller who wants a session.
struct Newcomer<'a> {
    caller: &'a Caller,
    wire: Wire,
    codec: Codec,
    start: Start,
    confirm_by: ConfirmBy,
    device: Option<DeviceId>,
    listens: Listens,
    from: Option<IpAddr>,
}

/// Serves sockets and streams.
pub struct Gateway {
    /// Who is connected.
    pub hub: Arc<Hub>,
    /// The use cases.
    pub services: Arc<Services>,
    /// Judges the tokens that sockets show.
    pub judge: Arc<Judge>,
    /// What Socket.IO is carried by.
    pub engine: Arc<Engine>,
    /// Takes what happens on live connections, to be stored afterwards.
    pub events: Reports,
    /// The tasks of open connections.
    pub tasks: TaskTracker,
    /// How long a socket may take to say who it is.
    pub first_message: Duration,
    /// Operations of one push.
    pub operations_max: usize,
    /// Cancelled when the server begins to drain.
    pub drain: CancellationToken,
}

impl Gateway {
    /// Takes a socket whose handshake is done: finds out who it is and begins its session, or
    /// refuses it. `followed` is what came after the handshake.
    pub async fn open(self: Arc<Self>, wire: Wire, followed: Vec<u8>, hello: Hello) {
        let Hello { identity, start, confirm_by, device, listens, from, place } = hello;
        let is_greeted = matches!(identity, Identity::Unsaid);
        let identified = match identity {
            Identity::Known(caller) => Ok((*caller, followed)),
            Identity::Refused(error) => Err(refusal(error)),
            Identity::Unsaid => self.greet(&wire, &followed, from).await,
        };
        let (caller, followed) = match identified {
            Ok(identified) => identified,
            Err((code, why)) => return refuse(wire, code, &why).await,
        };
        let codec = Codec::WebSocket;
        let caller = &caller;
        let newcomer = Newcomer { caller, wire, codec, start, confirm_by, device, listens, from };
        let (connection, read) = match self.enter(newcomer) {
            Ok(entered) => entered,
            Err((wire, why)) => return refuse(wire, CloseCode::TryLater, &why.to_string()).await,
        };
        if is_greeted {
            connection.send(&saying::authenticated(&caller.user, caller.expires_at));
        }
        self.begin(connection, read, (followed, None), place);
    }

    /// Takes a socket on which Socket.IO is spoken: waits until its client has joined, or refuses it.
    pub async fn open_socketio(
        self: Arc<Self>,
        wire: Wire,
        followed: Vec<u8>,
        (hello, opening): (Hello, Opening),
    ) {
        let Hello { identity, from, place, .. } = hello;
        let asked = (identity, from, opening);
        let entered = match socketio::enter(&self, &wire, &followed, asked).await {
            Ok(entered) => entered,
            Err((code, why)) => return refuse(wire, code, &why).await,
        };
        let Entered { caller, start, confirm_by, device, listens, namespaces, followed } = entered;
        let codec = Codec::SocketIo;
        let caller = &caller;
        let newcomer = Newcomer { caller, wire, codec, start, confirm_by, device, listens, from };
        match self.enter(newcomer) {
            Ok((connection, read)) => {
                self.begin(connection, read, (followed, Some(namespaces)), place);
            }
            Err((wire, why)) => refuse(wire, CloseCode::TryLater, &why.to_string()).await,
        }
    }

    /// Begins a session whose frames go out as events; gives the end of its wire from which they
    /// are to be carried to the client. Dropping that end is the client's going away.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn stream(
        self: Arc<Self>,
        caller: &Caller,
        start: Start,
        device: Option<DeviceId>,
    ) -> Result<UnixStream, NoRoom> {
        let (wire, carried) = Wire::pair(PAIR_BYTES).map_err(|error| {
            tracing::warn!(%error, "a stream could not begin");
            NoRoom::Server
        })?;
        let (codec, confirm_by) = (Codec::EventStream, ConfirmBy::Ack);
        // A stream hears nothing, so no token comes on it.
        let listens = Listens::default();
        let newcomer =
            Newcomer { caller, wire, codec, start, confirm_by, device, listens, from: None };
        let (connection, read) = self.enter(newcomer).map_err(|(_, why)| why)?;
        connection.greet();
        // Its place is held by whoever serves the answer that carries it.
        self.begin(connection, read, (Vec::new(), None), None);
        Ok(carried)
    }

    /// Takes a known caller into the hub, and says what its session reads first.
    fn enter(&self, newcomer: Newcomer<'_>) -> Result<(Arc<Connection>, Read), (Wire, NoRoom)> {
        let Newcomer { caller, wire, codec, start, confirm_by, device, listens, from } = newcomer;
        let (session, read) = Session::start(start, confirm_by, self.hub.settings.pages);
        let connection = self.hub.add(Parts {
            feed: Arc::new(FeedKey::inbox(&caller.tenant, &caller.user)),
            user: caller.user.clone(),
            device: device.map(|device| Arc::from(device.as_str())),
            wire,
            codec,
            listens,
            from,
            expires_at: caller.expires_at,
            session,
        })?;
        self.hold(&connection, caller);
        if matches!(start, Start::After(_)) {
            self.hub.counters.replays.fetch_add(1, Ordering::Relaxed);
        }
        // The entry follows by itself, so that no connection waits for a commit.
        self.report(LiveEvent::Connected(Connected {
            feed: Arc::clone(&connection.feed),
            user: caller.user.clone(),
            device: connection.device.clone(),
            at: self.services.now(),
        }));
        Ok((connection, read))
    }

    /// Lets a connection hold a token, and looks again: it may have been revoked before the hub could
    /// find the connection by it.
    pub(super) fn hold(&self, connection: &Connection, caller: &Caller) {
        connection.hold(caller);
        if self.services.is_revoked(caller) {
            connection.close(&mut connection.lock(), CloseCode::Policy, REVOKED);
        }
    }

    /// Serves a session by a task of its own, so that an open connection keeps nothing of its
    /// beginning.
    fn begin(
        self: Arc<Self>,
        connection: Arc<Connection>,
        read: Read,
        followed: (Vec<u8>, Option<Namespaces>),
        place: Option<Place>,
    ) {
        let tasks = self.tasks.clone();
        tasks.spawn(async move {
            self.follow(&connection, read, followed).await;
            drop(connection);
            drop(place);
        });
    }

    /// Serves a connection that the hub has taken in, and lets it go.
    async fn follow(
        &self,
        connection: &Arc<Connection>,
        read: Read,
        followed: (Vec<u8>, Option<Namespaces>),
    ) {
        connection.want(&mut connection.lock(), Some(read));
        if self.drain.is_cancelled() {
            // It came while the hub told the others.
            connection.send_away(0);
        }
        let seat = Seat { hub: &self.hub, connection };
        reading::serve(self, connection, followed).await;
        drop(seat);
        let lost = connection.lock().session.unconfirmed();
        if !lost.is_empty() {
            let lost = saying::confirmed(connection, lost);
            self.report(LiveEvent::Lost(lost));
        }
    }

    async fn greet(
        &self,
        wire: &Wire,
        first: &[u8],
        from: Option<IpAddr>,
    ) -> Result<(Caller, Vec<u8>), (CloseCode, String)> {
        let with_reason = |code: CloseCode| (code, code.default_reason().to_owned());
        let depth = self.hub.settings.json_depth;
        let found = tokio::select! {
            found = greeting::token(wire, first, self.first_message, depth) => found,
            () = self.drain.cancelled() => return Err(with_reason(CloseCode::Restart)),
        };
        let (token, followed) = found.map_err(|why| match why {
            NoToken::TooLate | NoToken::SomethingElse => {
                (CloseCode::Policy, "a token is needed".to_owned())
            }
            NoToken::Broken(error) => with_reason(reading::close_code(error)),
            NoToken::Gone => with_reason(CloseCode::Normal),
        })?;
        let shown = Shown { token: &token, from, request_id: None };
        match self.judge.admit(shown).await {
            Ok(caller) => Ok((caller, followed)),
            Err(Refused::Token(error)) => Err(refusal(error)),
            Err(Refused::TooFast(too_fast)) => {
                let (code, detail) = (Code::RateLimited, too_fast.to_string());
                let error = ControlFrame::Error { code, detail: detail.clone(), reference: None };
                // Whether it is heard or not, the socket is closed.
                let error = Codec::WebSocket.control(&error);
                let _ = tokio::time::timeout(REFUSING, wire.write_all(&error)).await;
                Err((code.into(), detail))
            }
        }
    }

    pub(super) fn confirm(&self, confirmed: Confirmed) {
        let count = confirmed.numbers.len() as u64;
        self.hub.counters.confirmed.fetch_add(count, Ordering::Relaxed);
        self.report(LiveEvent::Confirmed(confirmed));
    }

    pub(super) fn read_on(&self, connection: &Connection, mut read: Vec<ReadOn>) {
        read.retain(|read| self.report(LiveEvent::Read(read.clone())));
        connection.on_read_taken(&read);
    }

    /// Passes on what happened; says whether it will be stored.
    fn report(&self, event: LiveEvent) -> bool {
        let is_taken = self.events.report(event).is_ok();
        if !is_taken {
            tracing::warn!("connections report faster than can be stored; something was dropped");
        }
        is_taken
    }
}

fn refusal(error: AuthError) -> (CloseCode, String) {
    (error.code().into(), error.to_string())
}

/// A connection's place in the hub, given up even if its task panics.
struct Seat<'a> {
    hub: &'a Hub,
    connection: &'a Connection,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.hub.remove(self.connection);
    }
}

/// What a socket that is refused gets to take our word and to close.
const REFUSING: Duration = Duration::from_secs(2);

/// Says why on a socket that never became a connection, and ends it.
async fn refuse(wire: Wire, code: CloseCode, reason: &str) {
    let refusing = async {
        wire.write_all(&frame::close(code.number(), reason)).await?;
        wire.shutdown_write()?;
        // Its last bytes must not make the system throw our close frame away.
        let mut rest = [0; 512];
        while wire.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    // Whether it went well or took too long, the socket ends here.
    let _ = tokio::time::timeout(REFUSING, refusing).await;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::realtime::fixture;
    use tokio::io::AsyncReadExt as _;

    /// Not even writing may take for ever: whoever reads nothing is let go like anybody.
    #[tokio::test]
    async fn a_refused_socket_that_takes_nothing_is_let_go() {
        let (wire, mut client) = Wire::pair(4_096).unwrap();
        let full = async {
            wire.write_all(&[0; 1_048_576]).await.unwrap();
        };
        assert!(tokio::time::timeout(Duration::from_millis(20), full).await.is_err());
        fixture::soon(refuse(wire, CloseCode::Policy, "a token is needed")).await;
        let mut got = Vec::new();
        client.read_to_end(&mut got).await.unwrap();
        assert!(!got.ends_with(b"a token is needed"), "it was full");
    }
}
