//! Makes a server send at a steady rate, from a thread of its own; each round is stamped with the moment at which it was
//! due. A slow answer delays what follows, and the stamps say so.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ChildStdin;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::http::Client;

/// How many rounds at what rate.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Rounds a second, at least one.
    pub per_second: u32,
    /// Rounds in all.
    pub count: u32,
}

/// A way to make a server send.
pub trait Trigger: Send {
    /// Makes it send what carries `stamp`; fails when it refuses.
    fn fire(&mut self, stamp: u64) -> anyhow::Result<()>;
}

/// Sends by requests over one connection, each answered before the next.
pub struct Posts<F> {
    client: Client,
    request: F,
}

impl<F: Fn(u64) -> Vec<u8>> Posts<F> {
    /// Connects; `request` makes the bytes of a request out of each stamp.
    pub fn connect(addr: SocketAddr, request: F) -> anyhow::Result<Self> {
        Ok(Self { client: Client::connect(addr)?, request })
    }
}

impl<F: Fn(u64) -> Vec<u8> + Send> Trigger for Posts<F> {
    fn fire(&mut self, stamp: u64) -> anyhow::Result<()> {
        let answer = self.client.send(&(self.request)(stamp))?;
        let body = String::from_utf8_lossy(&answer.body);
        ensure!(answer.is_success(), "a request was answered with {}: {body}", answer.status);
        Ok(())
    }
}

/// Sends by a line with the stamp to a process that reads its standard input.
impl Trigger for ChildStdin {
    fn fire(&mut self, stamp: u64) -> anyhow::Result<()> {
        writeln!(self, "{stamp}").context("the server no longer reads")
    }
}

/// A publisher at work.
pub struct Publisher(JoinHandle<anyhow::Result<Box<dyn Trigger>>>);

impl Publisher {
    /// Starts sending; stamps are microseconds since `start`.
    pub fn start(
        start: Instant,
        pace: Pace,
        mut trigger: Box<dyn Trigger>,
    ) -> anyhow::Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "a thread of its own keeps the pace")]
        let work = move || {
            let (first, step) = (Instant::now(), Duration::from_secs(1) / pace.per_second.max(1));
            for index in 0..pace.count {
                let due = first + step * index;
                thread::sleep(due.saturating_duration_since(Instant::now()));
                trigger
                    .fire((due - start).as_micros() as u64)
                    .with_context(|| format!("round {index}"))?;
            }
            Ok(trigger)
        };
        Ok(Self(thread::Builder::new().name("bench-publish".into()).spawn(work)?))
    }

    /// Waits for the last answer and gives back what it sent with; fails when any round was refused.
    pub fn join(self) -> anyhow::Result<Box<dyn Trigger>> {
        self.0.join().ok().context("the publisher panicked")?
    }
}
