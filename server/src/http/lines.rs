//! Cuts a stream of bytes into lines, however it is cut into parts.
//!
//! Keeps at most one line and one part. It must never keep a line that is too long, nor wait for
//! its end before it says so.

use bytes::{Bytes, BytesMut};

/// What comes out of the cutter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    /// A line without its break; never empty, and never longer than allowed.
    Line(u64, Bytes),
    /// A line that is longer than allowed; what of it is still to come is dropped.
    TooLong(u64),
    /// More lines than allowed: this is the first too many, and nothing comes after it.
    TooMany(u64),
}

/// The reading state of one stream. Lines are numbered from 1; empty ones are counted and left out.
#[derive(Debug)]
pub struct LineCutter {
    buffer: BytesMut,
    /// How much of the buffer is known to hold no line break.
    looked_at: usize,
    number: u64,
    skips: bool,
    ended: bool,
    line_max: usize,
    lines_max: u64,
}

impl LineCutter {
    /// Begins a stream of at most `lines_max` lines of at most `line_max` bytes.
    pub fn new(line_max: usize, lines_max: u64) -> Self {
        let buffer = BytesMut::new();
        Self { buffer, looked_at: 0, number: 0, skips: false, ended: false, line_max, lines_max }
    }

    /// Takes the next part of the stream.
    pub fn push(&mut self, part: &[u8]) {
        if !self.ended {
            self.buffer.extend_from_slice(part);
        }
    }

    /// Ends the stream: what comes after the last line break is a line too.
    pub fn finish(&mut self) {
        if !self.buffer.is_empty() {
            self.push(b"\n");
        }
    }

    /// Ends the stream where it broke off; gives the number of the line that was not read.
    pub fn break_off(&mut self) -> u64 {
        self.end();
        self.number + 1
    }

    /// Gives what is there in full, or is known to be refused; nothing when the next part is needed.
    pub fn next_cut(&mut self) -> Option<Cut> {
        while !self.ended {
            let unseen = &self.buffer[self.looked_at..];
            let Some(at) = unseen.iter().position(|byte| *byte == b'\n') else {
                self.looked_at = self.buffer.len();
                return self.overlong();
            };
            let at = self.looked_at + at;
            let line = self.buffer.split_to(at + 1).freeze().slice(..at);
            self.looked_at = 0;
            if std::mem::take(&mut self.skips) {
                continue;
            }
            if self.number == self.lines_max {
                return Some(Cut::TooMany(self.break_off()));
            }
            self.number += 1;
            if line.len() > self.line_max {
                return Some(Cut::TooLong(self.number));
            }
            if !line.trim_ascii().is_empty() {
                return Some(Cut::Line(self.number, line));
            }
        }
        None
    }

    /// Drops the rest of a line that has grown too long, and says so once.
    fn overlong(&mut self) -> Option<Cut> {
        if !self.skips && self.buffer.len() <= self.line_max {
            return None;
        }
        self.buffer.clear();
        self.looked_at = 0;
        if std::mem::replace(&mut self.skips, true) {
            return None;
        }
        if self.number == self.lines_max {
            return Some(Cut::TooMany(self.break_off()));
        }
        self.number += 1;
        Some(Cut::TooLong(self.number))
    }

    fn end(&mut self) {
        self.ended = true;
        self.buffer = BytesMut::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(parts: &[&str]) -> Vec<Cut> {
        let mut cutter = LineCutter::new(4, 3);
        let mut cuts = Vec::new();
        for part in parts {
            cutter.push(part.as_bytes());
            cuts.extend(std::iter::from_fn(|| cutter.next_cut()));
        }
        cutter.finish();
        cuts.extend(std::iter::from_fn(|| cutter.next_cut()));
        cuts
    }

    fn line(number: u64, text: &'static str) -> Cut {
        Cut::Line(number, Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn lines_are_the_same_however_the_stream_is_cut() {
        let expected = [line(1, "abcd"), Cut::TooLong(2), line(3, "x")];
        assert_eq!(cut(&["abcd\nabcde\nx"]), expected);
        assert_eq!(cut(&["ab", "cd", "\nabc", "de", "ff", "\nx"]), expected);
        assert_eq!(cut(&["\n", " \n", "x\r\n"]), [line(3, "x\r")]);
        assert_eq!(cut(&["a\nb\nc\n"]), [line(1, "a"), line(2, "b"), line(3, "c")]);
    }

    #[test]
    fn one_line_too_many_ends_it() {
        let expected = [line(1, "a"), line(2, "b"), line(3, "c"), Cut::TooMany(4)];
        assert_eq!(cut(&["a\nb\nc\nd\ne"]), expected);
        assert_eq!(cut(&["a\nb\nc\nddddddd", "ddd", "d\ne"]), expected);
    }
}
