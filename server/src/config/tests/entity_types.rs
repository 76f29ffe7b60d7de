//! Types of entities: what a file changes, adds and takes away, and what it may not say.

use landfall_core::merge::{Deletion, Fields, Rule};
use landfall_core::sync::Strategy;
use landfall_core::topic::MemberRole;

use super::super::Problems;
use super::{Loaded, TempFile, with_env, with_file, wrong};
use crate::service::sync::kinds::{Kind, Kinds, Owner};

fn kinds(loaded: Result<Loaded, Problems>) -> Kinds {
    loaded.unwrap().config.entity_types
}

fn kind(text: &str, name: &str) -> Kind {
    kinds(with_file(text)).get(name).unwrap().clone()
}

#[test]
fn a_file_changes_one_thing_of_a_built_in_type() {
    let notes = kind("[sync.types.notes]\nmax_kib = 1", "notes");
    let built_in = Kinds::builtin();
    assert_eq!((notes.max_bytes, &notes.rules), (1_024, &built_in.get("notes").unwrap().rules));
    let progress = kind("[sync.types.progress]\nfields = { seconds = \"counter\" }", "progress");
    let fields = Fields {
        named: [("seconds".to_owned(), Rule::Counter)].into(),
        other: Box::new(Rule::Max),
    };
    assert_eq!(progress.rules.strategy, Strategy::Merge(fields));
    // The rules that the built-in type brings along are none of the operator's.
    let progress = kind("[sync.types.progress]\nstrategy = \"server_wins\"", "progress");
    assert_eq!(progress.rules.strategy, Strategy::ServerWins);
}

#[test]
fn a_file_adds_a_type_and_takes_one_away() {
    let text = "[sync.types.\"board.v2\"]\nstrategy = \"merge\"\nowner = \"topic\"\nwrite = \"member\"\n\
        fields = { pages = { rule = \"map\", other = { rule = \"text\", overlap = \"manual\" } } }\n\
        [sync.types.settings]\nenabled = false\n[sync.types.quiz_response]\nkey = [\"quiz_id\", \"question_id\"]\n\
        asks = false";
    let loaded = with_file(text).unwrap();
    let kinds = &loaded.config.entity_types;
    assert!(kinds.get("settings").is_none());
    let board = kinds.get("board.v2").unwrap();
    assert_eq!(board.owner, Owner::Topic { write: MemberRole::Member });
    assert_eq!((board.key.as_deref(), board.client_wins.as_ref()), (None, None));
    let quiz = kinds.get("quiz_response").unwrap();
    assert_eq!(quiz.key.as_deref(), Some(&["quiz_id".into(), "question_id".into()][..]));
    assert_eq!(quiz.client_wins, None);
    let again = with_file(&loaded.effective.to_string()).unwrap().config.entity_types;
    assert_eq!(again.get("board.v2").unwrap().rules, board.rules);
    assert_eq!(again.names().collect::<Vec<_>>(), kinds.names().collect::<Vec<_>>());
}

#[test]
fn what_only_teachers_write_goes_for_good_when_it_is_deleted() {
    let text = |more: &str| format!("[sync.types.x]\nstrategy = \"manual\"\n{more}");
    for (more, deletion) in [
        ("", Deletion::UpdateRevives),
        ("owner = \"topic\"", Deletion::DeleteWins),
        ("owner = \"topic\"\nwrite = \"owner\"", Deletion::DeleteWins),
        ("owner = \"topic\"\nwrite = \"member\"", Deletion::UpdateRevives),
        ("owner = \"topic\"\ndeletion = \"manual\"", Deletion::Manual),
    ] {
        assert_eq!(kind(&text(more), "x").rules.deletion, deletion, "{more}");
    }
}

