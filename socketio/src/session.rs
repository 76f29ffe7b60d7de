//! A session that polls, from its open packet to its end or its upgrade, as a machine of states. It owns no packet, no
//! request and no socket: it says what becomes of them, so that every order of events can be tried out. Times are
//! milliseconds of one clock; all deadlines are absolute and looked at with each input, not only by [`tick`].
//!
//! | what happens | while it polls | while a socket is probed (from `2probe` on) |
//! |---|---|---|
//! | poll, something waits | gets as much as one answer takes | the same |
//! | poll, nothing waits | held until something does | held a moment, then noop; refused if the upgrade comes first |
//! | second poll beside a held one | the first gets close, the second is refused; closed | the same |
//! | held poll breaks off | closed | the same |
//! | post | `ok` once its packets are passed on | the same |
//! | second post beside an open one, bad or broken post | refused; closed | the same |
//! | post that closes | held poll gets noop; closed | the same |
//! | socket | accepted, waits for `2probe` | accepted and closed |
//! | `2probe` | held poll gets noop, then the socket gets `3probe` | that socket is closed |
//! | `5` | that socket is closed | upgraded; with a post open, closed |
//! | the socket ends, errs, or takes too long | – | that socket is closed; the session polls on |
//! | the server closes | what waits goes out with the next poll, then closed | the same |
//! | silence | closed | the same |
//!
//! An adapter keeps the session and what waits under one lock. Under it, it tells what happened and carries out the
//! [`Turn`]: for a poll it first fills a [`crate::payload::Answer`] to know whether that takes all that waits; the body
//! of a post it reads and judges between [`PollingSession::post`] and [`PollingSession::posted`], without the lock. Of
//! requests and sockets it needs no more than a way to answer them and a guard that tells when they break off.
//!
//! Closed stays closed, and so does upgraded: it is a socket's session then, and no poll or post of it is answered.
//!
//! [`tick`]: PollingSession::tick

mod socket;
mod turn;

pub use turn::{
    CloseSocket, Poll, PollAnswer, PollTicket, Post, PostAnswer, SocketAnswer, SocketTicket, Tick,
    Turn, Waiting,
};

