//! Many WebSocket clients in one thread: they connect, count and time the text frames they get, answer pings, and can
//! stay idle. It knows no server but the address and paths it is given.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, Socket, Type};

use super::http;
use super::server_frame::{self, CLOSE, NumberField, PING, PONG, TEXT};

/// How long opening may stall.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);

/// What came in since the last [`Generator::reset`].
#[derive(Debug, Default)]
pub struct Counts {
    /// Text frames that carried a stamp.
    pub received: u64,
    /// Payload bytes of those frames.
    pub bytes: u64,
    /// Microseconds from each frame's stamp to its arrival.
    pub latencies_us: Vec<u32>,
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
}

/// How connections are opened, and what is looked at in what they get.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// What is looked at.
    pub check: Check,
    /// Connections that are being opened at a time.
    pub at_once: usize,
}

impl Manner {
    /// As many at a time as never overflow a server's backlog.
    pub const STEADY: Self = Self { check: Check::Stamps, at_once: 256 };
}

/// The code of a close for readers that are too slow (contract 4).
const TRY_LATER: [u8; 2] = 1013u16.to_be_bytes();

/// Open connections and what they have received.
pub struct Generator {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
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

struct Connection {
    stream: TcpStream,
    state: State,
    /// Number of the last frame that had one.
    last: u64,
    /// The beginning of an answer or frame whose end has not come yet.
    partial: Vec<u8>,
    unsent: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Connecting,
    Upgrading,
    Open,
    Closed,
}

impl Generator {
    /// Opens one WebSocket per path and waits until all are open; fails when one is refused. Stamps in frames are
    /// microseconds since `start`.
    pub fn open(
        addr: SocketAddr,
        paths: &[String],
        start: Instant,
        manner: Manner,
    ) -> anyhow::Result<Self> {
        let Manner { check, at_once } = manner;
        let mut generator = Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            connections: Vec::with_capacity(paths.len()),
            buffer: vec![0; 256 * 1024],
            start,
            check,
            stamp: NumberField::stamp(),
            number: NumberField::replay_id(),
            counts: Counts::default(),
            opened: 0,
            reading: usize::MAX,
        };
        let mut deadline = Instant::now() + OPEN_TIMEOUT;
        while generator.opened < paths.len() {
            let opened = generator.opened;
            while generator.connections.len() < paths.len().min(opened + at_once) {
                generator.begin(addr, &paths[generator.connections.len()])?;
            }
            generator.turn(deadline)?;
            if generator.opened > opened {
                deadline = Instant::now() + OPEN_TIMEOUT;
            }
            ensure!(
                generator.counts.closed == 0,
                "the server closed a connection that was being opened"
            );
            ensure!(
                Instant::now() < deadline,
                "{} of {} connections opened",
                generator.opened,
                paths.len()
            );
        }
        Ok(generator)
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

    fn begin(&mut self, addr: SocketAddr, path: &str) -> anyhow::Result<()> {
        let token = Token(self.connections.len());
        let mut stream = connect(addr, token.0)?;
        self.poll.registry().register(
            &mut stream,
            token,
            Interest::READABLE | Interest::WRITABLE,
        )?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        let (state, unsent) = (State::Connecting, request.into_bytes());
        self.connections.push(Connection { stream, state, last: 0, partial: Vec::new(), unsent });
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
        let connection = &mut self.connections[event.token().0];
        if connection.state == State::Connecting && event.is_writable() {
            if let Some(error) = connection.stream.take_error()? {
                return Err(error).context("cannot connect");
            }
            connection.state = State::Upgrading;
        }
        if event.is_writable()
            && connection.state != State::Connecting
            && connection.state != State::Closed
        {
            connection.flush()?;
        }
        let index = event.token().0;
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
            self.connections[index].state = State::Open;
            self.opened += 1;
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

    fn count(&mut self, index: usize, payload: &[u8]) {
        let Some(stamp) = self.stamp.read(payload) else { return };
        let now = self.start.elapsed().as_micros() as u64;
        self.counts.received += 1;
        self.counts.bytes += payload.len() as u64;
        self.counts.latencies_us.push(u32::try_from(now.saturating_sub(stamp)).unwrap_or(u32::MAX));
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

impl Connection {
    fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.unsent.extend_from_slice(bytes);
        self.flush()
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // What the server closed shows up as such where it is read.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.unsent.clear(),
                Err(error) => return Err(error).context("cannot write"),
            }
        }
        self.unsent = Vec::new();
        Ok(())
    }
}

/// Begins to connect from one of eight loopback addresses in turn, so that port pairs do not run out.
fn connect(addr: SocketAddr, index: usize) -> anyhow::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    let source = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 2 + (index % 8) as u8), 0);
    socket.bind(&SocketAddr::V4(source).into()).context("cannot bind to a loopback address")?;
    match socket.connect(&addr.into()) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        connected => connected.with_context(|| format!("cannot connect to {addr}"))?,
    }
    socket.set_tcp_nodelay(true)?;
    Ok(TcpStream::from_std(socket.into()))
}
