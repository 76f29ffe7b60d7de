//! Cursors: what was not sealed is never opened, and what was comes back as it was.

use std::sync::LazyLock;

use landfall_core::cursor::{Cursor, CursorError, CursorKey, Position};
use landfall_core::feed::{Epoch, Number};

static KEY: LazyLock<CursorKey> = LazyLock::new(|| CursorKey::new([7; 32]));
const PURPOSE: &str = "list/fuzz";

pub(crate) fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        assert_eq!(Cursor::open(&KEY, PURPOSE, text), Err(CursorError), "{text}");
    }
    let cursor = cursor_of(data);
    let sealed = cursor.seal(&KEY, PURPOSE);
    assert_eq!(Cursor::open(&KEY, PURPOSE, &sealed).as_ref(), Ok(&cursor));
    assert_eq!(Cursor::open(&KEY, "list/other", &sealed), Err(CursorError));
    assert_eq!(Cursor::open(&KEY, PURPOSE, &touched(&sealed, data)), Err(CursorError));
}

/// Makes a cursor of any shape: a byte for the length of each owner, then the owner's text.
fn cursor_of(data: &[u8]) -> Cursor {
    let (epoch, mut rest) = number(data);
    let mut positions = Vec::new();
    while let [length, after @ ..] = rest {
        let (of, after) = after.split_at(after.len().min(usize::from(*length)));
        let (number, after) = number(after);
        positions.push(Position {
            of: String::from_utf8_lossy(of).into_owned(),
            number: Number(number),
        });
        rest = after;
    }
    Cursor { epoch: Epoch(epoch), positions }
}

fn number(data: &[u8]) -> (u64, &[u8]) {
    let (digits, rest) = data.split_at(data.len().min(8));
    (digits.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)), rest)
}

/// Changes one character to another of the same alphabet.
fn touched(sealed: &str, data: &[u8]) -> String {
    let seed =
        data.iter().fold(data.len(), |seed, byte| seed.wrapping_mul(31) + usize::from(*byte));
    let mut bytes = sealed.as_bytes().to_vec();
    let at = seed % bytes.len();
    bytes[at] = if bytes[at] == b'Q' { b'g' } else { b'Q' };
    String::from_utf8(bytes).expect("a cursor is ASCII")
}
