//! What a request to notify must look like before anything is stored.
//!
//! Checks values, names every fault with its place, and never stops at the first.

use crate::channel::Channel;
use crate::digest::Digest;
use crate::due::Due;
use crate::id::{TopicId, UserId};
use crate::notification::{JsonText, Priority};
use crate::plan::Strategy;
use crate::profile::is_phone_number;

/// Sizes that a notification must keep; all settings, none fixed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotifyLimits {
    /// Characters of a title.
    pub title_chars: usize,
    /// Characters of a message.
    pub message_chars: usize,
    /// Bytes of `data`, as JSON text.
    pub data_bytes: usize,
    /// Users of one send.
    pub recipients: usize,
}

/// Who is to get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipients {
    /// One user.
    User(UserId),
    /// A list of users.
    Users(Vec<UserId>),
    /// Every member of a topic or class.
    Topic(TopicId),
}

/// What a sender asked for, read but not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Who is to get it.
    pub recipients: Recipients,
    /// Kind of news; the template's id where it is absent.
    pub notification_type: Option<String>,
    /// Template.
    pub template_id: Option<String>,
    /// Headline.
    pub title: Option<String>,
    /// Text.
    pub message: Option<String>,
    /// The app's data, a JSON object.
    pub data: Option<JsonText>,
    /// Channels in order; empty for the default.
    pub channels: Vec<Channel>,
    /// How urgent it is; the template's priority, or `normal`, where it is not given.
    pub priority: Option<Priority>,
    /// How its channels follow each other.
    pub strategy: Option<Strategy>,
    /// Seconds without a read after which a fallback goes on to its next channel.
    pub escalate_after_seconds: Option<u64>,
    /// Language.
    pub locale: Option<String>,
    /// Picture.
    pub image: Option<String>,
    /// Buttons, a JSON array.
    pub actions: Option<JsonText>,
    /// Where a click leads.
    pub link: Option<String>,
    /// Phone number to use instead of the profile's.
    pub phone_number: Option<String>,
    /// Seconds until it expires, once it has gone out.
    pub ttl_seconds: Option<u64>,
    /// When it goes out; at once where absent.
    pub due: Option<Due>,
    /// With which others it goes out; alone where absent.
    pub digest: Option<Digest>,
}

/// One fault of a request: a JSON pointer (RFC 6901) and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Where.
    pub pointer: String,
    /// What.
    pub detail: String,
}

impl FieldError {
    /// Names a fault.
    pub fn new(pointer: &str, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.to_owned(), detail: detail.into() }
    }
}

/// The longest time to live, in seconds: ten years.
pub const TTL_SECONDS_MAX: u64 = 10 * 366 * 86_400;

/// Type and template names that frames of the protocol use for themselves (contract 4).
pub const RESERVED_TYPES: [&str; 43] = [
    "ack",
    "auth",
    "authenticated",
    "change_notification",
    "conflict_notification",
    "connect",
    "connect_error",
    "connected",
    "disconnect",
    "disconnecting",
    "error",
    "global_message_alert",
    "heartbeat",
    "join_topic",
    "leave_topic",
    "mark_as_read",
    "message_changed",
    "message_deleted",
    "message_sent",
    "messages_read",
    "new_message",
    "notification",
    "notification_deleted",
    "notification_read",
    "notification_replaced",
    "notifications_all_read",
    "ping",
    "pong",
    "presence_reset",
    "push_change",
    "reconnect",
    "replay_gap",
    "send_message",
    "subscribe",
    "subscribed",
    "sync_complete",
    "topic_gap",
    "topic_joined",
    "topic_left",
    "topic_read",
    "unsubscribe",
    "unsubscribed",
    "user_status_change",
];

/// Says every fault of a draft; an empty answer means that it can be stored.
pub fn faults(draft: &Draft, limits: &NotifyLimits) -> Vec<FieldError> {
    let mut faults = Vec::new();
    check_recipients(draft, limits, &mut faults);
    check_type(draft, &mut faults);
    check_texts(draft, limits, &mut faults);
    check_links(draft, &mut faults);
    if let Some(phone) = &draft.phone_number
        && !is_phone_number(phone)
    {
        faults.push(FieldError::new("/phone_number", "must be + and 7 to 15 digits"));
    }
    if draft.escalate_after_seconds.is_some_and(|after| after == 0 || after > TTL_SECONDS_MAX) {
        let detail = format!("must be between 1 and {TTL_SECONDS_MAX} seconds");
        faults.push(FieldError::new("/escalate_after", detail));
    }
    if draft.ttl_seconds.is_some_and(|ttl| ttl == 0 || ttl > TTL_SECONDS_MAX) {
        let detail = format!("must be between 1 and {TTL_SECONDS_MAX} seconds");
        faults.push(FieldError::new("/ttl", detail));
    }
    faults
}

