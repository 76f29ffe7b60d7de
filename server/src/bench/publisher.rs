//! Sends requests at a steady rate from a thread of its own, each stamped with the moment at which it was due. A slow
//! answer delays what follows, and the stamps say so.

use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::http::Client;

/// How many requests at what rate.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Requests a second, at least one.
    pub per_second: u32,
    /// Requests in all.
    pub count: u32,
}

/// A publisher at work.
pub struct Publisher(JoinHandle<anyhow::Result<()>>);

impl Publisher {
    /// Starts sending to `addr` what `request` makes of each stamp, in microseconds since `start`.
    pub fn start(
        addr: SocketAddr,
        start: Instant,
        pace: Pace,
        request: impl Fn(u64) -> Vec<u8> + Send + 'static,
    ) -> anyhow::Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "a thread of its own keeps the pace")]
        let work = move || {
            let mut client = Client::connect(addr)?;
            let (first, step) = (Instant::now(), Duration::from_secs(1) / pace.per_second.max(1));
            for index in 0..pace.count {
                let due = first + step * index;
                thread::sleep(due.saturating_duration_since(Instant::now()));
                let answer = client.send(&request((due - start).as_micros() as u64))?;
                let body = String::from_utf8_lossy(&answer.body);
                ensure!(
                    answer.is_success(),
                    "request {index} was answered with {}: {body}",
                    answer.status
                );
            }
            Ok(())
        };
        Ok(Self(thread::Builder::new().name("bench-publish".into()).spawn(work)?))
    }

    /// Waits for the last answer; fails when any request was refused.
    pub fn join(self) -> anyhow::Result<()> {
        self.0.join().ok().context("the publisher panicked")?
    }
}
