//! Rules of merging as the configuration spells them: names, or tables where they take more.
//!
//! Must never know what a rule means: core reads it.

use landfall_core::json::{Number, Object, Value as Json};
use landfall_core::merge::{Fields, Rule};
use landfall_core::sync::Upgrades;
use toml::Value;

use super::rules::type_name;

/// Reads the rules of named fields.
pub(super) fn fields(found: &Value) -> Result<(), String> {
    if !found.is_table() {
        return Err(format!("must be a table from field to rule, not {}", type_name(found)));
    }
    let members = Object::from([("fields".to_owned(), value(found)?)]);
    Fields::read(&members, "").map(|_| ()).map_err(|fault| {
        let pointer = fault.pointer.strip_prefix("/fields").unwrap_or_default();
        format!("{pointer} {}", fault.detail)
    })
}

/// Reads the rule of all other fields.
pub(super) fn other(found: &Value) -> Result<(), String> {
    let fault = match Rule::read(&value(found)?) {
        Ok(_) => return Ok(()),
        Err(fault) => fault,
    };
    let space = if fault.pointer.is_empty() { "" } else { " " };
    Err(format!("{}{space}{}", fault.pointer, fault.detail))
}

/// Reads the steps of a type to the version that it has by now.
pub(super) fn read_upgrades(found: &Value) -> Result<Upgrades, String> {
    let wrong = || format!("must be a list of tables, not {}", type_name(found));
    let steps = found.as_array().ok_or_else(wrong)?;
    let steps: Vec<Json> = steps.iter().map(value).collect::<Result<_, _>>()?;
    Upgrades::read(&steps).map_err(|fault| format!("{} {}", fault.pointer, fault.detail))
}

/// Says what is wrong with such steps.
pub(super) fn upgrades(found: &Value) -> Result<(), String> {
    read_upgrades(found).map(drop)
}

/// Gives a TOML value as core reads rules; what rules have no use for is refused.
pub(super) fn value(found: &Value) -> Result<Json, String> {
    Ok(match found {
        Value::String(text) => Json::Text(text.clone()),
        Value::Boolean(flag) => Json::Bool(*flag),
        Value::Integer(whole) => match Number::whole(*whole) {
            Some(number) => Json::Number(number),
            None => return Err("must hold no number beyond 2^53".to_owned()),
        },
        Value::Array(items) => Json::List(items.iter().map(value).collect::<Result<_, _>>()?),
        Value::Table(members) => {
            let member = |(key, found): (&String, &Value)| Ok((key.clone(), value(found)?));
            Json::Object(members.iter().map(member).collect::<Result<_, String>>()?)
        }
        Value::Float(_) | Value::Datetime(_) => {
            return Err(format!("must not hold {}", type_name(found)));
        }
    })
}
