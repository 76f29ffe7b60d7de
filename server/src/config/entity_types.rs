//! The types of `[sync.types]`: an open map, whose entries have the attributes that stand here.
//!
//! Builds the registry of types. Must never take a type of which anything is wrong, nor read a file
//! other than a type's schema.

use std::collections::{BTreeMap, BTreeSet};

use landfall_core::merge::{Deletion, Fields};
use landfall_core::sync::{EntityKind, Strategy, Upgrades};
use landfall_core::topic::MemberRole;
use toml::Value;

use super::problem::Problems;
use super::rules::{Rule, type_name};
use super::suggest::did_you_mean;
use super::{Effective, Origin, entity_schemas, forms, merge_rules};
use crate::service::sync::kinds::{Kind, Kinds, Owner};
use crate::service::sync::schema::Schema;

/// The open map: its entries are types, and a file may add more.
pub(super) const TYPES: &str = "sync.types";
/// The type under which lessons are pulled.
const LESSON: &str = "lesson";
const NAME_CHARS_MAX: usize = 64;
/// KiB that an entity's `data` may have where its type does not say.
const MAX_KIB: u32 = 64;
const STRATEGIES: &[&str] = &["server_wins", "client_wins", "last_write_wins", "merge", "manual"];

/// What an entry may say, each with what it may be.
const ATTRIBUTES: [(&str, Rule); 12] = [
    ("asks", Rule::Flag),
    ("deletion", Rule::Choice(&["delete_wins", "update_revives", "manual"])),
    ("enabled", Rule::Flag),
    ("fields", Rule::Merge(merge_rules::fields)),
    ("key", Rule::List(forms::field)),
    ("max_kib", Rule::Int(1, 16_384)),
    ("other", Rule::Merge(merge_rules::other)),
    ("owner", Rule::Choice(&["user", "topic"])),
    ("schema", Rule::Schema),
    ("strategy", Rule::Choice(STRATEGIES)),
    ("upgrades", Rule::Merge(merge_rules::upgrades)),
    ("write", Rule::Choice(&["member", "teacher", "owner"])),
];

/// Returns the name of a type and its attribute, of a path below `sync.types`.
pub(super) fn attribute_of(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix(TYPES)?.strip_prefix('.')?.rsplit_once('.')
}

/// Returns the rule of a type's attribute.
pub(super) fn rule_of(path: &str) -> Option<Rule> {
    let (_, attribute) = attribute_of(path)?;
    ATTRIBUTES.iter().find(|(known, _)| *known == attribute).map(|(_, rule)| *rule)
}

/// Says what is wrong with a path below `sync.types` that is no setting; nothing of other paths.
pub(super) fn refuse(path: &str, value: &Value) -> Option<(String, String)> {
    let below = path.strip_prefix(TYPES)?.strip_prefix('.')?;
    if value.as_table().is_some_and(toml::Table::is_empty) && rule_of(path).is_none() {
        let what = format!("is missing; it must be one of {}", STRATEGIES.join(", "));
        return Some((format!("{path}.strategy"), what));
    }
    let Some((_, attribute)) = below.rsplit_once('.') else {
        let what = format!("is an entity type and must not be {}", type_name(value));
        return Some((path.to_owned(), what));
    };
    let known = ATTRIBUTES.map(|(known, _)| known);
    let what = format!("is not a setting of an entity type{}", did_you_mean(attribute, known));
    Some((path.to_owned(), what))
}

/// Builds the registry; reports all that is wrong with any type.
pub(super) fn collect(effective: &Effective, problems: &mut Problems) -> Kinds {
    let mut types: BTreeMap<&str, BTreeMap<&str, (&Value, &Origin)>> = BTreeMap::new();
    for (path, value, origin) in effective.below(TYPES) {
        let Some((name, attribute)) = attribute_of(path) else { continue };
        types.entry(name).or_default().insert(attribute, (value, origin));
    }
    let read = |(name, attributes)| Entry { name, attributes, problems }.read();
    Kinds::new(types.into_iter().filter_map(read).collect::<Vec<_>>())
}

/// One type being read.
struct Entry<'a> {
    name: &'a str,
    attributes: BTreeMap<&'a str, (&'a Value, &'a Origin)>,
    problems: &'a mut Problems,
}

