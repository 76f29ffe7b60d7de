//! Values of statements: what a column can hold, whichever database holds it.

use std::borrow::Cow;

use landfall_core::blob::BlobHash;
use landfall_core::feed::Number;
use landfall_core::id::{LessonId, Tenant, TopicId, UserId};
use landfall_core::time::Timestamp;
use uuid::Uuid;

/// A value bound to a placeholder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value<'a> {
    /// Nothing.
    Null,
    /// A number, a time in milliseconds, or 0 and 1 for a boolean.
    Int(i64),
    /// Text.
    Text(Cow<'a, str>),
    /// Bytes.
    Blob(Cow<'a, [u8]>),
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Value::Int(value)
    }
}

/// No stored number goes beyond the largest `i64`, so that what does stands for it.
impl From<u64> for Value<'_> {
    fn from(value: u64) -> Self {
        Value::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<usize> for Value<'_> {
    fn from(value: usize) -> Self {
        Value::from(value as u64)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Value::Int(i64::from(value))
    }
}

impl From<Number> for Value<'_> {
    fn from(value: Number) -> Self {
        Value::from(value.0)
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(value: Timestamp) -> Self {
        Value::Int(value.as_ms())
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Value::Text(Cow::Borrowed(value))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Value::from(value.as_str())
    }
}

impl From<String> for Value<'_> {
    fn from(value: String) -> Self {
        Value::Text(Cow::Owned(value))
    }
}

impl<'a> From<&'a Tenant> for Value<'a> {
    fn from(value: &'a Tenant) -> Self {
        Value::from(value.as_str())
    }
}

impl<'a> From<&'a UserId> for Value<'a> {
    fn from(value: &'a UserId) -> Self {
        Value::from(value.as_str())
    }
}

impl<'a> From<&'a TopicId> for Value<'a> {
    fn from(value: &'a TopicId) -> Self {
        Value::from(value.as_str())
    }
}

impl<'a> From<&'a LessonId> for Value<'a> {
    fn from(value: &'a LessonId) -> Self {
        Value::from(value.as_str())
    }
}

impl<'a> From<&'a BlobHash> for Value<'a> {
    fn from(value: &'a BlobHash) -> Self {
        Value::from(&value.0)
    }
}

impl<'a> From<&'a Uuid> for Value<'a> {
    fn from(value: &'a Uuid) -> Self {
        Value::from(value.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Value::Blob(Cow::Borrowed(value))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Value::Blob(Cow::Borrowed(value))
    }
}

impl<const N: usize> From<[u8; N]> for Value<'_> {
    fn from(value: [u8; N]) -> Self {
        Value::Blob(Cow::Owned(value.to_vec()))
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}
