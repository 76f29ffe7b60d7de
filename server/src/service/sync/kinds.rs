//! The types of entities that devices may bring, as the configuration names them (contract 6).
//!
//! Built once at the start, and looked up for every operation. Must never decide how two edits
//! meet: it only holds the rules by which core does.

use std::collections::BTreeMap;
use std::sync::Arc;

use landfall_core::id::ID_CHARS_MAX;
use landfall_core::json::{Object, Value};
use landfall_core::notify::FieldError;
use landfall_core::sync::EntityKind;
use landfall_core::topic::MemberRole;

use super::schema::Schema;

/// Every type of entity, by its name; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Kinds(Arc<BTreeMap<Box<str>, Kind>>);

/// One type of entity.
#[derive(Debug, Clone)]
pub struct Kind {
    /// Its name: `entityType` of S1, `activity_type` of S0.
    pub name: Box<str>,
    /// What decides where two edits meet.
    pub rules: EntityKind,
    /// The same with the device's word as the last, where a request may ask for that (S0).
    pub client_wins: Option<EntityKind>,
    /// On whose feed its entities live.
    pub owner: Owner,
    /// How many bytes the canonical text of an entity's `data` may have.
    pub max_bytes: usize,
    /// The fields of `activity_data` that make the entity's id (S0); none of a type that S0's calls do
    /// not take.
    pub key: Option<Vec<Box<str>>>,
    /// What an entity's `data` has to satisfy, beyond its size.
    pub schema: Option<Schema>,
}

/// On whose feed the entities of a type live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// On the `data` feed of the user who made them; nobody else sees them.
    User,
    /// On a topic's feed; every member of it sees them.
    Topic {
        /// The least that a member has to be to change them.
        write: MemberRole,
    },
}

impl Kinds {
    /// Gathers types; of two with one name, the later one.
    pub fn new(kinds: impl IntoIterator<Item = Kind>) -> Self {
        Self(Arc::new(kinds.into_iter().map(|kind| (kind.name.clone(), kind)).collect()))
    }

    /// Finds a type by its name, in its exact spelling.
    pub fn get(&self, name: &str) -> Option<&Kind> {
        self.0.get(name)
    }

    /// Lists the names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }
}

impl Kind {
    /// Checks all of an entity's `data`, as it would be stored.
    ///
    /// # Errors
    /// What is wrong with it and where, as JSON pointers into `data`; at most
    /// [`PROBLEMS_MAX`](super::schema::PROBLEMS_MAX). Values are not repeated.
    pub fn check(&self, data: &Object) -> Result<(), Vec<FieldError>> {
        let bytes = Value::Object(data.clone()).canonical().len();
        if bytes > self.max_bytes {
            let detail = format!("has {bytes} bytes, but may have {} at most", self.max_bytes);
            return Err(vec![FieldError::new("", detail)]);
        }
        self.schema.as_ref().map_or(Ok(()), |schema| schema.check(data))
    }

    /// Makes the id of the entity that an activity is about (S0), from the fields of its `key`: a text
    /// as it is, a number by its canonical text. Several are joined with `:`, which is escaped in
    /// them. With no field at all there is one entity of the type for each user, named by the type.
    ///
    /// # Errors
    /// Which field of `activity_data` is missing or no id, or that the type is not one of activities.
    pub fn entity_id(&self, activity_data: &Object) -> Result<Box<str>, String> {
        let Some(key) = &self.key else {
            return Err(format!("{} is not a type of activities", self.name));
        };
        let parts = key
            .iter()
            .map(|field| part(activity_data, field))
            .collect::<Result<Vec<String>, String>>()?;
        let id = match &*parts {
            [] => self.name.to_string(),
            [one] => one.clone(),
            several => several.iter().map(|part| escaped(part)).collect::<Vec<_>>().join(":"),
        };
        match id.chars().count() <= ID_CHARS_MAX {
            true => Ok(id.into()),
            false => Err(format!("the entity's id would have more than {ID_CHARS_MAX} characters")),
        }
    }
}

fn part(activity_data: &Object, field: &str) -> Result<String, String> {
    let text = match activity_data.get(field) {
        None => return Err(format!("activity_data.{field} is missing")),
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Number(number)) => number.canonical(),
        Some(_) => return Err(format!("activity_data.{field} must be a text or a number")),
    };
    let is_id = !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control);
    if is_id {
        return Ok(text);
    }
    let form = "not be empty, hold control characters or begin or end with white space";
    Err(format!("activity_data.{field} must {form}"))
}

/// Escapes the sign that joins, and the one that escapes, so that two keys never make one id.
fn escaped(part: &str) -> String {
    part.replace('%', "%25").replace(':', "%3A")
}
