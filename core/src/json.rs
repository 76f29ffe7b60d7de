//! JSON values as people's work is made of: exact numbers, sorted keys, one spelling.
//!
//! What is merged has to come out the same in every language, so numbers are decimals as they were
//! written and never floats, and [`Value::canonical`] is the one text of a value. What two readers
//! could read differently is refused: a key that is there twice, half a surrogate pair.

mod decimal;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub use decimal::Number;
pub use read::{DEPTH_MAX, JsonError, JsonFault};

use std::collections::BTreeMap;

/// The members of an object by key; keys sort by code point.
pub type Object = BTreeMap<String, Value>;

/// Writes an object as [`Value::text`] does.
pub fn object_text(members: &Object) -> String {
    write::object_text(members)
}

/// A JSON value (RFC 8259).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing, said so; not the same as a member that is not there.
    Null,
    /// True or false.
    Bool(bool),
    /// A number; `1.0` and `1` are the same one.
    Number(Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// Named members.
    Object(Object),
}

impl Value {
    /// Reads a text that is one JSON value and nothing else.
    ///
    /// # Errors
    /// Where and why it is not JSON that every language reads alike.
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        read::value(text)
    }

    /// Writes it without spaces, keys in order, numbers in their shortest decimal form.
    pub fn canonical(&self) -> String {
        write::canonical(self)
    }

    /// Writes it as [`Value::canonical`] does, but each number as its sender wrote it.
    pub fn text(&self) -> String {
        write::text(self)
    }

    /// Gives the members, if it is an object.
    pub const fn as_object(&self) -> Option<&Object> {
        if let Self::Object(members) = self { Some(members) } else { None }
    }

    /// Gives the text, if it is one.
    pub const fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text.as_str()) } else { None }
    }
}
