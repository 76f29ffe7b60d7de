//! The id by which an event is answered: digits, given back as they came. Never a number: JavaScript's would lose the
//! last of nineteen.

use std::fmt;

use super::PacketError;
use crate::terms::ACK_DIGITS_MAX;

/// An acknowledgement id: 1 to [`ACK_DIGITS_MAX`] digits. It owns them, so that it outlives its message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AckId {
    digits: [u8; ACK_DIGITS_MAX],
    length: u8,
}

impl AckId {
    /// Reads an id; `None` unless it is 1 to [`ACK_DIGITS_MAX`] digits.
    pub fn read(text: &str) -> Option<Self> {
        let is_id = (1..=ACK_DIGITS_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_digit());
        is_id.then(|| {
            let mut digits = [0; ACK_DIGITS_MAX];
            digits[..text.len()].copy_from_slice(text.as_bytes());
            Self { digits, length: text.len() as u8 }
        })
    }

    /// Gives the digits.
    pub fn as_str(&self) -> &str {
        let digits = &self.digits[..usize::from(self.length)];
        std::str::from_utf8(digits).expect("digits are ASCII")
    }

    /// Splits the id off that stands before a payload.
    pub(super) fn split(text: &str) -> Result<(Option<Self>, &str), PacketError> {
        let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
        let (digits, rest) = text.split_at(end);
        match digits.len() {
            0 => Ok((None, rest)),
            _ => Self::read(digits).map(|id| (Some(id), rest)).ok_or(PacketError::AckId),
        }
    }
}

impl fmt::Display for AckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AckId({self})")
    }
}