impl Entry<'_> {
    fn read(mut self) -> Option<Kind> {
        if self.value("enabled").and_then(Value::as_bool) == Some(false) {
            return None;
        }
        self.check_name();
        self.check_relations();
        let owner = self.owner();
        let deletion = self.text("deletion").and_then(Deletion::parse);
        let deletion = deletion.unwrap_or_else(|| deletion_of(owner));
        let schema = self.schema();
        let strategy = self.strategy()?;
        let rules = EntityKind { strategy, deletion };
        let asks = self.value("asks").and_then(Value::as_bool).unwrap_or_default();
        Some(Kind {
            name: self.name.into(),
            client_wins: asks.then_some(EntityKind { strategy: Strategy::ClientWins, deletion }),
            rules,
            owner,
            max_bytes: self.max_bytes(),
            key: self.key(),
            schema,
            upgrades: self.upgrades(),
        })
    }

    fn value(&self, attribute: &str) -> Option<&Value> {
        self.attributes.get(attribute).map(|(value, _)| *value)
    }

    fn text(&self, attribute: &str) -> Option<&str> {
        self.value(attribute)?.as_str()
    }

    fn path(&self, attribute: &str) -> String {
        format!("{TYPES}.{}.{attribute}", self.name)
    }

    fn refuse(&mut self, attribute: &str, what: impl Into<String>) {
        let path = self.path(attribute);
        let (_, origin) = self.attributes[attribute];
        self.problems.add(&path.escape_debug().to_string(), what, origin);
    }

    /// Where somebody wrote something about the type.
    fn origin(&self) -> Origin {
        let mut origins = self.attributes.values().map(|(_, origin)| *origin);
        origins.find(|origin| **origin != Origin::Default).unwrap_or(&Origin::Default).clone()
    }

    /// Says that an operator wrote it: what a built-in type brings along is no mistake of theirs.
    fn is_written(&self, attribute: &str) -> bool {
        self.attributes.get(attribute).is_some_and(|(_, origin)| **origin != Origin::Default)
    }

    fn check_name(&mut self) {
        let is_sign = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.-".contains(c);
        let is_name = (1..=NAME_CHARS_MAX).contains(&self.name.len());
        let what = match self.name {
            LESSON => "is kept for the lessons of a class".to_owned(),
            name if is_name && name.chars().all(is_sign) => return,
            _ => format!("is no name for a type: it needs 1 to {NAME_CHARS_MAX} of a-z 0-9 _ . -"),
        };
        let path = format!("{TYPES}.{}", self.name);
        self.problems.add(&path.escape_debug().to_string(), what, &self.origin());
    }

    /// What attributes have to be to each other.
    fn check_relations(&mut self) {
        // What was told as wrong by itself says nothing about the others.
        let said = |attribute: &str| {
            self.text(attribute).filter(|_| !self.problems.names(&self.path(attribute)))
        };
        let is_merge = said("strategy").is_none_or(|strategy| strategy == "merge");
        let is_topic = said("owner") == Some("topic");
        let is_user = !is_topic && !self.problems.names(&self.path("owner"));
        let out_of_place = [
            ("fields", !is_merge, "is only for the strategy merge"),
            ("other", !is_merge, "is only for the strategy merge"),
            ("write", is_user, "is only for types whose owner is a topic"),
            ("key", is_topic, "is only for types whose owner is a user"),
        ];
        for (attribute, is_wrong, what) in out_of_place {
            if is_wrong && self.is_written(attribute) {
                self.refuse(attribute, what);
            }
        }
        let key = self.key().unwrap_or_default();
        if key.iter().collect::<BTreeSet<_>>().len() < key.len() {
            self.refuse("key", "names a field twice");
        }
        let upgrades = self.upgrades();
        if let Some(gone) = key.iter().find(|field| upgrades.field(field) != Some(field)) {
            self.refuse("key", format!("names {gone}, which upgrades take away"));
        }
    }

    fn owner(&self) -> Owner {
        match self.text("owner") {
            Some("topic") => {
                let write = self.text("write").and_then(MemberRole::parse);
                Owner::Topic { write: write.unwrap_or(MemberRole::Teacher) }
            }
            _ => Owner::User,
        }
    }

    fn strategy(&mut self) -> Option<Strategy> {
        match self.text("strategy") {
            Some("server_wins") => Some(Strategy::ServerWins),
            Some("client_wins") => Some(Strategy::ClientWins),
            Some("last_write_wins") => Some(Strategy::LastWriteWins),
            Some("manual") => Some(Strategy::Manual),
            Some(_) => Some(Strategy::Merge(self.merge())),
            None => {
                let path = self.path("strategy");
                if !self.problems.names(&path) {
                    let what = format!("is missing; it must be one of {}", STRATEGIES.join(", "));
                    self.problems.add(&path, what, &self.origin());
                }
                None
            }
        }
    }

    fn merge(&self) -> Fields {
        let read = |attribute: &str| {
            self.value(attribute).map(|value| (attribute.to_owned(), merge_rules::value(value)))
        };
        let members = ["fields", "other"].into_iter().filter_map(read);
        let members = members.filter_map(|(key, value)| Some((key, value.ok()?))).collect();
        Fields::read(&members, "").expect("each passed its rule")
    }

    fn upgrades(&self) -> Upgrades {
        let read = |value| merge_rules::read_upgrades(value).ok();
        self.value("upgrades").and_then(read).unwrap_or_default()
    }

    fn max_bytes(&self) -> usize {
        let kib = self.value("max_kib").and_then(Value::as_integer).unwrap_or(MAX_KIB.into());
        usize::try_from(kib).expect("it passed its rule") * 1_024
    }

    fn key(&self) -> Option<Vec<Box<str>>> {
        let fields = self.value("key")?.as_array()?.iter();
        Some(fields.filter_map(Value::as_str).map(Box::from).collect())
    }

    fn schema(&mut self) -> Option<Schema> {
        let read = entity_schemas::read(self.value("schema")?);
        let schema = read.and_then(|schema| schema.map(|json| Schema::compile(&json)).transpose());
        schema.unwrap_or_else(|what| {
            self.refuse("schema", what);
            None
        })
    }
}

/// What a teacher took away is gone; what learners wrote is not lost to a deletion.
fn deletion_of(owner: Owner) -> Deletion {
    match owner {
        Owner::Topic { write: MemberRole::Teacher | MemberRole::Owner } => Deletion::DeleteWins,
        Owner::User | Owner::Topic { write: MemberRole::Member } => Deletion::UpdateRevives,
    }
}

impl Kinds {
    /// The built-in types, as `config.default.toml` has them.
    pub fn builtin() -> Self {
        let loaded = super::Config::load(super::Inputs::default());
        loaded.expect("a test loads the defaults").config.entity_types
    }
}
