//! Waits for a request's body, but not for ever.
//!
//! The next part has to come in time, and the whole no slower than a pace; only time spent waiting
//! for the client counts, so that a long batch is not blamed for the disk.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_util::StreamExt as _;
use landfall_protocol::problem::Code;
use tokio::time::Instant;

use super::error::ApiError;
use crate::config::Limits;

/// What comes next of a body.
#[derive(Debug)]
pub(super) enum Part {
    /// Some bytes.
    Data(Bytes),
    /// Nothing: it is complete.
    End,
    /// It broke off, or came too slowly.
    Refused(ApiError),
}

/// A body that arrives.
#[derive(Debug)]
pub(super) struct SlowBody {
    body: BodyDataStream,
    patience: Patience,
}

/// How much longer a client may take, to send or to read.
#[derive(Debug)]
pub(super) struct Patience {
    pause: Duration,
    bytes_per_second: u32,
    waited: Duration,
    received: usize,
}

impl SlowBody {
    /// Reads by `limits.body_seconds` and `limits.body_kib_per_second`.
    pub(super) fn new(body: Body, limits: &Limits) -> Self {
        Self { body: body.into_data_stream(), patience: Patience::new(limits) }
    }

    /// Waits for the next part.
    pub(super) async fn next(&mut self) -> Part {
        let begun = Instant::now();
        let part = tokio::time::timeout(self.patience.left(), self.body.next()).await;
        self.patience.waited(begun.elapsed());
        match part {
            Ok(Some(Ok(part))) => {
                self.patience.moved(part.len());
                Part::Data(part)
            }
            Ok(None) => Part::End,
            Ok(Some(Err(_))) => {
                Part::Refused(ApiError::new(Code::Unreadable, "The body broke off."))
            }
            Err(_) => {
                let detail = "The body did not arrive in time.";
                Part::Refused(ApiError::new(Code::Timeout, detail))
            }
        }
    }
}

impl Patience {
    /// Goes by `limits.body_seconds` and `limits.body_kib_per_second`.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            pause: limits.body_seconds.duration(),
            bytes_per_second: limits.body_kib_per_second.bytes() as u32,
            waited: Duration::ZERO,
            received: 0,
        }
    }

    /// Notes that the client was waited for.
    pub(super) fn waited(&mut self, time: Duration) {
        self.waited += time;
    }

    /// Notes what came or went.
    pub(super) fn moved(&mut self, bytes: usize) {
        self.received += bytes;
    }

    /// Tells how long the next part may take: the pause, or what the pace leaves of it.
    pub(super) fn left(&self) -> Duration {
        let earned = Duration::from_secs(self.received as u64) / self.bytes_per_second;
        (self.pause + earned).saturating_sub(self.waited).min(self.pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(waited: u64, received: usize) -> u64 {
        let patience = Patience {
            pause: Duration::from_secs(30),
            bytes_per_second: 1_024,
            waited: Duration::from_secs(waited),
            received,
        };
        patience.left().as_secs()
    }

    #[test]
    fn drops_earn_no_time_and_a_stream_at_the_pace_earns_enough() {
        assert_eq!(left(0, 0), 30);
        assert_eq!(left(29, 29), 1);
        assert_eq!(left(31, 1_024), 0);
        assert_eq!(left(100, 100 * 1_024), 30);
        assert_eq!(left(0, usize::MAX), 30);
    }
}
