//! What can happen to a session, how often, and how it may stand then.

use landfall_socketio::engine::Probing;
use landfall_socketio::session::{Post, SocketTicket};

/// How often each thing may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Budget {
    pub writes: u8,
    pub polls: u8,
    pub posts: u8,
    pub sockets: u8,
    /// Messages on the socket after an upgrade.
    pub sends: u8,
    /// Of the clock, to the next deadline or a little on.
    pub moves: u8,
    pub closes: u8,
}

impl Budget {
    pub const NONE: Self =
        Self { writes: 0, polls: 0, posts: 0, sockets: 0, sends: 0, moves: 0, closes: 0 };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    Write,
    Poll,
    /// The held poll breaks off.
    PollGone,
    /// The end of a poll that has its answer is noticed only now.
    OldPollGone,
    Post,
    Posted(Post),
    Socket,
    Says(SocketTicket, Probing),
    SocketGone(SocketTicket),
    /// The end of a socket that was closed is noticed only now.
    OldSocketGone,
    /// A message on the socket after the upgrade.
    Send,
    MoveToDeadline,
    MoveALittle,
    Tick,
    Close,
}

/// How a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    Open,
    Closed,
    Upgraded,
    /// Upgraded, with packets that came by polls and others by the socket.
    OverBoth,
}
