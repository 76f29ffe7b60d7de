//! What a template needs of a notification's `data`, and reading it.
//!
//! Every fault is named with its place before anything is filled in, so that a sender hears of all
//! at once. What comes from a sender is a value and never a template.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use landfall_core::notification::JsonText;
use landfall_core::notify::FieldError;
use landfall_core::time::Timestamp;
use minijinja::Value;
use minijinja::value::{Object, ObjectRepr};
use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::Value as Json;

use super::links::is_link;

/// What a field has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// A text; a number is taken as its digits.
    Text,
    /// A number.
    Number,
    /// A time (RFC 3339), shown by the filters `datetime`, `date` and `time`.
    Time,
    /// A list of texts.
    List,
    /// Where a link leads: `https:`, `http:`, `mailto:` or a path.
    Link,
    /// True or false.
    Flag,
    /// Anything; its parts are looked at by the template alone.
    Any,
}

impl FieldKind {
    const WORDS: [(&'static str, Self); 7] = [
        ("text", Self::Text),
        ("number", Self::Number),
        ("time", Self::Time),
        ("list", Self::List),
        ("link", Self::Link),
        ("flag", Self::Flag),
        ("any", Self::Any),
    ];

    /// Reads the word of `template.toml`.
    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind)
    }

    /// Lists the words, for whoever wrote another.
    pub(super) fn words() -> String {
        Self::WORDS.map(|(word, _)| word).join(", ")
    }

    /// Reads a value; the error ends a sentence that begins with the field's name.
    fn read(self, json: Json) -> Result<Value, String> {
        match (self, json) {
            (Self::Text, json) => text(json).map(Value::from).ok_or("must be a text".to_owned()),
            (Self::Number, Json::Number(number)) => Ok(number_value(&number)),
            (Self::Number, _) => Err("must be a number".to_owned()),
            (Self::Time, Json::String(text)) => {
                let time = Timestamp::parse(&text).map_err(|error| error.to_string())?;
                Ok(Value::from_object(Moment(time)))
            }
            (Self::Time, _) => Err(landfall_core::time::TimeError.to_string()),
            (Self::List, Json::Array(items)) => {
                let items: Option<Vec<String>> = items.into_iter().map(text).collect();
                items.map(Value::from).ok_or("must be a list of texts".to_owned())
            }
            (Self::List, _) => Err("must be a list of texts".to_owned()),
            (Self::Link, Json::String(text)) if is_link(&text) => Ok(Value::from(text)),
            (Self::Link, _) => {
                Err("must begin with https://, http://, mailto: or one /".to_owned())
            }
            (Self::Flag, Json::Bool(flag)) => Ok(Value::from(flag)),
            (Self::Flag, _) => Err("must be true or false".to_owned()),
            (Self::Any, json) => Ok(any(json)),
        }
    }

    /// Gives a value of this kind, to try a template with.
    pub(super) fn sample(self) -> Option<Value> {
        let json = match self {
            Self::Text => Json::from("text"),
            Self::Number => Json::from(2),
            Self::Time => Json::from("2025-09-15T14:00:00Z"),
            Self::List => Json::from(vec!["one", "two"]),
            Self::Link => Json::from("https://example.org/"),
            Self::Flag => Json::from(true),
            Self::Any => return None,
        };
        self.read(json).ok()
    }
}

/// A point in time; a template has to say how it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(pub Timestamp);

impl Object for Moment {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

/// The fields of a template, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Declared {
    pub required: BTreeMap<String, FieldKind>,
    pub optional: BTreeMap<String, FieldKind>,
}

/// What a notification's `data` gives to a template: checked, and ready to be filled in.
#[derive(Debug, Clone)]
pub struct Fields(Arc<BTreeMap<String, Value>>);

impl Fields {
    /// Gives a field's value; `none` for an optional one that is not there.
    pub(super) fn get(&self, name: &str) -> Option<Value> {
        self.0.get(name).cloned()
    }

    /// Takes values as they are, to try a template with.
    pub(super) fn of(values: BTreeMap<String, Value>) -> Self {
        Self(Arc::new(values))
    }
}

impl Declared {
    pub(super) fn kind(&self, name: &str) -> Option<FieldKind> {
        self.required.get(name).or_else(|| self.optional.get(name)).copied()
    }

    /// Reads the data of a notification; of what the template does not name nothing is kept.
    ///
    /// # Errors
    /// Every field that is missing or wrong, as `/data/<field>`.
    pub(super) fn read(&self, data: Option<&JsonText>) -> Result<Fields, Vec<FieldError>> {
        let mut given = self.pick(data).map_err(|fault| vec![fault])?;
        let mut faults = Vec::new();
        let mut values = BTreeMap::new();
        for (name, kind) in &self.required {
            match given.remove(name).filter(|json| !is_blank(json)) {
                None => faults.push(fault(name, "is required by the template".to_owned())),
                Some(json) => keep(name, kind.read(json), &mut values, &mut faults),
            }
        }
        for (name, kind) in &self.optional {
            match given.remove(name).filter(|json| !is_blank(json)) {
                None => _ = values.insert(name.clone(), Value::from(())),
                Some(json) => keep(name, kind.read(json), &mut values, &mut faults),
            }
        }
        if faults.is_empty() { Ok(Fields::of(values)) } else { Err(faults) }
    }

    fn pick(&self, data: Option<&JsonText>) -> Result<BTreeMap<String, Json>, FieldError> {
        let Some(data) = data else { return Ok(BTreeMap::new()) };
        let detail = "must be an object of whole characters, and numbers that a double can hold";
        let mut reader = serde_json::Deserializer::from_str(data.as_str());
        reader.deserialize_map(Pick(self)).map_err(|_| FieldError::new("/data", detail))
    }
}

fn fault(name: &str, detail: String) -> FieldError {
    FieldError { pointer: format!("/data/{name}"), detail }
}

fn keep(
    name: &str,
    read: Result<Value, String>,
    values: &mut BTreeMap<String, Value>,
    faults: &mut Vec<FieldError>,
) {
    match read {
        Ok(value) => _ = values.insert(name.to_owned(), value),
        Err(detail) => faults.push(fault(name, detail)),
    }
}

/// Keeps the declared fields of an object and passes over all others.
struct Pick<'a>(&'a Declared);

impl<'de> Visitor<'de> for Pick<'_> {
    type Value = BTreeMap<String, Json>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut picked = BTreeMap::new();
        while let Some(name) = entries.next_key::<String>()? {
            if self.0.kind(&name).is_some() {
                picked.insert(name, entries.next_value()?);
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(picked)
    }
}

/// What says nothing counts as missing.
fn is_blank(json: &Json) -> bool {
    match json {
        Json::Null => true,
        Json::String(text) => text.trim().is_empty(),
        Json::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn text(json: Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// `5.0` is five: which plural a number takes hangs on how it is written.
fn number_value(number: &serde_json::Number) -> Value {
    let float = number.as_f64().unwrap_or_default();
    match number.as_i64() {
        Some(whole) => Value::from(whole),
        None if float.fract() == 0.0 && float.abs() < 1e15 => Value::from(float as i64),
        None => Value::from(float),
    }
}

fn any(json: Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(flag) => Value::from(flag),
        Json::Number(number) => number_value(&number),
        Json::String(text) => Value::from(text),
        Json::Array(items) => Value::from(items.into_iter().map(any).collect::<Vec<_>>()),
        Json::Object(map) => {
            Value::from_pairs(map.into_iter().map(|(key, json)| (Value::from(key), any(json))))
        }
    }
}
