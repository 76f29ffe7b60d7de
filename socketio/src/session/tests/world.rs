//! One session whose turns are told in words.

use super::super::*;
use crate::engine::Probing;

const TERMS: Terms = Terms {
    ping_interval_ms: 300,
    ping_timeout_ms: 200,
    max_payload: 1_000_000,
    connect_ms: 1_000,
    upgrade_ms: 400,
    closing_ms: 150,
    noop_ms: 100,
};

/// Something that happens to the session.
#[derive(Debug, Clone, Copy)]
pub(super) enum Do {
    /// A poll, with so much waiting.
    Poll(Waiting),
    /// The poll of so many polls ago breaks off: 1 is the last.
    PollGone(usize),
    Post,
    Posted(Post),
    Socket,
    /// The socket of so many sockets ago says something.
    Says(usize, Probing),
    SocketGone(usize),
    Written,
    Tick,
    Close(Waiting),
}
/// A session, and the tickets that it gave out.
pub(super) struct World {
    pub(super) session: PollingSession,
    polls: Vec<PollTicket>,
    sockets: Vec<SocketTicket>,
}

impl World {
    pub(super) fn new() -> Self {
        let session = PollingSession::new(&TERMS, Heart::new(&TERMS, 0));
        Self { session, polls: Vec::new(), sockets: Vec::new() }
    }

    /// What follows, in words: the caller's part, then the held poll's, then the socket's.
    pub(super) fn step(&mut self, now: u64, step: Do) -> String {
        let session = &mut self.session;
        match step {
            Do::Poll(waiting) => {
                let turn = session.poll(now, waiting);
                if let Poll::Hold(ticket) = turn.caller {
                    self.polls.push(ticket);
                }
                words(turn, |poll| match poll {
                    Poll::Hold(_) => "hold".to_owned(),
                    Poll::Now(answer) => answer_words(answer),
                })
            }
            Do::PollGone(ago) => {
                let ticket = self.polls[self.polls.len() - ago];
                words(session.poll_gone(now, ticket), |()| "-".to_owned())
            }
            Do::Post => words(session.post(now), |post| match post {
                Ok(()) => "read".to_owned(),
                Err(error) => format!("{error:?}"),
            }),
            Do::Posted(post) => words(session.posted(now, post), |answer| format!("{answer:?}")),
            Do::Socket => {
                let turn = session.socket(now);
                self.sockets.extend(turn.caller);
                words(turn, |ticket| if ticket.is_some() { "probe" } else { "Close" }.to_owned())
            }
            Do::Says(ago, said) => {
                let ticket = self.sockets[self.sockets.len() - ago];
                words(session.probing(now, ticket, said), |answer| format!("{answer:?}"))
            }
            Do::SocketGone(ago) => {
                let ticket = self.sockets[self.sockets.len() - ago];
                words(session.socket_gone(now, ticket), |()| "-".to_owned())
            }
            Do::Written => words(session.written(now), |()| "-".to_owned()),
            Do::Tick => words(session.tick(now), |tick| format!("{tick:?}")),
            Do::Close(waiting) => words(session.close(now, waiting), |()| "-".to_owned()),
        }
    }
}

fn answer_words(answer: PollAnswer) -> String {
    match answer {
        PollAnswer::Refused(error) => format!("{error:?}"),
        answer => format!("{answer:?}"),
    }
}

fn words<T>(turn: Turn<T>, caller: impl FnOnce(T) -> String) -> String {
    let held = turn.held.map(|answer| format!(", held {}", answer_words(answer)));
    let socket = turn.socket.map(|CloseSocket| ", socket closed");
    format!("{}{}{}", caller(turn.caller), held.unwrap_or_default(), socket.unwrap_or_default())
}
