//! Frames of a client: read one by one; a bad one is answered by an error and hurts no other.

use std::fmt;

use landfall_core::feed::Number;
use serde::de::{self, DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{ControlFrame, EntityTypes, PushChange, TopicAsk};
use crate::json::{self, BadJson};
use crate::names::must_be_one_of;
use crate::problem::Code;
use crate::text::{FeedNumber, Secret};

/// What a client may say.
#[derive(Debug, Clone)]
pub enum ClientFrame {
    /// Shows a token: the first message, or a fresh one on an open socket.
    Auth {
        /// A JWT.
        token: Secret,
    },
    /// Has received everything up to a number.
    Ack {
        /// The last `replay_id`.
        replay_id: Number,
    },
    /// Answers a heartbeat (S2).
    Pong,
    /// Asks for a pong.
    Ping,
    /// Wants to hear of entities of these types, too (S1).
    Subscribe(EntityTypes),
    /// Wants to hear no more of entities of these types (S1).
    Unsubscribe(EntityTypes),
    /// Brings what its device did (S1).
    PushChange(Box<PushChange>),
    /// Asks something of a topic (S3).
    Topic(TopicAsk),
}

/// The frame whose payload holds what others measure.
const PUSH_CHANGE: &str = "push_change";

impl ClientFrame {
    /// The `type` of every client frame.
    pub const TYPES: [&str; 11] = [
        "ack",
        "auth",
        "join_topic",
        "leave_topic",
        "mark_as_read",
        "ping",
        "pong",
        PUSH_CHANGE,
        "send_message",
        "subscribe",
        "unsubscribe",
    ];
}

/// A frame of a client, with the mark by which it knows an error again.
#[derive(Debug, Clone)]
pub struct ClientMessage {
    /// What it says.
    pub frame: ClientFrame,
    /// Its `ref`.
    pub reference: Option<Reference>,
}

/// A client's own mark, echoed as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Reference {
    /// An integer.
    Integer(i64),
    /// A string of at most 128 bytes.
    Text(String),
}

/// The longest mark, in bytes.
const REFERENCE_BYTES_MAX: usize = 128;

struct ReferenceVisitor;

