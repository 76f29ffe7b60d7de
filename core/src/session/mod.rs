//! The realtime session: what one connected device has been sent, as a state machine apart from
//! its socket.
//!
//! Fed with pages read from the store, changes heard live, acknowledgements and heartbeats, it
//! says which frames to send and what to read next. It never touches a socket, a clock or a
//! store, so that every interleaving of its inputs can be enumerated.
//!
//! The invariant: while the session is live, its device has been sent everything up to
//! `position`. A change that does not follow `position` directly is never sent; the store is
//! read instead. So a lost or late nudge costs a read, not a message.

mod confirm;
mod values;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use confirm::ConfirmBy;
use confirm::Confirmations;
pub use values::{Body, Frame, Page, PageSizes, Reaction, Read, Start};

use crate::feed::{Head, Number};
use crate::notification::{InboxChange, InboxRow};
use crate::time::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Phase {
    /// Sending what is undelivered, up to the head of the first page.
    Pending { up_to: Option<Number> },
    /// Waiting for the newest rows above the device's number.
    Replaying { unknown: bool },
    /// Reading what came meanwhile.
    CatchingUp,
    /// Has everything up to `position`.
    Live,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Waiting {
    /// For the page that was asked for.
    Page,
    /// For the socket to take what was sent.
    Drain,
    /// For the next tick: the store was away.
    Retry,
    /// For news.
    News,
}

/// More rows than this within one run of reading mean a reader that will not catch up.
const RUN_ROWS_MAX: usize = 10_000;

/// One device's conversation with its inbox feed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Session {
    phase: Phase,
    waiting: Waiting,
    sizes: PageSizes,
    /// Everything up to here has been sent, or is known by the device.
    position: Number,
    /// The `at` of the last frame that was sent, if any.
    last_sent: Option<Number>,
    /// The highest number heard of.
    newest: Number,
    /// Notifications up to here are known to the device since before this run of reading.
    known: Number,
    /// Notifications up to here may be known to the device, from a gap's listing or because they
    /// are no news to it: it must hear of their end, but cannot be trusted to have them.
    listed: Number,
    /// Notifications above `known` that were sent in this run.
    sent: BTreeSet<Number>,
    confirmations: Confirmations,
}

impl Session {
    /// Begins a session and says what to read first. The session must hear every change that is
    /// committed after this read's snapshot, so it is registered before the read begins.
    pub fn start(start: Start, confirm_by: ConfirmBy, sizes: PageSizes) -> (Self, Read) {
        let (phase, position) = match start {
            Start::After(number) => (Phase::Replaying { unknown: false }, number),
            Start::Pending => (Phase::Pending { up_to: None }, Number::ZERO),
        };
        let mut session = Self {
            phase,
            waiting: Waiting::Page,
            sizes,
            position,
            last_sent: matches!(start, Start::After(_)).then_some(position),
            newest: Number::ZERO,
            known: position,
            listed: Number::ZERO,
            sent: BTreeSet::new(),
            confirmations: Confirmations::new(confirm_by),
        };
        let read = session.read();
        (session, read)
    }

    /// Tells the number up to which the device has been sent everything.
    pub fn position(&self) -> Number {
        self.position
    }

