//! The operator's configuration file.
//!
//! Must never repeat a line of the file in a message: the line may hold a secret.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml::{Table, Value};

use super::entity_types::{self, TYPES};
use super::problem::Problems;
use super::rules::{ROLES, role_of, type_name};
use super::schema::flatten;
use super::suggest::did_you_mean;
use super::{Origin, Raw, Setting};

/// Puts what the file holds over the given settings.
pub(super) fn apply(
    path: &Path,
    settings: &mut BTreeMap<String, Setting>,
    problems: &mut Problems,
) {
    let origin = Origin::File(path.to_owned());
    let table = match read(path) {
        Ok(table) => table,
        Err(what) => return problems.add("configuration file", what, &origin),
    };
    let sections = sections_of(settings);
    let mut refused = BTreeSet::new();
    for (name, value) in flatten(table) {
        let is_open = role_of(&name).is_some() || entity_types::rule_of(&name).is_some();
        if settings.contains_key(&name) || is_open {
            let raw = Raw::Toml(value);
            settings.insert(name, Setting { raw, origin: origin.clone() });
            continue;
        }
        if sections.contains(&name) && value.as_table().is_some_and(Table::is_empty) {
            continue;
        }
        let (name, what) = refuse(&name, &value, settings, &sections);
        if refused.insert(name.clone()) {
            problems.add(&name, what, &origin);
        }
    }
}

fn read(path: &Path) -> Result<Table, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
    text.parse().map_err(|error: toml::de::Error| {
        // `message` says what was expected; only `Display` would quote the line.
        let start = error.span().map_or(0, |span| span.start);
        let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
        format!("is not TOML: line {line}: {}", error.message())
    })
}

fn sections_of(settings: &BTreeMap<String, Setting>) -> BTreeSet<String> {
    let mut sections = BTreeSet::new();
    for path in settings.keys() {
        let ends = path.match_indices('.').map(|(at, _)| path[..at].to_owned());
        sections.extend(ends);
    }
    sections
}

/// Says what is wrong with a name that is no setting; of an unknown section, once for all of it.
fn refuse(
    name: &str,
    value: &Value,
    settings: &BTreeMap<String, Setting>,
    sections: &BTreeSet<String>,
) -> (String, String) {
    if !sections.contains(name)
        && let Some(refused) = entity_types::refuse(name, value)
    {
        return refused;
    }
    let is_part_of = |path: &String| name.starts_with(&format!("{path}."));
    if let Some(setting) = settings.keys().find(|path| is_part_of(path)) {
        return (setting.clone(), "is a setting, not a section".to_owned());
    }
    if sections.contains(name) {
        let what = format!("is a section, not a setting, and must not be {}", type_name(value));
        return (name.to_owned(), what);
    }
    match name.split_once('.') {
        Some((section, _)) if !sections.contains(section) => {
            let is_open = |known: &str| known == ROLES || known.starts_with(TYPES);
            let known = sections.iter().map(String::as_str).filter(|known| !is_open(known));
            let what = format!("is not a section{}", did_you_mean(section, known));
            (section.to_owned(), what)
        }
        _ => {
            let known = settings.keys().map(String::as_str);
            (name.to_owned(), format!("is not a setting{}", did_you_mean(name, known)))
        }
    }
}