/// Says what is wrong with escalating: where every channel goes out at once, none is left to go on
/// to. `priority` is the one that holds, which may be the template's.
pub fn escalation_fault(draft: &Draft, priority: Priority) -> Option<FieldError> {
    draft.escalate_after_seconds?;
    let by_priority = draft.strategy.is_none();
    let strategy = Strategy::of(draft.strategy, priority);
    let why = match (strategy, by_priority) {
        (Strategy::Fallback, _) => return None,
        (Strategy::All, false) => "the strategy all".to_owned(),
        (Strategy::All, true) => {
            format!("the priority {}, whose strategy is all", priority.as_str())
        }
    };
    let detail = format!("goes with the strategy fallback, not with {why}");
    Some(FieldError::new("/escalate_after", detail))
}

fn check_recipients(draft: &Draft, limits: &NotifyLimits, faults: &mut Vec<FieldError>) {
    if let Recipients::Users(users) = &draft.recipients {
        if users.is_empty() {
            faults.push(FieldError::new("/user_ids", "must name at least one user"));
        } else if users.len() > limits.recipients {
            let detail = format!("must name at most {} users", limits.recipients);
            faults.push(FieldError::new("/user_ids", detail));
        }
    }
}

/// Says whether a text can name a type or template: `[a-z0-9_.-]`, 1 to 64, either case.
pub fn is_type_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

fn check_type(draft: &Draft, faults: &mut Vec<FieldError>) {
    let fields =
        [("/notification_type", &draft.notification_type), ("/template_id", &draft.template_id)];
    for (pointer, name) in fields {
        let Some(name) = name else { continue };
        if !is_type_name(name) {
            let detail = "must be 1 to 64 letters, digits, '_', '-' or '.'";
            faults.push(FieldError::new(pointer, detail));
        } else if RESERVED_TYPES.contains(&name.as_str()) {
            let detail = format!("'{name}' is a reserved name of the protocol");
            faults.push(FieldError::new(pointer, detail));
        }
    }
    if draft.notification_type.is_none() && draft.template_id.is_none() {
        let detail = "is required where there is no template_id";
        faults.push(FieldError::new("/notification_type", detail));
    }
}

fn check_texts(draft: &Draft, limits: &NotifyLimits, faults: &mut Vec<FieldError>) {
    let texts = [
        ("/title", &draft.title, limits.title_chars),
        ("/message", &draft.message, limits.message_chars),
        ("/locale", &draft.locale, 35),
    ];
    for (pointer, text, max) in texts {
        if text.as_ref().is_some_and(|text| text.chars().count() > max) {
            let detail = format!("must have at most {max} characters");
            faults.push(FieldError::new(pointer, detail));
        }
    }
    let says_nothing = |text: &Option<String>| text.as_ref().is_none_or(|t| t.trim().is_empty());
    if draft.template_id.is_none() && says_nothing(&draft.title) && says_nothing(&draft.message) {
        let detail = "is required where there is neither title nor template_id";
        faults.push(FieldError::new("/message", detail));
    }
    let blobs = [("/data", &draft.data, '{', "object"), ("/actions", &draft.actions, '[', "array")];
    for (pointer, json, opening, kind) in blobs {
        let Some(json) = json else { continue };
        if !json.as_str().starts_with(opening) {
            faults.push(FieldError::new(pointer, format!("must be a JSON {kind}")));
        } else if json.as_str().len() > limits.data_bytes {
            let detail = format!("must have at most {} bytes", limits.data_bytes);
            faults.push(FieldError::new(pointer, detail));
        }
    }
}

/// A link may lead to the web or into the app, never to a script.
fn is_safe_link(link: &str) -> bool {
    let lower = link.trim_start().to_ascii_lowercase();
    let relative = lower.starts_with('/') && !lower.starts_with("//");
    let printable = !link.chars().any(|c| c.is_control() || c.is_whitespace());
    printable && link.len() <= 2_048 && (relative || is_safe_scheme(&lower))
}

fn is_safe_scheme(lower: &str) -> bool {
    let Some((scheme, _)) = lower.split_once(':') else { return false };
    let well_formed = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    well_formed && !matches!(scheme, "javascript" | "data" | "vbscript" | "blob" | "file")
}

