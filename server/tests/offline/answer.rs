//! What the server answers, read from its text.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::device::{Key, Row};

/// How one operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Result {
    pub id: Option<String>,
    pub status: String,
    pub reason: String,
    pub conflict: Option<String>,
    /// Whether the entity is not there any more.
    pub is_gone: bool,
}

/// What others did.
#[derive(Debug)]
pub struct Pulled {
    pub changes: BTreeMap<Key, Row>,
    pub cursor: String,
    pub has_more: bool,
    pub at: String,
    pub removed: Vec<String>,
    pub is_reset: bool,
}

#[derive(Debug)]
pub struct Answer {
    pub results: Vec<Result>,
    pub pulled: Option<Pulled>,
}

impl Answer {
    /// Reads an answer; nothing of one that was cut off.
    pub fn read(text: &str) -> Option<Self> {
        let answer: Value = serde_json::from_str(text).ok()?;
        let results = answer["results"].as_array().map_or(&[][..], Vec::as_slice);
        let pulled =
            if answer.get("cursor").is_some() { Some(&answer) } else { answer.get("pull") };
        Some(Self { results: results.iter().map(result).collect(), pulled: pulled.map(pull) })
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(ToOwned::to_owned)
}

fn result(value: &Value) -> Result {
    Result {
        id: text(&value["id"]),
        status: text(&value["status"]).unwrap(),
        reason: text(&value["reason"]).unwrap(),
        conflict: text(&value["conflictId"]),
        is_gone: value.get("serverData").is_some_and(Value::is_null),
    }
}

fn pull(value: &Value) -> Pulled {
    let changes = value["changes"].as_array().unwrap();
    let read: BTreeMap<Key, Row> = changes.iter().map(change).collect();
    assert_eq!(read.len(), changes.len(), "an entity comes once in an answer");
    Pulled {
        changes: read,
        cursor: text(&value["cursor"]).unwrap(),
        has_more: value["hasMore"].as_bool().unwrap(),
        at: text(&value["serverTimestamp"]).unwrap(),
        removed: value["removedFeeds"].as_array().unwrap().iter().filter_map(text).collect(),
        is_reset: value["reset"].as_bool().unwrap_or(false),
    }
}

fn change(value: &Value) -> (Key, Row) {
    let key = Key {
        topic: text(&value["topicId"]),
        kind: text(&value["entityType"]).unwrap(),
        id: text(&value["entityId"]).unwrap(),
    };
    let is_deleted = value["operation"] == "DELETE";
    let fields = value["data"].as_object().cloned();
    assert_eq!(is_deleted, fields.is_none());
    (key, Row { version: value["version"].as_u64().unwrap(), fields })
}
