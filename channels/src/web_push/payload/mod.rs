//! What a push message says: JSON for a service worker that is a declarative push message too.
//!
//! Safari takes a subscription away that was sent pushes which showed nothing, and a browser
//! without a service worker shows only declarative ones (W3C Push API). So every form of it, the
//! shortest too, has a title and somewhere to go.

use landfall_core::notification::JsonText;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::json_text::cut;
use crate::{Note, Parcel};

/// Marks a declarative push message.
const DECLARATIVE: u16 = 8030;
/// Less of a text than this is worth less than fetching the whole one.
const BODY_MIN_BYTES: usize = 40;
const PING_TITLE_BYTES: usize = 160;
const PING_LINK_BYTES: usize = 300;

/// A message that fits, and what was left out for that.
#[derive(Debug)]
pub(super) struct Fitted {
    pub(super) json: Vec<u8>,
    pub(super) left_out: Option<&'static str>,
}

#[derive(Serialize, Clone)]
struct Message<'a> {
    web_push: u16,
    notification: Shown<'a>,
    /// Lets a service worker, if there is one, see and change it.
    mutable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_badge: Option<u64>,
    id: String,
    notification_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    replay_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<&'a str>,
    /// The whole notification is to be fetched.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    fetch: bool,
}

#[derive(Serialize, Clone)]
struct Shown<'a> {
    title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    body: &'a str,
    navigate: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    lang: Option<&'a str>,
    tag: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actions: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

/// Writes a note in the fullest form of at most `bytes_max` bytes; `None` when not even a ping
/// fits. `home` is where a click leads when the note says nothing about it.
pub(super) fn fit(parcel: &Parcel, note: &Note, home: &str, bytes_max: usize) -> Option<Fitted> {
    let mut message = whole(parcel, note, home);
    let done = |message: &Message<'_>, left_out| {
        let json = write(message);
        (json.len() <= bytes_max).then_some(Fitted { json, left_out })
    };
    if let Some(fitted) = done(&message, None) {
        return Some(fitted);
    }
    (message.notification.image, message.notification.actions) = (None, None);
    if let Some(fitted) = done(&message, Some("no image")) {
        return Some(fitted);
    }
    message.notification.data = None;
    if let Some(fitted) = done(&message, Some("no data")) {
        return Some(fitted);
    }
    if let Some(body) = cut_body(&message, bytes_max) {
        message.notification.body = &body;
        return done(&message, Some("cut"));
    }
    let title = cut(note.title.as_str(), PING_TITLE_BYTES);
    let mut ping = Message { fetch: true, ..message.clone() };
    (ping.notification.title, ping.notification.body) = (&title, "");
    if ping.notification.navigate.len() > PING_LINK_BYTES {
        ping.notification.navigate = home;
    }
    done(&ping, Some("ping")).or_else(|| done(&Message { receipt: None, ..ping }, Some("ping")))
}

fn whole<'a>(parcel: &Parcel, note: &'a Note, home: &'a str) -> Message<'a> {
    Message {
        web_push: DECLARATIVE,
        notification: Shown {
            title: &note.title,
            body: &note.body,
            navigate: note.link.as_deref().unwrap_or(home),
            lang: note.locale.as_deref(),
            tag: &note.tag,
            image: note.image.as_deref(),
            actions: note.actions.as_ref().and_then(raw),
            data: raw(&note.data),
        },
        mutable: true,
        app_badge: note.badge,
        id: parcel.notification.to_string(),
        notification_type: &note.notification_type,
        replay_id: note.replay_id.as_deref(),
        receipt: note.receipt_url.as_deref(),
        fetch: false,
    }
}

fn raw(json: &JsonText) -> Option<&RawValue> {
    serde_json::from_str(json.as_str()).ok()
}

fn write(message: &Message<'_>) -> Vec<u8> {
    serde_json::to_vec(message).expect("texts and JSON values can always be written")
}

/// Gives as much of the body as fits; `None` when that would be too little to read.
fn cut_body(message: &Message<'_>, bytes_max: usize) -> Option<String> {
    let mut marked = message.clone();
    // An empty body would be left out as a whole.
    marked.notification.body = "…";
    let room = bytes_max.checked_sub(write(&marked).len())?;
    (room >= BODY_MIN_BYTES).then(|| cut(message.notification.body, room + "…".len()))
}

#[cfg(test)]
mod tests;
