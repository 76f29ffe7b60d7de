//! The floor of fan-out: a bare epoll loop that completes WebSocket handshakes and writes the body of each POST, as one
//! text frame, to every open socket. No sessions, no tokens, no store; it must stay the least that the kernel allows.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Buf, Bytes};
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use super::http;
use super::report::progress;
use crate::realtime::{frame, handshake};

const LISTENER: Token = Token(usize::MAX - 1);

/// How often a floor without work looks whether it is to stop.
const IDLE: Duration = Duration::from_millis(100);

/// What `landfall bench floor-fanout` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where it listens; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Every socket gets bytes of its own, made for it.
    #[arg(long)]
    pub distinct: bool,
    /// Stamped frames of 300 bytes that a socket gets as soon as it is open.
    #[arg(long, default_value_t = 0)]
    pub greet: usize,
}

/// Serves until the process is ended.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let mut floor = Floor::bind(options.listen)?;
    floor.is_distinct = options.distinct;
    floor.greeting = greeting(options.greet);
    progress(format_args!("listening addr={}", floor.local_addr()?));
    Ok(floor.serve(&AtomicBool::new(false))?)
}

/// The server's listener and connections.
pub struct Floor {
    poll: Poll,
    listener: TcpListener,
    /// Indexed by token; a closed connection leaves its place to the next.
    peers: Vec<Option<Peer>>,
    free: Vec<usize>,
    buffer: Vec<u8>,
    /// Whether each socket gets bytes of its own.
    is_distinct: bool,
    /// What a socket gets as soon as it is open.
    greeting: Bytes,
}

struct Peer {
    stream: TcpStream,
    kind: Kind,
    /// What did not fit into the socket, oldest first.
    unsent: VecDeque<Bytes>,
}

enum Kind {
    /// A request that is not all there.
    Http(Vec<u8>),
    WebSocket,
}

/// What a peer's bytes ask for.
enum Wish {
    Nothing,
    Answer(Bytes),
    Upgrade(Bytes),
    Broadcast(Bytes),
    Gone,
}

impl Floor {
    /// Listens; fails when the address is taken.
    pub fn bind(addr: SocketAddr) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(addr)?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            peers: Vec::new(),
            free: Vec::new(),
            buffer: vec![0; 64 * 1024],
            is_distinct: false,
            greeting: Bytes::new(),
        })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` is set.
    pub fn serve(&mut self, stop: &AtomicBool) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        while !stop.load(Ordering::Relaxed) {
            match self.poll.poll(&mut events, Some(IDLE)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    Token(index) => self.handle(index, event),
                }
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nodelay(true)?;
            let index = self.free.pop().unwrap_or(self.peers.len());
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, Token(index), interest)?;
            let peer = Peer { stream, kind: Kind::Http(Vec::new()), unsent: VecDeque::new() };
            match self.peers.get_mut(index) {
                Some(place) => *place = Some(peer),
                None => self.peers.push(Some(peer)),
            }
        }
    }

    fn handle(&mut self, index: usize, event: &Event) {
        let Some(peer) = self.peers.get_mut(index).and_then(Option::as_mut) else { return };
        if event.is_writable() && peer.flush().is_err() {
            return self.remove(index);
        }
        if !event.is_readable() {
            return;
        }
        match peer.read(&mut self.buffer) {
            Wish::Nothing => {}
            Wish::Answer(bytes) => self.send(index, &bytes),
            Wish::Upgrade(bytes) => {
                peer.kind = Kind::WebSocket;
                self.send(index, &bytes);
                let greeting = self.greeting.clone();
                self.send(index, &greeting);
            }
            Wish::Broadcast(frame) => {
                self.broadcast(&frame);
                self.send(
                    index,
                    &Bytes::from_static(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"),
                );
            }
            Wish::Gone => self.remove(index),
        }
    }

    fn broadcast(&mut self, frame: &Bytes) {
        for to in 0..self.peers.len() {
            if !matches!(self.peers[to], Some(Peer { kind: Kind::WebSocket, .. })) {
                continue;
            }
            if self.is_distinct {
                self.send(to, &Bytes::copy_from_slice(frame));
            } else {
                self.send(to, frame);
            }
        }
    }

    fn send(&mut self, index: usize, bytes: &Bytes) {
        let Some(peer) = self.peers.get_mut(index).and_then(Option::as_mut) else { return };
        if peer.send(bytes).is_err() {
            self.remove(index);
        }
    }

    fn remove(&mut self, index: usize) {
        self.peers[index] = None;
        self.free.push(index);
    }
}

impl Peer {
    fn send(&mut self, bytes: &Bytes) -> io::Result<()> {
        let written = if self.unsent.is_empty() { write(&mut self.stream, bytes)? } else { 0 };
        if written < bytes.len() {
            self.unsent.push_back(bytes.slice(written..));
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        while let Some(front) = self.unsent.front_mut() {
            let written = write(&mut self.stream, front)?;
            front.advance(written);
            if !front.is_empty() {
                return Ok(());
            }
            self.unsent.pop_front();
        }
        Ok(())
    }

    /// Reads all that is there; what a WebSocket says is of no interest.
    fn read(&mut self, buffer: &mut [u8]) -> Wish {
        loop {
            let read = match self.stream.read(buffer) {
                Ok(0) => return Wish::Gone,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Wish::Nothing,
                Err(_) => return Wish::Gone,
            };
            if let Kind::Http(request) = &mut self.kind {
                request.extend_from_slice(&buffer[..read]);
                let wish = wish(request);
                if !matches!(wish, Wish::Nothing) {
                    return wish;
                }
            }
        }
    }
}

/// Takes the first request out of `request` once it is all there.
fn wish(request: &mut Vec<u8>) -> Wish {
    let Some(head_bytes) = http::head_end(request) else { return Wish::Nothing };
    let head = String::from_utf8_lossy(&request[..head_bytes]).into_owned();
    if let Some(key) = http::header(&head, "sec-websocket-key") {
        let accept = handshake::accept_key(key);
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        return Wish::Upgrade(Bytes::from(answer));
    }
    let length =
        http::header(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let Some(body) = request.get(head_bytes..head_bytes + length) else { return Wish::Nothing };
    let wish = match body {
        [] => {
            Wish::Answer(Bytes::from_static(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))
        }
        body => Wish::Broadcast(frame::text(body)),
    };
    request.drain(..head_bytes + length);
    wish
}

fn greeting(frames: usize) -> Bytes {
    let text = format!(r#"{{"stamp":0,"pad":"{}"}}"#, "x".repeat(280));
    (0..frames).flat_map(|_| frame::text(text.as_bytes())).collect()
}

/// Writes what the socket takes now.
fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match stream.write(bytes) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        written => written,
    }
}
