//! Types that change: what is read of their steps, and that fields converted twice are as if once.

use proptest::prelude::{Strategy as _, prop, prop_assert_eq, proptest};

use super::object;
use crate::json::{Object, Value};
use crate::sync::Upgrades;

fn read(steps: &str) -> Result<Upgrades, String> {
    let Value::List(steps) = Value::parse(steps).unwrap() else { panic!("{steps}") };
    Upgrades::read(&steps).map_err(|fault| fault.to_string())
}

#[test]
fn steps_that_would_bring_a_name_back_are_refused() {
    for (steps, wrong) in [
        (r#"[1]"#, "/0: must be a table with rename, add or drop"),
        (r#"[{}, {"rename": ["a"]}]"#, "/1/rename: must be a table from old name to new name"),
        (r#"[{"rename": {"a": 1}}]"#, "/0/rename: must hold names"),
        (r#"[{"drop": "a"}]"#, "/0/drop: must be a list of names"),
        (r#"[{"drop": [1]}]"#, "/0/drop: must hold names"),
        (r#"[{"add": ["a"]}]"#, "/0/add: must be a table from name to value"),
        (r#"[{"set": {}}]"#, "/0/set: is none of rename, add and drop"),
        (r#"[{"rename": {"a": "b"}, "drop": ["a"]}]"#, "/0/drop: takes a away a second time"),
        (r#"[{"drop": ["a"]}, {"drop": ["a"]}]"#, "/1/drop: takes a away a second time"),
        (r#"[{"rename": {"a": "c", "b": "c"}}]"#, "/0/rename: makes c of two fields"),
        (
            r#"[{"rename": {"a": "b", "b": "a"}}]"#,
            "/0/rename: brings back a, which was taken away: use another name",
        ),
        (
            r#"[{"drop": ["a"]}, {"add": {"a": 1}}]"#,
            "/1/add: brings back a, which was taken away: use another name",
        ),
    ] {
        assert_eq!(read(steps).unwrap_err(), wrong, "{steps}");
    }
    let many = format!("[{}]", vec!["{}"; 101].join(","));
    assert_eq!(read(&many).unwrap_err(), ": must have at most 100 steps");
}

#[test]
fn a_name_is_followed_to_what_it_is_by_now() {
    let steps =
        r#"[{"rename": {"a": "b"}, "drop": ["x"]}, {"rename": {"b": "c"}, "add": {"n": 1}}]"#;
    let upgrades = read(steps).unwrap();
    assert_eq!((upgrades.version(), Upgrades::default().version()), (3, 1));
    let now = ["a", "b", "c", "x", "n"].map(|name| upgrades.field(name));
    assert_eq!(now, [Some("c"), Some("c"), Some("c"), None, Some("n")]);
    // What an app wrote by the old name is newer than what it had by the new one.
    let mut fields = object(r#"{"a": 1, "b": 2, "c": 3, "x": 4}"#);
    upgrades.fields(&mut fields);
    assert_eq!(fields, object(r#"{"c": 1}"#));
}

fn names() -> impl proptest::strategy::Strategy<Value = Vec<String>> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "d", "e", "f"]), 0..3)
        .prop_map(|names| names.into_iter().map(str::to_owned).collect())
}

fn step() -> impl proptest::strategy::Strategy<Value = String> {
    (names(), names(), names()).prop_map(|(mut old, new, dropped)| {
        old.dedup();
        let renamed: Vec<String> =
            old.iter().zip(&new).map(|(old, new)| format!("{old:?}: {new:?}")).collect();
        format!(r#"{{"rename": {{{}}}, "drop": {dropped:?}}}"#, renamed.join(", "))
    })
}

proptest! {
    // Stored fields may be converted at any time, and any number of times.
    #[test]
    fn fields_converted_twice_are_as_if_converted_once(
        steps in prop::collection::vec(step(), 0..4),
        fields in names(),
    ) {
        let Ok(upgrades) = read(&format!("[{}]", steps.join(","))) else { return Ok(()) };
        let mut once: Object =
            fields.into_iter().map(|name| (name.clone(), Value::Text(name))).collect();
        upgrades.fields(&mut once);
        let mut twice = once.clone();
        upgrades.fields(&mut twice);
        prop_assert_eq!(&once, &twice);
        for name in once.keys() {
            prop_assert_eq!(upgrades.field(name), Some(name.as_str()));
        }
    }
}
