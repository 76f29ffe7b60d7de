//! How providers are asked over HTTP at addresses that an operator configured.
//!
//! It guards nothing, so a URL that a user supplied must never go through it. It follows no
//! redirect, asks no proxy of the environment, reads a bounded answer and never logs.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

use landfall_core::time::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, redirect};

use crate::Outcome;

/// The most of an answer that is read: providers' answers have some hundred bytes.
const ANSWER_MAX: usize = 64 * 1024;

/// How long one request may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// Until there is a connection, TLS included.
    pub(crate) connect: Duration,
    /// Until the whole answer is there.
    pub(crate) total: Duration,
}

impl Timeouts {
    /// Leaves at most half of the whole time to connecting.
    pub(crate) fn within(total: Duration) -> Self {
        Self { connect: total / 2, total }
    }
}

/// Makes the client for operators' addresses.
pub(crate) fn operator_client(timeouts: Timeouts) -> Result<Client, reqwest::Error> {
    Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(timeouts.connect)
        .timeout(timeouts.total)
        .user_agent(concat!("Landfall/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// What a provider answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    /// The first [`ANSWER_MAX`] bytes, or what came of them before the connection was lost.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads the body as JSON; a body that is none is `Null`.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The request cannot have arrived.
    NotSent(&'static str),
    /// The request may have arrived.
    Unanswered(&'static str),
}

impl Lost {
    /// Says what an attempt ended with that was lost like this.
    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::NotSent(code) => Outcome::Later { after: None, code: code.into() },
            Self::Unanswered(code) => Outcome::Unknown { code: code.into() },
        }
    }
}

/// Sends a request and reads its answer; `now` tells how far off a date in `Retry-After` is.
pub(crate) async fn ask(request: RequestBuilder, now: Timestamp) -> Result<Answer, Lost> {
    let mut response = request.send().await.map_err(|error| lost(&error))?;
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers(), now);
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = ANSWER_MAX - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == ANSWER_MAX {
            break;
        }
    }
    Ok(Answer { status, retry_after, body })
}

fn lost(error: &reqwest::Error) -> Lost {
    if error.is_builder() {
        return Lost::NotSent("request not possible");
    }
    if error.is_connect() {
        return Lost::NotSent(if is_tls(error) {
            "tls"
        } else if error.is_timeout() {
            "connect timed out"
        } else if is_refused(error) {
            "connect refused"
        } else {
            "connect failed"
        });
    }
    Lost::Unanswered(if error.is_timeout() { "timed out" } else { "connection lost" })
}

/// Says whether TLS failed: an unknown authority, another name, or a server that speaks none.
pub(crate) fn is_tls(error: &(dyn Error + 'static)) -> bool {
    find::<rustls::Error>(error).is_some()
}

/// Says whether nobody listens at the address.
pub(crate) fn is_refused(error: &(dyn Error + 'static)) -> bool {
    find(error).is_some_and(|error: &io::Error| error.kind() == ErrorKind::ConnectionRefused)
}

/// Finds the first cause of one type; what an I/O error wraps is not among its sources.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    if let Some(found) = error.downcast_ref() {
        return Some(found);
    }
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let inside = wrapped.and_then(|wrapped| find(wrapped));
    inside.or_else(|| error.source().and_then(find))
}

/// Reads `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let ms = date.as_millisecond().saturating_sub(now.as_ms());
    Some(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn wait(text: &'static str) -> Option<u64> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
        // 1994-11-06T08:49:00Z
        let now = Timestamp::from_ms(784_111_740_000);
        retry_after(&headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(wait("120"), Some(120));
        assert_eq!(wait(" 0 "), Some(0));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(37));
        assert_eq!(wait("Sun, 06 Nov 1994 08:48:00 GMT"), Some(0));
        assert_eq!(wait("soon"), None);
        assert_eq!(wait("-1"), None);
    }
}
