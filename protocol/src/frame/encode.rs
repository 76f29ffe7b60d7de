//! Writes frames straight from core's values into bytes.
//!
//! A frame is written once for all sockets that share it. The app's JSON is spliced in as it
//! came; it must never be parsed again here.

use std::fmt::Display;
use std::io::Write as _;

use landfall_core::feed::Number;
use landfall_core::notification::{Content, InboxChange, JsonText, News};
use landfall_core::session::{Body, Frame};

use super::ControlFrame;
use crate::text::{FeedNumber, Time};

/// Writes a frame for one session.
pub fn encode(frame: &Frame) -> Vec<u8> {
    let Frame { at, prev, body } = frame;
    encode_body(Place { at: *at, prev: *prev }, body)
}

/// Writes the frame that all live sessions share, whose `prev` is the number before it.
pub fn encode_change(number: Number, change: &InboxChange) -> Vec<u8> {
    encode_body(Place { at: number, prev: number.before() }, &change.into())
}

#[derive(Clone, Copy)]
struct Place {
    at: Number,
    prev: Number,
}

fn encode_body(place: Place, body: &Body) -> Vec<u8> {
    let (replay_id, prev) = (FeedNumber(place.at), FeedNumber(place.prev));
    let frame = match body {
        Body::Notification(news) => return encode_news(place, news),
        Body::Read { id, at } => ControlFrame::NotificationRead {
            id: id.to_string(),
            read_at: Time(*at),
            replay_id,
            prev,
        },
        Body::Deleted { id } => {
            ControlFrame::NotificationDeleted { id: id.to_string(), replay_id, prev }
        }
        Body::AllRead { up_to, at } => ControlFrame::NotificationsAllRead {
            up_to: FeedNumber(*up_to),
            read_at: Time(*at),
            replay_id,
            prev,
        },
        Body::Gap => ControlFrame::ReplayGap { from: prev, to: replay_id },
    };
    frame.encode()
}

/// Bytes of a frame beside its texts and data.
const FRAME_BYTES: usize = 512;

fn encode_news(place: Place, news: &News) -> Vec<u8> {
    let News {
        id,
        content,
        number: _,
        changed: _,
        created_at,
        expires_at,
        delivered_at: _,
        read_at,
        deleted: _,
    } = news;
    let bytes = content.title.len() + content.message.len() + content.data.as_str().len();
    let mut object = Object(Vec::with_capacity(FRAME_BYTES + bytes));
    object.names(content);
    object.plain("id", id);
    object.plain("replay_id", place.at);
    object.plain("prev", place.prev);
    object.says(content);
    object.plain("timestamp", created_at);
    object.extras(content);
    object.plain_if("expires_at", *expires_at);
    object.raw_if("read", read_at.map(|_| "true"));
    object.plain_if("read_at", *read_at);
    object.end()
}

const NEVER_FAILS: &str = "a Vec takes whatever is written";

/// A JSON object on its way.
struct Object(Vec<u8>);

impl Object {
    fn names(&mut self, content: &Content) {
        let Content { notification_type, template_id, .. } = content;
        self.text("type", template_id.as_ref().unwrap_or(notification_type));
        self.text("notification_type", notification_type);
        match template_id {
            Some(template_id) => self.text("template_id", template_id),
            None => self.raw("template_id", "null"),
        }
    }

    fn says(&mut self, content: &Content) {
        let Content { title, message, data, priority, .. } = content;
        self.text("title", title);
        self.text("message", message);
        self.raw("data", data.as_str());
        self.plain("priority", priority.as_str());
    }

    /// Writes what only some have; names every field, so that a new one is not forgotten.
    fn extras(&mut self, content: &Content) {
        let Content {
            notification_type: _,
            template_id: _,
            title: _,
            message: _,
            data: _,
            priority: _,
            locale,
            sender_id,
            sender_name,
            image,
            actions,
            link,
        } = content;
        self.text_if("sender_id", sender_id.as_ref().map(|user| user.as_str()));
        self.text_if("sender_name", sender_name.as_deref());
        self.text_if("image", image.as_deref());
        self.raw_if("actions", actions.as_ref().map(JsonText::as_str));
        self.text_if("link", link.as_deref());
        self.text_if("locale", locale.as_deref());
    }

    fn key(&mut self, name: &str) {
        self.0.extend_from_slice(if self.0.is_empty() { b"{\"" } else { b",\"" });
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    /// Writes any text, escaped.
    fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        serde_json::to_writer(&mut self.0, value).expect(NEVER_FAILS);
    }

    /// Writes as a string what needs no escaping: numbers, times, UUIDs, our own words.
    fn plain(&mut self, name: &str, value: impl Display) {
        self.key(name);
        write!(self.0, "\"{value}\"").expect(NEVER_FAILS);
    }

    /// Writes what is JSON already.
    fn raw(&mut self, name: &str, json: &str) {
        self.key(name);
        self.0.extend_from_slice(json.as_bytes());
    }

    fn text_if(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    fn plain_if(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.plain(name, value);
        }
    }

    fn raw_if(&mut self, name: &str, json: Option<&str>) {
        if let Some(json) = json {
            self.raw(name, json);
        }
    }

    fn end(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }
}
