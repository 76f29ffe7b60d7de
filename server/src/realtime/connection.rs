//! One live connection: its session, what waits to be written, and how it ends.
//!
//! Everything happens under one short lock and without waiting: whoever has something for the
//! client writes it straight to the socket, and only what the socket does not take waits here.

use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use landfall_core::auth::Caller;
use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::UserId;
use landfall_core::presence::Told;
use landfall_core::session::{Frame, Page, Reaction, Read, Session};
use landfall_core::sync::Subscription;
use landfall_core::time::Timestamp;
use landfall_protocol::frame::ControlFrame;
use landfall_protocol::problem::{CloseCode, Code};
use tokio::sync::Notify;

use super::audience::Listens;
use super::codec::{Codec, Shared};
use super::frame;
use super::mark::Mark;
use super::queue::{Queue, QueueLimits};
use super::read_marks::Asked;
use super::rooms::Topics;
use super::wire::Wire;

/// A connected device.
pub(super) struct Connection {
    /// Its place among the node's connections.
    pub(super) id: u64,
    /// The inbox that it follows.
    pub(super) feed: Arc<FeedKey>,
    /// Whose it is.
    pub(super) user: UserId,
    /// The device as it names itself.
    pub(super) device: Option<Arc<str>>,
    /// How one that names itself not was named when it first pushed.
    pub(super) called: OnceLock<Box<str>>,
    /// When it connected, in seconds since the hub's start.
    pub(super) opened_at: u64,
    /// The socket.
    pub(super) wire: Wire,
    /// What is spoken on it.
    pub(super) codec: Codec,
    /// What of others it hears.
    pub(super) listens: Listens,
    /// Whence it came, for counting the tokens that it shows.
    pub(super) from: Option<IpAddr>,
    /// Wakes the connection's task: something blocked, or it is to end.
    pub(super) wake: Notify,
    /// Seconds on the hub's clock when the client was last heard.
    pub(super) heard_at: AtomicU32,
    /// When the token ends, in milliseconds.
    pub(super) expires_at: AtomicI64,
    limits: QueueLimits,
    state: Mutex<State>,
}

/// What changes over a connection's life.
pub(super) struct State {
    /// What the device has been sent.
    pub(super) session: Session,
    pub(super) queue: Queue,
    pub(super) ending: Ending,
    /// Which entities it hears of; most hear of none.
    pub(super) subscription: Option<Box<Subscription>>,
    /// Which topics it follows; most follow none.
    pub(super) topics: Option<Box<Topics>>,
    /// What it was asked to confirm of rooms; most are in none.
    pub(super) asked: Option<Box<Asked>>,
    /// What it was told of who is there.
    pub(super) statuses: Told,
    /// What the session wants read; the connection's task sees to it.
    wanted: Option<Read>,
    /// Whose token it holds now; none only while it is being taken in.
    pub(super) caller: Option<Box<Caller>>,
    /// Whether it is closed for reading too slowly.
    pub(super) is_slow: bool,
    /// Whether the dispatcher has it on its list of sockets to write to.
    pub(super) is_dirty: bool,
}

/// A page's frames are queued in pieces that end with the frame that makes them so long. A piece
/// that was begun is written to its end, whatever happens meanwhile.
const PIECE_BYTES: usize = 16 * 1_024;

/// How far a connection is from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Not at all.
    Open,
    /// It is being closed with this code; what waits is still written.
    Closing(CloseCode),
    /// The socket is gone.
    Gone,
}

/// What a new connection is made from.
pub(super) struct Parts {
    pub(super) id: u64,
    pub(super) feed: Arc<FeedKey>,
    pub(super) user: UserId,
    pub(super) device: Option<Arc<str>>,
    pub(super) wire: Wire,
    pub(super) codec: Codec,
    pub(super) listens: Listens,
    pub(super) from: Option<IpAddr>,
    pub(super) opened_at: u64,
    pub(super) heard_at: u32,
    pub(super) expires_at: Timestamp,
    pub(super) session: Session,
    pub(super) limits: QueueLimits,
}

