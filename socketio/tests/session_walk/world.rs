//! One session with its client and its server, as values: what was written, what arrived, what is open. It carries out
//! what the session decides, as an adapter does, and says when a promise is broken.

use landfall_socketio::engine::Probing;
use landfall_socketio::heart::Heart;
use landfall_socketio::session::{
    Poll, PollAnswer, PollTicket, PollingSession, Post, PostAnswer, SocketAnswer, SocketTicket,
    Tick, Turn, Waiting,
};
use landfall_socketio::terms::Terms;

use super::step::{Budget, Ending, Step};

const TERMS: Terms = Terms {
    ping_interval_ms: 300,
    ping_timeout_ms: 200,
    max_payload: 1_000,
    connect_ms: 1_000,
    upgrade_ms: 250,
    closing_ms: 120,
    noop_ms: 100,
};

/// How many packets one answer takes.
const ANSWER: usize = 2;
/// The server's close packet, last of what waits.
const CLOSE: u8 = u8::MAX;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    session: PollingSession,
    now: u64,
    budget: Budget,
    /// What the server wrote and nobody has yet.
    waiting: Vec<u8>,
    written: u8,
    got: Vec<u8>,
    got_by_polls: usize,
    held: Option<PollTicket>,
    old_poll: Option<PollTicket>,
    /// Posts that are open: the number of each one's packet.
    posts: Vec<u8>,
    said: u8,
    heard: Vec<u8>,
    /// Sockets that nobody closed; the session's own after an upgrade is none of them.
    sockets: Vec<SocketTicket>,
    old_socket: Option<SocketTicket>,
    /// The socket that got `3probe`.
    probed: Option<SocketTicket>,
    /// By when the last socket has upgraded or is closed.
    upgrade_by: u64,
    is_upgraded: bool,
}

type Checked = Result<(), String>;

impl World {
    pub fn new(budget: Budget) -> Self {
        Self {
            session: PollingSession::new(&TERMS, Heart::new(&TERMS, 0)),
            now: 0,
            budget,
            waiting: Vec::new(),
            written: 0,
            got: Vec::new(),
            got_by_polls: 0,
            held: None,
            old_poll: None,
            posts: Vec::new(),
            said: 0,
            heard: Vec::new(),
            sockets: Vec::new(),
            old_socket: None,
            probed: None,
            upgrade_by: 0,
            is_upgraded: false,
        }
    }

    pub fn ending(&self) -> Ending {
        let by_socket = self.got.len() - self.got_by_polls;
        match (self.is_upgraded, self.session.is_over()) {
            (true, _) if self.got_by_polls > 0 && by_socket > 0 => Ending::OverBoth,
            (true, _) => Ending::Upgraded,
            (false, true) => Ending::Closed,
            (false, false) => Ending::Open,
        }
    }

    /// Everything that can happen next.
    pub fn steps(&self) -> Vec<Step> {
        let left = &self.budget;
        let is_open = !self.session.is_over();
        let mut steps = vec![Step::Tick];
        let mut add = |step, is_possible: bool| steps.extend(is_possible.then_some(step));
        add(Step::Write, left.writes > 0 && (is_open || self.is_upgraded) && !self.is_closing());
        add(Step::Poll, left.polls > 0);
        add(Step::PollGone, self.held.is_some());
        add(Step::OldPollGone, self.old_poll.is_some());
        add(Step::Post, left.posts > 0);
        for post in [Post::Good, Post::Closes, Post::Bad, Post::TooLarge, Post::Gone] {
            add(Step::Posted(post), !self.posts.is_empty());
        }
        add(Step::Socket, left.sockets > 0);
        for ticket in &self.sockets {
            for said in [Probing::Ask, Probing::Upgrade, Probing::Wrong] {
                add(Step::Says(*ticket, said), true);
            }
            add(Step::SocketGone(*ticket), true);
        }
        add(Step::OldSocketGone, self.old_socket.is_some());
        add(Step::Send, left.sends > 0 && self.is_upgraded);
        add(Step::MoveToDeadline, left.moves > 0 && is_open);
        add(Step::MoveALittle, left.moves > 0 && is_open);
        add(Step::Close, left.closes > 0 && is_open && !self.is_closing());
        steps
    }

