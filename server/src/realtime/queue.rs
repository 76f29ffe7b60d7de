//! What waits to be written to one socket: shared frames, written together, bounded.
//!
//! Costs nothing while it is empty. Must never block, and never cut a frame.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::Bytes;

use super::wire::Wire;

/// Frames written by one system call.
const SLICES_MAX: usize = 64;
/// A queue that has held more than this gives its buffer back once it is empty.
const KEPT_MAX: usize = 16;

/// How much may wait, counted from when the queue was last empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QueueLimits {
    /// Frames.
    pub(super) frames: usize,
    /// Bytes.
    pub(super) bytes: usize,
}

/// Frames on their way to one socket.
#[derive(Debug, Default)]
pub(super) struct Queue {
    frames: VecDeque<Bytes>,
    /// Bytes of the first frame that are written already.
    written: usize,
    /// What was heard live, and so not asked for, since the queue was last empty.
    unasked_frames: usize,
    unasked_bytes: usize,
}

/// Says that a reader is too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overflow;

impl Queue {
    /// Adds a frame that the session asked the store for; pages bound these by themselves.
    pub(super) fn push(&mut self, frame: Bytes) {
        self.frames.push_back(frame);
    }

    /// Adds a frame that came unasked, within the limits.
    pub(super) fn push_live(&mut self, frame: Bytes, limits: QueueLimits) -> Result<(), Overflow> {
        if !self.frames.is_empty() {
            self.unasked_frames += 1;
            self.unasked_bytes += frame.len();
            if self.unasked_frames > limits.frames || self.unasked_bytes > limits.bytes {
                return Err(Overflow);
            }
        }
        self.frames.push_back(frame);
        Ok(())
    }

    /// Drops everything but a frame that is half written.
    pub(super) fn abandon(&mut self) {
        self.frames.truncate(usize::from(self.written > 0));
    }

    /// Says whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Tells how many frames wait.
    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    /// Writes what the socket takes; says whether nothing is left.
    pub(super) fn write_to(&mut self, wire: &Wire) -> io::Result<bool> {
        while !self.frames.is_empty() {
            match self.write_some(wire) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.advance(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        self.reset();
        Ok(true)
    }

    fn write_some(&self, wire: &Wire) -> io::Result<usize> {
        if let [only] = self.frames.as_slices().0
            && self.frames.len() == 1
        {
            return wire.try_write(&only[self.written..]);
        }
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut skip = self.written;
        let mut count = 0;
        for (slice, frame) in slices.iter_mut().zip(&self.frames) {
            *slice = IoSlice::new(&frame[skip..]);
            skip = 0;
            count += 1;
        }
        wire.try_write_vectored(&slices[..count])
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(first) = self.frames.front() {
            let left = first.len() - self.written;
            if count < left {
                self.written += count;
                return;
            }
            count -= left;
            self.written = 0;
            self.frames.pop_front();
        }
    }

    fn reset(&mut self) {
        self.unasked_frames = 0;
        self.unasked_bytes = 0;
        if self.frames.capacity() > KEPT_MAX {
            self.frames = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::io::{AsyncReadExt as _, Interest};
    use tokio::net::{TcpListener, TcpStream};

    async fn pair() -> (Wire, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        server.writable().await.unwrap();
        (Wire::Tcp(server), client)
    }

    #[tokio::test]
    async fn frames_arrive_whole_and_in_order_through_a_slow_socket() {
        let (server, mut client) = pair().await;
        let mut queue = Queue::default();
        let frames: Vec<Bytes> =
            (0..300u32).map(|n| Bytes::from(vec![n as u8; 20_000 + n as usize])).collect();
        frames.iter().for_each(|frame| queue.push(frame.clone()));
        let expected = frames.concat();
        let mut got = Vec::new();
        let mut buffer = vec![0; 65_536];
        let mut is_written = false;
        while got.len() < expected.len() {
            tokio::select! {
                ready = server.ready(Interest::WRITABLE), if !is_written => {
                    ready.unwrap();
                    is_written = queue.write_to(&server).unwrap();
                }
                count = client.read(&mut buffer) => {
                    got.extend_from_slice(&buffer[..count.unwrap()]);
                }
            }
        }
        assert!(got == expected);
        assert!(is_written);
        assert_eq!(queue.frames.capacity(), 0, "the buffer was given back");
    }

    #[test]
    fn only_what_came_unasked_counts_against_the_limits() {
        let limits = QueueLimits { frames: 2, bytes: 100 };
        let mut queue = Queue::default();
        for _ in 0..10 {
            queue.push(Bytes::from_static(&[0; 90]));
        }
        assert_eq!(queue.push_live(Bytes::from_static(&[0; 60]), limits), Ok(()));
        assert_eq!(queue.push_live(Bytes::from_static(&[0; 60]), limits), Err(Overflow));
        queue.written = 1;
        queue.abandon();
        assert_eq!(queue.frames.len(), 1);
    }
}
