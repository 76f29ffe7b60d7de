//! The settings in force, each with its origin.
//!
//! Printed, it is TOML that says where each value came from. Must never print a secret.

use std::collections::BTreeMap;
use std::fmt;

use toml::Value;

use super::problem::Problems;
use super::rules::{Rule, rule_of};
use super::{Config, Origin, Setting, auth_keys, entity_types, forms, schema, secrets};

/// Every setting in force, by path, with the layer that set it.
#[derive(Clone)]
pub struct Effective(BTreeMap<String, (Value, Origin)>);

impl Effective {
    /// Checks each setting alone. A wrong one is reported and stands in as its default, so that
    /// the rest can be checked too.
    pub(super) fn read(settings: BTreeMap<String, Setting>, problems: &mut Problems) -> Self {
        let defaults = schema::leaves();
        let mut values = BTreeMap::new();
        for (path, Setting { raw, origin }) in settings {
            let rule = rule_of(&path).expect("a test finds a rule for every setting");
            let value = rule.read(&raw).inspect_err(|what| problems.add(&path, what, &origin));
            if let Some(value) = value.ok().or_else(|| defaults.get(&path).cloned()) {
                values.insert(path, (value, origin));
            }
        }
        Self(values)
    }

    /// Returns where a setting came from.
    pub fn origin(&self, path: &str) -> Origin {
        self.0.get(path).map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    pub(super) fn value(&self, path: &str) -> Option<&Value> {
        self.0.get(path).map(|(value, _)| value)
    }

    /// Returns every setting in a section and the sections in it.
    pub(super) fn below<'a>(
        &'a self,
        section: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Value, &'a Origin)> {
        let is_below =
            move |path: &str| path.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'));
        let settings = self.0.iter().filter(move |(path, _)| is_below(path));
        settings.map(|(path, (value, origin))| (path.as_str(), value, origin))
    }

    pub(super) fn typed(&self) -> Config {
        let is_plain =
            |path: &str| path != auth_keys::PATH && entity_types::attribute_of(path).is_none();
        let plain = self.0.iter().filter(|(path, _)| is_plain(path));
        let leaves = plain.map(|(path, (value, _))| (path.clone(), value.clone()));
        Value::Table(schema::unflatten(leaves))
            .try_into()
            .expect("every value passed its rule, and a test reads every setting into its field")
    }
}

impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (path, (value, origin)) in &self.0 {
            let line = format!("{} = {}", key(path), shown(path, value));
            writeln!(f, "{line:<56} # {origin}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The name of a role or of an entity type may hold signs that TOML wants quoted.
fn key(path: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let quoted = |name: &str| match !name.is_empty() && name.chars().all(is_bare) {
        true => name.to_owned(),
        false => Value::String(name.to_owned()).to_string(),
    };
    if let Some(role) = super::rules::role_of(path) {
        return format!("{}.{}", super::rules::ROLES, quoted(role));
    }
    match entity_types::attribute_of(path) {
        Some((name, attribute)) => format!("{}.{}.{attribute}", entity_types::TYPES, quoted(name)),
        None => path.to_owned(),
    }
}

fn shown(path: &str, value: &Value) -> String {
    match (rule_of(path), value) {
        (Some(Rule::Secret), Value::String(text)) if !text.is_empty() => "\"***\"".to_owned(),
        (Some(Rule::SecretList(_)), keys) => secrets::masked(keys).to_string(),
        (Some(Rule::StoreUrl), Value::String(text)) => {
            Value::String(forms::shown_store_url(text)).to_string()
        }
        (Some(Rule::Keys), keys) => auth_keys::masked(keys).to_string(),
        (_, value) => value.to_string(),
    }
}
