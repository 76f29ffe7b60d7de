//! `If-Match` and `If-None-Match` of a call that changes something (RFC 9110, 13.1.1 and 13.1.2).
//!
//! A version is an entity tag: `"3"`. One that is no version of ours matches nothing that there is.

use axum::http::{HeaderMap, HeaderName, header};

use super::error::ApiError;
use crate::service::lessons::BasedOn;

/// Reads what a request takes the thing to be. `version` stands for it in a body, 0 for nothing; they
/// must agree.
pub(super) fn based_on(headers: &HeaderMap, version: Option<u64>) -> Result<BasedOn, ApiError> {
    let in_body = version.map(|version| match version {
        0 => BasedOn::Nothing,
        version => BasedOn::Version(version),
    });
    let in_header = match (text(headers, header::IF_MATCH)?, text(headers, header::IF_NONE_MATCH)?)
    {
        (None, None) => None,
        (Some("*"), None) => Some(BasedOn::AnyVersion),
        (Some(tag), None) => Some(BasedOn::Version(version_of(tag)?)),
        (None, Some("*")) => Some(BasedOn::Nothing),
        _ => {
            return Err(ApiError::field("/header/If-None-Match", "must be *, without If-Match"));
        }
    };
    match (in_body, in_header) {
        (Some(body), Some(header)) if body != header => {
            Err(ApiError::field("/version", "does not say the same as the header"))
        }
        (body, header) => Ok(header.or(body).unwrap_or(BasedOn::Anything)),
    }
}

/// Writes a version as an entity tag.
pub(super) fn tag_of(version: u64) -> String {
    format!("\"{version}\"")
}

fn version_of(tag: &str) -> Result<u64, ApiError> {
    let digits = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    let version = digits.and_then(|digits| digits.parse().ok());
    version.ok_or_else(|| ApiError::field("/header/If-Match", "must be * or one version, as \"3\""))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, ApiError> {
    let fault = |detail: &str| ApiError::field(&format!("/header/{name}"), detail);
    let mut values = headers.get_all(&name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(fault("must be given once"));
    }
    value.to_str().map(|text| Some(text.trim())).map_err(|_| fault("must be visible ASCII"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(fields: &[(HeaderName, &str)], version: Option<u64>, expected: Option<BasedOn>) {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, value.parse().unwrap());
        }
        assert_eq!(based_on(&headers, version).ok(), expected, "{fields:?} {version:?}");
    }

    #[test]
    fn header_and_body_say_what_a_change_is_based_on() {
        use header::{IF_MATCH, IF_NONE_MATCH};
        check(&[], None, Some(BasedOn::Anything));
        check(&[], Some(0), Some(BasedOn::Nothing));
        check(&[], Some(3), Some(BasedOn::Version(3)));
        check(&[(IF_MATCH, "\"3\"")], None, Some(BasedOn::Version(3)));
        check(&[(IF_MATCH, "\"3\"")], Some(3), Some(BasedOn::Version(3)));
        check(&[(IF_MATCH, "*")], None, Some(BasedOn::AnyVersion));
        check(&[(IF_NONE_MATCH, "*")], Some(0), Some(BasedOn::Nothing));
        check(&[(IF_MATCH, "\"3\"")], Some(4), None);
        check(&[(IF_NONE_MATCH, "\"3\"")], None, None);
        check(&[(IF_MATCH, "*"), (IF_NONE_MATCH, "*")], None, None);
        check(&[(IF_MATCH, "\"1\""), (IF_MATCH, "\"2\"")], None, None);
        for bad in ["3", "W/\"3\"", "\"x\"", "\"1\", \"2\"", ""] {
            check(&[(IF_MATCH, bad)], None, None);
        }
    }
}
