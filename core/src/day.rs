//! Days of the calendar in UTC, which sums are kept by.

use crate::time::Timestamp;

const DAY_MS: i64 = 86_400_000;

/// A day in UTC: days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

/// Says that a text is no date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a date such as 2025-09-01")]
pub struct DayError;

impl Day {
    /// Gives the day that a time falls on.
    pub const fn of(time: Timestamp) -> Self {
        Self(time.as_ms().div_euclid(DAY_MS))
    }

    /// Reads `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Result<Self, DayError> {
        let is_date = text.len() == 10
            && text.bytes().enumerate().all(|(place, byte)| match place {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !is_date {
            return Err(DayError);
        }
        let midnight = Timestamp::parse(&format!("{text}T00:00:00Z")).map_err(|_| DayError)?;
        Ok(Self::of(midnight))
    }

    /// Moves by so many days.
    pub const fn plus(self, days: i64) -> Self {
        Self(self.0.saturating_add(days))
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let midnight = Timestamp::from_ms(self.0.saturating_mul(DAY_MS)).to_string();
        f.write_str(midnight.split('T').next().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_read_and_write_dates() {
        let check = |text: &str| Day::parse(text).map(|day| (day.0, day.to_string()));
        assert_eq!(check("1970-01-01"), Ok((0, "1970-01-01".into())));
        assert_eq!(check("2024-02-29"), Ok((19_782, "2024-02-29".into())));
        assert_eq!(check("1969-12-31"), Ok((-1, "1969-12-31".into())));
        for bad in ["", "2025-9-1", "2025-02-29", "2025-09-01T00:00:00Z", "20250901", "+025-09-01"]
        {
            assert_eq!(check(bad), Err(DayError), "{bad}");
        }
    }

    #[test]
    fn a_time_falls_on_its_day() {
        for (ms, day) in [(0, 0), (DAY_MS - 1, 0), (DAY_MS, 1), (-1, -1), (-DAY_MS, -1)] {
            assert_eq!(Day::of(Timestamp::from_ms(ms)), Day(day));
        }
    }
}
