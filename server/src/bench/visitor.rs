//! One client of the load generator: where it goes, what it says before it counts as open, and what it still has to
//! write. It knows no server, and not what the frames mean that it gets afterwards.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Instant;

use anyhow::{Context, ensure};
use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use super::server_frame;

/// A sign of life, which a turn does not wait for and that needs no answer.
const HEARTBEAT: &str = r#"{"type":"heartbeat""#;

/// What a client says next, once it has heard what comes before.
#[derive(Clone, Debug)]
pub struct Turn {
    /// How the text begins that it waits for; empty where it waits for nothing.
    pub hears: &'static str,
    /// What it says then, or nothing.
    pub says: Option<String>,
}

/// A client that is to come.
#[derive(Clone, Debug)]
pub struct Visit {
    /// Path and query of its handshake.
    pub path: String,
    /// What is said after the handshake; the connection is open when all of it is done.
    pub turns: VecDeque<Turn>,
}

impl Visit {
    /// A client that is open as soon as its handshake is answered.
    pub fn to(path: impl Into<String>) -> Self {
        Self { path: path.into(), turns: VecDeque::new() }
    }
}

/// How far a client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its connection is being made.
    Connecting,
    /// Its handshake is not answered.
    Upgrading,
    /// Its turns are not all done.
    Talking,
    /// It is served.
    Open,
    /// It is over.
    Closed,
}

/// A client that came.
pub struct Visitor {
    /// Its socket.
    pub stream: TcpStream,
    /// How far it has come.
    pub state: State,
    /// Number of the last frame that had one.
    pub last: u64,
    /// The beginning of an answer or frame whose end has not come yet.
    pub partial: Vec<u8>,
    /// When it began to connect.
    pub begun: Instant,
    turns: VecDeque<Turn>,
    unsent: Vec<u8>,
}

impl Visitor {
    /// Begins to connect from one of eight loopback addresses in turn, so that port pairs do not run out.
    pub fn begin(addr: SocketAddr, index: usize, visit: &Visit) -> anyhow::Result<Self> {
        let path = &visit.path;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        Ok(Self {
            stream: connect(addr, index)?,
            state: State::Connecting,
            last: 0,
            partial: Vec::new(),
            begun: Instant::now(),
            turns: visit.turns.clone(),
            unsent: request.into_bytes(),
        })
    }

    /// Writes what the socket takes now; fails when there was none to connect to.
    pub fn on_writable(&mut self) -> anyhow::Result<()> {
        if self.state == State::Connecting {
            if let Some(error) = self.stream.take_error()? {
                return Err(error).context("cannot connect");
            }
            self.state = State::Upgrading;
        }
        if self.state == State::Closed { Ok(()) } else { self.flush() }
    }

    /// Goes on when the handshake is answered.
    pub fn on_upgraded(&mut self) -> anyhow::Result<()> {
        self.state = State::Talking;
        if self.turns.front().is_none_or(|turn| turn.hears.is_empty()) {
            return self.talk("");
        }
        Ok(())
    }

    /// Takes the next turn; fails when a text is not the one that the turn waits for.
    pub fn talk(&mut self, heard: &str) -> anyhow::Result<()> {
        if heard.starts_with(HEARTBEAT) {
            return Ok(());
        }
        if let Some(Turn { hears, says }) = self.turns.pop_front() {
            ensure!(heard.starts_with(hears), "a client heard {heard:.200} in place of {hears}");
            if let Some(says) = says {
                self.send(&server_frame::text(says.as_bytes()))?;
            }
        }
        if self.turns.is_empty() {
            self.state = State::Open;
        }
        Ok(())
    }

    /// Sends whole frames, now or when the socket takes them.
    pub fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
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
