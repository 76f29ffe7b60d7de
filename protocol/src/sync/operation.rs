//! One operation as a device writes it (S1), read so that a bad one fails alone.

use landfall_core::audit::{Hash, digest};
use landfall_core::id::{TopicId, check_id};
use landfall_core::json::{Object, Value};
use landfall_core::notify::FieldError;
use landfall_core::sync::{EntityName, Operation, Verb, Written};
use landfall_core::time::Timestamp;

/// An operation, and where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationFields {
    /// The operation.
    pub operation: Operation,
    /// The topic to whose entities it belongs; the user's own where absent.
    pub topic: Option<TopicId>,
}

/// An operation that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadOperation {
    /// Its id, if that can be read.
    pub id: Option<String>,
    /// What is wrong with it.
    pub errors: Vec<FieldError>,
}

/// What is left of an operation's members while they are taken one by one; a fault is told by the
/// first of a member's two spellings.
pub(super) struct Members {
    pub(super) left: Object,
    pub(super) faults: Vec<FieldError>,
}

/// Reads one operation. Members that nobody knows are left out of it, and of its digest; so is
/// `ageMs`, which differs each time it is sent.
///
/// # Errors
/// What is wrong with it; it alone is refused.
pub fn read_operation(text: &str) -> Result<OperationFields, BadOperation> {
    let bad = |detail: String| BadOperation { id: None, errors: vec![FieldError::new("", detail)] };
    let value = Value::parse(text).map_err(|error| bad(error.to_string()))?;
    let Value::Object(left) = value else { return Err(bad("must be an object".into())) };
    let mut members = Members { left, faults: Vec::new() };
    let id = members.id("id", "id");
    match members.read(id.clone()) {
        Some(fields) if members.faults.is_empty() => Ok(fields),
        _ => Err(BadOperation { id, errors: members.faults }),
    }
}

impl Members {
    /// Takes a member in either spelling.
    pub(super) fn take(&mut self, camel: &str, snake: &str) -> Option<Value> {
        let found = self.left.remove(camel);
        if camel == snake {
            return found.filter(|value| *value != Value::Null);
        }
        let other = self.left.remove(snake);
        if found.is_some() && other.is_some() {
            self.fault(camel, "is given in two spellings");
        }
        found.or(other).filter(|value| *value != Value::Null)
    }

    pub(super) fn fault(&mut self, member: &str, detail: &str) {
        self.faults.push(FieldError::new(&format!("/{member}"), detail));
    }

    /// Takes an id: a text, or a whole number that stands for its decimal text (contract 1).
    pub(super) fn optional_id(&mut self, camel: &str, snake: &str) -> Option<String> {
        let text = match self.take(camel, snake)? {
            Value::Text(text) => text,
            Value::Number(number) if is_integer(number.as_str()) => number.as_str().to_owned(),
            _ => {
                self.fault(camel, "must be a string or an integer");
                return None;
            }
        };
        match check_id(&text) {
            Ok(()) => Some(text),
            Err(error) => {
                self.fault(camel, &error.to_string());
                None
            }
        }
    }

    pub(super) fn id(&mut self, camel: &str, snake: &str) -> Option<String> {
        let faults = self.faults.len();
        let id = self.optional_id(camel, snake);
        if id.is_none() && self.faults.len() == faults {
            self.fault(camel, "is required");
        }
        id
    }

    pub(super) fn count(&mut self, camel: &str, snake: &str) -> Option<u64> {
        let value = self.take(camel, snake)?;
        let whole = if let Value::Number(number) = &value { number.as_whole() } else { None };
        let count = whole.and_then(|whole| u64::try_from(whole).ok());
        if count.is_none() {
            self.fault(camel, "must be an integer from 0 to 9007199254740991");
        }
        count
    }

    pub(super) fn object(&mut self, camel: &str, snake: &str) -> Option<Object> {
        match self.take(camel, snake)? {
            Value::Object(members) => Some(members),
            _ => {
                self.fault(camel, "must be an object");
                None
            }
        }
    }

    fn time(&mut self, camel: &str, snake: &str) -> Option<Timestamp> {
        let value = self.take(camel, snake);
        let time = value.as_ref().and_then(Value::as_text).map(Timestamp::parse);
        if !matches!(time, Some(Ok(_))) {
            let detail = match (value, time) {
                (None, _) => "is required".to_owned(),
                (_, Some(Err(error))) => error.to_string(),
                _ => "must be a string".to_owned(),
            };
            self.fault(camel, &detail);
        }
        time?.ok()
    }

    fn verb(&mut self) -> Option<Verb> {
        let value = self.take("operation", "operation");
        let verb = value.as_ref().and_then(Value::as_text).and_then(Verb::parse);
        if verb.is_none() {
            self.fault("operation", "must be CREATE, UPDATE or DELETE");
        }
        verb
    }

    fn read(&mut self, id: Option<String>) -> Option<OperationFields> {
        let kind = self.id("entityType", "entity_type");
        let entity = self.id("entityId", "entity_id");
        let verb = self.verb();
        let faults = self.faults.len();
        let data = self.object("data", "data");
        let is_needed = verb.is_some_and(|verb| verb != Verb::Delete);
        if data.is_none() && is_needed && self.faults.len() == faults {
            self.fault("data", "is required");
        }
        let base_data = self.object("baseData", "base_data");
        let at = self.time("timestamp", "timestamp");
        let base_version = self.count("baseVersion", "base_version");
        let client_version = self.count("clientVersion", "client_version");
        let after = self.optional_id("after", "after");
        let age_ms = self.count("ageMs", "age_ms");
        let topic = self.optional_id("topicId", "topic_id");
        let schema_version = self.count("schemaVersion", "schema_version");
        if schema_version == Some(0) {
            self.fault("schemaVersion", "must be at least 1");
        }
        let mut operation = Operation {
            id: id?.into(),
            digest: Hash::default(),
            name: EntityName { kind: kind?.into(), id: entity?.into() },
            verb: verb?,
            data: data.unwrap_or_default(),
            base_data,
            base_version,
            client_version,
            after: after.map(Into::into),
            schema_version,
            written: Written { at: at?, age_ms },
        };
        let topic = topic.and_then(|topic| TopicId::parse(&topic).ok());
        operation.digest = digest(said(&operation, topic.as_ref()).as_bytes());
        Some(OperationFields { operation, topic })
    }
}

fn is_integer(number: &str) -> bool {
    number != "-0" && number.strip_prefix('-').unwrap_or(number).bytes().all(|b| b.is_ascii_digit())
}

/// Writes down what an operation says: whatever spelling it came in, and whenever it was sent.
fn said(operation: &Operation, topic: Option<&TopicId>) -> String {
    let text = |text: &str| Some(Value::Text(text.to_owned()));
    let count = |count: u64| text(&count.to_string());
    let object = |members: &Object| Some(Value::Object(members.clone()));
    let members = [
        ("after", operation.after.as_deref().and_then(text)),
        ("baseData", operation.base_data.as_ref().and_then(object)),
        ("baseVersion", operation.base_version.and_then(count)),
        ("clientVersion", operation.client_version.and_then(count)),
        ("data", object(&operation.data)),
        ("entityId", text(&operation.name.id)),
        ("entityType", text(&operation.name.kind)),
        ("id", text(&operation.id)),
        ("operation", text(operation.verb.as_str())),
        ("schemaVersion", operation.schema_version.and_then(count)),
        ("timestamp", text(&operation.written.at.to_string())),
        ("topicId", topic.and_then(|topic| text(topic.as_str()))),
    ];
    let there = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(there.collect()).canonical()
}
