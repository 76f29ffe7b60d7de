//! Points in time, as values: nothing here asks what time it is.

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Says that a text is no RFC 3339 time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an RFC 3339 time such as 2025-09-15T14:00:00Z")]
pub struct TimeError;

impl Timestamp {
    /// Takes milliseconds since the epoch.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Gives milliseconds since the epoch.
    pub const fn as_ms(self) -> i64 {
        self.0
    }

    /// Moves by `ms` milliseconds, stopping at the ends of the range.
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Gives the instant that calendars count with, stopping at the ends of its range.
    pub(crate) fn instant(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        })
    }

    /// Reads an RFC 3339 time; what is finer than a millisecond is cut.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let time: jiff::Timestamp = text.parse().map_err(|_| TimeError)?;
        Ok(Self(time.as_millisecond()))
    }
}

impl std::fmt::Display for Timestamp {
    /// Writes RFC 3339 in UTC with milliseconds, as every time on the wire (contract 1).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3}", self.instant())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_and_write_rfc_3339_in_milliseconds() {
        let check = |text: &str| Timestamp::parse(text).map(|time| time.to_string());
        assert_eq!(check("2025-09-15T14:00:00Z"), Ok("2025-09-15T14:00:00.000Z".into()));
        assert_eq!(check("2025-09-15T16:00:00.1239+02:00"), Ok("2025-09-15T14:00:00.123Z".into()));
        assert_eq!(check("2025-09-15"), Err(TimeError));
        assert_eq!(check("soon"), Err(TimeError));
        assert_eq!(Timestamp::from_ms(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert!(Timestamp::from_ms(i64::MAX).to_string().starts_with("9999"));
    }
}
