//! What Twilio's answers mean.
//!
//! Twilio's own code in the body speaks before the HTTP status. A number that can never get a
//! text message is gone; one that this sender cannot reach is only refused.

use landfall_core::delivery::AddressFate;
use serde_json::Value;

use crate::Outcome;
use crate::operator::Answer;

/// Reads an answer to the making of a message.
pub(super) fn read(answer: &Answer) -> Outcome {
    let body = answer.json();
    match answer.status {
        200..300 => taken(answer.status, &body),
        status => refused(answer, status, body["code"].as_u64().unwrap_or(0)),
    }
}

fn taken(status: u16, body: &Value) -> Outcome {
    let sid = body["sid"].as_str().filter(|sid| is_message_sid(sid));
    let (Some(sid), Some(state)) = (sid, body["status"].as_str().filter(|state| is_word(state)))
    else {
        // It says that it took something, and not what: a status callback may still tell.
        return Outcome::Unknown { code: format!("{status} without a message") };
    };
    if ["failed", "undelivered", "canceled"].contains(&state) {
        let error = body["error_code"].as_u64().unwrap_or(0);
        return verdict(error).outcome(format!("{status} {state} {error}"), None);
    }
    // Twilio writes the number of segments as a text; "0" where a service has yet to choose.
    let segments = body["num_segments"].as_str().and_then(|text| text.parse::<u16>().ok());
    let code = match segments {
        Some(segments) if segments > 0 => format!("{state} segments={segments}"),
        _ => state.to_owned(),
    };
    Outcome::Sent { reference: Some(sid.into()), code }
}

fn refused(answer: &Answer, status: u16, error: u64) -> Outcome {
    let code = if error == 0 { status.to_string() } else { format!("{status} {error}") };
    let verdict = match (verdict(error), status) {
        (Verdict::Refused, 300..=399 | 401 | 403 | 404) if !is_known(error) => Verdict::Broken,
        (Verdict::Refused, 408 | 429 | 500..) if !is_known(error) => Verdict::Later,
        (verdict, _) => verdict,
    };
    verdict.outcome(code, answer.retry_after)
}

/// What one of Twilio's error codes means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Gone,
    OptedOut,
    Refused,
    Later,
    Broken,
}

impl Verdict {
    fn outcome(self, code: String, after: Option<std::time::Duration>) -> Outcome {
        match self {
            Self::Gone => Outcome::Gone { code },
            Self::OptedOut => Outcome::OptedOut { code },
            Self::Refused => Outcome::Refused { code },
            Self::Later => Outcome::Later { after, code },
            Self::Broken => Outcome::Broken { code },
        }
    }
}

/// Every code with a meaning of its own; the others go by the HTTP status.
const CODES: &[(u64, Verdict)] = &[
    // No phone number; not a mobile one.
    (21211, Verdict::Gone),
    (21217, Verdict::Gone),
    (21614, Verdict::Gone),
    // The recipient answered STOP.
    (21610, Verdict::OptedOut),
    // No permission for that country; not routable from this sender; a trial account.
    (21408, Verdict::Refused),
    (21606, Verdict::Refused),
    (21608, Verdict::Refused),
    (21612, Verdict::Refused),
    // No text; too long a text.
    (21602, Verdict::Refused),
    (21617, Verdict::Refused),
    // The sender's queue is full; too many requests at once; too many at all.
    (21611, Verdict::Later),
    (20429, Verdict::Later),
    (14107, Verdict::Later),
    // Wrong credentials; suspended or unknown account; a sender that is not ours.
    (20003, Verdict::Broken),
    (20005, Verdict::Broken),
    (20404, Verdict::Broken),
    (21212, Verdict::Broken),
    (21603, Verdict::Broken),
    (21659, Verdict::Broken),
    (21660, Verdict::Broken),
    (21701, Verdict::Broken),
    (21703, Verdict::Broken),
];

fn verdict(error: u64) -> Verdict {
    CODES.iter().find(|(code, _)| *code == error).map_or(Verdict::Refused, |(_, verdict)| *verdict)
}

/// Says what becomes of a number that got this code, in an answer or later in a callback.
pub(super) fn fate(error: u64) -> AddressFate {
    match verdict(error) {
        Verdict::Gone => AddressFate::Removed,
        Verdict::OptedOut => AddressFate::Suppressed,
        Verdict::Refused | Verdict::Later | Verdict::Broken => AddressFate::Kept,
    }
}

fn is_known(error: u64) -> bool {
    CODES.iter().any(|(code, _)| *code == error)
}

/// Says whether a text is a message's name: it is stored and looked for again.
pub(super) fn is_message_sid(text: &str) -> bool {
    let digits = text.strip_prefix("SM").or_else(|| text.strip_prefix("MM"));
    digits.is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_word(text: &str) -> bool {
    text.len() <= 24 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}
