//! `Prefer: wait=N` (RFC 7240): for how long a caller would wait for an outcome.
//!
//! A preference is no demand: what is malformed or unknown is passed over, never refused.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::app::App;

/// Longer waits are cut to this, in seconds (contract 3).
const WAIT_SECONDS_MAX: u64 = 10;

/// What `Prefer` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prefer {
    /// Seconds to wait, 1 to 10, where some are wished for.
    pub wait: Option<u64>,
}

impl FromRequestParts<Arc<App>> for Prefer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Infallible> {
        Ok(Self::read(&parts.headers))
    }
}

impl Prefer {
    /// Reads the fields in their order: the first time that a preference is named counts.
    fn read(headers: &HeaderMap) -> Self {
        let fields = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        let preferences = fields.flat_map(|field| outside_quotes(field, ','));
        let mut named = preferences.filter_map(|preference| {
            let preference = outside_quotes(preference, ';').into_iter().next()?;
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            name.trim().eq_ignore_ascii_case("wait").then(|| value.trim())
        });
        Self { wait: named.next().and_then(seconds) }
    }
}

/// Reads a number of seconds, which may be quoted; one that no clock could hold is as good as the most.
fn seconds(value: &str) -> Option<u64> {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let digits = inner.unwrap_or(value);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = digits.parse().unwrap_or(u64::MAX).min(WAIT_SECONDS_MAX);
    (seconds > 0).then_some(seconds)
}

/// Cuts a field where `at` stands outside of quoted strings (RFC 9110, 5.6.4).
fn outside_quotes(text: &str, at: char) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (index, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if character == at && !is_quoted => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(fields: &[&str], expected: Option<u64>) {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append("prefer", field.parse().unwrap());
        }
        assert_eq!(Prefer::read(&headers).wait, expected, "{fields:?}");
    }

    #[test]
    fn a_wait_is_read_as_the_rfc_says() {
        check(&["wait=5"], Some(5));
        check(&["WAIT = 5"], Some(5));
        check(&["respond-async, wait=7"], Some(7));
        check(&["respond-async", "wait=7"], Some(7));
        check(&[r#"wait="3""#], Some(3));
        check(&["wait=3; x=y"], Some(3));
        check(&["wait=100"], Some(10));
        check(&["wait=99999999999999999999999"], Some(10));
        check(&["wait=2, wait=9"], Some(2));
        check(&["wait=2", "wait=9"], Some(2));
    }

    #[test]
    fn what_is_no_wait_is_passed_over() {
        let none = [
            "",
            "wait",
            "wait=",
            "wait=0",
            "wait=-1",
            "wait=1.5",
            "wait=x",
            r#"wait="""#,
            "waits=5",
        ];
        for field in none {
            check(&[field], None);
        }
        check(&[], None);
        check(&[r#"note="a, wait=5""#], None);
        check(&[r#"note="a\", wait=5""#], None);
        check(&[r#"note="wait=4; \"", wait=5"#], Some(5));
        check(&["wait=x, wait=5"], None);
    }
}
