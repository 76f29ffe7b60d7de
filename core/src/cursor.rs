//! Cursors: opaque positions that clients carry and cannot forge.
//!
//! A cursor is a set of feed numbers with their epoch, sealed with a MAC over its bytes and over
//! the purpose it was made for, so that one user's cursor opens nobody else's list. It must never
//! carry anything that its holder may not know.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::feed::{Epoch, Number};

const VERSION: u8 = 2;
const TAG_BYTES: usize = 16;
/// A cursor has at most so many positions: two for each topic that a user may be in, and their own.
const POSITIONS_MAX: usize = 4_096;

/// The key that seals cursors; never shown.
#[derive(Clone)]
pub struct CursorKey([u8; 32]);

impl CursorKey {
    /// Takes 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl std::fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CursorKey(***)")
    }
}

/// A place on one feed, or in one list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The feed's owner, or a list's own mark.
    pub of: String,
    /// The last number seen.
    pub number: Number,
}

/// Where a reader stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The store's life in which the numbers were given.
    pub epoch: Epoch,
    /// One place per feed.
    pub positions: Vec<Position>,
}

/// Says why a text is no cursor of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a cursor of this list")]
pub struct CursorError;

fn mac(key: &CursorKey, purpose: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).expect("HMAC takes keys of any length");
    mac.update(&(purpose.len() as u64).to_be_bytes());
    mac.update(purpose.as_bytes());
    mac.update(body);
    mac
}

impl Cursor {
    /// Seals the cursor for one purpose, such as `inbox/TENANT/USER`.
    pub fn seal(&self, key: &CursorKey, purpose: &str) -> String {
        let mut bytes = vec![VERSION];
        put(&mut bytes, self.epoch.0);
        for position in &self.positions {
            put(&mut bytes, position.of.len() as u64);
            bytes.extend_from_slice(position.of.as_bytes());
            put(&mut bytes, position.number.0);
        }
        let tag = mac(key, purpose, &bytes).finalize().into_bytes();
        bytes.extend_from_slice(&tag[..TAG_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Opens a cursor that was sealed for this purpose with this key.
    pub fn open(key: &CursorKey, purpose: &str, text: &str) -> Result<Self, CursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError)?;
        let split = bytes.len().checked_sub(TAG_BYTES).ok_or(CursorError)?;
        let (body, tag) = bytes.split_at(split);
        mac(key, purpose, body).verify_truncated_left(tag).map_err(|_| CursorError)?;
        let (version, rest) = body.split_first().ok_or(CursorError)?;
        if *version != VERSION {
            return Err(CursorError);
        }
        let (epoch, mut rest) = take(rest)?;
        let mut positions = Vec::new();
        while !rest.is_empty() {
            if positions.len() == POSITIONS_MAX {
                return Err(CursorError);
            }
            let (length, after) = take(rest)?;
            let length = usize::try_from(length).map_err(|_| CursorError)?;
            let (of, after) = after.split_at_checked(length).ok_or(CursorError)?;
            let (number, after) = take(after)?;
            let of = std::str::from_utf8(of).map_err(|_| CursorError)?.to_owned();
            positions.push(Position { of, number: Number(number) });
            rest = after;
        }
        Ok(Self { epoch: Epoch(epoch), positions })
    }
}

/// Writes a number, seven bits a byte, the lowest first; every byte but the last has its highest bit set.
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes a number off the front.
fn take(bytes: &[u8]) -> Result<(u64, &[u8]), CursorError> {
    let mut number = 0_u64;
    for (place, byte) in bytes.iter().enumerate().take(10) {
        let bits = u64::from(byte & 0x7f);
        number |= bits.checked_shl(7 * place as u32).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Ok((number, &bytes[place + 1..]));
        }
    }
    Err(CursorError)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor() -> Cursor {
        let position = |of: &str, n| Position { of: of.into(), number: Number(n) };
        Cursor { epoch: Epoch(3), positions: vec![position("inbox", 12_346), position("", 0)] }
    }

    #[test]
    fn a_cursor_opens_only_for_its_key_and_purpose() {
        let key = CursorKey::new([7; 32]);
        let text = cursor().seal(&key, "inbox/default/u1");
        assert_eq!(Cursor::open(&key, "inbox/default/u1", &text), Ok(cursor()));
        assert_eq!(Cursor::open(&key, "inbox/default/u2", &text), Err(CursorError));
        assert_eq!(
            Cursor::open(&CursorKey::new([8; 32]), "inbox/default/u1", &text),
            Err(CursorError)
        );
    }

    #[test]
    fn a_cursor_with_too_many_places_is_refused_and_not_cut() {
        let key = CursorKey::new([7; 32]);
        let mut cursor = cursor();
        cursor.positions.resize(POSITIONS_MAX, cursor.positions[0].clone());
        assert_eq!(Cursor::open(&key, "x", &cursor.seal(&key, "x")), Ok(cursor.clone()));
        cursor.positions.push(cursor.positions[0].clone());
        assert_eq!(Cursor::open(&key, "x", &cursor.seal(&key, "x")), Err(CursorError));
    }

    #[test]
    fn a_cursor_that_was_touched_is_refused() {
        let key = CursorKey::new([7; 32]);
        let text = cursor().seal(&key, "x");
        for index in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(bytes).expect("base64 is ASCII");
            assert_ne!(Cursor::open(&key, "x", &forged), Ok(cursor()), "byte {index}");
        }
        for junk in ["", "AAAA", "!", &text[..text.len() - 1], &format!("{text}AAAA")] {
            assert_eq!(Cursor::open(&key, "x", junk), Err(CursorError), "{junk}");
        }
    }
}
