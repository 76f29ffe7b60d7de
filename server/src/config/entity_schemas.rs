//! JSON Schemas of entity types: a file beside the configuration, or a table in it.
//!
//! Must never read more than one file for a schema: what that refers to outside is refused.

use std::io::Read;

use serde_json::Value as Json;
use toml::Value;

use super::rules::type_name;

/// Bytes that a schema's file may have.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads the schema that a setting names or holds; an empty text is none.
///
/// # Errors
/// What is wrong, as the end of a sentence that starts with the setting's name.
pub(super) fn read(setting: &Value) -> Result<Option<Json>, String> {
    match setting {
        Value::String(path) if path.is_empty() => Ok(None),
        Value::String(path) => file(path).map(Some).map_err(|what| format!("{path} {what}")),
        inline => json(inline).map(Some),
    }
}

fn file(path: &str) -> Result<Json, String> {
    let mut text = String::new();
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let open = std::fs::File::open(path).map_err(unreadable)?;
    open.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("has more than {FILE_BYTES_MAX} bytes"));
    }
    serde_json::from_str(&text).map_err(|error| format!("is not JSON: {error}"))
}

fn json(found: &Value) -> Result<Json, String> {
    Ok(match found {
        Value::String(text) => Json::from(text.as_str()),
        Value::Boolean(flag) => Json::from(*flag),
        Value::Integer(whole) => Json::from(*whole),
        Value::Float(number) if number.is_finite() => Json::from(*number),
        Value::Array(items) => Json::Array(items.iter().map(json).collect::<Result<_, _>>()?),
        Value::Table(members) => {
            let member = |(key, found): (&String, &Value)| Ok((key.clone(), json(found)?));
            Json::Object(members.iter().map(member).collect::<Result<_, String>>()?)
        }
        Value::Float(_) => return Err("holds a number that JSON does not have".to_owned()),
        Value::Datetime(_) => {
            return Err(format!("holds {}, which JSON does not have", type_name(found)));
        }
    })
}
