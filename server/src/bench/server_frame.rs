//! The client's half of WebSocket framing, for the load generator: it reads unmasked frames and writes masked ones. It
//! is written apart from the server's codec, so that neither hides a fault of the other.

use std::ops::Range;

use anyhow::ensure;

/// Opcode of a text frame (RFC 6455 section 5.2).
pub const TEXT: u8 = 0x1;
/// Opcode of a close frame.
pub const CLOSE: u8 = 0x8;
/// Opcode of a ping.
pub const PING: u8 = 0x9;
/// Opcode of a pong.
pub const PONG: u8 = 0xA;

/// The key of every frame that the generator sends; the server cannot know that it is always the same.
const KEY: [u8; 4] = [0x5A, 0xC3, 0x17, 0x8E];

/// One frame of a server and where its payload lies.
#[derive(Debug, PartialEq, Eq)]
pub struct ServerFrame {
    /// What it carries.
    pub opcode: u8,
    /// Its payload in the bytes it was read from.
    pub payload: Range<usize>,
}

/// Reads a frame from the front of `bytes`, or nothing while it is not all there; fails on what Landfall never sends:
/// fragments, masks, extension bits.
pub fn parse(bytes: &[u8]) -> anyhow::Result<Option<ServerFrame>> {
    let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
    ensure!(
        first & 0xF0 == 0x80 && second & 0x80 == 0,
        "a server frame that begins with {first:02x} {second:02x}"
    );
    let (start, length) = match second {
        126 => match rest.first_chunk::<2>() {
            Some(length) => (4, usize::from(u16::from_be_bytes(*length))),
            None => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(length) => (10, usize::try_from(u64::from_be_bytes(*length))?),
            None => return Ok(None),
        },
        short => (2, usize::from(short)),
    };
    let payload = start..start + length;
    Ok((bytes.len() >= payload.end).then_some(ServerFrame { opcode: first & 0x0F, payload }))
}

/// Builds a masked control frame or a text of at most 125 bytes; a longer payload is cut.
pub fn short(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let payload = &payload[..payload.len().min(125)];
    let mut frame = vec![0x80 | opcode, 0x80 | payload.len() as u8];
    mask(&mut frame, payload);
    frame
}

/// Builds a masked text of less than 64 KiB; a longer payload is cut.
pub fn text(payload: &[u8]) -> Vec<u8> {
    if payload.len() <= 125 {
        return short(TEXT, payload);
    }
    let payload = &payload[..payload.len().min(usize::from(u16::MAX))];
    let mut frame = vec![0x80 | TEXT, 0x80 | 126];
    frame.extend((payload.len() as u16).to_be_bytes());
    mask(&mut frame, payload);
    frame
}

fn mask(frame: &mut Vec<u8>, payload: &[u8]) {
    frame.extend(KEY);
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// A named number in a frame's JSON and where it was found last time; frames of one kind have it in the same place.
#[derive(Debug)]
pub struct NumberField {
    /// The name with its quotes and colon, and the value's quote if it has one.
    key: &'static [u8],
    hint: usize,
}

impl NumberField {
    /// When a round was due: `"stamp":N`.
    pub fn stamp() -> Self {
        Self { key: b"\"stamp\":", hint: 0 }
    }

    /// A frame's place on its feed: `"replay_id":"N"`.
    pub fn replay_id() -> Self {
        Self { key: b"\"replay_id\":\"", hint: 0 }
    }

    /// When a message was due, by the name that its sender gave it: `"client_id":"N"`.
    pub fn client_id() -> Self {
        Self { key: b"\"client_id\":\"", hint: 0 }
    }

    /// Reads the number out of a frame's payload, if it has one.
    pub fn read(&mut self, payload: &[u8]) -> Option<u64> {
        let Self { key, hint } = *self;
        let is_at = |at: usize| payload.get(at..at + key.len()).is_some_and(|found| found == key);
        let at = if is_at(hint) {
            hint
        } else {
            payload.windows(key.len()).position(|window| window == key)?
        };
        self.hint = at;
        let digits = payload[at + key.len()..].trim_ascii_start();
        let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
        let value = digits.fold(0u64, |value, digit| {
            value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'))
        });
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::realtime::frame;

    #[test]
    fn reads_what_the_server_writes() {
        for size in [0usize, 125, 126, 65_535, 65_536] {
            let bytes = frame::text(&vec![b'x'; size]);
            let read = parse(&bytes).unwrap().unwrap();
            assert_eq!(
                (read.opcode, read.payload.len(), read.payload.end),
                (TEXT, size, bytes.len())
            );
            assert_eq!(parse(&bytes[..bytes.len() - 1]).unwrap(), None);
        }
        assert!(parse(&short(PONG, b"x")).is_err());
    }

    #[test]
    fn the_server_reads_what_the_generator_writes() {
        let mut bytes = short(PONG, b"beat");
        let mut decoder = frame::Decoder::default();
        let mut input = bytes.as_mut_slice();
        assert_eq!(decoder.next(&mut input, 10).unwrap(), Some(frame::Incoming::Pong(b"beat")));
    }

    #[test]
    fn finds_numbers_wherever_they_were_before() {
        let json = br#"{"replay_id":"77","data":{"stamp":  1234,"x":1}}"#;
        for hint in [0, 1, 26, 9999] {
            let mut stamp = NumberField { hint, ..NumberField::stamp() };
            assert_eq!((stamp.read(json), stamp.hint), (Some(1234), 26));
        }
        assert_eq!(NumberField::replay_id().read(json), Some(77));
        assert_eq!(NumberField::replay_id().read(b"{}"), None);
    }
}
