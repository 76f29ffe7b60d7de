//! Scalars of the wire: ids, feed numbers, times and secrets, each with its one spelling.
//!
//! Answers carry strings only; requests may give an id or a number as an integer too. This file
//! must never accept a spelling that would be written back differently.

use std::fmt;

use landfall_core::feed::Number;
use landfall_core::id::IdError;
use landfall_core::notification::JsonText;
use landfall_core::notify::FieldError;
use landfall_core::time::Timestamp;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// An id in a request: a string, or an integer that stands for its decimal string (contract 1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct IdText(pub String);

impl IdText {
    /// Reads the id with its own parser; the fault is at `pointer`.
    pub fn read<T>(
        &self,
        pointer: &str,
        parse: impl FnOnce(&str) -> Result<T, IdError>,
    ) -> Result<T, FieldError> {
        parse(&self.0).map_err(|error| FieldError::new(pointer, error.to_string()))
    }
}

impl<'de> Deserialize<'de> for IdText {
    /// Looks at the text itself, so that an integer of any length keeps all its digits.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get();
        if text.starts_with('"') {
            let bad = |_| de::Error::custom("must be a string without half a surrogate pair");
            return serde_json::from_str(text).map(Self).map_err(bad);
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_integer = digits.bytes().all(|b| b.is_ascii_digit());
        match (is_integer, text) {
            (true, "-0") => Ok(Self("0".into())),
            (true, _) => Ok(Self(text.to_owned())),
            (false, _) => Err(de::Error::custom("must be a string or an integer")),
        }
    }
}

/// A position on a feed: a decimal string in answers; a string or an integer in requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct FeedNumber(pub Number);

impl Serialize for FeedNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = FeedNumber;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal number of a feed, as a string or an integer")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<FeedNumber, E> {
        let invalid = || E::invalid_value(de::Unexpected::Str(text), &self);
        Number::parse(text).map(FeedNumber).ok_or_else(invalid)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<FeedNumber, E> {
        let invalid = || E::invalid_value(de::Unexpected::Unsigned(number), &self);
        Number::parse(&number.to_string()).map(FeedNumber).ok_or_else(invalid)
    }
}

impl<'de> Deserialize<'de> for FeedNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

/// A time: RFC 3339, UTC, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
pub struct Time(pub Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse(&text).map(Self).map_err(de::Error::custom)
    }
}

/// A value that reaches no log: it prints as stars.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Takes the app's own JSON as it came.
pub(crate) fn json_text(raw: &RawValue) -> JsonText {
    JsonText::trusted(raw.get())
}

/// Gives the app's own JSON back as it came.
pub(crate) fn raw_value(json: &JsonText) -> Box<RawValue> {
    RawValue::from_string(json.as_str().to_owned()).expect("a JsonText is one JSON value")
}