#[test]
fn the_environment_changes_what_stands_somewhere() {
    let env = [
        ("LANDFALL_SYNC_TYPES_PROGRESS_OTHER", "min"),
        ("LANDFALL_SYNC_TYPES_NOTES_OTHER", "{ rule = \"text\", overlap = \"server\" }"),
        ("LANDFALL_SYNC_TYPES_SLIDE_PROGRESS_ASKS", "false"),
        ("LANDFALL_SYNC_TYPES_QUIZ_RESPONSE_KEY", "quiz_id, question_id"),
    ];
    let kinds = kinds(with_env(&env));
    let Strategy::Merge(fields) = &kinds.get("progress").unwrap().rules.strategy else { panic!() };
    assert_eq!(*fields.other, Rule::Min);
    assert!(kinds.get("slide_progress").unwrap().client_wins.is_none());
    assert_eq!(kinds.get("quiz_response").unwrap().key.as_ref().unwrap().len(), 2);
    let told = wrong(with_env(&[
        ("LANDFALL_SYNC_TYPES_NOTES_OTHER", "{ rule = "),
        ("LANDFALL_SYNC_TYPES_SLIDE_PROGRESS_ASKS", "perhaps"),
    ]));
    assert!(told[0].starts_with("sync.types.notes.other: must be one of lww, "), "{told:?}");
    assert_eq!(told[1], "sync.types.slide_progress.asks: must be true or false, not \"perhaps\"");
}

const ALL_WRONG: &str = r#"
[sync.types.response]
strategy = "biggest_wins"
fields = { a = "max" }
owner = "nobody"
write = "member"
[sync.types.settings]
other = "max"
[sync.types.progress]
fields = { a = { rule = "map", fields = { b = "most" } } }
other = { rule = "ordered", words = ["one"] }
[sync.types.notes]
stategy = "merge"
max_kib = 0
schema = { "$ref" = "https://example.org/notes.json" }
upgrades = [{ rename = { a = "b" } }, { drop = ["a"] }]
[sync.types.lesson]
strategy = "manual"
[sync.types.Big]
owner = "topic"
key = ["a"]
[sync.types.small]
strategy = "manual"
write = "owner"
deletion = "never"
key = ["a", "a"]
asks = "yes"
[sync.types.empty]
[sync.types]
number = 5
skill_mastery = true
"#;

