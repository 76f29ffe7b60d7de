//! What docs/entity-types.md says, tried out.

use landfall_core::json::Value;
use landfall_core::merge::{Base, Deletion, Manner, Rule, Side, Sides, merge};

use super::super::merge_rules;
use super::{TempFile, with_file};

const PAGE: &str = include_str!("../../../../docs/entity-types.md");

fn json(text: &str) -> Value {
    Value::parse(text).unwrap()
}

/// Reads a rule as the page writes it.
fn rule(written: &str) -> Rule {
    assert!(PAGE.contains(&format!("`{written}`")), "{written} is on the page");
    let value = written.parse().unwrap_or_else(|_| toml::Value::String(written.to_owned()));
    Rule::read(&merge_rules::value(&value).unwrap()).unwrap()
}

#[test]
fn the_examples_of_rules_come_out_as_documented() {
    let ordered = r#"{ rule = "ordered", words = ["open", "sent", "graded"] }"#;
    for (written, [base, server, client, expected]) in [
        ("lww", [r#""blue""#, r#""red""#, r#""green""#, r#""green""#]),
        ("max", ["40", "60", "55", "60"]),
        ("min", ["40", "60", "55", "55"]),
        ("counter", ["5", "7", "6", "8"]),
        ("counter", ["40", "60", "55", "75"]),
        ("or", ["false", "true", "false", "true"]),
        ("set", [r#"["a","b"]"#, r#"["a","b","c"]"#, r#"["b"]"#, r#"["b","c"]"#]),
        (ordered, [r#""open""#, r#""sent""#, r#""graded""#, r#""graded""#]),
        (
            r#"{ rule = "text" }"#,
            [r#""the cat""#, r#""the black cat""#, r#""the cat sat""#, r#""the black cat sat""#],
        ),
        (
            r#"{ rule = "map", other = "max" }"#,
            [r#"{"s1":1}"#, r#"{"s1":3}"#, r#"{"s1":2,"s2":5}"#, r#"{"s1":3,"s2":5}"#],
        ),
        ("max", ["null", r#""completed""#, r#""in_progress""#, r#""in_progress""#]),
        ("max", ["1", "5", r#""a""#, r#""a""#]),
    ] {
        let [base, server, client] = [base, server, client].map(json);
        let sides = Sides { base: Some(&base), server: Some(&server), client: Some(&client) };
        let (later, deletion) = (Side::Client, Deletion::UpdateRevives);
        let merged = merge(&rule(written), sides, Manner { later, deletion, base: Base::Known });
        assert_eq!(merged.value, Some(json(expected)), "{written}");
    }
}

/// Gives what the page shows of a file below a heading.
fn file_below(heading: &str) -> &'static str {
    let (_, below) = PAGE.split_once(&format!("\n## {heading}\n")).unwrap();
    let (_, file) = below.split_once("```toml\n").unwrap();
    file.split_once("```").unwrap().0
}

#[test]
fn the_steps_on_the_page_load() {
    let kinds = with_file(file_below("When a type changes")).unwrap().config.entity_types;
    let upgrades = &kinds.get("notes").unwrap().upgrades;
    assert_eq!((upgrades.version(), upgrades.field("text")), (3, Some("body")));
}

#[test]
fn the_file_on_the_page_loads() {
    let file = file_below("In a file");
    let schema = TempFile::new(r#"{"type":"object"}"#);
    let kinds = with_file(&file.replace("schemas/board.json", schema.path().to_str().unwrap()));
    let kinds = kinds.unwrap().config.entity_types;
    assert!(kinds.get("board").unwrap().schema.is_some());
    assert!(kinds.get("recording_progress").is_none());
    assert_eq!(kinds.get("notes").unwrap().max_bytes, 256 * 1_024);
}

#[test]
fn every_built_in_type_is_on_the_page() {
    for name in crate::service::sync::kinds::Kinds::builtin().names() {
        assert!(PAGE.contains(&format!("`{name}`")), "{name}");
    }
}
