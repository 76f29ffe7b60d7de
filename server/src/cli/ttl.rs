//! How long a token lives, as people write it: `90s`, `15m`, `1h`, `30d`.

use std::str::FromStr;

/// Ten years; longer is a slip of the finger.
const MAX_SECONDS: i64 = 3_650 * 86_400;

/// A token's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ttl {
    seconds: i64,
}

impl Ttl {
    pub(super) fn seconds(self) -> i64 {
        self.seconds
    }
}

impl FromStr for Ttl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "must be a whole number with s, m, h or d, such as 90s, 15m, 1h or 30d";
        let unit = match text.chars().last() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            _ => return Err(form().to_owned()),
        };
        let number: u32 = text[..text.len() - 1].parse().map_err(|_| form())?;
        let seconds = i64::from(number) * unit;
        if !(1..=MAX_SECONDS).contains(&seconds) {
            return Err("must be between 1s and 3650d".to_owned());
        }
        Ok(Self { seconds })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::Ttl;

    #[test]
    fn units_are_read() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("1h", 3_600), ("30d", 2_592_000)] {
            assert_eq!(text.parse::<Ttl>().unwrap().seconds(), seconds);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "h", "1", "0s", "-1h", "1.5h", "1 h", "1y", "1é", "4294967295d", "3651d"]
        {
            assert!(text.parse::<Ttl>().is_err(), "{text}");
        }
    }
}
