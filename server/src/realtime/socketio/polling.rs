//! A Socket.IO session that polls: its packets wait here for the next poll, and what is posted goes on as frames of a
//! socket, so that behind it a connection is a connection.
//!
//! What becomes of polls, posts and the upgrade is decided by `landfall-socketio`; here its turns are carried out, under
//! one lock and without waiting. A session holds one end of a pair; its task carries what the server says from there to
//! what waits, and lets go of it when the session moves to a socket. Must never hold more than a payload for a client
//! that does not poll: the server's own queue is behind it, and closes a slow one.

use std::io;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use landfall_socketio::engine::Signal;
use landfall_socketio::heart::Heart;
use landfall_socketio::payload::{self, Posted};
use landfall_socketio::request::HttpError;
use landfall_socketio::session::{
    Poll, PollAnswer, PollTicket, PollingSession, Post, PostAnswer, SocketAnswer, SocketTicket,
    Turn,
};
use landfall_socketio::terms::Terms;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, oneshot};

use super::carried::{Carried, Unpacked, client_frame};
use super::packets::Packets;

/// How a request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// A poll, with this body.
    Packets(String),
    /// A post that was taken.
    Ok,
    /// A post that was too large.
    TooLarge,
    /// With an error.
    Refused(HttpError),
}

/// The end of the pair from which the server is heard, with what was heard of a frame that is not whole.
pub(super) struct Ear {
    pub(super) half: OwnedReadHalf,
    pub(super) begun: Vec<u8>,
}

/// How a session stands for its task.
enum Look {
    /// It polls: when to look again, and whether there is room for more to wait.
    Polls { until: Option<Instant>, has_room: bool },
    /// It has moved to a socket, which is about to take over.
    Moving,
    /// Somebody takes over.
    Inherited(oneshot::Sender<Ear>),
    /// It is over.
    Over,
}

struct Inner {
    session: PollingSession,
    waiting: Packets,
    held: Option<oneshot::Sender<Answered>>,
    /// Ends the socket that is probed.
    probed: Option<oneshot::Sender<()>>,
    /// Who takes the server's words from here on.
    heir: Option<oneshot::Sender<Ear>>,
}

/// A session that polls.
pub struct Polling {
    inner: Mutex<Inner>,
    /// The end of the pair to which the client is carried, until the session moves to a socket.
    mouth: tokio::sync::Mutex<Option<OwnedWriteHalf>>,
    began: Instant,
    /// Something changed that the session's task has to look at.
    changed: Notify,
}

