//! What a server says on its end of a pair, read as a client reads it: whole frames without a key.
//!
//! Knows our own server alone, which sends each message in one frame.

use std::io;

use tokio::net::unix::OwnedReadHalf;

use super::polling::Ear;

/// Bytes read at once.
const READ_BYTES: usize = 4 * 1_024;

/// What the server said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unpacked {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Close,
}

/// The end of a pair, and what was read of it.
pub(super) struct Carried(Ear);

impl Carried {
    pub(super) fn new(half: OwnedReadHalf) -> Self {
        Self(Ear { half, begun: Vec::new() })
    }

    /// Gives the end up, with what was read and not told.
    pub(super) fn into_ear(self) -> Ear {
        self.0
    }

    /// Gives the next thing that the server said; nothing once it is gone. Can be dropped while it waits.
    pub(super) async fn next(&mut self) -> io::Result<Option<Unpacked>> {
        loop {
            if let Some(unpacked) = self.take_read() {
                return Ok(Some(unpacked));
            }
            if self.0.begun.is_empty() {
                // A session that says nothing keeps no buffer.
                self.0.begun = Vec::new();
            }
            self.0.half.readable().await?;
            let mut piece = [0; READ_BYTES];
            match self.0.half.try_read(&mut piece) {
                Ok(0) => return Ok(None),
                Ok(count) => self.0.begun.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives the next thing of what was read already.
    pub(super) fn take_read(&mut self) -> Option<Unpacked> {
        loop {
            let (opcode, head, length) = header(&self.0.begun)?;
            let payload = self.0.begun.get(head..head + length)?.to_vec();
            self.0.begun.drain(..head + length);
            if let Some(unpacked) = unpack(opcode, payload) {
                return Some(unpacked);
            }
        }
    }
}

/// Reads the head of a frame: what it is, how long the head is, and what follows it.
fn header(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let opcode = first & 0xF;
    match second & 0x7F {
        126 => {
            let length = bytes.get(2..4)?;
            Some((opcode, 4, usize::from(u16::from_be_bytes(length.try_into().ok()?))))
        }
        127 => {
            let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
            Some((opcode, 10, usize::try_from(length).ok()?))
        }
        length => Some((opcode, 2, usize::from(length))),
    }
}

fn unpack(opcode: u8, payload: Vec<u8>) -> Option<Unpacked> {
    match opcode {
        0x1 => String::from_utf8(payload).ok().map(Unpacked::Text),
        0x2 => Some(Unpacked::Binary(payload)),
        0x8 => Some(Unpacked::Close),
        0x9 => Some(Unpacked::Ping(payload)),
        _ => None,
    }
}

/// Writes a frame as a client does, under a key of zeroes, which leaves the payload as it is.
pub(super) fn client_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    framed(opcode, payload, Some([0; 4]))
}

/// Writes a frame as a server does.
pub(super) fn server_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    framed(opcode, payload, None)
}

fn framed(opcode: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 14);
    frame.push(0x80 | opcode);
    let masked = if key.is_some() { 0x80 } else { 0 };
    match payload.len() {
        length @ 0..=125 => frame.push(masked | length as u8),
        length @ 126..=0xFFFF => {
            frame.push(masked | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(masked | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&key.unwrap_or_default()[..if key.is_some() { 4 } else { 0 }]);
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::UnixStream;

    #[tokio::test]
    async fn what_a_server_says_is_read_however_it_is_cut() {
        let said = [
            server_frame(0x1, b"a"),
            server_frame(0x9, b"7"),
            server_frame(0x1, "x".repeat(300).as_bytes()),
            server_frame(0x2, &[7; 70_000]),
            crate::realtime::frame::close(1_000, "").to_vec(),
        ]
        .concat();
        for cut in [1, 3, 4_000] {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            let (half, _mouth) = ours.into_split();
            let mut carried = Carried::new(half);
            let bytes = said.clone();
            let writing = tokio::spawn(async move {
                for piece in bytes.chunks(cut.max(bytes.len() / 5_000)) {
                    theirs.write_all(piece).await.unwrap();
                }
            });
            let expected = [
                Unpacked::Text("a".into()),
                Unpacked::Ping(b"7".to_vec()),
                Unpacked::Text("x".repeat(300)),
                Unpacked::Binary(vec![7; 70_000]),
                Unpacked::Close,
            ];
            for expected in expected {
                assert_eq!(carried.next().await.unwrap(), Some(expected));
            }
            writing.await.unwrap();
            assert_eq!(carried.next().await.unwrap(), None);
        }
    }
}
