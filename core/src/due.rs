//! When something goes out that is not sent at once: at one time for all, or when clocks on the wall show
//! it where each recipient is (contract 5).

use std::fmt;

use crate::notify::FieldError;
use crate::time::Timestamp;
use crate::zone::Zone;

/// How far ahead something may be scheduled, in days.
pub const AHEAD_DAYS_MAX: i64 = 3 * 366;
const DAY_MS: i64 = 24 * 3_600_000;
const HOUR_MS: i64 = 3_600_000;
/// Where clocks are the furthest ahead of the universal time, and the furthest behind it: no zone of the tz
/// database is further.
const AHEAD_MS: i64 = 16 * HOUR_MS;
const BEHIND_MS: i64 = 16 * HOUR_MS;

/// A date and time as clocks on the wall show it, wherever they hang; to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalTime(jiff::civil::DateTime);

/// Says that a text is no local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a date and time without a zone, such as 2026-01-15T08:00:00")]
pub struct LocalTimeError;

impl LocalTime {
    /// Reads `YYYY-MM-DDTHH:MM` with or without seconds; what is finer is cut.
    ///
    /// # Errors
    /// It is written otherwise, has a zone, or there is no such day or time.
    pub fn parse(text: &str) -> Result<Self, LocalTimeError> {
        // Whoever names a zone means one time for all.
        let is_bare =
            text.len() >= 16 && text.bytes().all(|b| b.is_ascii_digit() || b"-T:.".contains(&b));
        let read =
            || text.parse::<jiff::civil::DateTime>().ok()?.with().subsec_nanosecond(0).build().ok();
        is_bare.then(read).flatten().map(Self).ok_or(LocalTimeError)
    }

    /// Takes what a calendar and a clock show.
    pub const fn of(shown: jiff::civil::DateTime) -> Self {
        Self(shown)
    }

    /// Gives what a calendar and a clock show.
    pub const fn shown(self) -> jiff::civil::DateTime {
        self.0
    }

    /// Says when clocks there show it. One that they leave out is moved by as much as they are, and of two
    /// it is the first (RFC 5545 3.3.5).
    pub fn in_zone(self, zone: &Zone) -> Timestamp {
        zone.time_of(self.0)
    }

    /// Gives a time before which clocks nowhere show it.
    pub fn earliest(self) -> Timestamp {
        self.in_zone(&Zone::utc()).plus_ms(-AHEAD_MS)
    }

    fn latest(self) -> Timestamp {
        self.in_zone(&Zone::utc()).plus_ms(BEHIND_MS)
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M:%S"))
    }
}

/// When something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// At one time for all.
    At(Timestamp),
    /// When clocks show it where each recipient is.
    Local(LocalTime),
}

impl Due {
    /// Says when it has to be looked at first: not before, and for nobody later.
    pub fn looked_at(self) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Local(local) => local.earliest(),
        }
    }

    /// Says when it is due in a zone.
    pub fn in_zone(self, zone: &Zone) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Local(local) => local.in_zone(zone),
        }
    }

    /// Says whether it has come at `now`, wherever somebody is.
    pub fn has_passed(self, now: Timestamp) -> bool {
        let last = match self {
            Self::At(at) => at,
            Self::Local(local) => local.latest(),
        };
        last <= now
    }

    /// Says what is wrong with it at `now`, if anything is; a time that has passed is not: it is now.
    pub fn fault(self, now: Timestamp) -> Option<FieldError> {
        let (pointer, last) = match self {
            Self::At(at) => ("/deliver_at", at),
            Self::Local(local) => ("/deliver_at_local", local.latest()),
        };
        let is_too_far = last > now.plus_ms(AHEAD_DAYS_MAX * DAY_MS);
        let detail = || format!("must be at most {AHEAD_DAYS_MAX} days ahead");
        is_too_far.then(|| FieldError::new(pointer, detail()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn local(text: &str) -> LocalTime {
        LocalTime::parse(text).unwrap()
    }

    #[test]
    fn a_local_time_has_no_zone() {
        let check = |text: &str| LocalTime::parse(text).map(|time| time.to_string());
        assert_eq!(check("2026-01-15T08:00"), Ok("2026-01-15T08:00:00".into()));
        assert_eq!(check("2026-01-15T08:00:59.9"), Ok("2026-01-15T08:00:59".into()));
        for bad in [
            "",
            "2026-01-15",
            "08:00",
            "2026-01-15T08:00Z",
            "2026-01-15T08:00+02:00",
            "2026-02-30T08:00",
            "2026-01-15T08:00[UTC]",
            "2026-01-15T25:00",
            "2026-01-15 08:00",
        ] {
            assert_eq!(check(bad), Err(LocalTimeError), "{bad}");
        }
    }

    #[test]
    fn a_local_time_is_the_zones_and_moves_with_a_gap() {
        let in_zone =
            |text: &str, zone: &str| local(text).in_zone(&Zone::parse(zone).unwrap()).to_string();
        assert_eq!(in_zone("2026-01-15T08:00", "Asia/Kolkata"), "2026-01-15T02:30:00.000Z");
        assert_eq!(in_zone("2026-03-29T02:30", "Europe/Madrid"), "2026-03-29T01:30:00.000Z");
        assert_eq!(in_zone("2026-10-25T02:30", "Europe/Madrid"), "2026-10-25T00:30:00.000Z");
    }

    #[test]
    fn nowhere_is_it_shown_before_the_first_look() {
        let time = local("2026-01-15T08:00");
        for zone in ["Pacific/Kiritimati", "Etc/GMT-14", "Pacific/Niue", "Asia/Manila"] {
            let zone = Zone::parse(zone).unwrap();
            let shown = time.in_zone(&zone);
            assert!(time.earliest() <= shown && shown <= time.latest(), "{}", zone.name());
        }
    }

    #[test]
    fn what_is_too_far_ahead_is_refused_and_what_has_passed_is_now() {
        let now = at("2026-01-01T00:00:00Z");
        let ends = now.plus_ms(AHEAD_DAYS_MAX * DAY_MS);
        assert_eq!(Due::At(ends).fault(now), None);
        assert_eq!(Due::At(now.plus_ms(-1)).fault(now), None);
        let fault = Due::At(ends.plus_ms(1)).fault(now).unwrap();
        assert_eq!(fault.pointer, "/deliver_at");
        let fault = Due::Local(local("2030-01-01T00:00")).fault(now).unwrap();
        assert_eq!(fault.pointer, "/deliver_at_local");
        assert_eq!(Due::Local(local("2026-01-01T09:00")).fault(now), None);
    }

    #[test]
    fn a_time_has_passed_when_it_has_everywhere() {
        let now = at("2026-01-15T08:00:00Z");
        let passed = |due: Due| due.has_passed(now);
        assert!(passed(Due::At(now)) && !passed(Due::At(now.plus_ms(1))));
        assert!(passed(Due::Local(local("2026-01-14T16:00"))));
        assert!(!passed(Due::Local(local("2026-01-14T16:00:01"))), "on ships west of everybody");
        assert!(passed(Due::Local(local("0000-01-01T00:00"))));
        assert!(!passed(Due::Local(local("9999-12-31T23:59"))));
    }
}
