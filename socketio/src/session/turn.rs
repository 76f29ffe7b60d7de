//! What a session is told and what it decides, as values. Decides nothing itself.

use crate::request::HttpError;

/// What waits to go out to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Waiting {
    /// Nothing.
    Nothing,
    /// As much as one answer takes, or less.
    OneAnswer,
    /// More than one answer takes.
    More,
}

/// Names a poll that is held, so that the end of an earlier one cannot be taken for its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PollTicket(pub(super) u32);

/// Names a socket that is probed, so that the end of an earlier one cannot be taken for its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocketTicket(pub(super) u32);

/// How a poll is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PollAnswer {
    /// With what waits, as much as one answer takes.
    Packets,
    /// With a noop (`6`).
    Noop,
    /// With a close packet (`1`).
    Close,
    /// With an error.
    Refused(HttpError),
}

/// What becomes of a poll that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Poll {
    /// It waits until a later turn answers it; tell [`super::PollingSession::poll_gone`] when its client ends it before.
    Hold(PollTicket),
    /// It is answered at once.
    Now(PollAnswer),
}

/// What a post turned out to be, once its body was read and judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Post {
    /// Good packets.
    Good,
    /// Good packets, the last of which ends the session.
    Closes,
    /// Something in it is not as it must be.
    Bad,
    /// More than a payload.
    TooLarge,
    /// Its client ended it before it was whole.
    Gone,
}

/// How a post is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PostAnswer {
    /// `ok`; its packets are passed on now, before anything else happens to the session.
    Taken,
    /// `ok`; its packets come too late, since the server has closed the session.
    Dropped,
    /// 413.
    TooLarge,
    /// With an error.
    Refused(HttpError),
}

/// What is done with the socket that spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SocketAnswer {
    /// `3probe` is written on it, once the held poll has its answer, and nothing else.
    Probed,
    /// The session moves to it: first what waits is written on it, then what comes.
    Upgrade,
    /// It is closed.
    Close,
}

/// What a look at the clock led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tick {
    /// Nothing for the caller to do.
    Rest,
    /// A ping (`2`) is to be put behind what waits, and told as written.
    Ping,
    /// The session is over: whoever holds it lets it go.
    Over,
}

/// What follows from one input. It is carried out in the order of the fields, under the lock under which the input was
/// given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub struct Turn<T> {
    /// How the poll that was held is answered; it is held no longer.
    pub held: Option<PollAnswer>,
    /// Whether the socket that was probed is closed, where it is not the caller's.
    pub socket: Option<CloseSocket>,
    /// What concerns whoever gave the input.
    pub caller: T,
}

/// The probed socket is closed; there is no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CloseSocket;
