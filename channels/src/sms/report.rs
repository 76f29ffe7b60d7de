//! What Twilio tells later: how a message fared, and what its recipient answered.
//!
//! Callbacks come late, twice and in any order; this only reads one of them. Whoever calls has
//! checked the signature before.

use super::answer::is_message_sid;

/// How a message fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmsReport {
    /// The message: the reference that sending it gave.
    pub sid: String,
    /// How far it has come.
    pub status: SmsStatus,
    /// Twilio's code of what went wrong.
    pub error_code: Option<u32>,
}

/// How far a message has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SmsStatus {
    /// Taken; a service has yet to choose the number.
    Accepted,
    /// Waits for its time.
    Scheduled,
    /// Waits for the sender's turn.
    Queued,
    /// On its way to the carrier.
    Sending,
    /// The carrier has it.
    Sent,
    /// The phone has it.
    Delivered,
    /// The recipient has seen it.
    Read,
    /// Some of several parts arrived.
    PartiallyDelivered,
    /// The carrier could not deliver it.
    Undelivered,
    /// It was never sent.
    Failed,
    /// It was taken back before it was sent.
    Canceled,
    /// A word that this version does not know.
    Other(String),
}

impl SmsStatus {
    const WORDS: [(&str, Self); 11] = [
        ("accepted", Self::Accepted),
        ("scheduled", Self::Scheduled),
        ("queued", Self::Queued),
        ("sending", Self::Sending),
        ("sent", Self::Sent),
        ("delivered", Self::Delivered),
        ("read", Self::Read),
        ("partially_delivered", Self::PartiallyDelivered),
        ("undelivered", Self::Undelivered),
        ("failed", Self::Failed),
        ("canceled", Self::Canceled),
    ];

    fn parse(word: &str) -> Self {
        let word = word.to_ascii_lowercase();
        let known = Self::WORDS.into_iter().find(|(known, _)| *known == word);
        known.map_or_else(|| Self::Other(word.chars().take(32).collect()), |(_, status)| status)
    }

    /// Orders statuses: one never replaces one of a higher rank, whenever it comes. An unknown
    /// word has the lowest.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Other(_) => 0,
            Self::Accepted | Self::Scheduled => 1,
            Self::Queued => 2,
            Self::Sending => 3,
            Self::Sent => 4,
            Self::Delivered | Self::PartiallyDelivered => 5,
            Self::Undelivered | Self::Failed | Self::Canceled => 5,
            Self::Read => 6,
        }
    }

    /// Says whether nothing can follow that changes how it ended. "Read" still follows
    /// "delivered".
    pub fn is_final(&self) -> bool {
        self.rank() >= 5
    }
}

/// What the recipient of a message answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
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
    Some(SmsReport { sid: sid.into(), status: SmsStatus::parse(status), error_code })
}

/// Reads the parameters of a message that came in; `None` where they are none. Twilio's own
/// reading (`OptOutType`) speaks before the words.
pub fn read_reply(parameters: &[(String, String)]) -> Option<Reply> {
    let from = find(parameters, "From").filter(|from| super::is_phone_number(from))?;
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
    Some(Reply { from: from.into(), opt_out })
}

fn find<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
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
        for (word, status) in SmsStatus::WORDS {
            assert_eq!(read(word, ""), Some((status, None)));
        }
        assert_eq!(read("undelivered", "30005"), Some((SmsStatus::Undelivered, Some(30005))));
        assert_eq!(read("Teleported", "0"), Some((SmsStatus::Other("teleported".into()), None)));
        assert_eq!(read("received", ""), None);
        assert_eq!(
            read_report(&pairs(&[("MessageSid", "'; --"), ("MessageStatus", "sent")])),
            None
        );
        assert_eq!(read_report(&[]), None);
    }

    #[test]
    fn the_order_in_which_callbacks_come_does_not_matter() {
        use SmsStatus::{Accepted, Delivered, Failed, Other, Queued, Read, Sending, Sent};
        let rising = [Other("x".into()), Accepted, Queued, Sending, Sent, Delivered, Read];
        assert!(rising.windows(2).all(|pair| pair[0].rank() < pair[1].rank()));
        assert_eq!(Delivered.rank(), Failed.rank());
        assert!(Delivered.is_final() && Failed.is_final() && !Sent.is_final());
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
        assert_eq!(read("Yes", None), Some(OptOut::Start));
        assert_eq!(read("help", None), Some(OptOut::Help));
        assert_eq!(read("stop calling me Al", None), Some(OptOut::None));
        assert_eq!(read("Basta", Some("STOP")), Some(OptOut::Stop));
        assert_eq!(read_reply(&pairs(&[("From", "x\n"), ("Body", "stop")])), None);
    }
}
