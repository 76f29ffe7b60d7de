//! Bodies of posts and polls: packets joined by a separator, binary ones as `b` and base64. A body that comes in is
//! judged as a whole before anything of it is passed on; one that goes out is filled up to what clients take.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::engine::{EngineError, SEPARATOR, Said, Signal};
use crate::terms::PACKETS_MAX;

/// Why the body of a post is refused, and its session with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PayloadError {
    /// More than the `maxPayload` that the client was told: 413, the others are 400.
    #[error("the body is too large")]
    TooLarge,
    /// `application/octet-stream`, as the protocol before revision 4 had it.
    #[error("the body must be text")]
    OctetStream,
    /// Not UTF-8.
    #[error("the body is not UTF-8")]
    BadText,
    /// `b` without base64 behind it, in its standard alphabet with padding.
    #[error("a binary packet is not base64")]
    BadBase64,
    /// A packet behind the one that ends the session.
    #[error("a packet follows the one that closes")]
    AfterClose,
    /// One of the packets, or the empty body.
    #[error(transparent)]
    Packet(#[from] EngineError),
}

/// One packet of a body; what it would be as a message on a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted<'a> {
    /// A packet with its digit, which [`Said::read`] takes.
    Text(&'a str),
    /// `b…`: a binary message, decoded.
    Binary(Vec<u8>),
}

/// The body of a post that holds nothing but good packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body<'a> {
    text: &'a str,
    closes: bool,
}

impl<'a> Body<'a> {
    /// Judges a body. `content_type` is the header as it came; `max_payload` is in bytes.
    pub fn read(
        content_type: Option<&str>,
        body: &'a [u8],
        max_payload: usize,
    ) -> Result<Self, PayloadError> {
        if body.len() > max_payload {
            return Err(PayloadError::TooLarge);
        }
        if content_type.is_some_and(is_octet_stream) {
            return Err(PayloadError::OctetStream);
        }
        let text = std::str::from_utf8(body).map_err(|_| PayloadError::BadText)?;
        let mut closes = false;
        for packet in text.split(SEPARATOR) {
            if closes {
                return Err(PayloadError::AfterClose);
            }
            read(packet)?;
            closes = packet == Signal::Close.text();
        }
        Ok(Self { text, closes })
    }

    /// Says whether the last packet ends the session.
    pub fn closes(&self) -> bool {
        self.closes
    }

    /// Goes through the packets in their order; binary ones are decoded one at a time.
    pub fn packets(&self) -> impl Iterator<Item = Posted<'a>> + use<'a> {
        self.text.split(SEPARATOR).map(|packet| read(packet).expect("each was read before"))
    }
}

fn is_octet_stream(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/octet-stream")
}

fn read(packet: &str) -> Result<Posted<'_>, PayloadError> {
    if let Some(encoded) = packet.strip_prefix('b') {
        return STANDARD.decode(encoded).map(Posted::Binary).map_err(|_| PayloadError::BadBase64);
    }
    Said::read(packet)?;
    Ok(Posted::Text(packet))
}

/// What a poll may bring: a text packet as it is, or the bytes of a binary message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outgoing<'a> {
    /// A packet with its digit. It holds no separator: nothing that this crate writes does, nor anything it reads.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
}

/// What became of a packet that was offered to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum Offered {
    /// It goes out with this answer.
    Taken,
    /// It has to wait for the next one, and so has everything behind it.
    Full,
}

/// The body of an answer to a poll, while it is filled.
#[derive(Debug, Clone)]
pub struct Answer {
    text: String,
    packets: usize,
    max_payload: usize,
}

impl Answer {
    /// Begins an empty body of at most `max_payload` bytes.
    pub fn new(max_payload: usize) -> Self {
        Self { text: String::new(), packets: 0, max_payload }
    }

    /// Takes a packet if there is room for it. The first fits always: one that is larger than the limit could not go
    /// out at all otherwise, and no client minds.
    pub fn offer(&mut self, packet: Outgoing<'_>) -> Offered {
        let packet = match packet {
            Outgoing::Text(text) => Cow::Borrowed(text),
            Outgoing::Binary(bytes) => {
                // Encoded only when it may fit: a large one is offered again and again.
                if self.packets > 0 && bytes.len() > self.max_payload {
                    return Offered::Full;
                }
                Cow::Owned(format!("b{}", STANDARD.encode(bytes)))
            }
        };
        if self.packets > 0 {
            let length = self.text.len() + SEPARATOR.len_utf8() + packet.len();
            if self.packets == PACKETS_MAX || length > self.max_payload {
                return Offered::Full;
            }
            self.text.push(SEPARATOR);
        }
        self.text.push_str(&packet);
        self.packets += 1;
        Offered::Taken
    }

    /// Tells how many packets it holds.
    pub fn packets(&self) -> usize {
        self.packets
    }

    /// Gives the body, of type `text/plain; charset=UTF-8`.
    pub fn into_body(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests;
