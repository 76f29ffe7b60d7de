//! With which others a notification goes out, and how long it waits for them.

use landfall_core::digest::Digest;
use landfall_core::notify::FieldError;
use serde::{Deserialize, Serialize};

/// What is sent to one user under this key goes out as one notification when the window ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DigestRequest {
    /// What they share: 1 to 128 characters.
    pub key: String,
    /// How long the first waits for others, 1 second to 7 days: seconds, or a text such as `30s`, `10m`, `2h`, `1d`.
    pub window: WindowText,
}

/// A length of time: seconds, or a number with its unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum WindowText {
    /// Seconds.
    Seconds(u32),
    /// A number and `s`, `m`, `h` or `d`.
    Text(String),
}

impl DigestRequest {
    pub(super) fn read(&self) -> Result<Digest, Vec<FieldError>> {
        let detail = "must be seconds, or a text such as 30s, 10m, 2h or 1d";
        let window_ms = self.window.ms();
        let window_ms = window_ms.ok_or_else(|| vec![FieldError::new("/digest/window", detail)])?;
        Ok(Digest { key: self.key.clone(), window_ms })
    }
}

impl WindowText {
    fn ms(&self) -> Option<i64> {
        let text = match self {
            Self::Seconds(seconds) => return Some(i64::from(*seconds) * 1_000),
            Self::Text(text) => text,
        };
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let unit_ms = match unit {
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 24 * 3_600_000,
            _ => return None,
        };
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        number.parse::<i64>().ok().filter(|_| is_number)?.checked_mul(unit_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_seconds_or_a_number_with_its_unit() {
        let read = |json: &str| serde_json::from_str::<WindowText>(json).ok()?.ms();
        for (json, ms) in
            [("90", 90_000), ("\"90s\"", 90_000), ("\"10m\"", 600_000), ("\"2h\"", 7_200_000)]
        {
            assert_eq!(read(json), Some(ms), "{json}");
        }
        assert_eq!(read("\"7d\""), Some(landfall_core::digest::WINDOW_MS_MAX));
        for bad in
            ["\"\"", "\"m\"", "\"-1m\"", "\"1.5h\"", "\"10\"", "\"10µ\"", "-1", "1.5", "null"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(read("\"99999999999999999d\""), None);
    }
}
