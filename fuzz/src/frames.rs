//! WebSocket frames: a stream gives the same messages however it is cut into reads.

use landfall_server::realtime::frame::{Decoder, FrameError, Incoming};

use crate::parts::Cuts;

/// The longest message, small so that inputs reach it.
const LIMIT: usize = 300;

/// What came out, owned.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
    Error(FrameError),
}

impl From<Incoming<'_>> for Seen {
    fn from(incoming: Incoming<'_>) -> Self {
        match incoming {
            Incoming::Text(text) => Self::Text(text.into()),
            Incoming::Binary(bytes) => Self::Binary(bytes.into()),
            Incoming::Ping(bytes) => Self::Ping(bytes.into()),
            Incoming::Pong(bytes) => Self::Pong(bytes.into()),
            Incoming::Close { code, reason } => Self::Close(code, reason.into()),
        }
    }
}

pub(crate) fn run(data: &[u8]) {
    let (cuts, stream) = Cuts::split(data);
    let whole = feed(&[stream]);
    assert_eq!(feed(&cuts.of(stream)), whole);
    assert_eq!(naive(stream), whole);
}

fn feed(parts: &[&[u8]]) -> Vec<Seen> {
    let mut decoder = Decoder::default();
    let mut seen = Vec::new();
    for part in parts {
        let mut buffer = part.to_vec();
        let mut input = buffer.as_mut_slice();
        loop {
            match decoder.next(&mut input, LIMIT) {
                Ok(Some(incoming)) => seen.push(incoming.into()),
                Ok(None) => break,
                Err(error) => seen.push(Seen::Error(error)),
            }
        }
        assert!(input.is_empty(), "something was left unread");
        assert!(decoder.held_bytes() <= 2 * LIMIT + 512, "{}", decoder.held_bytes());
    }
    seen
}

/// Reads the stream as RFC 6455, section 5, tells it, a byte at a time and with copies of all.
fn naive(stream: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut stream = stream.iter().copied();
    let mut message: Option<(u8, Vec<u8>)> = None;
    // A stream that ends within a frame gives no more than one error that its header shows.
    while let Some(result) = frame(&mut stream, &message) {
        let step = result.and_then(|(first, payload)| step(first, payload, &mut message));
        match step {
            Ok(None) => {}
            Ok(Some(one)) => {
                let closes = matches!(one, Seen::Close(..));
                seen.push(one);
                if closes {
                    break;
                }
            }
            Err(error) => {
                seen.push(Seen::Error(error));
                break;
            }
        }
    }
    seen
}

type Message = Option<(u8, Vec<u8>)>;

/// Reads a frame: its first byte and its payload; nothing when it is not all there.
fn frame(
    stream: &mut impl Iterator<Item = u8>,
    message: &Message,
) -> Option<Result<(u8, Vec<u8>), FrameError>> {
    let (first, second) = (stream.next()?, stream.next()?);
    if let Err(error) = first_bytes(first, second) {
        return Some(Err(error));
    }
    let bytes = match second & 0x7F {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mut length = if bytes == 0 { u64::from(second & 0x7F) } else { 0 };
    for _ in 0..bytes {
        length = length << 8 | u64::from(stream.next()?);
    }
    if length >> 63 == 1 {
        return Some(Err(FrameError::NegativeLength));
    }
    let key = [stream.next()?, stream.next()?, stream.next()?, stream.next()?];
    if let Err(error) = fits(first, length, message) {
        return Some(Err(error));
    }
    let payload: Vec<u8> = stream.take(length as usize).collect();
    if (payload.len() as u64) < length {
        return None;
    }
    let unmasked = payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]).collect();
    Some(Ok((first, unmasked)))
}

fn first_bytes(first: u8, second: u8) -> Result<(), FrameError> {
    let (is_final, reserved, opcode) = (first >> 7 == 1, first >> 4 & 7, first & 15);
    match opcode {
        _ if reserved != 0 => Err(FrameError::ReservedBits),
        3..=7 | 11..=15 => Err(FrameError::ReservedOpcode),
        _ if second >> 7 == 0 => Err(FrameError::Unmasked),
        8..=10 if !is_final => Err(FrameError::FragmentedControl),
        8..=10 if second & 0x7F > 125 => Err(FrameError::LongControl),
        _ => Ok(()),
    }
}

fn fits(first: u8, length: u64, message: &Message) -> Result<(), FrameError> {
    let so_far = message.as_ref().map_or(0, |(_, bytes)| bytes.len() as u64);
    match (first & 15, message) {
        (8.., _) => Ok(()),
        (0, None) => Err(FrameError::UnexpectedContinuation),
        (1 | 2, Some(_)) => Err(FrameError::UnfinishedMessage),
        _ if so_far + length > LIMIT as u64 => Err(FrameError::TooLarge { limit: LIMIT }),
        _ => Ok(()),
    }
}

fn step(first: u8, payload: Vec<u8>, message: &mut Message) -> Result<Option<Seen>, FrameError> {
    let text = |bytes| String::from_utf8(bytes).map_err(|_| FrameError::InvalidUtf8);
    match first & 15 {
        8 => close(&payload).map(Some),
        9 => Ok(Some(Seen::Ping(payload))),
        10 => Ok(Some(Seen::Pong(payload))),
        opcode => {
            let (kind, mut bytes) = message.take().unwrap_or((opcode, Vec::new()));
            bytes.extend(payload);
            if first >> 7 == 0 {
                *message = Some((kind, bytes));
                return Ok(None);
            }
            Ok(Some(if kind == 1 { Seen::Text(text(bytes)?) } else { Seen::Binary(bytes) }))
        }
    }
}

fn close(payload: &[u8]) -> Result<Seen, FrameError> {
    let [high, low, reason @ ..] = payload else {
        return if payload.is_empty() {
            Ok(Seen::Close(None, String::new()))
        } else {
            Err(FrameError::ShortClose)
        };
    };
    let code = u16::from_be_bytes([*high, *low]);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(FrameError::BadCloseCode(code));
    }
    let reason = std::str::from_utf8(reason).map_err(|_| FrameError::InvalidUtf8)?;
    Ok(Seen::Close(Some(code), reason.to_owned()))
}
