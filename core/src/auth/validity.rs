//! When a token holds. The present comes in as a value; nothing here may read a clock.

use crate::time::Timestamp;

/// The end of the year 9999: what lies beyond it has no RFC 3339 form, so a later `exp` counts as this.
const FAR_SECONDS: f64 = 253_402_300_799.0;

/// A token's time window (RFC 7519 sections 4.1.4 and 4.1.5) with what is forgiven for clocks that differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The claim `exp`.
    pub expires_at: Timestamp,
    /// The claim `nbf`.
    pub not_before: Option<Timestamp>,
    /// Added to both ends of the window; 0 or more.
    pub leeway_ms: i64,
}

/// Which end of the window was missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutOfTime {
    /// The present is at or after the end.
    #[error("expired")]
    Expired,
    /// The present is before the beginning.
    #[error("not yet valid")]
    NotYet,
}

impl Validity {
    /// Decides whether the token holds at `now`. The end itself is outside, as in RFC 7519: "on or after".
    pub fn check(&self, now: Timestamp) -> Result<(), OutOfTime> {
        if now >= self.ends_at() {
            return Err(OutOfTime::Expired);
        }
        match self.not_before {
            Some(start) if now < start.plus_ms(-self.leeway_ms) => Err(OutOfTime::NotYet),
            _ => Ok(()),
        }
    }

    /// Gives the first instant at which the token no longer holds, leeway included.
    pub fn ends_at(&self) -> Timestamp {
        self.expires_at.plus_ms(self.leeway_ms)
    }
}

impl Timestamp {
    /// Converts a `NumericDate` (RFC 7519 section 2: seconds since the epoch, fractions allowed), rounding down to the
    /// millisecond and clamping to the years that have an RFC 3339 form. `None` for what is not a number.
    pub fn from_numeric_date(seconds: f64) -> Option<Self> {
        if seconds.is_nan() {
            return None;
        }
        let clamped = seconds.clamp(-FAR_SECONDS, FAR_SECONDS);
        // At most 2.6e14 after the clamp, so the conversion is exact.
        #[allow(clippy::cast_possible_truncation)]
        let ms = (clamped * 1000.0).floor() as i64;
        Some(Self::from_ms(ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXP: i64 = 1_000_000;
    const LEEWAY: i64 = 60_000;

    fn check(now: i64, not_before: Option<i64>, expected: Result<(), OutOfTime>) {
        let window = Validity {
            expires_at: Timestamp::from_ms(EXP),
            not_before: not_before.map(Timestamp::from_ms),
            leeway_ms: LEEWAY,
        };
        assert_eq!(window.check(Timestamp::from_ms(now)), expected, "at {now} from {not_before:?}");
    }

    #[test]
    fn the_window_ends_one_leeway_after_exp() {
        check(EXP + LEEWAY - 1, None, Ok(()));
        check(EXP + LEEWAY, None, Err(OutOfTime::Expired));
        check(i64::MAX, None, Err(OutOfTime::Expired));
    }

    #[test]
    fn the_window_begins_one_leeway_before_nbf() {
        check(500_000 - LEEWAY, Some(500_000), Ok(()));
        check(500_000 - LEEWAY - 1, Some(500_000), Err(OutOfTime::NotYet));
        check(i64::MIN, None, Ok(()));
    }

    #[test]
    fn numeric_dates_keep_milliseconds_and_stay_in_range() {
        let ms = |seconds| Timestamp::from_numeric_date(seconds).map(Timestamp::as_ms);
        assert_eq!(ms(1_700_000_000.0), Some(1_700_000_000_000));
        assert_eq!(ms(1_700_000_000.5), Some(1_700_000_000_500));
        assert_eq!(ms(-1.0), Some(-1000));
        assert_eq!(ms(f64::INFINITY), Some(253_402_300_799_000));
        assert_eq!(ms(1e300), Some(253_402_300_799_000));
        assert_eq!(ms(-1e300), Some(-253_402_300_799_000));
        assert_eq!(ms(f64::NAN), None);
    }
}