impl Visitor<'_> for ReferenceVisitor {
    type Value = Reference;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an integer, or a string of at most {REFERENCE_BYTES_MAX} bytes")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Reference, E> {
        Ok(Reference::Integer(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Reference, E> {
        let invalid = |_| E::invalid_value(de::Unexpected::Unsigned(number), &self);
        i64::try_from(number).map(Reference::Integer).map_err(invalid)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Reference, E> {
        if text.len() > REFERENCE_BYTES_MAX {
            return Err(E::invalid_length(text.len(), &self));
        }
        Ok(Reference::Text(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReferenceVisitor)
    }
}

/// The frame's fields as they travel; those that its type does not have are ignored.
#[derive(Default, Deserialize, Serialize)]
struct Wire {
    #[serde(default)]
    r#type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<Secret>,
    #[serde(default, alias = "replayId", skip_serializing_if = "Option::is_none")]
    replay_id: Option<FeedNumber>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload: Option<Box<RawValue>>,
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<Reference>,
}

/// Says why a client's frame was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct BadFrame {
    /// `unreadable` or `invalid`.
    pub code: Code,
    /// In words.
    pub detail: String,
    /// The frame's `ref`, where it could be read.
    pub reference: Option<Reference>,
}

impl From<BadFrame> for ControlFrame {
    fn from(bad: BadFrame) -> Self {
        let BadFrame { code, detail, reference } = bad;
        Self::Error { code, detail, reference }
    }
}

impl ClientFrame {
    /// Reads an event of that name, whose argument holds what a frame's payload does, or for `ack` and `auth`
    /// what stands beside their `type`.
    ///
    /// # Errors
    /// What is wrong with it; places are within the argument.
    pub fn of_event(
        name: &str,
        argument: Option<&RawValue>,
        max_depth: usize,
    ) -> Result<Self, BadFrame> {
        let bad = |code, detail: String| BadFrame { code, detail, reference: None };
        let is_beside = matches!(name, "ack" | "auth");
        let mut wire = Wire::default();
        if let Some(argument) = argument {
            let bytes = argument.get().as_bytes();
            if name != PUSH_CHANGE {
                json::check_depth(bytes, max_depth)
                    .map_err(|error| bad(Code::Unreadable, error.to_string()))?;
            }
            if is_beside {
                wire = serde_json::from_slice(bytes)
                    .map_err(|error| bad(Code::Invalid, error.to_string()))?;
            } else {
                wire.payload = Some(argument.to_owned());
            }
        }
        Self::of_wire(name, wire).map_err(|detail| bad(Code::Invalid, detail))
    }

    fn of_wire(name: &str, wire: Wire) -> Result<Self, String> {
        let Wire { token, replay_id, payload, .. } = wire;
        let payload = payload.as_deref();
        match (name, token, replay_id) {
            ("auth", Some(token), _) => Ok(Self::Auth { token }),
            ("auth", None, _) => Err("/token is required".to_owned()),
            ("ack", _, Some(number)) => Ok(Self::Ack { replay_id: number.0 }),
            ("ack", _, None) => Err("/replay_id is required".to_owned()),
            ("pong", ..) => Ok(Self::Pong),
            ("ping", ..) => Ok(Self::Ping),
            ("subscribe", ..) => types(payload).map(Self::Subscribe),
            ("unsubscribe", ..) => types(payload).map(Self::Unsubscribe),
            ("join_topic", ..) => read(payload).map(|ask| Self::Topic(TopicAsk::Join(ask))),
            ("leave_topic", ..) => read(payload).map(|ask| Self::Topic(TopicAsk::Leave(ask))),
            ("send_message", ..) => {
                read(payload).map(|ask| Self::Topic(TopicAsk::Send(Box::new(ask))))
            }
            ("mark_as_read", ..) => read(payload).map(|ask| Self::Topic(TopicAsk::Read(ask))),
            (PUSH_CHANGE, ..) => read(payload).map(|push| Self::PushChange(Box::new(push))),
            _ => Err(format!("/type {}", must_be_one_of(&Self::TYPES))),
        }
    }
}

impl ClientMessage {
    /// Reads a frame, refusing what is nested deeper than `max_depth`; operations of a push are
    /// measured by whoever reads them, so that one alone fails.
    pub fn decode(bytes: &[u8], max_depth: usize) -> Result<Self, BadFrame> {
        let wire = json::parse(bytes, usize::MAX).and_then(|wire: Wire| match &*wire.r#type {
            PUSH_CHANGE => Ok(wire),
            _ => json::check_depth(bytes, max_depth).map(|()| wire),
        });
        let mut wire = wire.map_err(|bad| bad_frame(bad, bytes))?;
        let reference = wire.reference.take();
        let frame = ClientFrame::of_wire(&std::mem::take(&mut wire.r#type), wire);
        match frame {
            Ok(frame) => Ok(Self { frame, reference }),
            Err(detail) => Err(BadFrame { code: Code::Invalid, detail, reference }),
        }
    }

    /// Writes the frame, as a client does.
    pub fn encode(&self) -> Vec<u8> {
        let Self { frame, reference } = self;
        let mut wire = Wire { reference: reference.clone(), ..Wire::default() };
        let r#type = match frame {
            ClientFrame::Auth { token } => {
                wire.token = Some(token.clone());
                "auth"
            }
            ClientFrame::Ack { replay_id } => {
                wire.replay_id = Some(FeedNumber(*replay_id));
                "ack"
            }
            ClientFrame::Pong => "pong",
            ClientFrame::Ping => "ping",
            ClientFrame::Subscribe(types) => {
                wire.payload = Some(raw(types));
                "subscribe"
            }
            ClientFrame::Unsubscribe(types) => {
                wire.payload = Some(raw(types));
                "unsubscribe"
            }
            ClientFrame::PushChange(push) => {
                wire.payload = Some(raw(push));
                PUSH_CHANGE
            }
            ClientFrame::Topic(ask) => {
                let (r#type, payload) = match ask {
                    TopicAsk::Join(ask) => ("join_topic", raw(ask)),
                    TopicAsk::Leave(ask) => ("leave_topic", raw(ask)),
                    TopicAsk::Send(ask) => ("send_message", raw(ask)),
                    TopicAsk::Read(ask) => ("mark_as_read", raw(ask)),
                };
                wire.payload = Some(payload);
                r#type
            }
        };
        wire.r#type = r#type.to_owned();
        serde_json::to_vec(&wire).expect(NEVER_FAILS)
    }
}

const NEVER_FAILS: &str = "strings and numbers can be written as JSON";

fn raw(payload: &impl Serialize) -> Box<RawValue> {
    to_raw_value(payload).expect(NEVER_FAILS)
}

/// Reads a payload that names types, or says what is wrong with it.
fn types(payload: Option<&RawValue>) -> Result<EntityTypes, String> {
    let types: EntityTypes = read(payload)?;
    types.fault().map_or(Ok(types), |fault| Err(format!("/payload{fault}")))
}

/// Reads a payload, or says what is wrong with it.
fn read<T: DeserializeOwned>(payload: Option<&RawValue>) -> Result<T, String> {
    let payload = payload.ok_or("/payload is required")?;
    json::parse(payload.get().as_bytes(), usize::MAX).map_err(|bad| match bad {
        BadJson::Invalid(fault) => format!("/payload{} {}", fault.pointer, fault.detail),
        BadJson::Unreadable(_) | BadJson::TooDeep => format!("/payload {bad}"),
    })
}

/// Looks for the mark alone in a frame whose other fields are wrong.
fn bad_frame(bad: BadJson, bytes: &[u8]) -> BadFrame {
    #[derive(Deserialize)]
    struct Mark {
        #[serde(rename = "ref")]
        reference: Option<Reference>,
    }
    let detail = bad.to_string();
    match bad {
        BadJson::Unreadable(_) | BadJson::TooDeep => {
            BadFrame { code: Code::Unreadable, detail, reference: None }
        }
        BadJson::Invalid(_) => {
            let mark = serde_json::from_slice::<Mark>(bytes).ok();
            let reference = mark.and_then(|mark| mark.reference);
            BadFrame { code: Code::Invalid, detail, reference }
        }
    }
}
