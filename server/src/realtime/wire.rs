//! What a live connection reads and writes: a socket, or one end of a pair whose other end a task
//! carries into something that is no plain socket.
//!
//! Knows no frame and no session. Must cost a plain socket nothing: no box, no buffer, no copy.

use std::io::{self, IoSlice};
use std::net::Shutdown;

use socket2::SockRef;
use tokio::io::{Interest, Ready};
use tokio::net::{TcpStream, UnixStream};

/// The bytes of one connection, both ways.
#[derive(Debug)]
pub enum Wire {
    /// The client's own socket.
    Tcp(TcpStream),
    /// One end of a pair; whoever holds the other end carries the bytes to the client and back.
    Pair(UnixStream),
}

macro_rules! either {
    ($wire:expr, $stream:ident => $does:expr) => {
        match $wire {
            Self::Tcp($stream) => $does,
            Self::Pair($stream) => $does,
        }
    };
}

impl Wire {
    /// Makes a wire and the other end of its pair; `buffer_bytes` bounds what may be on its way
    /// between the two in each direction, beside what either side holds itself.
    ///
    /// # Errors
    /// When the process has no file descriptors left.
    pub fn pair(buffer_bytes: usize) -> io::Result<(Self, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        // On a pair, what is under way counts against its sender alone.
        for end in [&ours, &theirs] {
            SockRef::from(end).set_send_buffer_size(buffer_bytes)?;
        }
        Ok((Self::Pair(ours), theirs))
    }

    /// Waits until it can be read or written, as asked.
    pub(super) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        either!(self, stream => stream.ready(interest).await)
    }

    /// Waits until it can be read.
    pub(super) async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await.map(|_| ())
    }

    /// Reads what is there; 0 is the end.
    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        either!(self, stream => stream.try_read(buffer))
    }

    /// Writes what is taken at once.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        either!(self, stream => stream.try_write(bytes))
    }

    /// Writes what is taken at once of several pieces.
    pub(super) fn try_write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        either!(self, stream => stream.try_write_vectored(pieces))
    }

    /// Says that nothing more will be written.
    pub fn shutdown_write(&self) -> io::Result<()> {
        either!(self, stream => SockRef::from(stream).shutdown(Shutdown::Write))
    }

    /// Waits for bytes; gives their count, 0 at the end. For what is no session yet.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.readable().await?;
            match self.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                ended => return ended,
            }
        }
    }

    /// Writes all of it, however long that takes. For what is no session yet.
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.ready(Interest::WRITABLE).await?;
            match self.try_write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[test]
    fn a_plain_socket_costs_no_more_than_itself() {
        let word = size_of::<usize>();
        assert!(size_of::<Wire>() <= size_of::<TcpStream>() + word);
    }

    #[tokio::test]
    async fn a_pair_carries_bytes_and_both_ends() {
        let (wire, mut other) = Wire::pair(16 * 1_024).unwrap();
        wire.write_all(b"out").await.unwrap();
        let mut got = [0; 3];
        other.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"out");
        other.write_all(b"in").await.unwrap();
        assert_eq!(wire.read(&mut got).await.unwrap(), 2);
        wire.shutdown_write().unwrap();
        assert_eq!(other.read(&mut got).await.unwrap(), 0);
        drop(other);
        assert_eq!(wire.read(&mut got).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_pair_takes_no_more_than_its_buffer_from_a_reader_who_stopped() {
        let (wire, _other) = Wire::pair(16 * 1_024).unwrap();
        wire.ready(Interest::WRITABLE).await.unwrap();
        let piece = [0; 1_024];
        let mut taken = 0;
        let refused = loop {
            match wire.try_write(&piece) {
                Ok(count) => taken += count,
                Err(error) => break error,
            }
        };
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        // The system doubles the number for its own book-keeping.
        assert!(taken <= 32 * 1_024, "{taken}");
    }
}
