//! Quiet hours: the part of each day in which a person is not to be disturbed (contract 3, rule 3).
//!
//! They are told by a clock on the wall where the person is. On the night when that clock is put
//! forward the hour it leaves out is not waited for; on the night when it is put back the hour it
//! shows twice is quiet twice. This file must never ask what time it is.

use std::fmt;

use crate::time::Timestamp;
use crate::zone::Zone;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// How often clocks may change within quiet hours before the search stops; no zone of the tz
/// database changes them more than twice within two days.
const CHANGES_MAX: usize = 8;

/// A minute of the day, 0 for midnight to 1,439.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MinuteOfDay(u16);

/// Says that a text is no time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a time of day from 00:00 to 23:59")]
pub struct MinuteError;

impl MinuteOfDay {
    /// Takes a number below 1,440.
    ///
    /// # Errors
    /// It is 1,440 or more.
    pub fn new(minute: u16) -> Result<Self, MinuteError> {
        if minute < 1_440 { Ok(Self(minute)) } else { Err(MinuteError) }
    }

    /// Reads `HH:MM`.
    ///
    /// # Errors
    /// It is written otherwise, or no such time exists.
    pub fn parse(text: &str) -> Result<Self, MinuteError> {
        let two_digits = |part: &str, max: u16| {
            let is_written = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
            let number: Option<u16> = is_written.then(|| part.parse().ok()).flatten();
            number.filter(|number| *number <= max).ok_or(MinuteError)
        };
        let (hour, minute) = text.split_once(':').ok_or(MinuteError)?;
        Ok(Self(two_digits(hour, 23)? * 60 + two_digits(minute, 59)?))
    }

    /// Gives the minute's number.
    pub const fn number(self) -> u16 {
        self.0
    }

    fn as_ms(self) -> i64 {
        i64::from(self.0) * MINUTE_MS
    }
}

impl fmt::Display for MinuteOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// From when to when it is quiet each day, over midnight where `end` is before `start`.
///
/// The start is quiet, the end no more. Where the two are equal it is never quiet: so a person
/// can lift the quiet hours that a tenant sets for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuietHours {
    /// The first quiet minute.
    pub start: MinuteOfDay,
    /// The first minute that is quiet no more.
    pub end: MinuteOfDay,
    /// Where the clock hangs that tells it.
    pub zone: Zone,
}

impl QuietHours {
    /// Says until when it is quiet, or nothing when it is not quiet at `now`.
    ///
    /// The answer is after `now`, and then it is quiet no more. It is at most 25 hours ahead where
    /// clocks change by an hour; only a change that swallows the whole waking part of a day makes
    /// it one day more.
    pub fn held_until(&self, now: Timestamp) -> Option<Timestamp> {
        let mut at = now;
        for _ in 0..CHANGES_MAX {
            let Some(left) = self.left_ms(at) else { break };
            let end = at.plus_ms(left);
            match self.zone.next_change(at) {
                Some(change) if change <= end => at = change,
                _ => return Some(end),
            }
        }
        (at != now).then_some(at)
    }

    /// Gives the quiet milliseconds that a clock which nobody changes would still count.
    fn left_ms(&self, at: Timestamp) -> Option<i64> {
        let (start, end) = (self.start.as_ms(), self.end.as_ms());
        let wall = self.zone.wall_ms(at);
        let length = (end - start).rem_euclid(DAY_MS);
        let gone = (wall - start).rem_euclid(DAY_MS);
        (gone < length).then_some(length - gone)
    }
}

#[cfg(test)]
mod tests;