#[test]
fn everything_wrong_with_types_is_told_at_once() {
    let told = wrong(with_file(ALL_WRONG));
    let strategies = "server_wins, client_wins, last_write_wins, merge, manual";
    let rules =
        "lww, server, client, max, min, counter, set, or, and, manual, text, map or ordered";
    let expected = [
        format!("sync.types.empty.strategy: is missing; it must be one of {strategies}"),
        "sync.types.notes.stategy: is not a setting of an entity type; did you mean strategy?".into(),
        "sync.types.number: is an entity type and must not be a whole number".into(),
        "sync.types.skill_mastery: is a section, not a setting, and must not be true or false".into(),
        "sync.types.notes.max_kib: must be between 1 and 16384, not 0".into(),
        "sync.types.notes.upgrades: /1/drop takes a away a second time".into(),
        format!("sync.types.progress.fields: /a/fields/b must be one of {rules}"),
        "sync.types.progress.other: /words must be a list of two or more words, each once".into(),
        "sync.types.response.owner: must be one of user, topic, not \"nobody\"".into(),
        format!("sync.types.response.strategy: must be one of {strategies}, not \"biggest_wins\""),
        "sync.types.small.asks: must be true or false, not a text".into(),
        "sync.types.small.deletion: must be one of delete_wins, update_revives, manual, not \"never\"".into(),
        "sync.types.Big: is no name for a type: it needs 1 to 64 of a-z 0-9 _ . -".into(),
        "sync.types.Big.key: is only for types whose owner is a user".into(),
        format!("sync.types.Big.strategy: is missing; it must be one of {strategies}"),
        "sync.types.lesson: is kept for the lessons of a class".into(),
        "sync.types.notes.schema: refers to \"https://example.org/notes.json\", but may only refer to \
            itself, such as #/$defs/NAME".into(),
        "sync.types.settings.other: is only for the strategy merge".into(),
        "sync.types.small.write: is only for types whose owner is a topic".into(),
        "sync.types.small.key: names a field twice".into(),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_type_says_how_it_became_what_it_is() {
    let text = "[sync.types.notes]\nupgrades = [{ rename = { text = \"body\" } }, { add = { pinned = false, n = 5 } }]";
    let of = |kinds: Kinds| kinds.get("notes").unwrap().upgrades.clone();
    let loaded = with_file(text).unwrap();
    let again = with_file(&loaded.effective.to_string()).unwrap();
    let upgrades = of(loaded.config.entity_types);
    assert_eq!((upgrades.version(), upgrades.field("text")), (3, Some("body")));
    assert_eq!(upgrades, of(again.config.entity_types));
    let tables = "[[sync.types.notes.upgrades]]\n[sync.types.notes.upgrades.rename]\ntext = \"body\"\n\
        [[sync.types.notes.upgrades]]\nadd = { pinned = false, n = 5 }";
    assert_eq!(upgrades, of(kinds(with_file(tables))));
    for (upgrades, told) in [
        ("5", "upgrades: must be a list of tables, not a whole number"),
        ("[{ add = { a = 0.5 } }]", "upgrades: must not hold a number with a fraction"),
    ] {
        let text = format!("[sync.types.notes]\nupgrades = {upgrades}");
        assert_eq!(wrong(with_file(&text)), [format!("sync.types.notes.{told}")]);
    }
    let gone = "[sync.types.quiz_response]\nupgrades = [{ rename = { quiz_id = \"quiz\" } }]";
    let told = ["sync.types.quiz_response.key: names quiz_id, which upgrades take away"];
    assert_eq!(wrong(with_file(gone)), told);
}

#[test]
fn names_of_types_are_bounded() {
    let long = "a".repeat(64);
    let text = |name: &str| format!("[sync.types.\"{name}\"]\nstrategy = \"manual\"");
    assert!(kinds(with_file(&text(&long))).get(&long).is_some());
    for name in ["", "a b", "é", &"a".repeat(65), "a\\nb"] {
        let told = wrong(with_file(&text(name)));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains(": is no name for a type"), "{told:?}");
    }
}

#[test]
fn a_schema_is_a_file_or_a_table() {
    let data =
        |text: &str| landfall_core::json::Value::parse(text).unwrap().as_object().unwrap().clone();
    let inline = "[sync.types.notes.schema]\nrequired = [\"body\"]\n\
        properties = { body = { type = \"string\", maxLength = 3 } }";
    let file = TempFile::new(r#"{"required":["body"],"properties":{"body":{"maxLength":3}}}"#);
    let named = format!("[sync.types.notes]\nschema = {:?}", file.path().to_str().unwrap());
    for text in [inline, &named] {
        let notes = kind(text, "notes");
        assert_eq!(notes.check(&data(r#"{"body":"abc"}"#)), Ok(()));
        assert_eq!(notes.check(&data(r#"{"body":"abcd"}"#)).unwrap_err()[0].pointer, "/body");
        assert_eq!(notes.check(&data("{}")).unwrap_err()[0].pointer, "");
    }
    let none = "[sync.types.notes]\nschema = \"\"";
    assert!(kind(none, "notes").schema.is_none());
}

#[test]
fn a_schema_that_cannot_be_used_stops_the_start() {
    let broken = TempFile::new("{\"type\":");
    let large = TempFile::new(&" ".repeat((1 << 20) + 1));
    let path = |file: &TempFile| file.path().to_str().unwrap().to_owned();
    for (schema, told) in [
        ("\"/nonexistent/x.json\"".to_owned(), "/nonexistent/x.json cannot be read: ".to_owned()),
        (format!("{:?}", path(&broken)), format!("{} is not JSON: ", path(&broken))),
        (format!("{:?}", path(&large)), format!("{} has more than 1048576 bytes", path(&large))),
        (
            "{ type = \"nope\" }".to_owned(),
            "is no JSON Schema that can be used: at \"/type\": ".to_owned(),
        ),
        ("{ const = 2026-01-01 }".to_owned(), "holds a date, which JSON does not have".to_owned()),
        ("{ maximum = inf }".to_owned(), "holds a number that JSON does not have".to_owned()),
        (
            "5".to_owned(),
            "must be the path of a JSON Schema or a table, not a whole number".to_owned(),
        ),
    ] {
        let all = wrong(with_file(&format!("[sync.types.notes]\nschema = {schema}")));
        assert!(all[0].starts_with(&format!("sync.types.notes.schema: {told}")), "{all:?}");
    }
}
