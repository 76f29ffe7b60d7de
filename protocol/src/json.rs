//! Reads JSON from outside: bounded in depth, and every fault named with its place.
//!
//! Tells text that is no JSON (400) from JSON of the wrong shape (422). It must never recurse as
//! deep as the input says.

use landfall_core::notify::FieldError;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

/// Says why a body is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadJson {
    /// It is no JSON, or no UTF-8: status 400.
    #[error("{0}")]
    Unreadable(String),
    /// It is nested deeper than allowed: status 400.
    #[error("is nested too deep")]
    TooDeep,
    /// It is JSON of another shape: status 422.
    #[error("{} {}", .0.pointer, .0.detail)]
    Invalid(FieldError),
}

/// Reads a JSON object into `T`, refusing what is nested deeper than `max_depth`.
pub fn parse<T: DeserializeOwned>(bytes: &[u8], max_depth: usize) -> Result<T, BadJson> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        BadJson::Unreadable(format!("is not UTF-8 from byte {} on", error.valid_up_to()))
    })?;
    check_depth(bytes, max_depth)?;
    // Serde also reads a struct from an array of its fields, which no seed documents.
    if !text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{') {
        check_syntax(text)?;
        return Err(BadJson::Invalid(FieldError::new("", "must be an object")));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer(error.path());
        bad_json(&error.into_inner(), pointer)
    });
    if matches!(value, Err(BadJson::Invalid(_))) {
        // What is no JSON further on has no wrong fields.
        check_syntax(text)?;
    }
    let value = value?;
    reader.end().map_err(|error| BadJson::Unreadable(error.to_string()))?;
    Ok(value)
}

/// Refuses what is nested deeper than `max_depth`.
pub(crate) fn check_depth(bytes: &[u8], max_depth: usize) -> Result<(), BadJson> {
    if depth_exceeds(bytes, max_depth) { Err(BadJson::TooDeep) } else { Ok(()) }
}

fn check_syntax(text: &str) -> Result<(), BadJson> {
    serde_json::from_str::<IgnoredAny>(text)
        .map(|_| ())
        .map_err(|error| BadJson::Unreadable(error.to_string()))
}

/// Counts brackets outside strings; works on the bytes, since no byte of a longer UTF-8 character
/// looks like a bracket or a quote.
fn depth_exceeds(bytes: &[u8], max_depth: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => depth += 1,
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > max_depth {
            return true;
        }
    }
    false
}

const NUMBER_OUT_OF_RANGE: &str = "number out of range";

fn bad_json(error: &serde_json::Error, mut pointer: String) -> BadJson {
    let full = error.to_string();
    let detail = full.rsplit_once(" at line ").map_or(full.as_str(), |(detail, _)| detail);
    // A number like 1e999 is good JSON that no field can hold; serde_json calls it bad syntax.
    let is_shape = error.classify() == Category::Data || detail == NUMBER_OUT_OF_RANGE;
    if !is_shape {
        return BadJson::Unreadable(full);
    }
    let named = |prefix: &str| detail.strip_prefix(prefix)?.strip_suffix('`');
    let detail = if let Some(field) = named("missing field `") {
        push_segment(&mut pointer, field);
        "is required".to_owned()
    } else if let Some(field) = named("duplicate field `") {
        push_segment(&mut pointer, field);
        "is given more than once, perhaps in two spellings".to_owned()
    } else {
        in_plain_words(detail)
    };
    BadJson::Invalid(FieldError { pointer, detail })
}

/// Says what was expected and leaves out what came, which may be a secret.
fn in_plain_words(detail: &str) -> String {
    if detail == NUMBER_OUT_OF_RANGE {
        return "must be a smaller number".to_owned();
    }
    if !detail.starts_with("invalid ") {
        return detail.to_owned();
    }
    match detail.rsplit_once(", expected ") {
        Some((_, "u64")) => "must be an integer, 0 or more".to_owned(),
        Some((_, "a sequence")) => "must be an array".to_owned(),
        Some((_, expected)) if expected.starts_with("struct ") => "must be an object".to_owned(),
        Some((_, expected)) => format!("must be {expected}"),
        None => detail.to_owned(),
    }
}

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => push_segment(&mut pointer, &index.to_string()),
            Segment::Map { key } => push_segment(&mut pointer, key),
            // Neither is a step into the document.
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// Adds a step as RFC 6901, section 3, escapes it.
fn push_segment(pointer: &mut String, segment: &str) {
    pointer.push('/');
    pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
}
