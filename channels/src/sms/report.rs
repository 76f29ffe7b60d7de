//! What Twilio tells later: how a message fared, and what its recipient answered.
//!
//! Callbacks come late, twice and in any order; this only reads one of them. Whoever calls has
//! checked the signature before.

use landfall_core::delivery::{AddressFate, Report};
use landfall_core::profile::is_phone_number;

use super::answer::{fate, is_message_sid};

/// How a message fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmsReport {
    /// The message: the reference that sending it gave.
    pub sid: String,
    /// How far it has come; nothing for a word that this version does not know.
    pub status: Option<Report>,
    /// Twilio's code of what went wrong.
    pub error_code: Option<u32>,
    /// The number that it went to.
    pub to: Option<String>,
    /// What the code says of that number: the same as in the answer to the making of a message.
    pub fate: AddressFate,
}

/// What the recipient of a message answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The message, by which a repetition is known.
    pub sid: Option<String>,
    /// The number that answered.
    pub from: String,
    /// What it asks for.
    pub opt_out: OptOut,
}

/// What an answer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptOut {
    /// No more messages.
    Stop,
    /// Messages again.
    Start,
    /// A word of help.
    Help,
    /// Nothing: it is an ordinary text.
    None,
}

/// The words that carriers and Twilio take for an opt-out.
const STOP: [&str; 8] =
    ["stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"];
const START: [&str; 3] = ["start", "yes", "unstop"];
const HELP: [&str; 2] = ["help", "info"];

/// Reads a status callback's parameters; `None` where they are none.
pub fn read_report(parameters: &[(String, String)]) -> Option<SmsReport> {
    let sid = find(parameters, "MessageSid").or_else(|| find(parameters, "SmsSid"))?;
    let status = find(parameters, "MessageStatus").or_else(|| find(parameters, "SmsStatus"))?;
    // `received` is of a message that came in.
    if !is_message_sid(sid) || ["receiving", "received"].contains(&status) {
        return None;
    }
    let error_code = find(parameters, "ErrorCode").and_then(|code| code.parse().ok());
    let error_code = error_code.filter(|code| *code != 0);
    let to = find(parameters, "To").filter(|to| super::is_phone_number(to));
    Some(SmsReport {
        sid: sid.into(),
        status: Report::parse(&status.to_ascii_lowercase()),
        error_code,
        to: to.map(str::to_owned),
        fate: error_code.map_or(AddressFate::Kept, |code| fate(code.into())),
    })
}

/// Reads a message's own record (`GET Messages/{sid}.json`); `None` where it is none.
pub(super) fn read_message(body: &[u8]) -> Option<SmsReport> {
    let message: serde_json::Value = serde_json::from_slice(body).ok()?;
    let text = |name: &str| message[name].as_str().map(str::to_owned);
    let code = message["error_code"].as_u64().map(|code| code.to_string());
    let named = [
        ("MessageSid", text("sid")),
        ("MessageStatus", text("status")),
        ("To", text("to")),
        ("ErrorCode", code),
    ];
    let named = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    read_report(&named.collect::<Vec<_>>())
}

/// Reads the parameters of a message that came in; `None` where they are none. Twilio's own
/// reading (`OptOutType`) speaks before the words.
pub fn read_reply(parameters: &[(String, String)]) -> Option<Reply> {
    let from = find(parameters, "From").filter(|from| is_phone_number(from))?;
    let body = find(parameters, "Body")?;
    let word = body.trim().trim_end_matches(['.', '!']).to_lowercase();
    let opt_out = match find(parameters, "OptOutType").map(str::to_ascii_uppercase).as_deref() {
        Some("STOP") => OptOut::Stop,
        Some("START") => OptOut::Start,
        Some("HELP") => OptOut::Help,
        _ if STOP.contains(&word.as_str()) => OptOut::Stop,
        _ if START.contains(&word.as_str()) => OptOut::Start,
        _ if HELP.contains(&word.as_str()) => OptOut::Help,
        _ => OptOut::None,
    };
    let sid = find(parameters, "MessageSid").or_else(|| find(parameters, "SmsSid"));
    let sid = sid.filter(|sid| is_message_sid(sid)).map(str::to_owned);
    Some(Reply { sid, from: from.into(), opt_out })
}

fn find<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SID: &str = "SM0123456789abcdef0123456789abcdef";

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn a_status_callback_is_read() {
        let read = |status: &str, code: &str| {
            let names = ["MessageSid", "MessageStatus", "ErrorCode", "New"];
            let values = [SID, status, code, "x"];
            let all: Vec<_> = names.into_iter().zip(values).collect();
            read_report(&pairs(&all)).map(|report| (report.status, report.error_code))
        };
        for report in Report::ALL {
            assert_eq!(read(report.as_str(), ""), Some((Some(report), None)));
        }
        assert_eq!(read("undelivered", "30005"), Some((Some(Report::Undelivered), Some(30005))));
        assert_eq!(read("Teleported", "0"), Some((None, None)));
        assert_eq!(read("received", ""), None);
        assert_eq!(
            read_report(&pairs(&[("MessageSid", "'; --"), ("MessageStatus", "sent")])),
            None
        );
        assert_eq!(read_report(&[]), None);
    }

    #[test]
    fn a_callback_tells_what_becomes_of_its_number() {
        let read = |code: &str, to: &str| {
            let names = ["MessageSid", "MessageStatus", "ErrorCode", "To"];
            let all: Vec<_> = names.into_iter().zip([SID, "failed", code, to]).collect();
            read_report(&pairs(&all)).map(|report| (report.fate, report.to.is_some())).unwrap()
        };
        assert_eq!(read("21610", "+15005550006"), (AddressFate::Suppressed, true));
        assert_eq!(read("21614", "+15005550006"), (AddressFate::Removed, true));
        assert_eq!(read("30003", "+15005550006"), (AddressFate::Kept, true));
        assert_eq!(read("", "anything"), (AddressFate::Kept, false));
    }

    #[test]
    fn stop_and_start_are_understood() {
        let read = |body: &str, opt_out: Option<&str>| {
            let mut all = vec![("From", "+15005550006"), ("Body", body)];
            all.extend(opt_out.map(|word| ("OptOutType", word)));
            read_reply(&pairs(&all)).map(|reply| reply.opt_out)
        };
        for word in STOP {
            assert_eq!(read(&format!(" {}. ", word.to_uppercase()), None), Some(OptOut::Stop));
        }
        let named = |sid: &str| {
            let all = [("From", "+15005550006"), ("Body", "stop"), ("MessageSid", sid)];
            read_reply(&pairs(&all)).unwrap().sid
        };
        assert_eq!(named(SID).as_deref(), Some(SID));
        assert_eq!(named("'; --"), None);
        assert_eq!(read("Yes", None), Some(OptOut::Start));
        assert_eq!(read("help", None), Some(OptOut::Help));
        assert_eq!(read("stop calling me Al", None), Some(OptOut::None));
        assert_eq!(read("Basta", Some("STOP")), Some(OptOut::Stop));
        assert_eq!(read_reply(&pairs(&[("From", "x\n"), ("Body", "stop")])), None);
    }
}
