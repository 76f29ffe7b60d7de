//! Lets web pages of the allowed origins call from a browser (the Fetch standard, CORS protocol).
//!
//! A request is known by its bearer token and never by a cookie, so letting a page call gives it
//! nothing that it does not hold already. Must never allow credentials.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::app::WebSettings;

const ANY: HeaderValue = HeaderValue::from_static("*");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Encoding, Content-Type, Idempotency-Key, If-Match, If-None-Match, If-Range, \
     Last-Event-ID, Prefer, Range, X-Device-ID, X-Request-Id",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Accept-Ranges, Content-Disposition, Content-Range, ETag, Preference-Applied, Retry-After, \
     WWW-Authenticate, X-Request-Id",
);
/// Two hours: the longest that browsers keep.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// The page that a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Page {
    /// Any may call, so that the answer does not depend on which one it is.
    Any,
    /// One that may.
    Allowed(HeaderValue),
    /// One that may not, or no page at all.
    Other,
}

impl Page {
    /// Tells the page by its origin. A request without one comes from no browser, or from a page of
    /// this very server.
    pub(super) fn of(headers: &HeaderMap, web: &WebSettings) -> Self {
        let Some(allowed) = &web.origins else { return Self::Any };
        let origin = headers.get(header::ORIGIN);
        let may =
            |origin: &&HeaderValue| allowed.iter().any(|one| one.as_bytes() == origin.as_bytes());
        origin.filter(may).map_or(Self::Other, |origin| Self::Allowed(origin.clone()))
    }

    /// Lets the page read the answer, if it may.
    pub(super) fn allow(self, headers: &mut HeaderMap) {
        let origin = match self {
            Self::Any => Some(ANY),
            Self::Allowed(origin) => Some(origin),
            Self::Other => None,
        };
        if origin != Some(ANY) {
            // Else a cache gives one page what was meant for another.
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(origin) = origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

/// Says whether a page may open a socket: a browser asks nobody before it does (RFC 6455, 10.2).
pub(super) fn may_connect(headers: &HeaderMap, web: &WebSettings) -> bool {
    !headers.contains_key(header::ORIGIN) || Page::of(headers, web) != Page::Other
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
