//! A closed loop of HTTP/1.1 clients in one thread: each sends its next request as soon as the last is answered. It
//! counts what the caller accepts and hides no refusal.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::http::{self, Answer};

/// How long after the end answers are waited for.
const GRACE: Duration = Duration::from_secs(30);

/// What the clients ask, and what of the answers counts.
pub trait Work {
    /// The next request of a client, by its number from 0.
    fn request(&mut self, client: usize) -> Vec<u8>;
    /// How many rows the answer says were stored.
    fn stored(&self, answer: &Answer) -> u64;
}

/// What came of a load.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Rows that were stored by the server's word.
    pub rows: u64,
    /// Requests without success.
    pub refused: u64,
    /// The first of those answers.
    pub refusal: Option<String>,
    /// Microseconds from each request to its answer.
    pub latencies_us: Vec<u32>,
    /// From the first request to the last answer.
    pub took: Duration,
}

struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    written: usize,
    answer: Vec<u8>,
    begun: Instant,
    idle: bool,
}

/// Runs `clients` connections to `addr` for `seconds` and then waits for the answers under way.
pub fn run(
    addr: SocketAddr,
    clients: usize,
    seconds: u64,
    work: &mut dyn Work,
) -> anyhow::Result<Outcome> {
    let mut poll = Poll::new()?;
    let mut clients: Vec<Client> = (0..clients)
        .map(|index| Client::connect(&poll, addr, index))
        .collect::<anyhow::Result<_>>()?;
    let (start, mut outcome) = (Instant::now(), Outcome::default());
    let end = start + Duration::from_secs(seconds);
    for (index, client) in clients.iter_mut().enumerate() {
        client.begin(work.request(index))?;
    }
    let (mut events, mut buffer) = (Events::with_capacity(1024), vec![0; 256 * 1024]);
    while clients.iter().any(|client| !client.idle) {
        if Instant::now() > end + GRACE {
            bail!("answers were missing {} s after the end", GRACE.as_secs());
        }
        match poll.poll(&mut events, Some(Duration::from_secs(1))) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            let index = event.token().0;
            let client = &mut clients[index];
            client.write()?;
            while let Some(answer) = client.read(&mut buffer)? {
                outcome.count(&answer, client.begun, work);
                if Instant::now() < end {
                    client.begin(work.request(index))?;
                }
            }
        }
    }
    outcome.took = start.elapsed();
    Ok(outcome)
}

impl Outcome {
    fn count(&mut self, answer: &Answer, begun: Instant, work: &dyn Work) {
        self.latencies_us.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
        if answer.is_success() {
            self.rows += work.stored(answer);
            return;
        }
        self.refused += 1;
        self.refusal.get_or_insert_with(|| {
            format!("{}: {}", answer.status, String::from_utf8_lossy(&answer.body))
        });
    }
}

impl Client {
    fn connect(poll: &Poll, addr: SocketAddr, index: usize) -> anyhow::Result<Self> {
        let stream = std::net::TcpStream::connect(addr)
            .with_context(|| format!("cannot connect to {addr}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(
            &mut stream,
            Token(index),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        let (request, answer) = (Vec::new(), Vec::new());
        Ok(Self { stream, request, written: 0, answer, begun: Instant::now(), idle: true })
    }

    fn begin(&mut self, request: Vec<u8>) -> anyhow::Result<()> {
        (self.request, self.written, self.begun, self.idle) = (request, 0, Instant::now(), false);
        self.write()
    }

    fn write(&mut self) -> anyhow::Result<()> {
        while self.written < self.request.len() {
            match self.stream.write(&self.request[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("cannot send a request"),
            }
        }
        Ok(())
    }

    /// Reads until the answer is whole or the socket empty.
    fn read(&mut self, buffer: &mut [u8]) -> anyhow::Result<Option<Answer>> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => bail!("the server closed a connection"),
                Ok(read) => self.answer.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error).context("cannot read an answer"),
            }
            if let Some((answer, used)) = http::parse_answer(&self.answer)? {
                self.answer.drain(..used);
                self.idle = true;
                return Ok(Some(answer));
            }
        }
    }
}
