//! A server without a network: it judges requests, holds polls, moves sessions to sockets and looks at the clock, as an
//! adapter does, but for one client at a time and with a clock that the test turns.

use std::collections::VecDeque;

use landfall_socketio::engine::{Probing, Said, Signal};
use landfall_socketio::heart::{Beat, Heart};
use landfall_socketio::id::EngineId;
use landfall_socketio::payload::{self, Body, Offered, Outgoing, PayloadError, Posted};
use landfall_socketio::request::{Asked, HttpError, Method, Query, judge};
use landfall_socketio::session::{
    Poll, PollAnswer, PollTicket, PollingSession, Post, PostAnswer, SocketAnswer, SocketTicket,
    Tick, Turn, Waiting,
};
use landfall_socketio::terms::{Terms, Transport};

use super::app::{App, Frame, Reaction};

pub const TERMS: Terms = Terms {
    ping_interval_ms: 300,
    ping_timeout_ms: 200,
    max_payload: 1_000_000,
    connect_ms: 1_000,
    upgrade_ms: 10_000,
    closing_ms: 5_000,
    noop_ms: 100,
};

/// A WebSocket as its client sees it.
#[derive(Default)]
pub struct Socket {
    pub got: VecDeque<Frame>,
    pub is_closed: bool,
}

/// A status and a body, once there is one.
pub type Answer = Option<(u16, String)>;

pub struct Server {
    pub now: u64,
    pub answers: Vec<Answer>,
    pub sockets: Vec<Socket>,
    make_app: fn(u64) -> App,
    session: Option<Session>,
}

/// The one session of the test.
struct Session {
    id: EngineId,
    app: App,
    polling: PollingSession,
    waiting: VecDeque<Frame>,
    held: Option<(PollTicket, usize)>,
    probe: Option<(SocketTicket, usize)>,
    /// The socket that it is on, and the heart that beats there.
    socket: Option<(usize, Heart)>,
}

impl Server {
    pub fn new(make_app: fn(u64) -> App) -> Self {
        Self { now: 0, answers: Vec::new(), sockets: Vec::new(), make_app, session: None }
    }

    /// Sends a request; gives its place among the answers.
    pub fn request(&mut self, method: Method, query: &str, body: &str) -> usize {
        self.answers.push(None);
        let at = self.answers.len() - 1;
        let asked = judge(method, &read_query(query));
        match asked {
            Ok(Asked::Open(Transport::Polling)) => {
                let text = self.open(Transport::Polling);
                self.answers[at] = Some((200, text));
            }
            Ok(Asked::Poll(id)) if self.knows(id) => self.poll(at),
            Ok(Asked::Post(id)) if self.knows(id) => self.post(at, body),
            Ok(Asked::Poll(_) | Asked::Post(_)) => self.refuse(at, HttpError::SessionUnknown),
            Ok(Asked::Open(_) | Asked::Probe(_) | Asked::LostProbe) => unreachable!("no upgrade"),
            Err(error) => self.refuse(at, error),
        }
        at
    }

    /// Opens a WebSocket; gives its place among the sockets.
    pub fn connect(&mut self, query: &str) -> usize {
        self.sockets.push(Socket::default());
        let at = self.sockets.len() - 1;
        match judge(Method::Upgrade, &read_query(query)) {
            Ok(Asked::Open(_)) => {
                let text = self.open(Transport::WebSocket);
                self.sockets[at].got.push_back(Frame::Text(text));
                let heart = Heart::new(&TERMS, self.now);
                self.session.as_mut().unwrap().socket = Some((at, heart));
            }
            Ok(Asked::Probe(id)) if self.knows(id) => {
                let now = self.now;
                let turn = self.session.as_mut().unwrap().polling.socket(now);
                let ticket = self.carry_out(turn);
                self.sockets[at].is_closed = ticket.is_none();
                self.session.as_mut().unwrap().probe = ticket.map(|ticket| (ticket, at));
            }
            _ => self.sockets[at].is_closed = true,
        }
        at
    }

