//! Socket.IO packets: `<type>[<parts>-][<namespace>,][<ack id>][<json>]`, the content of an Engine.IO message. Reading
//! borrows from the message and looks no deeper than the arguments' borders: how deep they nest is checked by whoever
//! reads them. Knows no client, so what a packet does at a wrong moment is for [`crate::namespaces`] to say.
//!
//! The protocol speaks of binary attachments; they are called parts here.

mod ack_id;
mod json;
mod write;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use ack_id::AckId;
use json::Array;
use serde_json::value::RawValue;
pub use write::{append_ack, append_event, connected, disconnected, placeholder, refused};

use crate::terms::{ARGUMENTS_MAX, PARTS_MAX};

/// The namespace that needs no name.
pub const MAIN: &str = "/";

/// Names of events that clients keep for themselves.
const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// A packet, read from a message or to be written.
#[derive(Debug, Clone)]
pub struct Packet<'a> {
    /// Where it belongs: [`MAIN`], or a name that begins with `/` and holds no comma.
    pub namespace: &'a str,
    /// What it says.
    pub body: Content<'a>,
}

/// What a packet says.
#[derive(Debug, Clone)]
pub enum Content<'a> {
    /// `0`: a client asks to join the namespace, with an object of its own; a server says that it has, with its id.
    Connect(Option<&'a RawValue>),
    /// `1`: the namespace is left.
    Disconnect,
    /// `2` or `5`: something happened.
    Event(Event<'a>),
    /// `3` or `6`: the answer to an event.
    Ack(Ack<'a>),
    /// `4`: a server refuses to let the client join; an object or a text.
    ConnectError(&'a RawValue),
}

/// An event.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// By which its sender wants to be answered, once.
    pub id: Option<AckId>,
    /// What happened. A name that was a number is its digits.
    pub name: Cow<'a, str>,
    /// The arguments behind the name, at most [`ARGUMENTS_MAX`]; placeholders of parts are as they came.
    pub arguments: Vec<&'a RawValue>,
    /// How many binary messages follow, in a packet of type `5`; `None` in one of type `2`.
    pub parts: Option<u8>,
}

/// The answer to an event.
#[derive(Debug, Clone)]
pub struct Ack<'a> {
    /// Which event is answered.
    pub id: AckId,
    /// The arguments, at most [`ARGUMENTS_MAX`]; placeholders of parts are as they came.
    pub arguments: Vec<&'a RawValue>,
    /// How many binary messages follow, in a packet of type `6`; `None` in one of type `3`.
    pub parts: Option<u8>,
}

/// Why a message is no packet; its client is let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PacketError {
    /// No packet begins so.
    #[error("the packet is of no known type")]
    UnknownType,
    /// The number of parts is missing, is none, or is above [`PARTS_MAX`].
    #[error("the number of binary parts is missing or too large")]
    Parts,
    /// The id has more than [`crate::terms::ACK_DIGITS_MAX`] digits, or an acknowledgement has none.
    #[error("the acknowledgement id is missing or too long")]
    AckId,
    /// What follows is not JSON, or not of the form that the type has.
    #[error("the payload does not fit the packet's type")]
    Payload,
    /// More than [`ARGUMENTS_MAX`].
    #[error("there are too many arguments")]
    Arguments,
    /// The event's name is missing or reserved.
    #[error("the event's name is missing or reserved")]
    Name,
}

impl<'a> Packet<'a> {
    /// Reads the content of a message, the `4` of Engine.IO taken off.
    pub fn read(text: &'a str) -> Result<Self, PacketError> {
        let kind = *text.as_bytes().first().ok_or(PacketError::UnknownType)?;
        let rest = text.get(1..).ok_or(PacketError::UnknownType)?;
        let (parts, rest) = match kind {
            b'5' | b'6' => split_parts(rest).map(|(parts, rest)| (Some(parts), rest))?,
            b'0'..=b'4' => (None, rest),
            _ => return Err(PacketError::UnknownType),
        };
        let (namespace, rest) = split_namespace(rest);
        let body = match kind {
            b'0' => Content::Connect(json::object(rest)?),
            b'1' if rest.is_empty() => Content::Disconnect,
            b'1' => return Err(PacketError::Payload),
            b'4' => Content::ConnectError(json::object_or_text(rest)?),
            b'2' | b'5' => Content::Event(event(rest, parts)?),
            _ => Content::Ack(ack(rest, parts)?),
        };
        Ok(Self { namespace, body })
    }
}

/// Splits `<digits>-` off.
fn split_parts(text: &str) -> Result<(u8, &str), PacketError> {
    let (digits, rest) = text.split_once('-').ok_or(PacketError::Parts)?;
    if digits.is_empty() || digits.len() > 2 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(PacketError::Parts);
    }
    let parts = digits.parse().map_err(|_| PacketError::Parts)?;
    if parts > PARTS_MAX { Err(PacketError::Parts) } else { Ok((parts, rest)) }
}

/// Splits the namespace off, which ends at a comma or with the packet.
fn split_namespace(text: &str) -> (&str, &str) {
    if text.starts_with('/') { text.split_once(',').unwrap_or((text, "")) } else { (MAIN, text) }
}

fn event(text: &str, parts: Option<u8>) -> Result<Event<'_>, PacketError> {
    let (id, payload) = AckId::split(text)?;
    let Array { first, rest } = json::array(payload)?;
    let name = json::name(first.ok_or(PacketError::Name)?).ok_or(PacketError::Name)?;
    if RESERVED.contains(&name.as_ref()) {
        return Err(PacketError::Name);
    }
    if rest.len() > ARGUMENTS_MAX {
        return Err(PacketError::Arguments);
    }
    Ok(Event { id, name, arguments: rest, parts })
}

fn ack(text: &str, parts: Option<u8>) -> Result<Ack<'_>, PacketError> {
    let (id, payload) = AckId::split(text)?;
    let id = id.ok_or(PacketError::AckId)?;
    let Array { first, mut rest } = json::array(payload)?;
    if let Some(first) = first {
        rest.insert(0, first);
    }
    if rest.len() > ARGUMENTS_MAX {
        return Err(PacketError::Arguments);
    }
    Ok(Ack { id, arguments: rest, parts })
}
