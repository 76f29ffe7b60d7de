//! JSON Schemas that entities of a type have to satisfy (contract 6).
//!
//! A schema is compiled once, stands for itself, and is checked in time that does not explode: must
//! never fetch anything, match by a backtracking expression, or repeat a value in what it answers.

use std::collections::BTreeSet;

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

/// What holds the target of a reference.
const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];
/// Characters of what is told about a schema that does not compile.
const FAULT_CHARS: usize = 300;

/// A compiled schema.
#[derive(Debug, Clone)]
pub struct Schema {
    validator: Validator,
    /// Whether it may come back to itself on its way into an entity.
    is_recursive: bool,
}

impl Schema {
    /// Compiles a schema, by draft 2020-12 unless it names another by `$schema`. Formats are checked.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence that starts with its name.
    pub fn compile(document: &Json) -> Result<Self, String> {
        if let Some(target) = references(document).into_iter().find(|target| !is_inside(target)) {
            let what = "but may only refer to itself, such as #/$defs/NAME";
            return Err(format!("refers to {target:?}, {what}"));
        }
        let own_id = usize::from(document.get("$id").is_some_and(Json::is_string));
        if texts(document, &["$id"]).len() > own_id {
            return Err("has an $id inside: only the whole schema may have one".to_owned());
        }
        // The default engine can express more, and takes exponential time for some of it.
        let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES);
        let patterns = patterns.dfa_size_limit(PATTERN_BYTES);
        let options = jsonschema::options().offline().with_pattern_options(patterns);
        let validator = options.should_validate_formats(true).build(document).map_err(|error| {
            let place = error.instance_path().as_str();
            cut(&format!("is no JSON Schema that can be used: at {place:?}: {error}"), FAULT_CHARS)
        })?;
        Ok(Self { validator, is_recursive: is_recursive(document) })
    }

    /// Checks an entity's `data`.
    ///
    /// # Errors
    /// The first things that are wrong, with JSON pointers into `data`.
    pub(super) fn check(&self, data: &Object) -> Result<(), Vec<FieldError>> {
        let data = object(data);
        if self.validator.is_valid(&data) {
            return Ok(());
        }
        // Saying yes or no remembers what it has seen. Gathering reasons does not, so that a schema
        // which comes back to itself in several branches could take years over a small entity.
        if self.is_recursive {
            return Err(vec![FieldError::new(
                "",
                "is not what the JSON Schema of its type asks for",
            )]);
        }
        Err(self.validator.iter_errors(&data).take(PROBLEMS_MAX).map(told).collect())
    }
}

