//! A WebSocket codec for the server's side (RFC 6455, no extensions) that owns no socket: finished frames go out as
//! shared bytes, and what a client sent is read in place. It must never copy a frame per connection, hold memory for an
//! idle one, or allocate what a header merely claims.
//!
//! Reading is stricter than the RFC nowhere and laxer in one point: a length written in more bytes than it needs is
//! accepted, since refusing it protects nothing.

mod decode;
mod encode;
mod error;
mod mask;
#[cfg(test)]
mod tests;

pub use decode::{Decoder, Incoming};
pub use encode::{append_text, close, ping, pong, text};
pub use error::FrameError;

/// The longest payload of a ping, pong or close frame (RFC 6455 section 5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;

/// Close code: the peer broke the protocol (RFC 6455 section 7.4.1).
pub const CLOSE_PROTOCOL_ERROR: u16 = 1002;
/// Close code: a text message or close reason was not UTF-8 (RFC 6455 section 7.4.1).
pub const CLOSE_INVALID_UTF8: u16 = 1007;
/// Close code: a message was larger than the limit (RFC 6455 section 7.4.1).
pub const CLOSE_TOO_LARGE: u16 = 1009;

/// What a frame carries (RFC 6455 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xA,
}

impl Opcode {
    fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }

    fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }
}
