//! JSON Schemas that entities of a type have to satisfy (contract 6).
//!
//! A schema is compiled once, stands for itself, and is checked in time that does not explode: must
//! never fetch anything, match by a backtracking expression, or repeat a value in what it answers.

use jsonschema::{PatternOptions, ValidationError, Validator};
use landfall_core::json::{Number, Object, Value};
use landfall_core::notify::FieldError;
use serde_json::Value as Json;

/// What is told at most about one entity.
pub const PROBLEMS_MAX: usize = 10;
/// Characters of one such sentence, which may name the entity's own fields.
const DETAIL_CHARS: usize = 200;
/// Bytes that one compiled expression may take.
const PATTERN_BYTES: usize = 1 << 20;
/// Where schemas of schemas live; they are built in, so that nothing is fetched.
const STANDARD: [&str; 2] = ["http://json-schema.org/", "https://json-schema.org/"];
/// What holds values, and not schemas that could refer to something.
const VALUES: [&str; 4] = ["const", "default", "enum", "examples"];

/// A compiled schema.
#[derive(Debug, Clone)]
pub struct Schema(Validator);

impl Schema {
    /// Compiles a schema, by draft 2020-12 unless it names another by `$schema`.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence that starts with its name.
    pub fn compile(document: &Json) -> Result<Self, String> {
        if let Some(reference) = reference_outside(document) {
            let what = "refers to {}, but may only refer to itself, such as #/$defs/NAME";
            return Err(what.replace("{}", &format!("{reference:?}")));
        }
        // The two engines differ in what they can express; this one always takes linear time.
        let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES);
        let patterns = patterns.dfa_size_limit(PATTERN_BYTES);
        let options = jsonschema::options().offline().with_pattern_options(patterns);
        let built = options.build(document);
        built.map(Self).map_err(|error| {
            format!("is not a JSON Schema: at {:?}: {error}", error.instance_path().as_str())
        })
    }

    /// Checks an entity's `data`.
    ///
    /// # Errors
    /// The first things that are wrong, with JSON pointers into `data`.
    pub(super) fn check(&self, data: &Object) -> Result<(), Vec<FieldError>> {
        let data = object(data);
        if self.0.is_valid(&data) {
            return Ok(());
        }
        Err(self.0.iter_errors(&data).take(PROBLEMS_MAX).map(told).collect())
    }
}

fn told(error: ValidationError<'_>) -> FieldError {
    let told = error.masked_with("the value").to_string();
    FieldError::new(
        error.instance_path().as_str(),
        told.chars().take(DETAIL_CHARS).collect::<String>(),
    )
}

/// Finds a reference that leads out of the document.
fn reference_outside(schema: &Json) -> Option<&str> {
    let is_inside = |target: &str| {
        target.starts_with('#') || STANDARD.iter().any(|home| target.starts_with(home))
    };
    match schema {
        Json::Array(items) => items.iter().find_map(reference_outside),
        Json::Object(members) => members.iter().find_map(|(key, value)| match value {
            Json::String(target)
                if key == "$ref" || key == "$dynamicRef" || key == "$recursiveRef" =>
            {
                (!is_inside(target)).then_some(target.as_str())
            }
            _ if VALUES.contains(&key.as_str()) => None,
            nested => reference_outside(nested),
        }),
        _ => None,
    }
}

fn object(members: &Object) -> Json {
    Json::Object(members.iter().map(|(key, value)| (key.clone(), json(value))).collect())
}

fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Number(number) => Json::Number(double(number)),
        Value::Text(text) => Json::String(text.clone()),
        Value::List(items) => Json::Array(items.iter().map(json).collect()),
        Value::Object(members) => object(members),
    }
}

/// Gives a number as a schema compares it: whole ones of up to 64 bits exactly, all others as the
/// nearest double, and one beyond every double as the largest of its sign. What is stored stays the
/// decimal; only a bound of more than 15 digits could be told apart wrongly, and every other
/// language's check would do the same.
fn double(number: &Number) -> serde_json::Number {
    let text = number.canonical();
    if let Ok(whole) = text.parse::<i64>() {
        return whole.into();
    }
    if let Ok(whole) = text.parse::<u64>() {
        return whole.into();
    }
    let nearest = text.parse::<f64>().unwrap_or_default().clamp(f64::MIN, f64::MAX);
    serde_json::Number::from_f64(nearest).expect("a clamped double is finite")
}
