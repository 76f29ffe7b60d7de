//! Time zones, by the names that the tz database gives them.
//!
//! The database is compiled in. This file must never ask the machine which zones it knows or in
//! which one it stands.

mod onset;

use std::hash::{Hash, Hasher};
use std::sync::LazyLock;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

pub use onset::{Observance, Onset};

use crate::time::Timestamp;

/// More seconds than clocks were ever put forward or back by: those of a day over the date line.
const MOVED_MAX: i32 = 26 * 3_600;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone that exists, such as `Asia/Kolkata`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// When clocks on the wall show a local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Once.
    Once(Timestamp),
    /// Never: they were put forward over it. It is taken as the offset before the change has it,
    /// so it moves by as much as the clocks did (RFC 5545 3.3.5).
    Never {
        /// When that is.
        moved: Timestamp,
    },
    /// Twice, since they were put back.
    Twice {
        /// The one that is meant where nothing says which (RFC 5545 3.3.5).
        first: Timestamp,
        /// The other one.
        second: Timestamp,
    },
}

/// Says that no time zone has such a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the name of a time zone such as Asia/Kolkata")]
pub struct ZoneError;

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl Zone {
    /// Takes the name of a zone in the tz database, in either case.
    ///
    /// # Errors
    /// No zone has that name.
    pub fn parse(name: &str) -> Result<Self, ZoneError> {
        let zone = ZONES.get(name).map_err(|_| ZoneError)?;
        if zone.is_unknown() { Err(ZoneError) } else { Ok(Self(zone)) }
    }

    /// Gives the coordinated universal time.
    pub const fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// Shows the name as the tz database spells it.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// Gives the date and time that a calendar and a clock on the wall there show.
    pub fn local(&self, at: Timestamp) -> jiff::Zoned {
        at.instant().to_zoned(self.0.clone())
    }

    /// Gives the milliseconds that a clock on the wall there has counted since its midnight.
    pub(crate) fn wall_ms(&self, at: Timestamp) -> i64 {
        let time = self.0.to_datetime(at.instant()).time();
        let seconds = i64::from(time.hour()) * 3_600
            + i64::from(time.minute()) * 60
            + i64::from(time.second());
        seconds * 1_000 + i64::from(time.millisecond())
    }

    /// Says when it is there by a local time; nothing where that is beyond the range of times.
    ///
    /// A time that clocks leave out moves by as much as they do, and of one that they show twice
    /// it is the first (RFC 5545 3.3.5).
    pub fn at(&self, local: DateTime) -> Option<Timestamp> {
        Some(match self.shows(local)? {
            Shown::Once(at) | Shown::Never { moved: at } | Shown::Twice { first: at, .. } => at,
        })
    }

    /// Says when clocks there show a local time; nothing where that is beyond the range of times.
    pub(crate) fn shows(&self, local: DateTime) -> Option<Shown> {
        let by = |offset: Offset| {
            let at = offset.to_timestamp(local).ok()?;
            Some(Timestamp::from_ms(at.as_millisecond()))
        };
        Some(match self.0.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => Shown::Once(by(offset)?),
            AmbiguousOffset::Gap { before, .. } => Shown::Never { moved: by(before)? },
            AmbiguousOffset::Fold { before, after } => {
                Shown::Twice { first: by(before)?, second: by(after)? }
            }
        })
    }

    /// Says when it is there by a local time, as [`Zone::at`]; what is beyond the range of times is at its end.
    pub(crate) fn time_of(&self, local: DateTime) -> Timestamp {
        let end = if local.year() < 0 { i64::MIN } else { i64::MAX };
        self.at(local).unwrap_or(Timestamp::from_ms(end))
    }

    /// Gives a local time before which no other one means `at` or later.
    ///
    /// It is what the clocks show at `at`, unless they are about to be put back over it, or have
    /// been put forward and a time that they left out means a later one.
    pub(crate) fn earliest_local(&self, at: Timestamp) -> DateTime {
        let at = at.instant();
        // The changes themselves are not asked for: jiff 0.2.43 has Winamac's of March 2007 an
        // hour early when it lists those before a time.
        let offset = |seconds: i32| {
            let moment = at.saturating_add(SignedDuration::from_secs(i64::from(seconds)));
            self.0.to_offset(moment.unwrap_or(at))
        };
        let least = [-1, 1].into_iter().fold(offset(0), |least, side| {
            let moved = offset(side * MOVED_MAX).seconds() - offset(0).seconds();
            least.min(offset(side * moved.abs()))
        });
        least.to_datetime(at)
    }

    /// Says when the clocks there next change after `at`.
    pub(crate) fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let change = self.0.following(at.instant()).next()?;
        Some(Timestamp::from_ms(change.timestamp().as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_zones_that_exist_are_taken() {
        let check = |name: &str| Zone::parse(name).map(|zone| zone.name().to_owned());
        assert_eq!(check("Asia/Kolkata"), Ok("Asia/Kolkata".into()));
        assert_eq!(check("europe/madrid"), Ok("Europe/Madrid".into()));
        assert_eq!(check("UTC"), Ok("UTC".into()));
        for name in ["", "Mars/Olympus", "Etc/Unknown", "../etc/passwd", "+02:00", "EST5EDT4"] {
            assert_eq!(check(name), Err(ZoneError), "{name}");
        }
    }

    #[test]
    fn a_clock_on_the_wall_jumps_when_the_clocks_change() {
        let zone = Zone::parse("Europe/Madrid").unwrap();
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let change = at("2026-03-29T01:00:00Z");
        assert_eq!(zone.next_change(at("2026-03-01T00:00:00Z")), Some(change));
        assert_eq!(zone.wall_ms(change.plus_ms(-1)), 2 * 3_600_000 - 1);
        assert_eq!(zone.wall_ms(change), 3 * 3_600_000);
        assert_eq!(zone.next_change(change), Some(at("2026-10-25T01:00:00Z")));
        assert_eq!(Zone::utc().next_change(change), None);
    }
}