/// Says what is wrong with a link, wherever it stands.
pub fn link_fault(pointer: &str, link: &str) -> Option<FieldError> {
    let detail = "must be an absolute path or a URL of a harmless scheme, 2,048 bytes at most";
    (!is_safe_link(link)).then(|| FieldError::new(pointer, detail))
}

fn check_links(draft: &Draft, faults: &mut Vec<FieldError>) {
    for (pointer, link) in [("/link", &draft.link), ("/image", &draft.image)] {
        faults.extend(link.as_ref().and_then(|link| link_fault(pointer, link)));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn draft() -> Draft {
        Draft {
            recipients: Recipients::User(UserId::parse("u1").unwrap()),
            notification_type: Some("iep_reminder".into()),
            template_id: None,
            title: Some("Meeting".into()),
            message: None,
            data: None,
            channels: vec![],
            priority: None,
            strategy: None,
            escalate_after_seconds: None,
            locale: None,
            image: None,
            actions: None,
            link: None,
            phone_number: None,
            ttl_seconds: None,
            due: None,
            digest: None,
        }
    }

    fn check(change: impl FnOnce(&mut Draft), expected: &[&str]) {
        let limits =
            NotifyLimits { title_chars: 10, message_chars: 20, data_bytes: 30, recipients: 2 };
        let mut draft = draft();
        change(&mut draft);
        let places: Vec<String> = faults(&draft, &limits).into_iter().map(|f| f.pointer).collect();
        assert_eq!(places, expected);
    }

    #[test]
    fn every_fault_is_named_with_its_place() {
        check(|_| (), &[]);
        check(|d| d.title = Some("é".repeat(10)), &[]);
        check(|d| d.title = Some("é".repeat(11)), &["/title"]);
        check(|d| d.title = Some(" ".into()), &["/message"]);
        check(|d| d.notification_type = None, &["/notification_type"]);
        check(|d| d.notification_type = Some("a b".into()), &["/notification_type"]);
        check(|d| d.template_id = Some("heartbeat".into()), &["/template_id"]);
        check(|d| d.data = Some(JsonText::trusted("[1]")), &["/data"]);
        check(
            |d| d.data = Some(JsonText::trusted(&format!("{{\"a\":\"{:30}\"}}", ""))),
            &["/data"],
        );
        check(|d| d.actions = Some(JsonText::trusted("{}")), &["/actions"]);
        check(|d| d.ttl_seconds = Some(0), &["/ttl"]);
        check(|d| d.phone_number = Some("+1234567890".into()), &[]);
        check(|d| d.phone_number = Some("0123".into()), &["/phone_number"]);
        check(|d| d.recipients = Recipients::Users(vec![]), &["/user_ids"]);
        let many = |d: &mut Draft| {
            d.recipients = Recipients::Users(vec![UserId::parse("u").unwrap(); 3]);
            d.ttl_seconds = Some(u64::MAX);
        };
        check(many, &["/user_ids", "/ttl"]);
    }

    #[test]
    fn who_sends_everywhere_at_once_cannot_escalate() {
        let fault = |after, strategy, priority| {
            let escalate_after_seconds = after;
            let draft = Draft { escalate_after_seconds, strategy, ..draft() };
            escalation_fault(&draft, priority).map(|fault| fault.detail)
        };
        let (fallback, all) = (Some(Strategy::Fallback), Some(Strategy::All));
        assert_eq!(fault(None, all, Priority::High), None);
        assert_eq!(fault(Some(60), None, Priority::Normal), None);
        assert_eq!(fault(Some(60), fallback, Priority::Critical), None);
        let explicit = fault(Some(60), all, Priority::Low);
        assert!(explicit.is_some_and(|detail| detail.ends_with("not with the strategy all")));
        let implied = fault(Some(60), None, Priority::High);
        assert!(implied.is_some_and(|detail| detail.contains("the priority high")));
    }

    #[test]
    fn links_lead_to_no_script() {
        for good in ["/class/7", "https://example.org/a?b=c", "myapp://open/1"] {
            check(|d| d.link = Some(good.into()), &[]);
        }
        for bad in
            ["javascript:alert(1)", " JavaScript:x", "java\nscript:x", "//evil", "data:x", "x"]
        {
            check(|d| d.link = Some(bad.into()), &["/link"]);
        }
    }

    #[test]
    fn reserved_names_are_sorted_and_unique() {
        assert!(RESERVED_TYPES.is_sorted_by(|a, b| a < b));
    }
}
