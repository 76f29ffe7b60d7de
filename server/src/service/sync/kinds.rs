//! The types of entities that devices may bring, as the configuration names them (contract 6).
//!
//! Built once at the start, and looked up for every operation. Must never decide how two edits
//! meet: it only holds the rules by which core does.

use std::collections::BTreeMap;
use std::sync::Arc;

use landfall_core::id::ID_CHARS_MAX;
use landfall_core::json::{self, Object, Value};
use landfall_core::notify::FieldError;
use landfall_core::sync::{EntityKind, Upgrades};
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
    /// How what apps of earlier versions write becomes what this is.
    pub upgrades: Upgrades,
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

    /// Lists the names of the types of activities, sorted.
    pub fn of_activities(&self) -> Vec<Box<str>> {
        let of_activities = self.0.values().filter(|kind| kind.key.is_some());
        of_activities.map(|kind| kind.name.clone()).collect()
    }

    /// Lists the names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }
}

impl Kind {
    /// Says whether fields are more than an entity of the type may have.
    pub fn is_too_large(&self, data: &Object) -> bool {
        json::object_text(data).len() > self.max_bytes
    }

    /// Checks all of an entity's `data`, as it would be stored, but for its size.
    ///
    /// # Errors
    /// What is wrong with it and where, as JSON pointers into `data`; at most
    /// [`PROBLEMS_MAX`](super::schema::PROBLEMS_MAX). Values are not repeated.
    pub fn check(&self, data: &Object) -> Result<(), Vec<FieldError>> {
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
        let mut fields = activity_data.clone();
        self.upgrades.fields(&mut fields);
        let parts = key
            .iter()
            .map(|field| part(&fields, field))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use landfall_core::merge::{Deletion, Fields, Overlap, Rule};
    use landfall_core::sync::Strategy;
    use proptest::prelude::{Strategy as _, prop, prop_assert_eq, proptest};

    use super::*;

    fn kind(name: &str) -> Kind {
        Kinds::builtin().get(name).unwrap_or_else(|| panic!("{name} is built in")).clone()
    }

    fn object(text: &str) -> Object {
        Value::parse(text).unwrap().as_object().unwrap().clone()
    }

    fn keyed(fields: &[&str]) -> Kind {
        Kind {
            key: Some(fields.iter().map(|field| Box::from(*field)).collect()),
            ..kind("slide_progress")
        }
    }

    #[test]
    fn s1_types_meet_by_the_documented_strategies() {
        let named = [("status", ["not_started", "started", "in_progress", "completed"])];
        let named =
            named.map(|(field, words)| (field, Rule::Ordered(words.map(str::to_owned).into())));
        let named = named.into_iter().chain([("completed", Rule::Or)]);
        let named = named.map(|(field, rule)| (field.to_owned(), rule)).collect();
        let progress = Fields { named, other: Box::new(Rule::Max) };
        let notes = Fields { other: Box::new(Rule::Text(Overlap::Both)), ..Fields::default() };
        for (name, strategy) in [
            ("response", Strategy::ClientWins),
            ("progress", Strategy::Merge(progress)),
            ("skill_mastery", Strategy::ServerWins),
            ("settings", Strategy::LastWriteWins),
            ("notes", Strategy::Merge(notes)),
        ] {
            let kind = kind(name);
            assert_eq!(kind.rules, EntityKind { strategy, deletion: Deletion::UpdateRevives });
            assert_eq!((kind.client_wins, kind.key, kind.owner), (None, None, Owner::User));
            assert_eq!(kind.max_bytes, 65_536);
        }
        // Named by S1's subscription, and by S0's list.
        assert!(kind("learning_session").key.is_some());
        assert!(Kinds::builtin().get("Progress").is_none());
    }

    #[test]
    fn s0_types_take_the_servers_word_unless_the_request_asks_otherwise() {
        for (name, activity_data, id) in [
            ("slide_progress", r#"{"slide_id":1,"status":"viewed","time_spent":120}"#, "1"),
            ("recording_progress", r#"{"recording_id":"r 7"}"#, "r 7"),
            ("quiz_response", r#"{"quiz_id":1e1,"answers":[]}"#, "10"),
            ("learning_session", r#"{"session_id":"a:b"}"#, "a:b"),
            ("student_progress", "{}", "student_progress"),
        ] {
            let kind = kind(name);
            assert_eq!(kind.rules.strategy, Strategy::ServerWins);
            let asked = kind.client_wins.as_ref().unwrap();
            assert_eq!(
                (&asked.strategy, asked.deletion),
                (&Strategy::ClientWins, kind.rules.deletion)
            );
            assert_eq!(kind.entity_id(&object(activity_data)).as_deref(), Ok(id));
        }
        assert_eq!(Kinds::builtin().names().count(), 10);
    }

    #[test]
    fn a_key_that_makes_no_id_is_told_by_its_field() {
        let slide = kind("slide_progress");
        let long = format!(r#"{{"slide_id":"{}"}}"#, "a".repeat(129));
        for (activity_data, told) in [
            ("{}", "activity_data.slide_id is missing"),
            (r#"{"slide_id":null}"#, "activity_data.slide_id must be a text or a number"),
            (r#"{"slide_id":[1]}"#, "activity_data.slide_id must be a text or a number"),
            (r#"{"slide_id":""}"#, "activity_data.slide_id must not be empty, hold control"),
            (r#"{"slide_id":"a\n"}"#, "activity_data.slide_id must not be empty, hold control"),
            (&long, "the entity's id would have more than 128 characters"),
        ] {
            let wrong = slide.entity_id(&object(activity_data)).unwrap_err();
            assert!(wrong.starts_with(told), "{wrong}");
        }
        let two = keyed(&["quiz_id", "question_id"]);
        let wrong = two.entity_id(&object(r#"{"quiz_id":1}"#)).unwrap_err();
        assert_eq!(wrong, "activity_data.question_id is missing");
        assert_eq!(
            kind("notes").entity_id(&Object::new()).unwrap_err(),
            "notes is not a type of activities"
        );
    }

    #[test]
    fn an_entity_has_a_size() {
        let kind = Kind { max_bytes: 12, ..kind("notes") };
        assert!(!kind.is_too_large(&object(r#" { "a" : "1234" } "#)));
        assert!(kind.is_too_large(&object(r#"{"a":"12345"}"#)));
    }

    fn part() -> impl proptest::strategy::Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!["a", ":", "%", "%3A", "%25", "3A"]), 1..5)
            .prop_map(|pieces| pieces.concat())
    }

    proptest! {
        // Whoever can read the parts out of every id can never find one id for two keys.
        #[test]
        fn two_keys_never_make_one_id(first in part(), second in part()) {
            let text = |text: &String| Value::Text(text.clone());
            let data = [("a".to_owned(), text(&first)), ("b".to_owned(), text(&second))];
            let id = keyed(&["a", "b"]).entity_id(&Object::from(data)).unwrap();
            let parts: Vec<String> =
                id.split(':').map(|part| part.replace("%3A", ":").replace("%25", "%")).collect();
            prop_assert_eq!(parts, [first, second]);
        }
    }
}
