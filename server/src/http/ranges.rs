//! Which part of a representation is asked for, and whether it has to be sent at all (RFC 9110, 13
//! and 14).
//!
//! Several ranges at once are answered by the whole, as the RFC allows (14.2): whoever resumes asks for
//! one. A field that cannot be read is no field.

use axum::http::{HeaderMap, HeaderName, header};

/// What is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// From the first to the last byte, both included.
    Bytes(u64, u64),
    /// Nothing: no byte that was asked for is there.
    Nowhere,
    /// Nothing: the caller has it.
    NotModified,
}

/// Says what to send of something with this tag and this length.
pub(super) fn wanted(headers: &HeaderMap, tag: &str, length: u64) -> Part {
    if text(headers, header::IF_NONE_MATCH).is_some_and(|known| names(&known, tag)) {
        return Part::NotModified;
    }
    let Some(range) = text(headers, header::RANGE) else { return Part::Whole };
    // 13.1.5: by a strong tag or not at all; there is no date to compare with.
    let is_same = text(headers, header::IF_RANGE).is_none_or(|known| known == tag);
    match is_same {
        true => single(&range, length),
        false => Part::Whole,
    }
}

/// Reads a single range of bytes (14.1.2).
fn single(range: &str, length: u64) -> Part {
    let spec = range.split_once('=').filter(|(unit, _)| unit.eq_ignore_ascii_case("bytes"));
    let Some((first, last)) = spec.and_then(|(_, spec)| spec.trim().split_once('-')) else {
        return Part::Whole;
    };
    match (position(first), position(last)) {
        (Some(None), Some(Some(0))) => Part::Nowhere,
        (Some(None), Some(Some(suffix))) if length > 0 => {
            Part::Bytes(length.saturating_sub(suffix), length - 1)
        }
        (Some(None), Some(Some(_))) => Part::Nowhere,
        (Some(Some(first)), Some(last)) if last.is_none_or(|last| last >= first) => {
            match first < length {
                true => Part::Bytes(first, last.unwrap_or(u64::MAX).min(length - 1)),
                false => Part::Nowhere,
            }
        }
        _ => Part::Whole,
    }
}

/// Reads a position, which may be left out; nothing where it is none. One that no number holds is
/// behind every end.
fn position(text: &str) -> Option<Option<u64>> {
    if text.is_empty() {
        return Some(None);
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Some(text.parse().unwrap_or(u64::MAX)))
}

/// Says whether a list of tags names this one, by the weak comparison (8.8.3.2).
fn names(list: &str, tag: &str) -> bool {
    let is_tag = |one: &str| one.strip_prefix("W/").unwrap_or(one) == tag;
    list.trim() == "*" || list.split(',').map(str::trim).any(is_tag)
}

/// Joins the lines of a field (5.3); one that is no text is none.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let lines: Option<Vec<&str>> =
        headers.get_all(name).iter().map(|value| value.to_str().ok()).collect();
    lines.filter(|lines| !lines.is_empty()).map(|lines| lines.join(", ").trim().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(range: &str, length: u64, expected: Part) {
        assert_eq!(single(range, length), expected, "{range} of {length}");
    }

    #[test]
    fn a_single_range_is_read_as_the_rfc_says() {
        check("bytes=0-499", 1_000, Part::Bytes(0, 499));
        check("Bytes=500-999", 1_000, Part::Bytes(500, 999));
        check("bytes=500-", 1_000, Part::Bytes(500, 999));
        check("bytes=500-5000", 1_000, Part::Bytes(500, 999));
        check("bytes=-500", 1_000, Part::Bytes(500, 999));
        check("bytes=-5000", 1_000, Part::Bytes(0, 999));
        check("bytes=999-999", 1_000, Part::Bytes(999, 999));
        check("bytes=0-99999999999999999999999", 10, Part::Bytes(0, 9));
    }

    #[test]
    fn what_is_not_there_is_told_and_what_cannot_be_read_is_passed_over() {
        for nowhere in ["bytes=1000-", "bytes=1000-2000", "bytes=-0", "bytes=99999999999999999999-"]
        {
            check(nowhere, 1_000, Part::Nowhere);
        }
        check("bytes=0-", 0, Part::Nowhere);
        check("bytes=-1", 0, Part::Nowhere);
        let passed_over = [
            "bytes=5-4",
            "bytes=-",
            "bytes=a-b",
            "bytes=1",
            "bytes",
            "",
            "lines=1-2",
            "bytes=1-2,4-5",
            "bytes=--5",
            "bytes=+1-2",
            "bytes=1 - 2",
        ];
        for range in passed_over {
            check(range, 1_000, Part::Whole);
        }
    }

    #[test]
    fn conditions_come_before_ranges() {
        let tag = "\"abc\"";
        let with = |fields: &[(HeaderName, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(name, value.parse().unwrap());
            }
            wanted(&headers, tag, 10)
        };
        use header::{IF_NONE_MATCH, IF_RANGE, RANGE};
        assert_eq!(with(&[]), Part::Whole);
        for known in [tag, "*", "W/\"abc\"", "\"x\", \"abc\""] {
            assert_eq!(with(&[(IF_NONE_MATCH, known), (RANGE, "bytes=0-1")]), Part::NotModified);
        }
        assert_eq!(with(&[(IF_NONE_MATCH, "\"x\""), (IF_NONE_MATCH, tag)]), Part::NotModified);
        assert_eq!(with(&[(IF_NONE_MATCH, "\"x\"")]), Part::Whole);
        assert_eq!(with(&[(RANGE, "bytes=0-1"), (IF_RANGE, tag)]), Part::Bytes(0, 1));
        for other in ["\"x\"", "W/\"abc\"", "Sat, 21 Nov 2026 10:00:00 GMT"] {
            assert_eq!(with(&[(RANGE, "bytes=0-1"), (IF_RANGE, other)]), Part::Whole, "{other}");
        }
    }
}
