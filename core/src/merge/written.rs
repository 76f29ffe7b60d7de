//! Rules as they are written: in the configuration, in shared vectors, and for clients.

use super::rule::{Fields, Overlap, Rule};
use crate::json::{Object, Value};

/// What is wrong with a written rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {detail}")]
pub struct RuleFault {
    /// Where, as a JSON pointer.
    pub pointer: String,
    /// What.
    pub detail: String,
}

const WORDS: &str =
    "lww, server, client, max, min, counter, set, or, and, manual, text, map or ordered";

impl Rule {
    /// Reads a written rule: its name, or `{"rule": name, …}` where it takes more: `overlap` of a
    /// text, `words` of an order, `fields` and `other` of a map.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn read(value: &Value) -> Result<Self, RuleFault> {
        read(value, "")
    }

    /// Writes what [`Rule::read`] reads.
    pub fn written(&self) -> Value {
        let text = |text: &str| Value::Text(text.to_owned());
        let mut members = Object::from([("rule".to_owned(), text(self.as_str()))]);
        match self {
            Self::Text(overlap) => _ = members.insert("overlap".to_owned(), text(overlap.as_str())),
            Self::Ordered(words) => {
                let words = words.iter().map(|word| text(word)).collect();
                members.insert("words".to_owned(), Value::List(words));
            }
            Self::Map(fields) => members.extend(fields.written()),
            _ => return text(self.as_str()),
        }
        Value::Object(members)
    }
}

impl Fields {
    /// Reads `fields` and `other` of an object, either of which may be left out.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn read(members: &Object, pointer: &str) -> Result<Self, RuleFault> {
        let mut fields = Self::default();
        if let Some(other) = members.get("other") {
            fields.other = Box::new(read(other, &format!("{pointer}/other"))?);
        }
        let Some(named) = members.get("fields") else { return Ok(fields) };
        let Some(named) = named.as_object() else {
            return Err(fault(&format!("{pointer}/fields"), "must be an object of rules"));
        };
        for (key, rule) in named {
            let rule = read(rule, &format!("{pointer}/fields/{key}"))?;
            fields.named.insert(key.clone(), rule);
        }
        Ok(fields)
    }

    fn written(&self) -> Object {
        let named = self.named.iter().map(|(key, rule)| (key.clone(), rule.written()));
        Object::from([
            ("fields".to_owned(), Value::Object(named.collect())),
            ("other".to_owned(), self.other.written()),
        ])
    }
}

fn fault(pointer: &str, detail: &str) -> RuleFault {
    RuleFault { pointer: pointer.to_owned(), detail: detail.to_owned() }
}

fn read(value: &Value, pointer: &str) -> Result<Rule, RuleFault> {
    let none = Object::new();
    let (name, members) = match value {
        Value::Text(name) => (Some(name.as_str()), &none),
        Value::Object(members) => (members.get("rule").and_then(Value::as_text), members),
        _ => (None, &none),
    };
    let known = |key: &str| matches!(key, "rule" | "overlap" | "words" | "fields" | "other");
    if let Some(unknown) = members.keys().find(|key| !known(key)) {
        return Err(fault(&format!("{pointer}/{unknown}"), "is not known"));
    }
    Ok(match name {
        Some("lww") => Rule::LastWrite,
        Some("server") => Rule::Server,
        Some("client") => Rule::Client,
        Some("max") => Rule::Max,
        Some("min") => Rule::Min,
        Some("counter") => Rule::Counter,
        Some("set") => Rule::Set,
        Some("or") => Rule::Or,
        Some("and") => Rule::And,
        Some("manual") => Rule::Manual,
        Some("text") => Rule::Text(overlap(members, pointer)?),
        Some("map") => Rule::Map(Fields::read(members, pointer)?),
        Some("ordered") => Rule::Ordered(words(members, pointer)?),
        _ => return Err(fault(pointer, &format!("must be one of {WORDS}"))),
    })
}

fn overlap(members: &Object, pointer: &str) -> Result<Overlap, RuleFault> {
    let Some(named) = members.get("overlap") else { return Ok(Overlap::default()) };
    let found = Overlap::ALL.into_iter().find(|overlap| named.as_text() == Some(overlap.as_str()));
    found.ok_or_else(|| fault(&format!("{pointer}/overlap"), "must be both, server or manual"))
}

fn words(members: &Object, pointer: &str) -> Result<Vec<String>, RuleFault> {
    let wrong =
        || fault(&format!("{pointer}/words"), "must be a list of two or more words, each once");
    let Some(Value::List(items)) = members.get("words") else { return Err(wrong()) };
    let words: Option<Vec<String>> =
        items.iter().map(|item| item.as_text().map(str::to_owned)).collect();
    let words = words.filter(|words| words.len() > 1).ok_or_else(wrong)?;
    let is_once = words.iter().enumerate().all(|(at, word)| !words[..at].contains(word));
    if is_once { Ok(words) } else { Err(wrong()) }
}