    /// Sends a message on a WebSocket.
    pub fn send(&mut self, at: usize, frame: Frame) {
        if self.sockets[at].is_closed {
            return;
        }
        let session = self.session.as_mut().unwrap();
        match (session.probe, &mut session.socket) {
            (Some((ticket, socket)), _) if socket == at => self.probing(ticket, at, &frame),
            (_, Some((socket, heart))) if *socket == at => {
                heart.heard(self.now);
                self.take(&frame);
            }
            _ => {}
        }
    }

    /// Breaks a request off.
    pub fn abort(&mut self, at: usize) {
        let session = self.session.as_mut().unwrap();
        if let Some((ticket, _)) = session.held.take_if(|(_, held)| *held == at) {
            let turn = session.polling.poll_gone(self.now, ticket);
            self.carry_out(turn);
        }
    }

    /// Lets time pass, a millisecond at a time.
    pub fn pass(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now += 1;
            self.tick();
        }
    }

    fn tick(&mut self) {
        let Some(session) = &mut self.session else { return };
        let beat = match &mut session.socket {
            Some((_, heart)) => heart.beat(self.now),
            None => {
                let turn = session.polling.tick(self.now);
                if self.carry_out(turn) == Tick::Ping { Beat::Ping } else { Beat::Rest }
            }
        };
        match beat {
            Beat::Ping => self.say(Frame::Text(Signal::Ping.text().to_owned())),
            Beat::Dead => self.close(),
            Beat::Rest => {}
        }
        let waits_until = self.session.as_ref().and_then(|session| session.app.waits_until());
        if waits_until.is_some_and(|until| self.now >= until) {
            self.close();
        }
    }

    fn open(&mut self, transport: Transport) -> String {
        let id = EngineId::new([7; 16]);
        self.session = Some(Session {
            id,
            app: (self.make_app)(self.now + TERMS.connect_ms),
            polling: PollingSession::new(&TERMS, Heart::new(&TERMS, self.now)),
            waiting: VecDeque::new(),
            held: None,
            probe: None,
            socket: None,
        });
        TERMS.open_packet(&id, transport)
    }

    fn knows(&self, id: EngineId) -> bool {
        self.session.as_ref().is_some_and(|session| session.id == id)
    }

    fn poll(&mut self, at: usize) {
        let session = self.session.as_mut().unwrap();
        let waiting = session.waits();
        let turn = session.polling.poll(self.now, waiting);
        match self.carry_out(turn) {
            Poll::Hold(ticket) => self.session.as_mut().unwrap().held = Some((ticket, at)),
            Poll::Now(answer) => self.answer(at, answer),
        }
    }

    fn post(&mut self, at: usize, body: &str) {
        let session = self.session.as_mut().unwrap();
        let turn = session.polling.post(self.now);
        if let Err(error) = self.carry_out(turn) {
            return self.refuse(at, error);
        }
        let body = Body::read(Some("text/plain"), body.as_bytes(), TERMS.max_payload);
        let post = match &body {
            Ok(body) if body.closes() => Post::Closes,
            Ok(_) => Post::Good,
            Err(PayloadError::TooLarge) => Post::TooLarge,
            Err(_) => Post::Bad,
        };
        let turn = self.session.as_mut().unwrap().polling.posted(self.now, post);
        match (self.carry_out(turn), body) {
            (PostAnswer::Taken, Ok(body)) => {
                self.answers[at] = Some((200, "ok".to_owned()));
                body.packets().for_each(|packet| match packet {
                    Posted::Text(text) => self.take(&Frame::Text(text.to_owned())),
                    Posted::Binary(bytes) => self.take(&Frame::Binary(bytes)),
                });
            }
            (PostAnswer::TooLarge, _) => self.answers[at] = Some((413, String::new())),
            (PostAnswer::Refused(error), _) => self.refuse(at, error),
            (PostAnswer::Taken | PostAnswer::Dropped, _) => {
                self.answers[at] = Some((200, "ok".to_owned()));
            }
        }
    }

    fn probing(&mut self, ticket: SocketTicket, at: usize, frame: &Frame) {
        let said = match frame {
            Frame::Text(text) => Probing::read(text),
            Frame::Binary(_) => Probing::Wrong,
        };
        let session = self.session.as_mut().unwrap();
        let turn = session.polling.probing(self.now, ticket, said);
        match self.carry_out(turn) {
            SocketAnswer::Probed => {
                let answer = Frame::Text(Signal::ProbeAnswer.text().to_owned());
                self.sockets[at].got.push_back(answer);
            }
            SocketAnswer::Upgrade => {
                let session = self.session.as_mut().unwrap();
                session.probe = None;
                session.socket = Some((at, session.polling.heart()));
                self.sockets[at].got.append(&mut session.waiting);
            }
            SocketAnswer::Close => {
                self.sockets[at].is_closed = true;
                self.session.as_mut().unwrap().probe = None;
            }
        }
    }

    /// Takes what the client says in its session.
    fn take(&mut self, frame: &Frame) {
        let app = &mut self.session.as_mut().unwrap().app;
        let reaction = match frame {
            Frame::Binary(bytes) => app.binary(bytes),
            Frame::Text(text) => match Said::read(text) {
                Ok(Said::Message(text)) => app.text(text),
                Ok(Said::Pong | Said::Noop) => Reaction::default(),
                Ok(Said::Close) | Err(_) => Reaction { closes: true, say: Vec::new() },
            },
        };
        reaction.say.into_iter().for_each(|frame| self.say(frame));
        if reaction.closes {
            self.close();
        }
    }

    /// Says something to the client.
    fn say(&mut self, frame: Frame) {
        let session = self.session.as_mut().unwrap();
        if let Some((at, _)) = session.socket {
            return self.sockets[at].got.push_back(frame);
        }
        session.waiting.push_back(frame);
        let turn = session.polling.written(self.now);
        self.carry_out(turn);
    }

    fn close(&mut self) {
        let session = self.session.as_mut().unwrap();
        if let Some((at, _)) = session.socket {
            self.sockets[at].is_closed = true;
            self.session = None;
            return;
        }
        session.waiting.push_back(Frame::Text(Signal::Close.text().to_owned()));
        let waiting = session.waits();
        let turn = session.polling.close(self.now, waiting);
        self.carry_out(turn);
    }

    fn carry_out<T>(&mut self, turn: Turn<T>) -> T {
        let session = self.session.as_mut().unwrap();
        if turn.socket.is_some() {
            let (_, at) = session.probe.take().unwrap();
            self.sockets[at].is_closed = true;
        }
        if let Some(answer) = turn.held {
            let (_, at) = session.held.take().unwrap();
            self.answer(at, answer);
        }
        turn.caller
    }

    fn answer(&mut self, at: usize, answer: PollAnswer) {
        let text = match answer {
            PollAnswer::Packets => self.session.as_mut().unwrap().fill_and_take(),
            PollAnswer::Noop => Signal::Noop.text().to_owned(),
            PollAnswer::Close => Signal::Close.text().to_owned(),
            PollAnswer::Refused(error) => return self.refuse(at, error),
        };
        self.answers[at] = Some((200, text));
    }

    fn refuse(&mut self, at: usize, error: HttpError) {
        self.answers[at] = Some((error.status(), error.body()));
    }
}

impl Session {
    fn fill(&self) -> payload::Answer {
        let mut answer = payload::Answer::new(TERMS.max_payload);
        for frame in &self.waiting {
            let offered = answer.offer(match frame {
                Frame::Text(text) => Outgoing::Text(text),
                Frame::Binary(bytes) => Outgoing::Binary(bytes),
            });
            if offered == Offered::Full {
                break;
            }
        }
        answer
    }

    fn fill_and_take(&mut self) -> String {
        let answer = self.fill();
        self.waiting.drain(..answer.packets());
        answer.into_body()
    }

    fn waits(&self) -> Waiting {
        match (self.waiting.len(), self.fill().packets()) {
            (0, _) => Waiting::Nothing,
            (all, taken) if all == taken => Waiting::OneAnswer,
            _ => Waiting::More,
        }
    }
}

fn read_query(text: &str) -> Query<'_> {
    let of = |name| {
        let mut pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    Query { version: of("EIO"), transport: of("transport"), session: of("sid"), jsonp: of("j") }
}
