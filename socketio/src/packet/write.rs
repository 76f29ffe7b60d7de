//! Writes packets as whole Engine.IO messages, their `4` included: the bytes that go to every receiver alike. What is
//! said to be JSON is the caller's to know.

use std::fmt::Write as _;

use serde_json::value::RawValue;

use super::{AckId, Content, MAIN, Packet};
use crate::id::SocketId;

impl Packet<'_> {
    /// Writes the packet. The binary messages of its parts follow it, each on its own.
    pub fn write(&self) -> String {
        let mut text = String::new();
        match &self.body {
            Content::Connect(payload) => {
                head(&mut text, ['0', '0'], None, self.namespace);
                text.push_str(payload.map_or("", RawValue::get));
            }
            Content::Disconnect => head(&mut text, ['1', '1'], None, self.namespace),
            Content::ConnectError(payload) => {
                head(&mut text, ['4', '4'], None, self.namespace);
                text.push_str(payload.get());
            }
            Content::Event(event) => {
                head(&mut text, ['2', '5'], event.parts, self.namespace);
                text.push_str(event.id.as_ref().map_or("", AckId::as_str));
                text.push('[');
                text.push_str(&quoted(&event.name));
                event.arguments.iter().for_each(|value| push_all(&mut text, &[",", value.get()]));
                text.push(']');
            }
            Content::Ack(ack) => {
                head(&mut text, ['3', '6'], ack.parts, self.namespace);
                push_all(&mut text, &[ack.id.as_str(), "["]);
                let commas = std::iter::once("").chain(std::iter::repeat(","));
                let arguments = ack.arguments.iter().zip(commas);
                arguments.for_each(|(value, comma)| push_all(&mut text, &[comma, value.get()]));
                text.push(']');
            }
        }
        text
    }
}

/// Says that a client has joined: `40{"sid":…}`.
pub fn connected(namespace: &str, id: &SocketId) -> String {
    let mut text = String::new();
    head(&mut text, ['0', '0'], None, namespace);
    push_all(&mut text, &[r#"{"sid":""#, &id.to_string(), r#""}"#]);
    text
}

/// Says that a client may not join: `44{"message":…}`, with `data` for programs where there is some.
pub fn refused(namespace: &str, message: &str, data: Option<&RawValue>) -> String {
    let mut text = String::new();
    head(&mut text, ['4', '4'], None, namespace);
    push_all(&mut text, &[r#"{"message":"#, &quoted(message)]);
    if let Some(data) = data {
        push_all(&mut text, &[r#","data":"#, data.get()]);
    }
    text.push('}');
    text
}

/// Says that the client is out of the namespace: `41`. Official clients do not come back by themselves after it.
pub fn disconnected(namespace: &str) -> String {
    let mut text = String::new();
    head(&mut text, ['1', '1'], None, namespace);
    text
}

/// Writes an event of the main namespace behind what is written: `42["name",<json>]`. It has one argument because
/// `python-socketio` calls handlers with as many as there are. `json` must be one JSON value, which is the caller's to
/// know; nothing in it may be one client's own where many receive it.
pub fn append_event(out: &mut Vec<u8>, name: &str, json: &[u8]) {
    let name = quoted(name);
    out.reserve(5 + name.len() + json.len());
    for piece in [b"42[", name.as_bytes(), b",", json, b"]"] {
        out.extend_from_slice(piece);
    }
}

/// Writes the answer to an event of the main namespace behind what is written: `43<id>[<json>]`. `json` must be one
/// JSON value, which is the caller's to know.
pub fn append_ack(out: &mut Vec<u8>, id: &AckId, json: &[u8]) {
    out.reserve(4 + id.as_str().len() + json.len());
    for piece in [b"43", id.as_str().as_bytes(), b"[", json, b"]"] {
        out.extend_from_slice(piece);
    }
}

/// Writes what stands in the JSON for a binary part, the first being 0.
pub fn placeholder(part: u8) -> Box<RawValue> {
    let json = format!(r#"{{"_placeholder":true,"num":{part}}}"#);
    RawValue::from_string(json).expect("this is JSON")
}

/// Writes what stands before the id: `4`, the type (the second where parts follow), their number, the namespace.
fn head(text: &mut String, [plain, binary]: [char; 2], parts: Option<u8>, namespace: &str) {
    text.push('4');
    match parts {
        None => text.push(plain),
        Some(parts) => {
            write!(text, "{binary}{parts}-").expect("memory takes whatever is written");
        }
    }
    if namespace != MAIN {
        push_all(text, &[namespace, ","]);
    }
}

fn push_all(text: &mut String, pieces: &[&str]) {
    pieces.iter().for_each(|piece| text.push_str(piece));
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text can be written")
}