impl Connection {
    pub(super) fn new(parts: Parts) -> Self {
        let queue = Queue::default();
        let state = State {
            session: parts.session,
            queue,
            ending: Ending::Open,
            subscription: None,
            topics: None,
            asked: None,
            statuses: Told::default(),
            wanted: None,
            caller: None,
            is_slow: false,
            is_dirty: false,
        };
        Self {
            id: parts.id,
            feed: parts.feed,
            user: parts.user,
            device: parts.device,
            called: OnceLock::new(),
            opened_at: parts.opened_at,
            wire: parts.wire,
            codec: parts.codec,
            listens: parts.listens,
            from: parts.from,
            wake: Notify::new(),
            heard_at: AtomicU32::new(parts.heard_at),
            expires_at: AtomicI64::new(parts.expires_at.as_ms()),
            limits: parts.limits,
            state: Mutex::new(state),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells when the token ends.
    pub(super) fn expires_at(&self) -> Timestamp {
        Timestamp::from_ms(self.expires_at.load(Ordering::Relaxed))
    }

    /// Asks the connection's task to read for the session.
    pub(super) fn want(&self, state: &mut State, read: Option<Read>) {
        if let Some(read) = read {
            state.wanted = Some(read);
            self.wake.notify_one();
        }
    }

    /// Takes what the session wants read.
    pub(super) fn take_wanted(&self) -> Option<Read> {
        self.lock().wanted.take()
    }

    /// Passes a live change to the session. The caller flushes afterwards.
    pub(super) fn on_change(&self, state: &mut State, shared: &Shared<'_>) {
        if state.ending != Ending::Open {
            return;
        }
        match state.session.on_change(shared.number, shared.change) {
            Reaction::Ignore => {}
            Reaction::SendShared => self.push_live(state, shared.bytes(self.codec)),
            Reaction::Send(frame) => self.push_live(state, self.codec.frame(&frame)),
            Reaction::Read(read) => self.want(state, Some(read)),
        }
    }

    /// Passes a page to the session and writes what it gives.
    pub(super) fn on_page(&self, page: Page, now: Timestamp) {
        let mut state = self.lock();
        if state.ending != Ending::Open {
            return;
        }
        let mut frames = Vec::new();
        let next = state.session.on_page(page, now, &mut frames);
        self.want(&mut state, next);
        self.push_together(&mut state, &frames);
        if frames.is_empty() && !self.codec.hears() && state.session.is_live() {
            // A stream keeps the last id that it saw: here is one, though there is no news.
            let position = state.session.position();
            state.queue.push(self.codec.heartbeat(position, Some(position)));
        }
        if state.session.is_overrun() {
            return self.close_slow(&mut state, "too far behind");
        }
        self.flush(&mut state);
    }

    /// Queues the frames of a page in few pieces, which cost less than each frame by itself.
    fn push_together(&self, state: &mut State, frames: &[Frame]) {
        let mut piece = Vec::new();
        for frame in frames {
            self.codec.append(&mut piece, frame);
            if piece.len() >= PIECE_BYTES {
                state.queue.push(std::mem::take(&mut piece).into());
            }
        }
        if !piece.is_empty() {
            state.queue.push(piece.into());
        }
    }

    /// Hears where the feed stands and sends a heartbeat.
    pub(super) fn on_beat(&self, newest: Number) {
        let mut state = self.lock();
        if state.ending != Ending::Open {
            return;
        }
        let read = state.session.on_head(newest);
        self.want(&mut state, read);
        let position = state.session.position();
        let sent = state.session.is_live().then_some(position);
        let beat = self.codec.heartbeat(newest.max(position), sent);
        self.push_live(&mut state, beat);
        self.flush(&mut state);
    }

    /// Sends a frame of the protocol, unless the connection is ending.
    pub(super) fn send(&self, frame: &ControlFrame) {
        self.send_bytes(self.codec.control(frame));
    }

    /// Answers what a client said.
    pub(super) fn send_answer(&self, frame: &ControlFrame, mark: &Mark) {
        self.send_bytes(self.codec.control_answer(frame, mark));
    }

    /// Tells a client why something that it said does nothing.
    pub(super) fn send_refusal(&self, code: Code, detail: &str, mark: &Mark) {
        self.send_bytes(self.codec.refusal(code, detail, mark));
    }

    /// Sends bytes, where there are any.
    pub(super) fn send_if(&self, bytes: Option<Bytes>) {
        bytes.into_iter().for_each(|bytes| self.send_bytes(bytes));
    }

    /// Asks the client for a sign of life; confirms nothing.
    pub(super) fn ping(&self) {
        if let Some(ping) = self.codec.ping(b"") {
            self.send_bytes(ping);
        }
    }

    /// Answers a ping of the client with the same payload.
    pub(super) fn pong(&self, payload: &[u8]) {
        self.send_bytes(frame::pong(payload));
    }

    /// Says what stands before any frame.
    pub(super) fn greet(&self) {
        if let Some(opening) = self.codec.opening(self.id) {
            self.send_bytes(opening);
        }
    }

    /// Sends bytes that are spelled already, unless the connection is ending.
    pub(super) fn send_bytes(&self, bytes: Bytes) {
        let mut state = self.lock();
        if state.ending == Ending::Open {
            self.push_live(&mut state, bytes);
            self.flush(&mut state);
        }
    }

    /// Queues a frame; a client that is too slow for it is closed. The caller flushes afterwards.
    pub(super) fn push_live(&self, state: &mut State, frame: Bytes) {
        if state.queue.push_live(frame, self.limits).is_err() {
            self.close_slow(state, "too slow: come back with your replay_id");
        }
    }

    /// Sends the ping that asks for a confirmation, where one is due, and writes what the socket
    /// takes; what it does not take, the connection's task writes later.
    pub(super) fn flush(&self, state: &mut State) {
        state.is_dirty = false;
        if state.ending == Ending::Gone {
            return;
        }
        if state.ending == Ending::Open
            && let Some(number) = state.session.ping_due()
            && let Some(ping) = self.codec.ping(number.to_string().as_bytes())
        {
            state.queue.push(ping);
        }
        match state.queue.write_to(&self.wire) {
            Ok(true) if state.ending == Ending::Open => {
                if self.push_owed(state) {
                    return self.flush(state);
                }
                let read = state.session.on_drained();
                self.want(state, read);
                return;
            }
            Ok(_) => {}
            Err(_) => state.ending = Ending::Gone,
        }
        self.wake.notify_one();
    }

    /// Takes an acknowledgement; gives the notifications that it confirms.
    pub(super) fn on_ack(&self, number: Number) -> Vec<Number> {
        self.lock().session.on_ack(number)
    }

    /// Takes the answer to a ping; gives the notifications that it confirms.
    pub(super) fn on_pong(&self, payload: &[u8]) -> Vec<Number> {
        let number = std::str::from_utf8(payload).ok().and_then(Number::parse);
        let Some(number) = number else { return Vec::new() };
        let mut state = self.lock();
        let confirmed = state.session.on_pong(number);
        // What was sent after that ping needs one of its own.
        self.flush(&mut state);
        confirmed
    }

    /// Says whether something waits for the socket.
    pub(super) fn is_blocked(&self) -> bool {
        let state = self.lock();
        state.ending != Ending::Gone && !state.queue.is_empty()
    }

    /// Says how far it is from its end.
    pub(super) fn ending(&self) -> Ending {
        self.lock().ending
    }

    /// Notes that the socket is gone.
    pub(super) fn gone(&self) {
        let mut state = self.lock();
        state.ending = Ending::Gone;
        state.queue.abandon();
    }
}