fn told(error: ValidationError<'_>) -> FieldError {
    let detail = cut(&error.masked_with("the value").to_string(), DETAIL_CHARS);
    FieldError::new(error.instance_path().as_str(), detail)
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

fn is_inside(target: &str) -> bool {
    target.starts_with('#') || STANDARD.iter().any(|home| target.starts_with(home))
}

/// Finds what a schema, or a part of one, refers to.
fn references(schema: &Json) -> Vec<&str> {
    texts(schema, &REFERENCES)
}

/// Finds the texts under these keywords.
fn texts<'a>(schema: &'a Json, keywords: &[&str]) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut open = vec![schema];
    while let Some(part) = open.pop() {
        match part {
            Json::Array(items) => open.extend(items),
            Json::Object(members) => {
                for (key, value) in members {
                    match value {
                        Json::String(text) if keywords.contains(&key.as_str()) => {
                            found.push(text.as_str());
                        }
                        nested if !VALUES.contains(&key.as_str()) => open.push(nested),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// Says whether a schema refers to what it is part of; where that is not clear, that it does.
fn is_recursive(document: &Json) -> bool {
    let mut ended = BTreeSet::new();
    let mut under_way = Vec::new();
    let targets = references(document);
    targets.into_iter().any(|target| comes_back(document, target, &mut under_way, &mut ended))
}

fn comes_back<'a>(
    document: &'a Json,
    target: &'a str,
    under_way: &mut Vec<&'a str>,
    ended: &mut BTreeSet<&'a str>,
) -> bool {
    if ended.contains(target) {
        return false;
    }
    // An anchor, or one of the standard's schemas: those are recursive themselves.
    let part = target.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
    let Some(part) = part.filter(|_| !under_way.contains(&target)) else { return true };
    under_way.push(target);
    let nested = references(part);
    let comes = nested.into_iter().any(|target| comes_back(document, target, under_way, ended));
    under_way.pop();
    ended.insert(target);
    comes
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn told(schema: Json, data: &str) -> Vec<(String, String)> {
        let Value::Object(data) = Value::parse(data).unwrap() else { panic!("an object") };
        let wrong = Schema::compile(&schema).unwrap().check(&data).err().unwrap_or_default();
        wrong.into_iter().map(|wrong| (wrong.pointer, wrong.detail)).collect()
    }

    fn fault(schema: &Json) -> String {
        Schema::compile(schema).unwrap_err()
    }

    #[test]
    fn what_is_wrong_is_told_by_its_place_and_not_by_its_value() {
        let schema = json!({
            "required": ["id"],
            "additionalProperties": false,
            "properties": {
                "id": { "type": "string", "pattern": "^a+$" },
                "list": { "items": { "enum": [1, 2] } },
                "one": { "const": 1 }, "few": { "uniqueItems": true }, "at": { "format": "date-time" },
                "part": { "anyOf": [{ "type": "number" }, { "contains": { "const": 1 } }] },
            },
        });
        assert_eq!(told(schema.clone(), r#"{"id":"aa","list":[1.0,2e0]}"#), []);
        let wrong = told(
            schema,
            r#"{"id":"hunter2","list":[1,"hunter2"],"one":"hunter2","few":["hunter2","hunter2"],
                "at":"hunter2","part":["hunter2"],"more":{"x":"hunter2"}}"#,
        );
        let mut places: Vec<&str> = wrong.iter().map(|(pointer, _)| pointer.as_str()).collect();
        places.sort_unstable();
        assert_eq!(places, ["", "/at", "/few", "/id", "/list/1", "/one", "/part"]);
        for (pointer, detail) in wrong {
            assert!(!detail.contains("hunter2"), "{pointer}: {detail}");
        }
    }

    #[test]
    fn ten_problems_are_told_and_each_in_a_sentence() {
        let many: Vec<String> = (0..1_000).map(|at| format!("\"{at:0>50}\":{at}")).collect();
        let data = format!("{{{}}}", many.join(","));
        let wrong = told(json!({ "additionalProperties": { "type": "string" } }), &data);
        assert_eq!(wrong.len(), PROBLEMS_MAX);
        let known = json!({ "properties": { "a": {} }, "additionalProperties": false });
        let wrong = told(known, &data);
        assert_eq!(wrong[0].1.chars().count(), DETAIL_CHARS);
    }

    #[test]
    fn a_schema_that_leads_elsewhere_is_refused() {
        for target in ["https://example.org/a.json", "file:///etc/passwd", "other.json#/a", "/a"] {
            let told = fault(&json!({ "properties": { "a": { "allOf": [{ "$ref": target }] } } }));
            assert!(told.starts_with(&format!("refers to {target:?}, but may only")), "{told}");
        }
        let told = fault(&json!({ "$ref": "https://json-schema.org/nothing" }));
        assert!(told.starts_with("is no JSON Schema that can be used: at \"\": "), "{told}");
        let inner = json!({ "$defs": { "a": { "$id": "https://example.org/a" } } });
        assert!(fault(&inner).starts_with("has an $id inside"));
        // Values are no references, nor is a field of that name.
        let sound = json!({
            "$id": "https://example.org/",
            "const": { "$ref": "https://example.org/a" },
            "properties": { "$ref": { "type": "string" }, "a": { "$ref": "#/$defs/a" } },
            "$defs": { "a": { "$ref": "https://json-schema.org/draft/2020-12/schema" } },
        });
        Schema::compile(&sound).unwrap();
    }

    #[test]
    fn a_schema_that_is_none_is_refused_with_its_place() {
        for (schema, place) in [
            (json!({ "type": "nope" }), "/type"),
            (json!(5), ""),
            (json!({ "$ref": "#/$defs/a" }), ""),
            (json!({ "$schema": "https://example.org/own" }), ""),
            (
                json!({ "properties": { "a": { "pattern": "(a){100}{100}{100}" } } }),
                "/properties/a/pattern",
            ),
            // What only an engine that backtracks can do.
            (json!({ "pattern": "(?=a)b" }), "/pattern"),
            (json!({ "pattern": "(a)\\1" }), "/pattern"),
        ] {
            let told = fault(&schema);
            let start = format!("is no JSON Schema that can be used: at {place:?}: ");
            assert!(told.starts_with(&start), "{told}");
            assert!(told.chars().count() <= FAULT_CHARS);
        }
    }

    #[test]
    fn a_schema_that_comes_back_to_itself_is_checked_without_its_reasons() {
        // Each level is tried in both branches: reasons would be 2^30 and more.
        let part =
            |needs: &str| json!({ "properties": { "c": { "$ref": "#" } }, "required": [needs] });
        let around = json!({ "anyOf": [part("x"), part("y")] });
        let mut data = r#"{"z":1}"#.to_owned();
        for _ in 0..30 {
            data = format!(r#"{{"x":1,"y":1,"c":{data}}}"#);
        }
        let wrong = told(around.clone(), &data);
        let reason = "is not what the JSON Schema of its type asks for";
        assert_eq!(wrong, [(String::new(), reason.to_owned())]);
        assert_eq!(told(around, &data.replace('z', "x")), []);
        for recursive in [
            json!({ "$ref": "#" }),
            json!({ "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "items": { "$ref": "#/$defs/a" } } } }),
            json!({ "$ref": "#a", "$defs": { "a": { "$anchor": "a" } } }),
            json!({ "$dynamicRef": "#a", "$dynamicAnchor": "a" }),
        ] {
            assert!(is_recursive(&recursive), "{recursive}");
        }
        let twice = json!({ "$defs": { "a": {}, "b": { "$ref": "#/$defs/a" } },
            "allOf": [{ "$ref": "#/$defs/b" }, { "$ref": "#/$defs/a" }] });
        assert!(!is_recursive(&twice));
    }

    #[test]
    fn numbers_are_compared_as_doubles_and_whole_ones_exactly() {
        let most =
            |most: Json| json!({ "properties": { "a": { "type": "integer", "maximum": most } } });
        assert_eq!(told(most(json!(9_007_199_254_740_993_u64)), r#"{"a":9007199254740993}"#), []);
        assert_eq!(
            told(most(json!(9_007_199_254_740_992_u64)), r#"{"a":9007199254740993}"#).len(),
            1
        );
        assert_eq!(told(most(json!(1)), r#"{"a":1.0}"#), []);
        assert_eq!(told(most(json!(1)), r#"{"a":1e999}"#).len(), 1);
        assert_eq!(told(most(json!(1)), r#"{"a":-1e999}"#), []);
        assert_eq!(
            told(json!({ "properties": { "a": { "exclusiveMinimum": 0 } } }), r#"{"a":1e-999}"#)
                .len(),
            1
        );
    }
}
