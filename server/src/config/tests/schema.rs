//! The default file against the structs, the rules and the environment's names.

use std::collections::BTreeSet;

use super::super::rules::{Rule, rule_of};
use super::super::schema::{env_name, leaves};
use super::super::{Config, DEFAULT_FILE, Inputs};
use super::with_file;

#[test]
fn defaults_load_into_every_struct_without_a_warning() {
    // Structs refuse unknown and missing fields, so this is "every leaf is read by a field".
    let loaded = Config::load(Inputs::default()).unwrap();
    assert_eq!(loaded.config.server.listen.to_string(), "127.0.0.1:8003");
    assert_eq!(loaded.config.limits.body_kib.bytes(), 262_144);
    assert_eq!(loaded.config.auth.roles["admin"].len(), 9);
    assert!(loaded.config.auth.keys.is_empty());
    assert!(loaded.config.notify.ttl_default().is_none());
    assert!(loaded.warnings.is_empty());
}

#[test]
fn the_default_file_is_a_valid_file_of_an_operator() {
    with_file(DEFAULT_FILE).unwrap();
}

#[test]
fn every_setting_has_a_rule_and_its_default_passes() {
    for (path, value) in leaves() {
        let rule = rule_of(&path).unwrap_or_else(|| panic!("{path} has no rule"));
        rule.read(&super::super::Raw::Toml(value)).unwrap_or_else(|what| panic!("{path} {what}"));
    }
}

#[test]
fn names_in_the_environment_are_unique() {
    let names: Vec<String> = leaves().keys().map(|path| env_name(path)).collect();
    let unique: BTreeSet<&String> = names.iter().collect();
    assert_eq!(names.len(), unique.len());
    assert!(!unique.contains(&super::super::FILE_VARIABLE.to_owned()));
}

#[test]
fn every_setting_can_be_set_by_its_variable() {
    for (path, value) in leaves() {
        let text = match (&value, rule_of(&path)) {
            (_, Some(Rule::Secret)) => continue,
            (toml::Value::String(text), _) => text.clone(),
            (value, _) => value.to_string(),
        };
        let name = env_name(&path);
        let loaded = super::with_env(&[(&name, &text)]).unwrap();
        assert_eq!(loaded.effective.origin(&path).to_string(), format!("environment {name}"));
    }
}

#[test]
fn every_setting_is_explained_by_a_comment() {
    let mut explained = false;
    for line in DEFAULT_FILE.lines() {
        let setting = line.contains(" = ") && !line.starts_with(['#', ' ']);
        if line.starts_with('#') {
            explained = true;
        } else if line.is_empty() {
            explained = false;
        }
        assert!(!setting || explained, "{line} has no comment above it");
    }
}
