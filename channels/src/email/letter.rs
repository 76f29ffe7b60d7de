//! An e-mail as it is written: headers, text and HTML.
//!
//! Nothing that comes from outside can begin a header line of its own: control characters become
//! spaces where a person reads them, and are refused where a program does. A letter of the same
//! delivery is the same letter, but for its date.

use std::str::FromStr as _;
use std::time::{Duration, SystemTime};

use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};

use crate::{Email, Outcome, Parcel};

/// The longest URL for unsubscribing: a header line has at most 998 bytes (RFC 5322 2.1.1).
const URL_MAX: usize = 900;
/// The last second of the year 9999, which is as far as a date is written.
const DATE_MAX_S: u64 = 253_402_300_799;

/// Who mails come from.
pub(super) struct Letterhead {
    pub(super) from: Mailbox,
    pub(super) reply_to: Option<Mailbox>,
}

/// A letter on its way.
pub(super) struct Letter {
    /// Its `Message-ID`, with brackets.
    pub(super) id: String,
    pub(super) to: Address,
    pub(super) bytes: Vec<u8>,
}

/// Writes a letter. Fails with what the attempt is to end with.
pub(super) fn write(head: &Letterhead, parcel: &Parcel, email: &Email) -> Result<Letter, Outcome> {
    let to = address(&email.to).ok_or(Outcome::Gone { code: "no mailbox".into() })?;
    let id = format!("<{}@{}>", parcel.delivery, head.from.email.domain());
    let name = email.name.as_deref().map(one_line).filter(|name| !name.is_empty());
    // Said once more, or it is read back out of the headers, where a name could be in the way.
    let envelope = Envelope::new(Some(head.from.email.clone()), vec![to.clone()])
        .map_err(|_| Outcome::Refused { code: "unwritable".into() })?;
    let mut message = Message::builder()
        .envelope(envelope)
        .from(head.from.clone())
        .to(Mailbox::new(name, to.clone()))
        .subject(one_line(&email.subject))
        .date(date(parcel))
        .message_id(Some(id.clone()))
        .raw_header(header("Auto-Submitted", "auto-generated".into()));
    if let Some(reply_to) = &head.reply_to {
        message = message.reply_to(reply_to.clone());
    }
    if let Some(url) = &email.unsubscribe_url {
        // RFC 8058 section 3.1: both headers, and an https URL; http is for servers under test.
        let url = plain_url(url).ok_or(Outcome::Refused { code: "bad unsubscribe URL".into() })?;
        message = message
            .raw_header(header("List-Unsubscribe", format!("<{url}>")))
            .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".into()));
    }
    let text = SinglePart::plain(lines(&email.text));
    let written = match &email.html {
        Some(html) => message.multipart(
            MultiPart::alternative()
                .boundary(format!("part-{}", parcel.delivery.simple()))
                .singlepart(text)
                .singlepart(SinglePart::html(lines(html))),
        ),
        None => message.singlepart(text),
    };
    let bytes = written.map_err(|_| Outcome::Refused { code: "unwritable".into() })?.formatted();
    Ok(Letter { id, to, bytes })
}

fn header(name: &'static str, value: String) -> HeaderValue {
    // Encoded beforehand: these are plain, and a URL must not be folded.
    let name = HeaderName::new_from_ascii_str(name);
    HeaderValue::dangerous_new_pre_encoded(name, value.clone(), value)
}

/// Reads an address; one of an international domain is written as servers understand it.
fn address(text: &str) -> Option<Address> {
    if text.len() > 320 || text.chars().any(char::is_control) {
        return None;
    }
    let (user, domain) = text.rsplit_once('@')?;
    if domain.is_ascii() {
        return Address::from_str(text).ok();
    }
    let url = reqwest::Url::parse(&format!("http://{domain}")).ok()?;
    Address::new(user, url.host_str()?).ok()
}

fn one_line(text: &str) -> String {
    let is_break = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let parts = text.split(is_break).map(str::trim).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}

/// Ends lines in one way: servers disagree about a single CR, and what one of them takes for the
/// end of a text another takes for a command.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn plain_url(url: &str) -> Option<&str> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"<>\"".contains(&byte);
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    (is_web && url.len() <= URL_MAX && url.bytes().all(is_plain)).then_some(url)
}

fn date(parcel: &Parcel) -> SystemTime {
    let seconds = u64::try_from(parcel.now.as_ms() / 1000).unwrap_or(0).min(DATE_MAX_S);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}
