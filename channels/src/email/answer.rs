//! What a mail server's answers mean, and what it means when there is none.
//!
//! The enhanced status (RFC 3463) speaks before the reply code, since servers use 550 for
//! everything. A server's sentence is never passed on: it may name the recipient.

use std::error::Error as _;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::response::{Response, Severity};

use crate::Outcome;
use crate::connect::{is_refused, is_tls};

/// How far an attempt has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Connection, TLS and greeting.
    Connect,
    /// User and password.
    Login,
    /// Who it comes from.
    Sender,
    /// Who it goes to.
    Recipient,
    /// May the text be sent?
    Data,
    /// The text is on its way: from here on it may have been taken.
    Text,
}

/// Reads the answer to the text.
pub(super) fn taken(response: &Response, message_id: String) -> Outcome {
    let code = response.code();
    if code.severity == Severity::PositiveCompletion {
        let status = response.first_word().and_then(Enhanced::parse);
        let status = status.map_or_else(String::new, |status| format!(" {status}"));
        Outcome::Sent { reference: Some(message_id), code: format!("{code}{status}") }
    } else {
        Outcome::Unknown { code: format!("{code} to a text") }
    }
}

/// Reads what an attempt failed with.
pub(super) fn failed(stage: Stage, error: &Error) -> Outcome {
    let Some(reply) = error.status() else { return unanswered(stage, error) };
    let text = error.source().map(ToString::to_string).unwrap_or_default();
    let status = text.split_whitespace().next().and_then(Enhanced::parse);
    let code = match status {
        Some(status) => format!("{reply} {status}"),
        None => reply.to_string(),
    };
    if error.is_transient() {
        return Outcome::Later { after: None, code };
    }
    match permanent(stage, u16::from(reply), status) {
        Meaning::Gone => Outcome::Gone { code },
        Meaning::Refused => Outcome::Refused { code },
        Meaning::Later => Outcome::Later { after: None, code },
        Meaning::Broken => Outcome::Broken { code },
    }
}

/// Names an attempt that took too long.
pub(super) fn timed_out(stage: Stage) -> Outcome {
    lost(stage, "timed out")
}

fn unanswered(stage: Stage, error: &Error) -> Outcome {
    if is_tls(error) {
        return lost(stage, "tls");
    }
    if error.is_client() {
        // What the server offers does not go with the settings: no STARTTLS, no way to log in.
        let code = match stage {
            Stage::Connect => "no STARTTLS",
            Stage::Login => "no known way to log in",
            _ => "the server lacks what it needs",
        };
        return Outcome::Broken { code: code.into() };
    }
    let is_cut = error.source().is_some_and(|source| source.to_string() == "incomplete response");
    lost(
        stage,
        match (stage, error.is_response()) {
            (_, true) if !is_cut => "unreadable answer",
            (Stage::Connect, false) if is_refused(error) => "connect refused",
            (Stage::Connect, false) => "connect failed",
            _ => "connection lost",
        },
    )
}

fn lost(stage: Stage, code: &str) -> Outcome {
    match stage {
        Stage::Text => Outcome::Unknown { code: code.into() },
        _ => Outcome::Later { after: None, code: code.into() },
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Gone,
    Refused,
    Later,
    Broken,
}

fn permanent(stage: Stage, reply: u16, status: Option<Enhanced>) -> Meaning {
    // Authentication is missing, too weak or wrong (RFC 4954 section 6).
    if [530, 534, 535, 538].contains(&reply) || stage <= Stage::Login {
        return Meaning::Broken;
    }
    match status {
        Some(Enhanced { class: 5, subject, detail }) => by_status(stage, subject, detail),
        _ => by_reply(stage, reply),
    }
}

fn by_status(stage: Stage, subject: u16, detail: u16) -> Meaning {
    match (subject, detail) {
        // Too long a message, for the mailbox or the system; mailbox full.
        (2, 3) | (3, 4) => Meaning::Refused,
        (2, 2) => Meaning::Later,
        // Our own address is bad; our authentication is.
        (1, 7 | 8) | (7, 8) => Meaning::Broken,
        _ if stage == Stage::Sender => Meaning::Broken,
        // No such mailbox, domain or address; it moved; the mailbox is disabled.
        (1, _) | (2, 1) => Meaning::Gone,
        _ => Meaning::Refused,
    }
}

fn by_reply(stage: Stage, reply: u16) -> Meaning {
    match (stage, reply) {
        (Stage::Sender | Stage::Data | Stage::Text, 552) => Meaning::Refused,
        (Stage::Sender, _) => Meaning::Broken,
        // RFC 5321 section 4.2.3: the mailbox is full.
        (Stage::Recipient, 552) => Meaning::Later,
        // 550 without more can be a policy as well as a mailbox that does not exist, such as
        // "relay not permitted" for every recipient.
        _ => Meaning::Refused,
    }
}

/// An enhanced status: class, subject, detail (RFC 3463).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Enhanced {
    class: u16,
    subject: u16,
    detail: u16,
}

impl Enhanced {
    fn parse(word: &str) -> Option<Self> {
        let number = |part: Option<&str>| -> Option<u16> {
            let part = part?;
            let is_number = part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| part.parse().ok())?
        };
        let mut parts = word.split('.');
        let (class, subject, detail) =
            (number(parts.next())?, number(parts.next())?, number(parts.next())?);
        let is_status = [2, 4, 5].contains(&class) && parts.next().is_none();
        is_status.then_some(Self { class, subject, detail })
    }
}

impl std::fmt::Display for Enhanced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_enhanced_status_is_read_as_one() {
        let read = |word| Enhanced::parse(word).map(|status| status.to_string());
        assert_eq!(read("5.1.10"), Some("5.1.10".into()));
        for word in ["5.1", "5.1.1.1", "3.1.1", "5.1.1234", "5..1", "a@5.1.1", "127.0.0.1"] {
            assert_eq!(read(word), None, "{word}");
        }
    }
}