    /// Lets it happen; says which promise is broken, if one is.
    pub fn take(&mut self, step: Step) -> Checked {
        let was_over = self.session.is_over();
        match step {
            Step::Write => self.write()?,
            Step::Poll => self.poll()?,
            Step::PollGone => self.poll_gone()?,
            Step::OldPollGone => self.old_poll_gone()?,
            Step::Post => self.post()?,
            Step::Posted(post) => self.posted(post)?,
            Step::Socket => self.socket()?,
            Step::Says(ticket, said) => self.says(ticket, said)?,
            Step::SocketGone(ticket) => {
                self.sockets.retain(|socket| *socket != ticket);
                let turn = self.session.socket_gone(self.now, ticket);
                self.carry_out(turn)?;
            }
            Step::OldSocketGone => {
                let ticket = self.old_socket.take().expect("only a closed socket ends late");
                let turn = self.session.socket_gone(self.now, ticket);
                self.carry_out(turn)?;
            }
            Step::Send => {
                self.budget.sends -= 1;
                self.said += 1;
                self.heard.push(self.said);
            }
            Step::MoveToDeadline => {
                let deadline = self.session.deadline().ok_or("an open session has no deadline")?;
                self.move_to(deadline);
            }
            Step::MoveALittle => self.move_to(self.now + 60),
            Step::Tick => self.tick()?,
            Step::Close => self.close()?,
        }
        if was_over && !self.session.is_over() {
            return Err("what was closed is open".to_owned());
        }
        self.check()
    }

    /// What holds in every state.
    fn check(&self) -> Checked {
        let rule = |holds: bool, broken: &str| if holds { Ok(()) } else { Err(broken.to_owned()) };
        let got: Vec<u8> = self.got.iter().copied().filter(|packet| *packet != CLOSE).collect();
        rule(got.iter().copied().eq(1..=got.len() as u8), "packets came twice, or not in order")?;
        rule(!self.got.iter().rev().skip(1).any(|packet| *packet == CLOSE), "more after a close")?;
        rule(self.heard.is_sorted_by(|a, b| a < b), "what the client said is not in order")?;
        rule(self.held.is_none() || self.waiting.is_empty(), "a poll is held although one waits")?;
        rule(self.sockets.len() <= 1, "two sockets are probed")?;
        if self.is_upgraded || !self.session.is_over() {
            let all = self.got.len() + self.waiting.len() - usize::from(self.is_closing());
            rule(all == usize::from(self.written), "a packet is lost")?;
        }
        if self.session.is_over() {
            rule(self.held.is_none(), "a poll is held by a session that is over")?;
            rule(self.sockets.is_empty(), "a socket is probed by a session that is over")?;
            return rule(self.session.deadline().is_none(), "a deadline after the end");
        }
        let deadline = self.session.deadline().ok_or("an open session has no deadline")?;
        if !self.sockets.is_empty() {
            rule(deadline <= self.upgrade_by, "a socket is probed for too long")?;
            rule(!self.is_closing(), "a socket is probed although the server has closed")?;
        }
        self.check_end()
    }

    /// With nothing but the clock, a session ends, and soon.
    fn check_end(&self) -> Checked {
        let mut session = self.session.clone();
        let mut now = self.now;
        for _ in 0..8 {
            let _ = session.tick(now);
            match session.deadline() {
                None => return Ok(()),
                Some(deadline) if deadline <= now => {
                    return Err("the deadline does not lie ahead".to_owned());
                }
                Some(deadline) => now = deadline,
            }
        }
        Err("a session goes on without its client".to_owned())
    }

    fn write(&mut self) -> Checked {
        self.budget.writes -= 1;
        self.written += 1;
        self.put(self.written)
    }

    /// Puts a packet behind what waits, and tells the session.
    fn put(&mut self, packet: u8) -> Checked {
        if self.is_upgraded {
            self.got.push(packet);
            return Ok(());
        }
        self.waiting.push(packet);
        let turn = self.session.written(self.now);
        self.carry_out(turn)
    }

    fn poll(&mut self) -> Checked {
        self.budget.polls -= 1;
        let turn = self.session.poll(self.now, self.waits());
        let caller = turn.caller;
        self.carry_out(Turn { held: turn.held, socket: turn.socket, caller: () })?;
        match caller {
            Poll::Hold(_) if self.held.is_some() => Err("two polls are held".to_owned()),
            Poll::Hold(ticket) => {
                self.held = Some(ticket);
                Ok(())
            }
            Poll::Now(answer) => self.answer(answer),
        }
    }

    fn poll_gone(&mut self) -> Checked {
        let ticket = self.held.take().expect("only a held poll breaks off");
        let turn = self.session.poll_gone(self.now, ticket);
        self.carry_out(turn)?;
        if !self.session.is_over() {
            return Err("a poll broke off and the session goes on".to_owned());
        }
        Ok(())
    }

    fn old_poll_gone(&mut self) -> Checked {
        let ticket = self.old_poll.take().expect("only an old poll ends late");
        let turn = self.session.poll_gone(self.now, ticket);
        self.carry_out(turn)
    }

    fn move_to(&mut self, time: u64) {
        self.budget.moves -= 1;
        self.now = self.now.max(time);
    }

