//! Sends the bytes of a file, a part at a time and not to somebody who does not read them.
//!
//! At most two parts are in memory, however large the file is and however slow its reader.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::Instant;

use super::slow_body::Patience;
use crate::blobs::read_at;
use crate::config::Limits;

/// What is read at once.
const PART: u64 = 64 * 1_024;

/// Sends `length` bytes from a place on. A reader who takes longer than `limits.body_seconds` for a
/// part, or is slower than `limits.body_kib_per_second`, gets no more.
pub(super) fn body(file: Arc<File>, from: u64, length: u64, limits: &Limits) -> Body {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(feed(file, (from, length), Patience::new(limits), sender));
    Body::from_stream(received(receiver))
}

type Parts<E> = Result<Bytes, E>;

/// Ends before everything was sent where the reader is too slow: the answer said how long it is, so
/// that the connection ends with it.
async fn feed(
    file: Arc<File>,
    (mut from, mut left): (u64, u64),
    mut patience: Patience,
    sender: Sender<Parts<io::Error>>,
) {
    while left > 0 {
        let begun = Instant::now();
        let Ok(Ok(place)) = tokio::time::timeout(patience.left(), sender.reserve()).await else {
            return;
        };
        patience.waited(begun.elapsed());
        let length = left.min(PART);
        let part = read_at(&file, from, length as usize).await;
        if let Err(error) = &part {
            tracing::error!(%error, "the file of a blob cannot be read");
        }
        let is_read = part.is_ok();
        place.send(part);
        if !is_read {
            return;
        }
        patience.moved(length as usize);
        (from, left) = (from + length, left - length);
    }
}

fn received(mut receiver: Receiver<Parts<io::Error>>) -> impl Stream<Item = Parts<io::Error>> {
    stream::poll_fn(move |context| receiver.poll_recv(context))
}

/// Sends nothing.
pub(super) fn nothing() -> Body {
    Body::from_stream(stream::empty::<Parts<Infallible>>())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures_util::StreamExt as _;

    use super::*;
    use crate::config::{Config, Inputs, Seconds};

    fn file_of(bytes: &[u8], name: &str) -> Arc<File> {
        let path = std::env::temp_dir().join(format!("landfall-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        Arc::new(file)
    }

    #[tokio::test]
    async fn a_part_of_a_file_comes_whole_in_small_pieces() {
        let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
        let limits = Config::load(Inputs::default()).unwrap().config.limits;
        let body = body(file_of(&bytes, "whole"), 7, 200_000, &limits);
        let parts: Vec<Bytes> = body.into_data_stream().map(Result::unwrap).collect().await;
        assert!(parts.iter().all(|part| part.len() <= PART as usize));
        assert_eq!(parts.concat(), &bytes[7..200_007]);
    }

    #[tokio::test]
    async fn who_does_not_read_gets_no_more() {
        let limits = Config::load(Inputs::default()).unwrap().config.limits;
        let limits = Limits { body_seconds: Seconds(1), ..limits };
        let (sender, mut receiver) = mpsc::channel(1);
        let file = file_of(&vec![0; 400_000], "slow");
        let feeding = tokio::spawn(feed(file, (0, 400_000), Patience::new(&limits), sender));
        // Nobody reads, so that it ends by itself.
        feeding.await.unwrap();
        assert_eq!(receiver.recv().await.unwrap().unwrap().len(), PART as usize);
        assert!(receiver.recv().await.is_none());
    }
}
