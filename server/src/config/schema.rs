//! The default file as the schema: which settings exist and how the environment names them.
//!
//! Must never know a setting that the default file does not hold.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::entity_types::TYPES;
use super::rules::{ROLES, role_of};

/// The text of `config.default.toml`.
pub const DEFAULT_FILE: &str = include_str!("../../../config.default.toml");

/// Returns every setting's path with its default.
pub(super) fn leaves() -> BTreeMap<String, Value> {
    let table: Table = DEFAULT_FILE.parse().expect("a test parses the default file");
    flatten(table).into_iter().collect()
}

/// Flattens sections into paths joined with dots; a list stays whole, and so do an empty section and
/// what an entity type says.
pub(super) fn flatten(table: Table) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let mut open: Vec<(String, Value)> = table.into_iter().collect();
    while let Some((path, value)) = open.pop() {
        match value {
            Value::Table(types) if path == TYPES => found.extend(types.into_iter().flat_map(entry)),
            Value::Table(inner) if !inner.is_empty() => {
                let nested = inner.into_iter().map(|(key, value)| (format!("{path}.{key}"), value));
                open.extend(nested);
            }
            leaf => found.push((path, leaf)),
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// Flattens one entity type: its name may hold dots, and what it says may be tables.
fn entry((name, value): (String, Value)) -> Vec<(String, Value)> {
    let path = format!("{TYPES}.{name}");
    match value {
        Value::Table(said) if !said.is_empty() => {
            said.into_iter().map(|(key, value)| (format!("{path}.{key}"), value)).collect()
        }
        other => vec![(path, other)],
    }
}

/// Builds sections again from paths joined with dots.
pub(super) fn unflatten(leaves: impl IntoIterator<Item = (String, Value)>) -> Table {
    let mut root = Table::new();
    for (path, value) in leaves {
        // A role's name may hold dots itself; it is one key.
        let (sections, key) = match role_of(&path) {
            Some(role) => (ROLES.split('.').collect::<Vec<_>>(), role),
            None => path.rsplit_once('.').map_or((vec![], path.as_str()), |(section, key)| {
                (section.split('.').collect(), key)
            }),
        };
        let mut table = &mut root;
        for section in sections {
            let entry = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            table = entry.as_table_mut().expect("a path is a section or a setting, never both");
        }
        table.insert(key.to_owned(), value);
    }
    root
}

/// Returns the environment variable of a setting: `LANDFALL_SERVER_LISTEN` for `server.listen`.
pub(super) fn env_name(path: &str) -> String {
    format!("LANDFALL_{}", path.replace('.', "_").to_uppercase())
}