    fn post(&mut self) -> Checked {
        self.budget.posts -= 1;
        self.said += 1;
        let number = self.said;
        let turn = self.session.post(self.now);
        match turn.caller {
            Ok(()) if !self.posts.is_empty() => return Err("two posts are read".to_owned()),
            Ok(()) => self.posts.push(number),
            Err(_) if !self.session.is_over() => return Err("refused and open".to_owned()),
            Err(_) => {}
        }
        self.carry_out(Turn { held: turn.held, socket: turn.socket, caller: () })
    }

    fn posted(&mut self, post: Post) -> Checked {
        let number = self.posts.pop().expect("only an open post ends");
        let was_open = !self.session.is_over();
        let turn = self.session.posted(self.now, post);
        match (turn.caller, post) {
            (PostAnswer::Taken, Post::Good | Post::Closes) if was_open => self.heard.push(number),
            (PostAnswer::Taken, _) => return Err("a bad post was taken".to_owned()),
            (PostAnswer::Dropped, _) if !self.is_closing() => {
                return Err("a post was dropped for nothing".to_owned());
            }
            (PostAnswer::Refused(_), Post::Good | Post::Closes) if !self.session.is_over() => {
                return Err("a good post was refused".to_owned());
            }
            _ => {}
        }
        self.carry_out(Turn { held: turn.held, socket: turn.socket, caller: () })
    }

    fn socket(&mut self) -> Checked {
        self.budget.sockets -= 1;
        let turn = self.session.socket(self.now);
        self.carry_out(Turn { held: turn.held, socket: turn.socket, caller: () })?;
        self.sockets.extend(turn.caller);
        if turn.caller.is_some() {
            self.upgrade_by = self.now + TERMS.upgrade_ms;
        }
        Ok(())
    }

    fn says(&mut self, ticket: SocketTicket, said: Probing) -> Checked {
        let turn = self.session.probing(self.now, ticket, said);
        if turn.caller != SocketAnswer::Probed {
            self.close_socket(ticket);
        }
        self.carry_out(Turn { held: turn.held, socket: turn.socket, caller: () })?;
        match turn.caller {
            SocketAnswer::Close => Ok(()),
            SocketAnswer::Probed if self.held.is_some() => {
                Err("a socket is answered while a poll is held".to_owned())
            }
            SocketAnswer::Probed if self.probed.replace(ticket) == Some(ticket) => {
                Err("a socket is answered twice".to_owned())
            }
            SocketAnswer::Probed => Ok(()),
            SocketAnswer::Upgrade if self.probed != Some(ticket) => {
                Err("upgraded to a socket that was not probed".to_owned())
            }
            SocketAnswer::Upgrade => {
                self.is_upgraded = true;
                self.got.append(&mut self.waiting);
                Ok(())
            }
        }
    }

    fn tick(&mut self) -> Checked {
        let turn = self.session.tick(self.now);
        if (turn.caller == Tick::Over) != self.session.is_over() {
            return Err("a tick does not say what is over".to_owned());
        }
        self.carry_out(Turn { held: turn.held, socket: turn.socket, caller: () })?;
        if turn.caller == Tick::Ping {
            self.written += 1;
            return self.put(self.written);
        }
        Ok(())
    }

    fn close(&mut self) -> Checked {
        self.budget.closes -= 1;
        self.waiting.push(CLOSE);
        let turn = self.session.close(self.now, self.waits());
        self.carry_out(turn)
    }

    /// Does to the held poll and the socket what a turn says.
    fn carry_out(&mut self, turn: Turn<()>) -> Checked {
        if let Some(answer) = turn.held {
            self.old_poll = Some(self.held.take().ok_or("a poll was answered that is not held")?);
            self.answer(answer)?;
        }
        if turn.socket.is_some() {
            let ticket = *self.sockets.last().ok_or("a socket was closed that is not there")?;
            self.close_socket(ticket);
        }
        Ok(())
    }

    fn close_socket(&mut self, ticket: SocketTicket) {
        self.sockets.retain(|socket| *socket != ticket);
        self.old_socket = Some(ticket);
    }

    fn answer(&mut self, answer: PollAnswer) -> Checked {
        if answer != PollAnswer::Packets {
            return Ok(());
        }
        if self.waiting.is_empty() {
            return Err("a poll is answered with nothing".to_owned());
        }
        let take = self.waiting.len().min(ANSWER);
        self.got.extend(self.waiting.drain(..take));
        self.got_by_polls = self.got.len();
        Ok(())
    }

    fn waits(&self) -> Waiting {
        match self.waiting.len() {
            0 => Waiting::Nothing,
            1..=ANSWER => Waiting::OneAnswer,
            _ => Waiting::More,
        }
    }

    /// Whether the server has closed the session.
    fn is_closing(&self) -> bool {
        self.waiting.last() == Some(&CLOSE) || self.got.last() == Some(&CLOSE)
    }
}