impl Polling {
    /// Begins a session on one end of a pair; gives the end from which its task hears the server.
    pub(super) fn new(terms: &Terms, end: UnixStream) -> (Arc<Self>, OwnedReadHalf) {
        let (ear, mouth) = end.into_split();
        let inner = Inner {
            session: PollingSession::new(terms, Heart::listening(terms, 0)),
            waiting: Packets::new(terms.max_payload),
            held: None,
            probed: None,
            heir: None,
        };
        let polling = Self {
            inner: Mutex::new(inner),
            mouth: tokio::sync::Mutex::new(Some(mouth)),
            began: Instant::now(),
            changed: Notify::new(),
        };
        (Arc::new(polling), ear)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Serves a poll: with what waits, or as soon as something does.
    pub async fn poll(self: &Arc<Self>) -> Answered {
        self.confirm().await;
        let (held, ticket) = {
            let mut inner = self.lock();
            let waiting = inner.waiting.amount();
            let turn = inner.session.poll(self.now(), waiting);
            match self.carry_out(&mut inner, turn) {
                Poll::Now(answer) => return self.answer(&mut inner, answer),
                Poll::Hold(ticket) => {
                    let (sender, receiver) = oneshot::channel();
                    inner.held = Some(sender);
                    (receiver, ticket)
                }
            }
        };
        self.changed.notify_one();
        let guard = Holding { polling: Arc::clone(self), ticket: Some(ticket) };
        let answered = held.await.unwrap_or(Answered::Refused(HttpError::SessionUnknown));
        guard.done();
        answered
    }

    /// Says to the server that what it asked to be confirmed has arrived: its client came back for more.
    async fn confirm(&self) {
        let due: Vec<Vec<u8>> = { self.lock().waiting.confirmed() };
        for payload in due {
            // A session whose server is gone finds out by itself.
            let _ = self.say(&client_frame(0xA, &payload)).await;
        }
    }

    async fn say(&self, bytes: &[u8]) -> io::Result<()> {
        match self.mouth.lock().await.as_mut() {
            Some(mouth) => mouth.write_all(bytes).await,
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Begins to take a post.
    ///
    /// # Errors
    /// With what it is refused.
    pub fn begin_post(&self) -> Result<(), HttpError> {
        let mut inner = self.lock();
        let turn = inner.session.post(self.now());
        let begun = self.carry_out(&mut inner, turn);
        drop(inner);
        self.changed.notify_one();
        begun
    }

    /// The post that was begun will never be whole.
    pub fn post_gone(&self) {
        let mut inner = self.lock();
        let turn = inner.session.posted(self.now(), Post::Gone);
        self.carry_out(&mut inner, turn);
        drop(inner);
        self.changed.notify_one();
    }

    /// Takes what was posted, once it is judged; nothing where it is not whole.
    pub async fn end_post(&self, post: Post, body: Option<payload::Body<'_>>) -> Answered {
        let answer = {
            let mut inner = self.lock();
            let turn = inner.session.posted(self.now(), post);
            self.carry_out(&mut inner, turn)
        };
        self.changed.notify_one();
        match answer {
            PostAnswer::TooLarge => return Answered::TooLarge,
            PostAnswer::Refused(error) => return Answered::Refused(error),
            PostAnswer::Dropped => return Answered::Ok,
            PostAnswer::Taken => {}
        }
        let mut frames = Vec::new();
        for packet in body.iter().flat_map(payload::Body::packets) {
            match packet {
                Posted::Text(text) => frames.extend(client_frame(0x1, text.as_bytes())),
                Posted::Binary(bytes) => frames.extend(client_frame(0x2, &bytes)),
            }
        }
        match self.say(&frames).await {
            Ok(()) => Answered::Ok,
            Err(_) => Answered::Refused(HttpError::SessionUnknown),
        }
    }

    /// A socket wants to go on with this session; `None` where it is closed, else its ticket and what ends it.
    pub(super) fn probe(&self) -> Option<(SocketTicket, oneshot::Receiver<()>)> {
        let mut inner = self.lock();
        let turn = inner.session.socket(self.now());
        let ticket = self.carry_out(&mut inner, turn)?;
        let (sender, receiver) = oneshot::channel();
        inner.probed = Some(sender);
        drop(inner);
        self.changed.notify_one();
        Some((ticket, receiver))
    }

    /// The socket said something; with an upgrade comes what waits for its client.
    pub(super) fn probing(
        &self,
        ticket: SocketTicket,
        said: landfall_socketio::engine::Probing,
    ) -> (SocketAnswer, Vec<u8>) {
        let mut inner = self.lock();
        let turn = inner.session.probing(self.now(), ticket, said);
        let answer = self.carry_out(&mut inner, turn);
        let mut waits = Vec::new();
        if answer == SocketAnswer::Upgrade {
            inner.probed = None;
            waits = inner.waiting.as_frames();
        }
        drop(inner);
        self.changed.notify_one();
        (answer, waits)
    }

    /// The socket is gone before the session moved to it.
    pub(super) fn socket_gone(&self, ticket: SocketTicket) {
        let mut inner = self.lock();
        let turn = inner.session.socket_gone(self.now(), ticket);
        self.carry_out(&mut inner, turn);
    }

    /// Takes the pair over, once the session has moved to a socket, with what was read of a frame that is not whole.
    pub(super) async fn inherit(&self) -> Option<(Vec<u8>, UnixStream)> {
        let (sender, receiver) = oneshot::channel();
        self.lock().heir = Some(sender);
        self.changed.notify_one();
        let Ear { half, begun } = receiver.await.ok()?;
        let mouth = self.mouth.lock().await.take()?;
        Some((begun, half.reunite(mouth).ok()?))
    }

    /// Carries what the server says until the session is over or moves to a socket.
    pub(super) async fn carry(&self, ear: OwnedReadHalf) {
        let (mut carried, mut is_server_gone) = (Carried::new(ear), false);
        loop {
            let look = self.look();
            match look {
                Look::Over => return,
                Look::Inherited(heir) => {
                    // Whoever takes it over may be gone: then so is the session.
                    let _ = heir.send(carried.into_ear());
                    return;
                }
                Look::Moving | Look::Polls { .. } => {}
            }
            let (until, hears) = match look {
                Look::Polls { until, has_room } => (until, has_room && !is_server_gone),
                _ => (None, false),
            };
            tokio::select! {
                () = self.changed.notified() => {}
                () = sleep_until(until) => {}
                heard = carried.next(), if hears => {
                    is_server_gone = match heard {
                        Ok(Some(unpacked)) => self.put(unpacked, &mut carried).is_break(),
                        Ok(None) | Err(_) => true,
                    };
                    if is_server_gone {
                        self.end();
                    }
                },
            }
        }
    }

    /// Looks at the clock, and at how the session stands.
    fn look(&self) -> Look {
        let mut inner = self.lock();
        if let Some(heir) = inner.heir.take() {
            return Look::Inherited(heir);
        }
        let turn = inner.session.tick(self.now());
        self.carry_out(&mut inner, turn);
        if inner.session.is_upgraded() {
            return Look::Moving;
        }
        match inner.session.deadline() {
            None => Look::Over,
            Some(at) => Look::Polls {
                until: Some(self.began + Duration::from_millis(at)),
                has_room: inner.waiting.has_room(),
            },
        }
    }

    /// Puts what the server said to what waits, with all that was read with it, so that one poll brings it; breaks
    /// where the server has ended the session, of which the same poll is to tell.
    fn put(&self, first: Unpacked, carried: &mut Carried) -> ControlFlow<()> {
        let mut inner = self.lock();
        let mut next = Some(first);
        while let Some(unpacked) = next.take_if(|next| *next != Unpacked::Close) {
            inner.waiting.put(unpacked);
            if inner.waiting.has_room() {
                next = carried.take_read();
            }
        }
        if next.is_some() {
            return ControlFlow::Break(());
        }
        if !inner.waiting.is_empty() {
            let turn = inner.session.written(self.now());
            self.carry_out(&mut inner, turn);
        }
        ControlFlow::Continue(())
    }

    /// The server has ended the session.
    fn end(&self) {
        let mut inner = self.lock();
        inner.waiting.put(Unpacked::Text(Signal::Close.text().to_owned()));
        let waiting = inner.waiting.amount();
        let turn = inner.session.close(self.now(), waiting);
        self.carry_out(&mut inner, turn);
    }

    fn carry_out<T>(&self, inner: &mut Inner, turn: Turn<T>) -> T {
        if let Some(answer) = turn.held
            && let Some(held) = inner.held.take()
        {
            let answered = self.answer(inner, answer);
            // Whoever held it may be gone; what it would have had is lost with the session, which ends for it.
            let _ = held.send(answered);
        }
        if turn.socket.is_some() {
            inner.probed.take().map(|probed| probed.send(()));
        }
        turn.caller
    }

    fn answer(&self, inner: &mut Inner, answer: PollAnswer) -> Answered {
        match answer {
            PollAnswer::Packets => Answered::Packets(inner.waiting.take()),
            PollAnswer::Noop => Answered::Packets(Signal::Noop.text().to_owned()),
            PollAnswer::Close => Answered::Packets(Signal::Close.text().to_owned()),
            PollAnswer::Refused(error) => Answered::Refused(error),
        }
    }
}

/// A poll that is held: tells its session if its client ends it.
struct Holding {
    polling: Arc<Polling>,
    ticket: Option<PollTicket>,
}

impl Holding {
    fn done(mut self) {
        self.ticket = None;
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let mut inner = self.polling.lock();
        let turn = inner.session.poll_gone(self.polling.now(), ticket);
        self.polling.carry_out(&mut inner, turn);
        drop(inner);
        self.polling.changed.notify_one();
    }
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
