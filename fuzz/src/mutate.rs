//! A small search: changes kept inputs in ways that parsers trip over, the same way for a seed.
//!
//! It sees no coverage; libFuzzer does. Must draw from nothing but its seed.

/// Words that parsers look for.
const WORDS: [&[u8]; 20] = [
    b"\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"\xff",
    b"\xf0\x9f\x98\x80",
    b"\x81\xfe",
    b"\x89\x80\x00\x00\x00\x00",
    b"\x00\x85",
    b"%00",
    b"&limit=",
    b"\"type\":",
];

/// Draws numbers from a seed (xorshift64*).
#[derive(Debug, Clone)]
pub struct Draw(u64);

impl Draw {
    /// Begins at a seed; 0 counts as 1.
    pub fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    /// Draws a number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D);
        (mixed % end as u64) as usize
    }
}

/// Makes a new input out of kept ones.
pub fn mutated(kept: &[Vec<u8>], draw: &mut Draw) -> Vec<u8> {
    let mut bytes = kept[draw.below(kept.len())].clone();
    for _ in 0..=draw.below(4) {
        change(&mut bytes, kept, draw);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, kept: &[Vec<u8>], draw: &mut Draw) {
    let at = draw.below(bytes.len() + 1);
    let end = at + draw.below(bytes.len() - at + 1);
    match draw.below(7) {
        0 => flip(bytes, draw),
        1 => drop(bytes.drain(at..end)),
        2 => insert(bytes, at, WORDS[draw.below(WORDS.len())]),
        3 => insert(bytes, at, &[draw.below(256) as u8]),
        4 => {
            let copy = bytes[at..end].to_vec();
            insert(bytes, at, &copy);
        }
        5 => bytes.truncate(at),
        _ => {
            let other = &kept[draw.below(kept.len())];
            insert(bytes, at, &other[draw.below(other.len() + 1)..]);
        }
    }
    bytes.truncate(4_096);
}

fn flip(bytes: &mut [u8], draw: &mut Draw) {
    if !bytes.is_empty() {
        let at = draw.below(bytes.len());
        bytes[at] ^= 1 << draw.below(8);
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, what: &[u8]) {
    bytes.splice(at..at, what.iter().copied());
}
