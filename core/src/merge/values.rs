//! Rules that make one small value of two: extremes, counters, flags, words in an order.
//!
//! Each gives nothing where the values are of kinds that it is not for.

use std::cmp::Ordering;

use super::Base;
use crate::json::{Number, Value};

/// Gives the one that compares to the other as asked; the server's spelling where they are equal.
pub(super) fn extreme(server: &Value, client: &Value, wanted: Ordering) -> Option<Value> {
    let order = match (server, client) {
        (Value::Number(server), Value::Number(client)) => client.cmp(server),
        (Value::Text(server), Value::Text(client)) => client.cmp(server),
        _ => return None,
    };
    Some(if order == wanted { client.clone() } else { server.clone() })
}

fn whole(value: &Value) -> Option<i64> {
    if let Value::Number(number) = value { number.as_whole() } else { None }
}

/// Says whether a counter can stand at a value.
pub(super) fn counts(value: &Value) -> bool {
    whole(value).is_some()
}

/// Counts both steps; nothing where the base is not known, or a step leads beyond what every
/// language holds exactly.
pub(super) fn counter(
    known: Base,
    base: Option<&Value>,
    server: &Value,
    client: &Value,
) -> Option<Value> {
    let base = match (known, base) {
        (Base::Known, Some(base)) => whole(base)?,
        (Base::Known, None) => 0,
        (Base::Unknown, _) => return None,
    };
    // Of numbers below 2^53 three fit into 64 bits.
    let sum = whole(server)? + (whole(client)? - base);
    Number::whole(sum).map(Value::Number)
}

pub(super) fn flags(
    server: &Value,
    client: &Value,
    join: impl Fn(bool, bool) -> bool,
) -> Option<Value> {
    match (server, client) {
        (Value::Bool(server), Value::Bool(client)) => Some(Value::Bool(join(*server, *client))),
        _ => None,
    }
}

/// Gives the word that comes later in the order.
pub(super) fn ordered(words: &[String], server: &Value, client: &Value) -> Option<Value> {
    let place =
        |value: &Value| words.iter().position(|word| Some(word.as_str()) == value.as_text());
    let is_client = place(client)? > place(server)?;
    Some(if is_client { client.clone() } else { server.clone() })
}
