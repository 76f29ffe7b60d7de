//! Writes events and acknowledgements as WebSocket frames. An event has one argument, the object that the plain
//! socket sends, so that one text describes both.

use bytes::Bytes;
use landfall_protocol::problem::Code;
use landfall_socketio::engine::Signal;
use landfall_socketio::packet::{self, AckId, MAIN};
use serde::Serialize;

use crate::realtime::frame;

/// Writes an event.
pub(in crate::realtime) fn event(name: &str, json: &[u8]) -> Bytes {
    let mut text = Vec::new();
    packet::append_event(&mut text, name, json);
    frame::text(&text)
}

/// Writes an event behind other frames.
pub(in crate::realtime) fn append_event(frames: &mut Vec<u8>, name: &str, json: &[u8]) {
    let mut text = Vec::new();
    packet::append_event(&mut text, name, json);
    frame::append_text(frames, &text);
}

/// Acknowledges an event with an object, to which `"ok":true` is added in front.
pub(in crate::realtime) fn done(id: &AckId, object: &[u8]) -> Bytes {
    let mut json = br#"{"ok":true"#.to_vec();
    let members = object.strip_prefix(b"{").unwrap_or(b"}");
    if members != b"}" {
        json.push(b',');
    }
    json.extend_from_slice(members);
    ack(id, &json)
}

#[derive(Serialize)]
struct Refused<'a> {
    ok: bool,
    code: &'a str,
    detail: &'a str,
}

/// Acknowledges an event by saying why it did nothing.
pub(in crate::realtime) fn refused(id: &AckId, code: Code, detail: &str) -> Bytes {
    let refused = Refused { ok: false, code: code.as_str(), detail };
    ack(id, &serde_json::to_vec(&refused).expect("texts can be written as JSON"))
}

fn ack(id: &AckId, json: &[u8]) -> Bytes {
    let mut text = Vec::new();
    packet::append_ack(&mut text, id, json);
    frame::text(&text)
}

/// Asks for a sign of life.
pub(in crate::realtime) fn ping() -> Bytes {
    frame::text(Signal::Ping.text().as_bytes())
}

/// Puts the client out of its namespace: official clients do not come back by themselves after it.
pub(in crate::realtime) fn put_out() -> Vec<u8> {
    let mut frames = Vec::new();
    frame::append_text(&mut frames, packet::disconnected(MAIN).as_bytes());
    frames
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn text(frame: &Bytes) -> String {
        // A short frame has a head of two bytes.
        String::from_utf8(frame[2..].to_vec()).unwrap()
    }

    #[test]
    fn an_acknowledgement_has_one_object() {
        let id = AckId::read("7").unwrap();
        assert_eq!(text(&done(&id, br#"{"a":1}"#)), r#"437[{"ok":true,"a":1}]"#);
        assert_eq!(text(&done(&id, b"{}")), r#"437[{"ok":true}]"#);
        let refused = text(&refused(&id, Code::NotFound, "no \"t\""));
        assert_eq!(refused, r#"437[{"ok":false,"code":"not_found","detail":"no \"t\""}]"#);
        assert_eq!(text(&event("new_message", br#"{"a":1}"#)), r#"42["new_message",{"a":1}]"#);
    }
}
