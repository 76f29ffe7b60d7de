//! Reads how long a provider asks to wait.
//!
//! Pure. Must never believe more than a day: whoever answers could otherwise silence a channel
//! for good.

use std::time::{Duration, UNIX_EPOCH};

use landfall_core::time::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// The longest wait that is believed.
const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date; nothing where it is neither.
/// A date that has passed is no wait.
pub fn read(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let wait = match is_number {
        // More digits than the type holds are a long wait, too.
        true => text.parse().map_or(WAIT_MAX, Duration::from_secs),
        false => until(text, now)?,
    };
    Some(wait.min(WAIT_MAX))
}

fn until(date: &str, now: Timestamp) -> Option<Duration> {
    let date = httpdate::parse_http_date(date).ok()?;
    let date_ms = date.duration_since(UNIX_EPOCH).ok()?.as_millis();
    let now_ms = u128::try_from(now.as_ms()).ok()?;
    let ms = u64::try_from(date_ms.saturating_sub(now_ms)).unwrap_or(u64::MAX);
    Some(Duration::from_millis(ms))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    /// 1994-11-06T08:49:00Z
    const NOW: Timestamp = Timestamp::from_ms(784_111_740_000);

    #[test]
    fn seconds_and_every_date_of_http_are_read_and_bounded() {
        let check = |text: &'static str, expected: Option<u64>| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            assert_eq!(read(&headers, NOW).map(|wait| wait.as_secs()), expected, "{text}");
        };
        check("120", Some(120));
        check(" 0 ", Some(0));
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(37));
        check("Sunday, 06-Nov-94 08:49:37 GMT", Some(37));
        check("Sun Nov  6 08:49:37 1994", Some(37));
        check("Sun, 06 Nov 1994 08:48:00 GMT", Some(0));
        check("Fri, 31 Dec 9999 23:59:59 GMT", Some(86_400));
        check("86401", Some(86_400));
        check("99999999999999999999999999", Some(86_400));
        check("-1", None);
        check("1.5", None);
        check("", None);
        check("soon", None);
        assert_eq!(read(&HeaderMap::new(), NOW), None);
    }
}
