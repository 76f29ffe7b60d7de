//! Frames as Server-Sent Events (WHATWG HTML, 9.2.6): the same JSON, with an `id` where the client
//! is to keep a number.
//!
//! An event's name is one of the protocol's own words, never one of the app's, so that no app can
//! write a line of the stream.

use std::io::Write as _;

use landfall_core::feed::Number;
use landfall_core::notification::InboxChange;
use landfall_core::session::{Body, Frame};

use super::{ControlFrame, ServerFrame, SyncCompleteFrame, encode, encode_change};

/// The name of the event that carries a notification, whatever the app calls its type.
const NOTIFICATION: &str = "notification";
/// Bytes of the lines around the JSON.
const LINES_BYTES: usize = 96;

/// The lines of an event beside its data.
#[derive(Debug, Clone, Copy)]
struct Lines {
    name: &'static str,
    /// The client has been sent everything up to here; it gives it back as `Last-Event-ID`.
    id: Option<Number>,
    /// Milliseconds after which a browser comes back once the stream has ended.
    retry_ms: Option<u64>,
}

/// Writes a frame for one session as an event.
pub fn encode_event(frame: &Frame) -> Vec<u8> {
    let lines = Lines { name: name_of(&frame.body), id: Some(frame.at), retry_ms: None };
    write_event(lines, &encode(frame))
}

/// Writes the event that all live streams share, whose `prev` is the number before it.
pub fn encode_change_event(number: Number, change: &InboxChange) -> Vec<u8> {
    let lines = Lines { name: name_of(&change.into()), id: Some(number), retry_ms: None };
    write_event(lines, &encode_change(number, change))
}

/// Writes what opens a stream: a comment, so that proxies pass the head on, and how many
/// milliseconds a browser waits before it comes back.
pub fn encode_opening(retry_ms: u64) -> Vec<u8> {
    format!(": landfall\nretry: {retry_ms}\n\n").into_bytes()
}

impl ControlFrame {
    /// Writes the frame as an event. `id` is for a frame that carries no number of its own:
    /// everything up to it has been sent.
    pub fn encode_event(&self, id: Option<Number>, retry_ms: Option<u64>) -> Vec<u8> {
        let (name, own) = self.event();
        let retry_ms = match self {
            Self::Reconnect { after_ms } => Some(*after_ms),
            _ => retry_ms,
        };
        write_event(Lines { name, id: own.or(id), retry_ms }, &self.encode())
    }

    /// Names the frame: its `type`.
    pub fn name(&self) -> &'static str {
        self.event().0
    }

    /// Gives the event's name, and the number that it carries.
    fn event(&self) -> (&'static str, Option<Number>) {
        match self {
            Self::NotificationRead { replay_id, .. } => ("notification_read", Some(replay_id.0)),
            Self::NotificationDeleted { replay_id, .. } => {
                ("notification_deleted", Some(replay_id.0))
            }
            Self::NotificationsAllRead { replay_id, .. } => {
                ("notifications_all_read", Some(replay_id.0))
            }
            Self::ReplayGap { to, .. } => ("replay_gap", Some(to.0)),
            Self::Heartbeat { .. } => ("heartbeat", None),
            Self::Error { .. } => ("error", None),
            Self::Reconnect { .. } => ("reconnect", None),
            Self::Pong { .. } => ("pong", None),
            Self::Subscribed { .. } => ("subscribed", None),
            Self::Unsubscribed { .. } => ("unsubscribed", None),
            Self::ChangeNotification { .. } => ("change_notification", None),
            Self::ConflictNotification { .. } => ("conflict_notification", None),
            Self::Authenticated { .. } => ("authenticated", None),
        }
    }
}

impl ServerFrame {
    /// Writes the frame as an event of a stream.
    pub fn encode_event(&self) -> Vec<u8> {
        match self {
            Self::Notification(frame) => {
                let id = Some(frame.replay_id.0);
                write_event(Lines { name: NOTIFICATION, id, retry_ms: None }, &self.encode())
            }
            Self::SyncComplete(_) => {
                let lines = Lines { name: SyncCompleteFrame::TYPE, id: None, retry_ms: None };
                write_event(lines, &self.encode())
            }
            Self::Topic(frame, _) => {
                let lines = Lines { name: frame.name(), id: None, retry_ms: None };
                write_event(lines, &self.encode())
            }
            Self::Control(frame) => frame.encode_event(None, None),
        }
    }
}

/// Names the event by which a frame for one session goes out.
pub fn event_name(frame: &Frame) -> &'static str {
    name_of(&frame.body)
}

/// Names the event by which a change goes out to all live sessions.
pub fn change_event_name(change: &InboxChange) -> &'static str {
    name_of(&change.into())
}

fn name_of(body: &Body) -> &'static str {
    match body {
        Body::Notification(_) => NOTIFICATION,
        Body::Read { .. } => "notification_read",
        Body::Deleted { .. } => "notification_deleted",
        Body::AllRead { .. } => "notifications_all_read",
        Body::Gap => "replay_gap",
    }
}

fn write_event(lines: Lines, json: &[u8]) -> Vec<u8> {
    const NEVER_FAILS: &str = "a Vec takes whatever is written";
    let Lines { name, id, retry_ms } = lines;
    let mut event = Vec::with_capacity(json.len() + LINES_BYTES);
    if let Some(id) = id {
        writeln!(event, "id: {id}").expect(NEVER_FAILS);
    }
    if let Some(retry_ms) = retry_ms {
        writeln!(event, "retry: {retry_ms}").expect(NEVER_FAILS);
    }
    writeln!(event, "event: {name}").expect(NEVER_FAILS);
    // The app's own JSON may hold line ends, which are nothing but space to JSON and everything to
    // a stream; within a JSON string they are always escaped.
    for line in json.split(|byte| matches!(byte, b'\n' | b'\r')) {
        event.extend_from_slice(b"data: ");
        event.extend_from_slice(line);
        event.push(b'\n');
    }
    event.push(b'\n');
    event
}
