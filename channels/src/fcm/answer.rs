//! What Firebase's answers mean.
//!
//! The truth is `errorCode` in the detail of type `google.firebase.fcm.v1.FcmError`; the HTTP
//! status speaks only where there is none, and then never against a device: a wrong address of
//! the service must not cost anybody a registration.

use std::time::Duration;

use serde_json::Value;

use crate::Outcome;
use crate::operator::Answer;

const FCM_ERROR: &str = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
const BAD_REQUEST: &str = "type.googleapis.com/google.rpc.BadRequest";
/// How long a message rests whose quota was used up, when nothing else was said.
const QUOTA_WAIT: Duration = Duration::from_secs(60);

/// What an answer asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The attempt ended.
    Ended(Outcome),
    /// The device is another sender's, and stays: so the attempt ended.
    OtherSender(Outcome),
    /// The bearer token is refused: renew it, once.
    Renew,
}

/// Reads an answer to `messages:send`; `note` is added to the code of what was taken.
pub(super) fn read(answer: &Answer, note: &str) -> Verdict {
    let body = answer.json();
    if (200..300).contains(&answer.status) {
        return Verdict::Ended(taken(answer.status, &body, note));
    }
    let error = &body["error"];
    match detail(error, FCM_ERROR).and_then(|detail| detail["errorCode"].as_str()) {
        Some("SENDER_ID_MISMATCH") => {
            let code = format!("{} SENDER_ID_MISMATCH", answer.status);
            Verdict::OtherSender(Outcome::Refused { code })
        }
        Some(code) => Verdict::Ended(by_error_code(answer, error, code)),
        None if answer.status == 401 => Verdict::Renew,
        None => Verdict::Ended(by_status(answer, error)),
    }
}

/// Names a refused bearer token.
pub(super) fn unauthenticated() -> Outcome {
    Outcome::Broken { code: "401 UNAUTHENTICATED".into() }
}

fn taken(status: u16, body: &Value, note: &str) -> Outcome {
    match body["name"].as_str() {
        Some(name) if status == 200 => {
            Outcome::Sent { reference: Some(name.into()), code: format!("200{note}") }
        }
        // It says that it took something, and not what.
        _ => Outcome::Unknown { code: format!("{status} without a name") },
    }
}

fn by_error_code(answer: &Answer, error: &Value, error_code: &str) -> Outcome {
    let status = answer.status;
    let code = format!("{status} {error_code}");
    match error_code {
        "UNREGISTERED" => Outcome::Gone { code },
        "INVALID_ARGUMENT" if is_about_address(error) => {
            Outcome::Gone { code: format!("{code} registration token") }
        }
        "INVALID_ARGUMENT" => Outcome::Refused { code },
        "THIRD_PARTY_AUTH_ERROR" => Outcome::Broken { code },
        // It can be the quota of one device: only what Firebase asks for holds for the others.
        "QUOTA_EXCEEDED" if answer.retry_after.is_none() => {
            Outcome::TooMany { after: QUOTA_WAIT, code }
        }
        "QUOTA_EXCEEDED" | "INTERNAL" | "UNAVAILABLE" => later(answer, code),
        _ => by_status(answer, error),
    }
}

fn by_status(answer: &Answer, error: &Value) -> Outcome {
    let status = answer.status;
    let known = error["status"].as_str().filter(|text| is_code(text));
    let code = format!("{status} {}", known.unwrap_or("no FcmError"));
    match status {
        408 | 429 | 500.. => later(answer, code),
        400 | 413 => Outcome::Refused { code },
        _ => Outcome::Broken { code },
    }
}

/// Firebase wants no repeat within ten seconds; no delivery's own back-off is any shorter.
fn later(answer: &Answer, code: String) -> Outcome {
    Outcome::Later { after: answer.retry_after, code }
}

/// Says whether it is the registration that is malformed, and not what was sent to it.
fn is_about_address(error: &Value) -> bool {
    let names_token = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.contains("registration token") || text.contains("installation id")
    };
    let violations = detail(error, BAD_REQUEST).map(|detail| &detail["fieldViolations"]);
    let fields = violations.and_then(Value::as_array).into_iter().flatten();
    error["message"].as_str().is_some_and(names_token)
        || fields
            .filter_map(|field| field["field"].as_str())
            .any(|field| matches!(field, "message.token" | "message.fid"))
}

fn detail<'a>(error: &'a Value, kind: &str) -> Option<&'a Value> {
    error["details"].as_array()?.iter().find(|detail| detail["@type"] == kind)
}

/// Says whether a text is a code, which may be shown, and not a sentence.
fn is_code(text: &str) -> bool {
    text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}
