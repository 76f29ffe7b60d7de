//! What a client can do wrong on the wire, each with the close code that answers it.

use super::{CLOSE_INVALID_UTF8, CLOSE_PROTOCOL_ERROR, CLOSE_TOO_LARGE};

/// Why the connection has to be closed; each error names the close code that RFC 6455 wants for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Section 5.1: a client masks every frame.
    #[error("the frame is not masked")]
    Unmasked,
    /// Section 5.2: no extension was agreed on that could use these bits.
    #[error("a reserved bit is set")]
    ReservedBits,
    /// Section 5.2: opcodes 3 to 7 and 11 to 15 mean nothing.
    #[error("the opcode is reserved")]
    ReservedOpcode,
    /// Section 5.5: control frames are whole.
    #[error("a control frame is fragmented")]
    FragmentedControl,
    /// Section 5.5: control frames carry 125 bytes at most.
    #[error("a control frame is longer than 125 bytes")]
    LongControl,
    /// Section 5.2: the most significant bit of a 64-bit length is zero.
    #[error("the length is negative")]
    NegativeLength,
    /// Section 5.4: a continuation continues something.
    #[error("a continuation frame without a message to continue")]
    UnexpectedContinuation,
    /// Section 5.4: fragments of messages do not interleave.
    #[error("a new message before the last one was finished")]
    UnfinishedMessage,
    /// Section 5.5.1: a close payload is empty or begins with two bytes of code.
    #[error("a close frame with one byte of payload")]
    ShortClose,
    /// Section 7.4: this code is not for the wire or was never given a meaning.
    #[error("{0} is no close code")]
    BadCloseCode(u16),
    /// Section 8.1: text and close reasons are UTF-8.
    #[error("the text is not UTF-8")]
    InvalidUtf8,
    /// Section 10.4: the message is, by its headers, larger than the limit.
    #[error("the message is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes that was exceeded.
        limit: usize,
    },
}

impl FrameError {
    /// The code with which the connection is to be closed: 1002, 1007 or 1009.
    pub fn close_code(self) -> u16 {
        match self {
            Self::InvalidUtf8 => CLOSE_INVALID_UTF8,
            Self::TooLarge { .. } => CLOSE_TOO_LARGE,
            _ => CLOSE_PROTOCOL_ERROR,
        }
    }
}
