//! Many WebSocket clients in one thread: they connect, say what they are told to, count and time the text frames they
//! get, answer pings, and can stay idle. It knows no server but the address and visits it is given.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use mio::event::Event;
use mio::{Events, Interest, Poll, Token};

use super::http;
use super::rounds::Rounds;
use super::server_frame::{self, CLOSE, NumberField, PING, PONG, TEXT};
use super::visitor::{State, Visit, Visitor};

/// How long opening may stall.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);

/// Engine.IO's ping and pong, which are texts of their own.
const ENGINE_PING: &[u8] = b"2";
const ENGINE_PONG: &[u8] = b"3";

/// What came in since the last [`Generator::reset`].
#[derive(Debug, Default)]
pub struct Counts {
    /// Text frames that carried a stamp.
    pub received: u64,
    /// Payload bytes of those frames.
    pub bytes: u64,
    /// Microseconds from each frame's stamp to its arrival.
    pub latencies_us: Vec<u32>,
    /// The same by the stamp that they have in common.
    pub rounds: Rounds,
    /// Microseconds from when each connection began to when it was open.
    pub openings_us: Vec<u32>,
    /// Connections that the server closed.
    pub closed: u64,
    /// Those of them that were told 1013: too slow, come back.
    pub told_slow: u64,
    /// Frames whose number did not follow the one before on the same connection.
    pub out_of_order: u64,
}

/// What is looked at in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Its stamp.
    Stamps,
    /// Its stamp, and whether its number follows the one before.
    Order,
    /// Its stamp, which is what the sender of a message called it.
    Messages,
}

/// How connections are opened, and what is looked at in what they get.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// What is looked at.
    pub check: Check,
    /// Connections that are being opened at a time.
    pub at_once: usize,
    /// The time over which they begin, one after the other.
    pub over: Duration,
}

impl Manner {
    /// As many at a time as never overflow a server's backlog.
    pub const STEADY: Self = Self { check: Check::Stamps, at_once: 256, over: Duration::ZERO };

    /// When a connection begins, of so many from a moment on.
    pub fn due(self, begun: Instant, index: usize, of: usize) -> Instant {
        begun + self.over.mul_f64(index as f64 / of as f64)
    }
}

/// The code of a close for readers that are too slow (contract 4).
const TRY_LATER: [u8; 2] = 1013u16.to_be_bytes();

/// Open connections and what they have received.
pub struct Generator {
    poll: Poll,
    events: Events,
    connections: Vec<Visitor>,
    /// One read buffer for all connections.
    buffer: Vec<u8>,
    /// The moment from which stamps count.
    start: Instant,
    check: Check,
    stamp: NumberField,
    number: NumberField,
    counts: Counts,
    opened: usize,
    /// The connections from this one on read nothing for now.
    reading: usize,
}

impl Generator {
    /// Opens one WebSocket per visit and waits until all are open; fails when one is refused. Stamps in frames are
    /// microseconds since `start`.
    pub fn open(
        addr: SocketAddr,
        visits: &[Visit],
        start: Instant,
        manner: Manner,
    ) -> anyhow::Result<Self> {
        let mut generator = Self::new(start, manner.check)?;
        let (begun, mut deadline) = (Instant::now(), Instant::now() + OPEN_TIMEOUT);
        while generator.opened < visits.len() {
            let opened = generator.opened;
            let next = generator.begin_due(addr, visits, begun, manner)?;
            generator.turn(next.unwrap_or(deadline))?;
            if generator.opened > opened {
                deadline = Instant::now() + OPEN_TIMEOUT;
            }
            generator.check_opening(visits.len(), deadline)?;
        }
        Ok(generator)
    }

