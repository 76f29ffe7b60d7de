//! Lets web pages of any origin call from a browser (the Fetch standard, CORS protocol).
//!
//! A request is known by its bearer token and never by a cookie, so letting a page call gives it
//! nothing that it does not hold already. Must never allow credentials.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

const ANY: HeaderValue = HeaderValue::from_static("*");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Prefer, X-Device-ID, \
     X-Request-Id",
);
const EXPOSED: HeaderValue =
    HeaderValue::from_static("Retry-After, WWW-Authenticate, X-Request-Id");
/// Two hours: the longest that browsers keep.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Lets every page read an answer. The headers do not depend on who asks, so caches need no hint.
pub(super) fn allow(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

/// Answers the question that a browser asks before a call; nothing for any other request.
pub(super) fn preflight(request: &Request) -> Option<Response> {
    let has = |name: HeaderName| request.headers().contains_key(name);
    let asks = has(header::ORIGIN) && has(header::ACCESS_CONTROL_REQUEST_METHOD);
    if request.method() != Method::OPTIONS || !asks {
        return None;
    }
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    Some((StatusCode::NO_CONTENT, headers).into_response())
}