    /// Says whether the session is up to date as far as it knows.
    pub fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }

    /// Says whether a run of reading has grown beyond all bounds, so that the connection should
    /// be closed and come back with its number.
    pub fn is_overrun(&self) -> bool {
        self.sent.len() > RUN_ROWS_MAX
    }

    /// Takes the page that was asked for; pushes frames and says what to read next, if anything.
    pub fn on_page(&mut self, page: Page, now: Timestamp, out: &mut Vec<Frame>) -> Option<Read> {
        if self.waiting != Waiting::Page {
            return None;
        }
        if self.is_of_another_life(page.head) {
            return Some(self.start_over(page.head));
        }
        self.newest = self.newest.max(page.head.newest);
        match self.phase {
            Phase::Pending { up_to } => self.on_pending(page, up_to, now, out),
            Phase::Replaying { .. } => self.on_replay(page, now, out),
            Phase::CatchingUp | Phase::Live => self.on_catch_up(page, now, out),
        }
    }

    /// Hears that the page could not be read; the next tick tries again.
    pub fn on_read_failed(&mut self) {
        if self.waiting == Waiting::Page {
            self.waiting = Waiting::Retry;
        }
    }

    /// Hears that the socket has taken everything; the next page may come.
    pub fn on_drained(&mut self) -> Option<Read> {
        (self.waiting == Waiting::Drain).then(|| self.read())
    }

    /// Hears where the feed stands, at heartbeat time; reads what a lost nudge left out, or what
    /// the store could not give before.
    pub fn on_head(&mut self, newest: Number) -> Option<Read> {
        self.newest = self.newest.max(newest);
        match self.waiting {
            Waiting::Retry => Some(self.read()),
            Waiting::News if self.newest > self.position => Some(self.catch_up()),
            _ => None,
        }
    }

    /// Hears that changes may have been lost: looks for what is missing.
    pub fn resync(&mut self) -> Option<Read> {
        (self.waiting == Waiting::News).then(|| self.catch_up())
    }

    /// Hears a change that was committed with `number`.
    pub fn on_change(&mut self, number: Number, change: &InboxChange) -> Reaction {
        self.newest = self.newest.max(number);
        if self.phase != Phase::Live || number <= self.position {
            return Reaction::Ignore;
        }
        if number != self.position.next() {
            return Reaction::Read(self.catch_up());
        }
        let prev = self.last_sent.unwrap_or(number.before());
        self.position = number;
        self.known = number;
        self.last_sent = Some(number);
        if let InboxChange::Published(notification) = change {
            self.confirmations.sent(number, notification.number);
        }
        if prev == number.before() {
            return Reaction::SendShared;
        }
        Reaction::Send(Frame { at: number, prev, body: change.into() })
    }

    /// Takes an acknowledgement and gives the numbers of the notifications that it confirms:
    /// those that this session sent, up to `number`.
    pub fn on_ack(&mut self, number: Number) -> Vec<Number> {
        self.confirmations.confirmed_by_ack(number)
    }

    /// Takes the answer to a ping of [`Session::ping_due`] and gives what it confirms.
    pub fn on_pong(&mut self, number: Number) -> Vec<Number> {
        self.confirmations.confirmed_by_pong(number)
    }

    /// Says with which number to ping after a write, if its answer would confirm something.
    pub fn ping_due(&mut self) -> Option<Number> {
        self.confirmations.ping_due()
    }

    /// Gives the notifications that were sent and never confirmed.
    pub fn unconfirmed(&self) -> Vec<Number> {
        self.confirmations.open()
    }

    fn read(&mut self) -> Read {
        self.waiting = Waiting::Page;
        let after = self.position;
        match self.phase {
            Phase::Pending { up_to } => Read::Pending { after, up_to, limit: self.sizes.page },
            Phase::Replaying { .. } => Read::Newest { after, limit: self.sizes.replay },
            Phase::CatchingUp | Phase::Live => Read::Oldest { after, limit: self.sizes.page },
        }
    }

    fn catch_up(&mut self) -> Read {
        self.phase = Phase::CatchingUp;
        self.read()
    }

    fn on_pending(
        &mut self,
        page: Page,
        up_to: Option<Number>,
        now: Timestamp,
        out: &mut Vec<Frame>,
    ) -> Option<Read> {
        let up_to = up_to.unwrap_or(page.head.newest);
        self.listed = up_to;
        self.send_rows(&page.rows, now, out);
        if page.more {
            self.phase = Phase::Pending { up_to: Some(up_to) };
            self.position = page.rows.last().map_or(up_to, InboxRow::number);
            self.waiting = Waiting::Drain;
            return None;
        }
        self.arrive(up_to, page.head, out)
    }

    fn on_replay(&mut self, page: Page, now: Timestamp, out: &mut Vec<Frame>) -> Option<Read> {
        let unknown = self.phase == Phase::Replaying { unknown: true };
        let first = page.rows.first().map_or(page.head.newest.next(), InboxRow::number);
        let left_out = page.more || unknown && page.rows.is_empty();
        if unknown || left_out {
            let to = if left_out { first.before() } else { self.position };
            out.push(Frame { at: to, prev: self.position, body: Body::Gap });
            self.last_sent = Some(to);
            self.listed = to;
        }
        self.send_rows(&page.rows, now, out);
        self.arrive(page.head.newest, page.head, out)
    }

    fn on_catch_up(&mut self, page: Page, now: Timestamp, out: &mut Vec<Frame>) -> Option<Read> {
        self.send_rows(&page.rows, now, out);
        if page.more {
            self.position = page.rows.last().map_or(self.position, InboxRow::number);
            self.waiting = Waiting::Drain;
            return None;
        }
        self.arrive(page.head.newest, page.head, out)
    }

    /// Has sent everything up to `number`; goes live unless more was heard of meanwhile.
    fn arrive(&mut self, number: Number, head: Head, out: &mut Vec<Frame>) -> Option<Read> {
        self.position = self.position.max(number);
        if self.newest > self.position {
            return Some(self.catch_up());
        }
        self.cross(head.horizon, out);
        self.phase = Phase::Live;
        self.waiting = Waiting::News;
        self.known = self.position;
        self.sent = BTreeSet::new();
        None
    }

    /// Says whether the feed cannot go on from where the device stands: its number was never given
    /// out, or lies behind the horizon. The store was restored, or the number is made up.
    fn is_of_another_life(&self, head: Head) -> bool {
        let follows = !matches!(self.phase, Phase::Pending { .. });
        let is_behind = self.position > Number::ZERO && self.position < head.horizon;
        follows && (self.position > head.newest || is_behind)
    }

    /// Forgets what the device has: it is told so, and sent the newest rows as they are now.
    fn start_over(&mut self, head: Head) -> Read {
        self.phase = Phase::Replaying { unknown: true };
        self.position = Number::ZERO;
        self.last_sent = None;
        self.newest = head.newest;
        self.known = Number::ZERO;
        self.listed = Number::ZERO;
        self.sent = BTreeSet::new();
        self.confirmations.clear();
        self.read()
    }

    /// Takes the device past the horizon, so that its number is one of this life. Nothing lies
    /// between its last row and there.
    fn cross(&mut self, horizon: Number, out: &mut Vec<Frame>) {
        if let Some(prev) = self.last_sent.filter(|last| *last < horizon) {
            out.push(Frame { at: horizon, prev, body: Body::Gap });
            self.last_sent = Some(horizon);
        }
    }

    fn send_rows(&mut self, rows: &[InboxRow], now: Timestamp, out: &mut Vec<Frame>) {
        for row in rows {
            let Some(body) = self.body(row, now) else { continue };
            let at = row.number();
            let prev = self.last_sent.unwrap_or(at.before());
            if let Body::Notification(notification) = &body {
                self.sent.insert(notification.number);
                if notification.delivered_at.is_none() {
                    self.confirmations.sent(at, notification.number);
                }
            }
            out.push(Frame { at, prev, body });
            self.last_sent = Some(at);
        }
    }

    /// Decides what the device is told of a row: the whole of it unless it knows it already, and
    /// nothing where there is nothing left to show.
    fn body(&self, row: &InboxRow, now: Timestamp) -> Option<Body> {
        let notification = match row {
            InboxRow::AllRead { up_to, at, .. } => {
                return Some(Body::AllRead { up_to: *up_to, at: *at });
            }
            InboxRow::Notification(notification) => notification,
        };
        let number = notification.number;
        let is_known = number <= self.known || self.sent.contains(&number);
        match (is_known, notification.deleted, notification.read_at) {
            (true, true, _) => Some(Body::Deleted { id: notification.id }),
            (false, true, _) if number <= self.listed => {
                Some(Body::Deleted { id: notification.id })
            }
            (true, false, Some(at)) => Some(Body::Read { id: notification.id, at }),
            (false, true, _) => None,
            _ if notification.is_expired(now) => None,
            _ => Some(Body::Notification(Arc::clone(notification))),
        }
    }
}
