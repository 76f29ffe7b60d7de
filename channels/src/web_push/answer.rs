//! What a push service's answer means (RFC 8030, RFC 8292).
//!
//! Pure. A code holds the status and at most a service's error number, never a text of theirs.

use std::time::Duration;

use landfall_core::time::Timestamp;
use serde::Deserialize;

use crate::Outcome;
use crate::connect::Answer;

/// How long a service that says "too many" without saying how long is left alone.
const TOO_MANY: Duration = Duration::from_secs(30);
const REFERENCE_MAX: usize = 512;
/// A part of a path that is as long as this can be a subscription's secret.
const SECRET_MIN: usize = 8;

/// Whose fault it is that a signature was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signature {
    /// The subscription's: the service took a signature of this key before, for whichever.
    Proven,
    /// Maybe ours: the service never took one, or refuses the new one to several subscriptions.
    Doubtful,
}

/// Brings an answer to an outcome. `remark` is what else the code is to tell.
pub(super) fn outcome(
    answer: &Answer,
    endpoint: &str,
    signature: Signature,
    remark: &str,
    now: Timestamp,
) -> Outcome {
    let code = code(answer, remark);
    let after = answer.retry_after(now);
    match answer.status {
        200..=299 => Outcome::Sent { reference: reference(answer, endpoint), code },
        // It was made with another key, most likely: that says nothing of the others.
        401 | 403 if signature == Signature::Proven => Outcome::Refused { code },
        401 | 403 => Outcome::Broken { code },
        404 | 410 => Outcome::Gone { code },
        429 => Outcome::Later { after: Some(after.unwrap_or(TOO_MANY)), code },
        408 | 425 | 500..=599 => Outcome::Later { after, code },
        _ => Outcome::Refused { code },
    }
}

fn code(answer: &Answer, remark: &str) -> String {
    #[derive(Deserialize)]
    struct Told {
        errno: u32,
    }
    let errno = match answer.status {
        400.. => serde_json::from_slice::<Told>(&answer.body).ok(),
        _ => None,
    };
    match errno {
        Some(Told { errno }) => format!("{} errno {errno}{remark}", answer.status),
        None => format!("{}{remark}", answer.status),
    }
}

/// The service's name of the message is the path of `Location`; it must not give the endpoint
/// away.
fn reference(answer: &Answer, endpoint: &str) -> Option<String> {
    let location = answer.headers.get("location")?.to_str().ok()?;
    let path = match location.split_once("://") {
        Some((_, rest)) => rest.find('/').map(|at| &rest[at..])?,
        None => location,
    };
    let is_secret = |part: &str| part.len() >= SECRET_MIN && endpoint.contains(part);
    let gives_away = path.split(['/', '?', '&', '=']).any(is_secret);
    let is_short = (1..=REFERENCE_MAX).contains(&path.len());
    (is_short && !gives_away).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    const ENDPOINT: &str = "https://push.example/wpush/v2/gAAAAABsecret";

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Answer { status, headers: HeaderMap::from_iter(headers), body: body.into() }
    }

    fn read(answer: &Answer, signature: Signature) -> Outcome {
        outcome(answer, ENDPOINT, signature, "", Timestamp::from_ms(0))
    }

    #[test]
    fn each_documented_status_has_its_meaning() {
        let check = |status: u16, expected: fn(String) -> Outcome| {
            let found = read(&answer(status, &[], ""), Signature::Doubtful);
            assert_eq!(found, expected(status.to_string()), "{status}");
        };
        for status in [200, 201, 202, 204] {
            check(status, |code| Outcome::Sent { reference: None, code });
        }
        for status in [301, 307, 400, 405, 413, 422] {
            check(status, |code| Outcome::Refused { code });
        }
        for status in [401, 403] {
            check(status, |code| Outcome::Broken { code });
        }
        for status in [404, 410] {
            check(status, |code| Outcome::Gone { code });
        }
        for status in [408, 500, 502, 503] {
            check(status, |code| Outcome::Later { after: None, code });
        }
        check(429, |code| Outcome::Later { after: Some(TOO_MANY), code });
    }

    #[test]
    fn a_refused_signature_that_was_taken_before_is_the_subscriptions_fault() {
        for status in [401, 403] {
            let found = read(&answer(status, &[], ""), Signature::Proven);
            assert_eq!(found, Outcome::Refused { code: status.to_string() });
        }
    }

    #[test]
    fn the_services_word_on_waiting_is_kept() {
        for status in [429, 503] {
            let found = read(&answer(status, &[("retry-after", "7")], ""), Signature::Doubtful);
            let (after, code) = (Some(Duration::from_secs(7)), status.to_string());
            assert_eq!(found, Outcome::Later { after, code });
        }
    }

    #[test]
    fn a_code_tells_the_error_number_and_no_text() {
        let body =
            r#"{"code":401,"errno":109,"message":"secret https://push.example/gAAAAABsecret"}"#;
        let found = read(&answer(401, &[], body), Signature::Doubtful);
        assert_eq!(found, Outcome::Broken { code: "401 errno 109".to_owned() });
    }

    #[test]
    fn a_reference_is_the_path_of_the_message_without_the_endpoint() {
        let check = |location: &'static str, expected: Option<&str>| {
            let answer = answer(201, &[("location", location)], "");
            let found = read(&answer, Signature::Doubtful);
            let reference = expected.map(str::to_owned);
            assert_eq!(found, Outcome::Sent { reference, code: "201".to_owned() }, "{location}");
        };
        check("https://push.example/m/abc", Some("/m/abc"));
        check("/message/abc", Some("/message/abc"));
        check("https://push.example", None);
        check("", None);
        check("https://push.example/m/gAAAAABsecret/1", None);
        check("https://push.example/m?for=gAAAAABsecret", None);
    }
}
