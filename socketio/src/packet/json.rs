//! The JSON behind a packet's head, read only as deep as its form needs. It must hold no more values than a packet may
//! have, however many there are.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::PacketError;
use crate::terms::ARGUMENTS_MAX;

/// The values of an array: its first, and those behind it up to one more than may be.
pub(super) struct Array<'a> {
    pub(super) first: Option<&'a RawValue>,
    pub(super) rest: Vec<&'a RawValue>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Array<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Values)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Array<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Array<'de>, A::Error> {
        let first = values.next_element()?;
        let mut rest = Vec::new();
        while rest.len() <= ARGUMENTS_MAX {
            match values.next_element()? {
                Some(value) => rest.push(value),
                None => return Ok(Array { first, rest }),
            }
        }
        while values.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Array { first, rest })
    }
}

/// Reads an array.
pub(super) fn array(text: &str) -> Result<Array<'_>, PacketError> {
    serde_json::from_str(text).map_err(|_| PacketError::Payload)
}

/// Reads an object, or nothing.
pub(super) fn object(text: &str) -> Result<Option<&RawValue>, PacketError> {
    if text.is_empty() {
        return Ok(None);
    }
    let value = value(text)?;
    if value.get().starts_with('{') { Ok(Some(value)) } else { Err(PacketError::Payload) }
}

/// Reads an object or a text.
pub(super) fn object_or_text(text: &str) -> Result<&RawValue, PacketError> {
    let value = value(text)?;
    if value.get().starts_with(['{', '"']) { Ok(value) } else { Err(PacketError::Payload) }
}

fn value(text: &str) -> Result<&RawValue, PacketError> {
    serde_json::from_str(text).map_err(|_| PacketError::Payload)
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads the name of an event: a text, or a number as it is spelled.
pub(super) fn name(value: &RawValue) -> Option<Cow<'_, str>> {
    let text = value.get();
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str::<Name<'_>>(text).ok().map(|Name(name)| name),
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(text)),
        _ => None,
    }
}