    fn new(start: Instant, check: Check) -> anyhow::Result<Self> {
        let stamp = match check {
            Check::Stamps | Check::Order => NumberField::stamp(),
            Check::Messages => NumberField::client_id(),
        };
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            connections: Vec::new(),
            buffer: vec![0; 256 * 1024],
            start,
            check,
            stamp,
            number: NumberField::replay_id(),
            counts: Counts::default(),
            opened: 0,
            reading: usize::MAX,
        })
    }

    fn check_opening(&self, wanted: usize, deadline: Instant) -> anyhow::Result<()> {
        let (opened, closed) = (self.opened, self.counts.closed);
        ensure!(closed == 0, "the server closed a connection that was being opened");
        ensure!(Instant::now() < deadline, "{opened} of {wanted} connections opened");
        Ok(())
    }

    /// Serves the connections until `done` or the deadline.
    pub fn run_until(
        &mut self,
        deadline: Instant,
        done: impl Fn(&Counts) -> bool,
    ) -> anyhow::Result<()> {
        while !done(&self.counts) && Instant::now() < deadline {
            self.turn(deadline)?;
        }
        Ok(())
    }

    /// What came in so far.
    pub fn counts(&mut self) -> &mut Counts {
        &mut self.counts
    }

    /// Forgets what came in so far.
    pub fn reset(&mut self) {
        self.counts = Counts::default();
    }

    /// Lets the connections from the `first` on read nothing, as a phone does that went out of reach.
    pub fn stall_from(&mut self, first: usize) {
        self.reading = first;
    }

    /// Lets every connection read again.
    pub fn resume(&mut self) -> anyhow::Result<()> {
        let stalled = std::mem::replace(&mut self.reading, usize::MAX);
        (stalled..self.connections.len()).try_for_each(|index| self.read(index))
    }

    /// The number of the last frame of each connection that is still open.
    pub fn positions(&self) -> impl Iterator<Item = u64> {
        let open = self.connections.iter().filter(|connection| connection.state == State::Open);
        open.map(|connection| connection.last)
    }

    /// Begins the connections whose time has come; tells when the next one has to be.
    fn begin_due(
        &mut self,
        addr: SocketAddr,
        visits: &[Visit],
        begun: Instant,
        manner: Manner,
    ) -> anyhow::Result<Option<Instant>> {
        let there = self.connections.len();
        for visit in &visits[there..visits.len().min(self.opened + manner.at_once)] {
            let due = manner.due(begun, self.connections.len(), visits.len());
            if due > Instant::now() {
                return Ok(Some(due));
            }
            self.begin(addr, visit)?;
        }
        Ok(None)
    }

    fn begin(&mut self, addr: SocketAddr, visit: &Visit) -> anyhow::Result<()> {
        let token = Token(self.connections.len());
        let mut visitor = Visitor::begin(addr, token.0, visit)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut visitor.stream, token, interest)?;
        self.connections.push(visitor);
        Ok(())
    }

    /// Waits for something to happen, at most until `deadline`, and handles it.
    fn turn(&mut self, deadline: Instant) -> anyhow::Result<()> {
        let timeout = deadline.saturating_duration_since(Instant::now());
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        match self.poll.poll(&mut events, Some(timeout)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            polled => polled?,
        }
        for event in &events {
            self.handle(event)?;
        }
        self.events = events;
        Ok(())
    }

    fn handle(&mut self, event: &Event) -> anyhow::Result<()> {
        let index = event.token().0;
        if event.is_writable() {
            self.connections[index].on_writable()?;
        }
        if event.is_readable() && index < self.reading { self.read(index) } else { Ok(()) }
    }

    fn read(&mut self, index: usize) -> anyhow::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        loop {
            let connection = &mut self.connections[index];
            if matches!(connection.state, State::Closed | State::Connecting) {
                break;
            }
            let held = connection.partial.len();
            buffer[..held].copy_from_slice(&connection.partial);
            connection.partial.clear();
            match connection.stream.read(&mut buffer[held..]) {
                Ok(0) => self.close(index),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => self.close(index),
                Ok(read) => {
                    let used = self.take(index, &buffer[..held + read])?;
                    let rest = &buffer[used..held + read];
                    ensure!(rest.len() < buffer.len() / 2, "a frame larger than the read buffer");
                    self.connections[index].partial.extend_from_slice(rest);
                    // A short read has emptied the socket, and the next bytes are a new event (epoll(7)).
                    if held + read < buffer.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.connections[index].partial.extend_from_slice(&buffer[..held]);
                    break;
                }
                Err(error) => return Err(error).context("cannot read"),
            }
        }
        self.buffer = buffer;
        Ok(())
    }

    /// Handles what is whole in `bytes` and returns how much of it that was.
    fn take(&mut self, index: usize, bytes: &[u8]) -> anyhow::Result<usize> {
        let mut used = 0;
        if self.connections[index].state == State::Upgrading {
            let Some(head) = http::head_end(bytes) else { return Ok(0) };
            let answer = String::from_utf8_lossy(&bytes[..head.min(200)]);
            ensure!(answer.starts_with("HTTP/1.1 101"), "the handshake was refused: {answer}");
            self.connections[index].on_upgraded()?;
            self.note_opening(index);
            used = head;
        }
        while let Some(frame) = server_frame::parse(&bytes[used..])? {
            self.accept(index, frame.opcode, &bytes[used..][frame.payload.clone()])?;
            used += frame.payload.end;
        }
        Ok(used)
    }

    fn accept(&mut self, index: usize, opcode: u8, payload: &[u8]) -> anyhow::Result<()> {
        match opcode {
            TEXT if payload == ENGINE_PING => {
                self.connections[index].send(&server_frame::text(ENGINE_PONG))?;
            }
            TEXT if self.connections[index].state == State::Talking => {
                self.connections[index].talk(&String::from_utf8_lossy(payload))?;
                self.note_opening(index);
            }
            TEXT => self.count(index, payload),
            PING => self.connections[index].send(&server_frame::short(PONG, payload))?,
            PONG => {}
            CLOSE => {
                self.counts.told_slow += u64::from(payload.starts_with(&TRY_LATER));
                self.close(index);
            }
            other => bail!("a frame of opcode {other}"),
        }
        Ok(())
    }

    fn note_opening(&mut self, index: usize) {
        let visitor = &self.connections[index];
        if visitor.state == State::Open {
            self.opened += 1;
            self.counts.openings_us.push(micros(visitor.begun.elapsed()));
        }
    }

    fn count(&mut self, index: usize, payload: &[u8]) {
        let Some(stamp) = self.stamp.read(payload) else { return };
        let late = micros(self.start.elapsed().saturating_sub(Duration::from_micros(stamp)));
        self.counts.received += 1;
        self.counts.bytes += payload.len() as u64;
        self.counts.latencies_us.push(late);
        self.counts.rounds.arrive(stamp, late);
        if self.check == Check::Order
            && let Some(number) = self.number.read(payload)
        {
            let last = std::mem::replace(&mut self.connections[index].last, number);
            self.counts.out_of_order += u64::from(last != 0 && number != last + 1);
        }
    }

    fn close(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if connection.state != State::Closed {
            connection.state = State::Closed;
            self.counts.closed += 1;
            // The peer may be gone already.
            let _ = connection.stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}