use crate::heart::{Beat, Heart};
use crate::request::HttpError;
use crate::terms::Terms;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Phase {
    Open,
    /// The server closed it; what waits is kept so long.
    Closing {
        until: u64,
    },
    Upgraded,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Held {
    ticket: PollTicket,
    /// When it gets a noop if nothing comes; `None` outside an upgrade.
    noop_at: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Probe {
    ticket: SocketTicket,
    until: u64,
    /// Whether it has sent `2probe`.
    asked: bool,
}

/// The state of one session that polls. One lock around it and what waits is enough: no decision waits for anything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PollingSession {
    phase: Phase,
    /// Only while nothing waits.
    held: Option<Held>,
    is_posting: bool,
    probe: Option<Probe>,
    heart: Heart,
    tickets: u32,
    upgrade_ms: u64,
    closing_ms: u64,
    noop_ms: u64,
}

impl PollingSession {
    /// Begins with the open packet written. `heart` began with it.
    pub fn new(terms: &Terms, heart: Heart) -> Self {
        Self {
            phase: Phase::Open,
            held: None,
            is_posting: false,
            probe: None,
            heart,
            tickets: 0,
            upgrade_ms: terms.upgrade_ms,
            closing_ms: terms.closing_ms,
            noop_ms: terms.noop_ms,
        }
    }

    /// A poll came.
    pub fn poll(&mut self, now: u64, waiting: Waiting) -> Turn<Poll> {
        let turn = self.expire(now);
        match (self.phase, waiting) {
            (Phase::Upgraded | Phase::Closed, _) => turn.say(Poll::Now(self.refusal())),
            (Phase::Open, _) if self.held.is_some() => {
                turn.and(self.end(PollAnswer::Close)).say(Poll::Now(REFUSED))
            }
            (Phase::Open, Waiting::Nothing) => turn.say(Poll::Hold(self.hold(now))),
            (Phase::Open, _) | (Phase::Closing { .. }, Waiting::More) => {
                turn.say(Poll::Now(PollAnswer::Packets))
            }
            (Phase::Closing { .. }, _) => {
                turn.and(self.end(PollAnswer::Close)).say(Poll::Now(last(waiting)))
            }
        }
    }

    /// A poll that was held, or answered just now, was ended by its client.
    pub fn poll_gone(&mut self, now: u64, ticket: PollTicket) -> Turn<()> {
        // Before the clock is looked at: nobody is there to hear what it demands.
        let was_held = self.held.take_if(|held| held.ticket == ticket).is_some();
        let turn = self.expire(now);
        if was_held { turn.and(self.end(PollAnswer::Close)) } else { turn }
    }

    /// A post came, its body not read yet. With `Ok` it is read, and [`Self::posted`] follows in any case.
    pub fn post(&mut self, now: u64) -> Turn<Result<(), HttpError>> {
        let turn = self.expire(now);
        match self.phase {
            Phase::Upgraded => turn.say(Err(HttpError::BadRequest)),
            Phase::Closed => turn.say(Err(HttpError::SessionUnknown)),
            Phase::Open | Phase::Closing { .. } if self.is_posting => {
                turn.and(self.end(PollAnswer::Close)).say(Err(HttpError::BadRequest))
            }
            Phase::Open | Phase::Closing { .. } => {
                self.is_posting = true;
                turn.say(Ok(()))
            }
        }
    }

    /// The post that was read is whole, or will never be.
    pub fn posted(&mut self, now: u64, post: Post) -> Turn<PostAnswer> {
        let turn = self.expire(now);
        self.is_posting = false;
        let is_open = match self.phase {
            Phase::Upgraded => return turn.say(PostAnswer::Refused(HttpError::BadRequest)),
            Phase::Closed => return turn.say(PostAnswer::Refused(HttpError::SessionUnknown)),
            Phase::Open => true,
            Phase::Closing { .. } => false,
        };
        let good = if is_open { PostAnswer::Taken } else { PostAnswer::Dropped };
        match post {
            Post::Good => {
                self.heart.heard(now);
                turn.say(good)
            }
            Post::Closes => turn.and(self.end(PollAnswer::Noop)).say(good),
            Post::TooLarge => turn.and(self.end(PollAnswer::Close)).say(PostAnswer::TooLarge),
            Post::Bad | Post::Gone => turn
                .and(self.end(PollAnswer::Close))
                .say(PostAnswer::Refused(HttpError::BadRequest)),
        }
    }

    /// Something was put to what waits for the client.
    pub fn written(&mut self, now: u64) -> Turn<()> {
        let mut turn = self.expire(now);
        turn.held = turn.held.or(self.held.take().map(|_| PollAnswer::Packets));
        turn
    }

    /// Looks at the clock. After it [`Self::deadline`] lies ahead.
    pub fn tick(&mut self, now: u64) -> Turn<Tick> {
        let turn = self.expire(now);
        match self.phase {
            Phase::Upgraded | Phase::Closed => turn.say(Tick::Over),
            Phase::Closing { .. } => turn.say(Tick::Rest),
            Phase::Open => match self.heart.beat(now) {
                Beat::Ping => turn.say(Tick::Ping),
                Beat::Rest | Beat::Dead => turn.say(Tick::Rest),
            },
        }
    }

    /// The server closes the session; the close packet is the last of what waits.
    pub fn close(&mut self, now: u64, waiting: Waiting) -> Turn<()> {
        let turn = self.expire(now);
        if self.phase != Phase::Open {
            return turn;
        }
        let until = now.saturating_add(self.closing_ms);
        let answer = last(waiting);
        if self.held.is_some() && waiting != Waiting::More {
            return turn.and(self.end(answer));
        }
        self.phase = Phase::Closing { until };
        let held = self.held.take().map(|_| answer);
        turn.and(Turn { held, socket: self.probe.take().map(|_| CloseSocket), caller: () })
    }

    /// Tells when [`Self::tick`] is due at the latest; `None` when the session is over.
    pub fn deadline(&self) -> Option<u64> {
        match self.phase {
            Phase::Upgraded | Phase::Closed => None,
            Phase::Closing { until } => Some(until.min(self.heart.dead_at())),
            Phase::Open => {
                let probe = self.probe.map(|probe| probe.until);
                let noop = self.held.and_then(|held| held.noop_at);
                [probe, noop].into_iter().flatten().chain([self.heart.deadline()]).min()
            }
        }
    }

    /// Says whether the session is over for polls and posts: closed, or upgraded.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Upgraded | Phase::Closed)
    }

    /// Says whether the session goes on over a socket.
    pub fn is_upgraded(&self) -> bool {
        self.phase == Phase::Upgraded
    }

    /// Gives the heart, which beats on over the socket after an upgrade.
    pub fn heart(&self) -> Heart {
        self.heart
    }

    fn hold(&mut self, now: u64) -> PollTicket {
        let ticket = PollTicket(self.ticket());
        let is_probing = self.probe.is_some_and(|probe| probe.asked);
        let noop_at = is_probing.then(|| now.saturating_add(self.noop_ms));
        self.held = Some(Held { ticket, noop_at });
        ticket
    }

    fn ticket(&mut self) -> u32 {
        self.tickets = self.tickets.wrapping_add(1);
        self.tickets
    }

    fn refusal(&self) -> PollAnswer {
        match self.phase {
            Phase::Closed => PollAnswer::Refused(HttpError::SessionUnknown),
            _ => REFUSED,
        }
    }

    /// Does what the clock demands before anything else is done.
    fn expire(&mut self, now: u64) -> Turn<()> {
        if self.is_over() {
            return NOTHING;
        }
        let is_closed = matches!(self.phase, Phase::Closing { until } if now >= until);
        if is_closed || self.heart.is_dead(now) {
            return self.end(PollAnswer::Close);
        }
        let is_late = |probe: &mut Probe| now >= probe.until;
        let socket = self.probe.take_if(is_late).map(|_| CloseSocket);
        let is_due = |held: &mut Held| held.noop_at.is_some_and(|noop_at| now >= noop_at);
        let held = self.held.take_if(is_due).map(|_| PollAnswer::Noop);
        Turn { held, socket, caller: () }
    }

    fn end(&mut self, answer: PollAnswer) -> Turn<()> {
        self.phase = Phase::Closed;
        let held = self.held.take().map(|_| answer);
        Turn { held, socket: self.probe.take().map(|_| CloseSocket), caller: () }
    }
}

const REFUSED: PollAnswer = PollAnswer::Refused(HttpError::BadRequest);
const NOTHING: Turn<()> = Turn { held: None, socket: None, caller: () };

/// The last answer of a session that the server closed.
fn last(waiting: Waiting) -> PollAnswer {
    match waiting {
        Waiting::Nothing => PollAnswer::Close,
        Waiting::OneAnswer | Waiting::More => PollAnswer::Packets,
    }
}

impl Turn<()> {
    /// Adds what follows later; of each there is only one.
    fn and(self, later: Self) -> Self {
        Self { held: self.held.or(later.held), socket: self.socket.or(later.socket), caller: () }
    }

    fn say<T>(self, caller: T) -> Turn<T> {
        Turn { held: self.held, socket: self.socket, caller }
    }
}

#[cfg(test)]
mod tests;
