//! Each rule by table, and what holds for all rules as laws.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

const MANNER: Manner =
    Manner { later: Side::Client, deletion: Deletion::UpdateRevives, base: Base::Known };

/// Reads a value; `-` is one that is not there.
fn read(text: &str) -> Option<Value> {
    (text != "-").then(|| Value::parse(text).unwrap())
}

fn merged(rule: &Rule, [base, server, client]: [&str; 3], manner: Manner) -> Merged {
    let [base, server, client] = [base, server, client].map(read);
    let sides = Sides { base: base.as_ref(), server: server.as_ref(), client: client.as_ref() };
    merge(rule, sides, manner)
}

fn shown(value: Option<&Value>) -> String {
    value.map_or("-".to_owned(), Value::text)
}

#[track_caller]
fn check(rule: &Rule, sides: [&str; 3], expected: &str, class: Class) {
    let found = merged(rule, sides, MANNER);
    assert_eq!((shown(found.value.as_ref()).as_str(), found.class), (expected, class), "{sides:?}");
}

fn text(overlap: Overlap) -> Rule {
    Rule::Text(overlap)
}

fn words(words: &[&str]) -> Rule {
    Rule::Ordered(words.iter().map(ToString::to_string).collect())
}

fn map(named: &[(&str, Rule)]) -> Fields {
    let named = named.iter().map(|(name, rule)| ((*name).to_owned(), rule.clone())).collect();
    Fields { named, other: Box::default() }
}

#[test]
fn one_side_is_kept() {
    check(&Rule::LastWrite, ["1", "2", "3"], "3", Class::Hard);
    let earlier = Manner { later: Side::Server, ..MANNER };
    let found = merged(&Rule::LastWrite, ["1", "2", "3"], earlier);
    assert_eq!(shown(found.value.as_ref()), "2");
    let clash = |rule, class, kept| vec![Clash { pointer: String::new(), rule, class, kept }];
    assert_eq!(found.clashes, clash("lww", Class::Hard, Some(Side::Server)));
    check(&Rule::Server, ["1", "2", "3"], "2", Class::Hard);
    check(&Rule::Client, ["1", "2", "3"], "3", Class::Hard);
    check(&Rule::Client, ["1", "2", "-"], "-", Class::Hard);
    check(&Rule::Manual, ["1", "2", "3"], "2", Class::Open);
    let found = merged(&Rule::Manual, ["1", "2", "3"], MANNER);
    assert_eq!(found.clashes, clash("manual", Class::Open, Some(Side::Server)));
}

#[test]
fn extremes_are_of_numbers_or_of_texts() {
    check(&Rule::Max, ["1", "3", "2"], "3", Class::Soft);
    check(&Rule::Max, ["1", "0.75", "0.750"], "0.75", Class::None);
    check(&Rule::Min, ["3", "0.5", "1e-1"], "1e-1", Class::Soft);
    check(&Rule::Max, ["-", "9", "10"], "10", Class::Soft);
    let [early, late] = [r#""2024-01-15T10:00:00Z""#, r#""2024-01-15T10:35:00Z""#];
    check(&Rule::Min, ["-", late, early], early, Class::Soft);
    // No rule for such values: the later one is kept, and the other named.
    check(&Rule::Max, ["1", "3", r#""3""#], r#""3""#, Class::Hard);
    check(&Rule::Max, ["1", "3", "null"], "null", Class::Hard);
}

#[test]
fn steps_of_a_counter_add_up() {
    check(&Rule::Counter, ["5", "7", "6"], "8", Class::Soft);
    check(&Rule::Counter, ["-", "7", "6"], "13", Class::Soft);
    // Two devices that each counted one.
    check(&Rule::Counter, ["0", "1", "1"], "2", Class::Soft);
    // Nothing that counts: what both made of it is that.
    for same in ["-", "null", r#""x""#, "1.5"] {
        check(&Rule::Counter, ["0", same, same], same, Class::None);
    }
    check(&Rule::Counter, ["null", "1", "1"], "1", Class::None);
    let nested = Rule::Map(map(&[("seen", Rule::Counter)]));
    check(&nested, ["{}", "7", "7"], "7", Class::None);
    check(
        &nested,
        [r#"{"seen":0}"#, r#"{"seen":1}"#, r#"{"seen":1}"#],
        r#"{"seen":2}"#,
        Class::Soft,
    );
    check(&Rule::Counter, ["5", "2", "-1"], "-4", Class::Soft);
    check(&Rule::Counter, ["5", "7.5", "6"], "6", Class::Hard);
    let most = "9007199254740991";
    check(&Rule::Counter, ["0", most, "1"], "1", Class::Hard);
    let unknown = Manner { base: Base::Unknown, ..MANNER };
    let found = merged(&Rule::Counter, ["-", "7", "6"], unknown);
    assert_eq!((shown(found.value.as_ref()).as_str(), found.class), ("6", Class::Hard));
}

#[test]
fn sets_keep_what_either_added_and_drop_what_either_removed() {
    check(&Rule::Set, ["[1,2]", "[2,1,4]", "[3,2]"], "[2,3,4]", Class::Soft);
    check(&Rule::Set, ["-", r#"["b"]"#, r#"["a",{"x":1}]"#], r#"["a","b",{"x":1}]"#, Class::Soft);
    check(&Rule::Set, ["[1,1]", "[1,2,2]", "[1.0,3]"], "[1,2,3]", Class::Soft);
    check(&Rule::Set, ["[1]", "[2]", "3"], "3", Class::Hard);
}

#[test]
fn flags_and_words_join() {
    check(&Rule::Or, ["-", "true", "false"], "true", Class::Soft);
    check(&Rule::And, ["-", "true", "false"], "false", Class::Soft);
    check(&Rule::Or, ["-", "true", "1"], "1", Class::Hard);
    let steps = words(&["not_started", "started", "submitted", "graded"]);
    check(&steps, ["-", r#""submitted""#, r#""started""#], r#""submitted""#, Class::Soft);
    check(&steps, ["-", r#""started""#, r#""graded""#], r#""graded""#, Class::Soft);
    check(&steps, ["-", r#""started""#, r#""lost""#], r#""lost""#, Class::Hard);
}

#[test]
fn members_merge_each_by_its_rule() {
    let inner = map(&[("done", Rule::Or)]);
    let fields = map(&[("score", Rule::Max), ("time", Rule::Counter), ("more", Rule::Map(inner))]);
    check(
        &Rule::Map(fields.clone()),
        [
            r#"{"score":1,"time":10,"name":"a","more":{"done":false}}"#,
            r#"{"score":3,"time":15,"name":"a","more":{"done":true,"x":1}}"#,
            r#"{"score":2,"time":11,"name":"b","more":{"done":false,"y":2}}"#,
        ],
        r#"{"more":{"done":true,"x":1,"y":2},"name":"b","score":3,"time":16}"#,
        Class::Soft,
    );
    let sides = [r#"{"a/b":{"~":1}}"#, r#"{"a/b":{"~":2}}"#, r#"{"a/b":{"~":3}}"#];
    let nested = Rule::Map(map(&[("a/b", Rule::Map(map(&[])))]));
    let found = merged(&nested, sides, MANNER);
    assert_eq!(found.clashes[0].pointer, "/a~1b/~0");
    // Without a rule of its own an object is one value.
    check(&Rule::Map(map(&[])), sides, r#"{"a/b":{"~":3}}"#, Class::Hard);
}

#[test]
fn what_one_removed_and_the_other_changed_goes_by_the_rule_of_deletion() {
    for (deletion, expected, class) in [
        (Deletion::UpdateRevives, "7", Class::Hard),
        (Deletion::DeleteWins, "-", Class::Hard),
        (Deletion::Manual, "-", Class::Open),
    ] {
        let found = merged(&Rule::Max, ["5", "-", "7"], Manner { deletion, ..MANNER });
        assert_eq!((shown(found.value.as_ref()).as_str(), found.class), (expected, class));
    }
    check(&Rule::Max, ["5", "5", "-"], "-", Class::None);
}

#[test]
fn texts_keep_what_both_wrote() {
    let both = text(Overlap::Both);
    let checked = |sides: [&str; 3], expected: &str, class| {
        let json = |text: &str| Value::Text(text.to_owned()).canonical();
        let sides = sides.map(json);
        check(&both, [&sides[0], &sides[1], &sides[2]], &json(expected), class);
    };
    checked(
        ["The cat sat.", "The black cat sat.", "The cat sat down."],
        "The black cat sat down.",
        Class::Soft,
    );
    checked(["one two", "one", "one two three"], "one two three", Class::Hard);
    checked(["The cat sat", "The dog sat", "The bird sat"], "The dog bird sat", Class::Hard);
    checked(["", "Buy milk", "Buy eggs"], "Buy milk\nBuy eggs", Class::Hard);
    checked(["a\nb\nc\n", "a\nx\nb\nc\n", "a\nb\nc\ny\n"], "a\nx\nb\nc\ny\n", Class::Soft);
    // Who wrote the same and more has everything.
    checked(["", "Buy milk", "Buy milk and eggs"], "Buy milk and eggs", Class::Soft);
    checked(["犬が好き", "白い犬が好き", "犬が大好き"], "白い犬が大好き", Class::Soft);
    check(&text(Overlap::Server), [r#""a b""#, r#""a c""#, r#""a d""#], r#""a c""#, Class::Hard);
    check(&text(Overlap::Manual), [r#""a b""#, r#""a c""#, r#""a d""#], r#""a c""#, Class::Open);
    check(&both, [r#""a""#, "1", r#""b""#], r#""b""#, Class::Hard);
}

#[test]
fn what_is_unsaid_is_not_null() {
    check(&Rule::LastWrite, ["-", "null", "-"], "null", Class::None);
    check(&Rule::LastWrite, ["null", "null", "-"], "-", Class::None);
    check(&Rule::LastWrite, ["null", "-", "1"], "1", Class::Hard);
}

fn any_value() -> impl Strategy<Value = Option<Value>> {
    let leaf = prop::sample::select(
        &[
            "null",
            "true",
            "false",
            "0",
            "1",
            "2",
            "5",
            "0.5",
            r#""""#,
            r#""a""#,
            r#""a b""#,
            r#""b a""#,
            r#""x a b""#,
            r#""started""#,
            r#""graded""#,
            "[]",
            "[1]",
            "[1,2]",
            "[2,3]",
            "[3,1]",
            "-",
            "-",
            r#"{"k":1}"#,
            r#"{"k":2,"l":true}"#,
            r#"{"l":false}"#,
            r#"{"k":[1],"m":{"k":3}}"#,
        ][..],
    );
    leaf.prop_map(read)
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let leaf = prop::sample::select(vec![
        Rule::LastWrite,
        Rule::Server,
        Rule::Client,
        Rule::Max,
        Rule::Min,
        Rule::Counter,
        Rule::Set,
        Rule::Or,
        Rule::And,
        text(Overlap::Both),
        text(Overlap::Server),
        text(Overlap::Manual),
        words(&["started", "graded"]),
        Rule::Manual,
    ]);
    leaf.prop_recursive(2, 8, 3, |inner| {
        (prop::collection::btree_map("[klm]", inner.clone(), 0..3), inner)
            .prop_map(|(named, other)| Rule::Map(Fields { named, other: Box::new(other) }))
    })
}

fn any_manner() -> impl Strategy<Value = Manner> {
    let later = prop::sample::select(vec![Side::Server, Side::Client]);
    let deletion =
        prop::sample::select(vec![Deletion::DeleteWins, Deletion::UpdateRevives, Deletion::Manual]);
    let base = prop::sample::select(vec![Base::Known, Base::Unknown]);
    (later, deletion, base).prop_map(|(later, deletion, base)| Manner { later, deletion, base })
}

fn sides<'a>(
    base: &'a Option<Value>,
    server: &'a Option<Value>,
    client: &'a Option<Value>,
) -> Sides<'a> {
    Sides { base: base.as_ref(), server: server.as_ref(), client: client.as_ref() }
}

/// A rule with a base and edits of it such as the rule is for: extremes converge as long as every
/// edit goes their way.
fn edits_of_one_base() -> impl Strategy<Value = (Rule, String, Vec<String>)> {
    let sets = || {
        prop::collection::btree_set(0..6_i32, 0..4)
            .prop_map(|set| format!("{set:?}").replace(['{', '}'], "|"))
    };
    let lists = move || sets().prop_map(|text| text.replacen('|', "[", 1).replacen('|', "]", 1));
    let numbers = |range: std::ops::Range<i32>| range.prop_map(|number| number.to_string());
    let flags = || prop::sample::select(vec!["true".to_owned(), "false".to_owned()]);
    let many = |one: BoxedStrategy<String>| prop::collection::vec(one, 1..5);
    let of = move |rule: Rule, base: BoxedStrategy<String>, edit: BoxedStrategy<String>| {
        (Just(rule), base, many(edit)).boxed()
    };
    prop_oneof![
        of(Rule::Set, lists().boxed(), lists().boxed()),
        of(Rule::Counter, numbers(-9..9).boxed(), numbers(-9..9).boxed()),
        of(Rule::Max, numbers(-9..1).boxed(), numbers(1..9).boxed()),
        of(Rule::Min, numbers(1..9).boxed(), numbers(-9..1).boxed()),
        of(Rule::Or, Just("false".to_owned()).boxed(), flags().boxed()),
        of(Rule::And, Just("true".to_owned()).boxed(), flags().boxed()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Who changed nothing has no say, and what both wrote alike needs no rule.
    #[test]
    fn who_changed_nothing_has_no_say(rule in any_rule(), manner in any_manner(), b in any_value(), x in any_value()) {
        let alike = (!rule.adds_up()).then(|| merge(&rule, sides(&b, &x, &x), manner));
        let unchanged = [merge(&rule, sides(&b, &x, &b), manner), merge(&rule, sides(&b, &b, &x), manner)];
        for found in unchanged.into_iter().chain(alike) {
            prop_assert_eq!((&found.value, found.class, found.clashes.len()), (&x, Class::None, 0));
        }
    }

    /// What came out, brought again by the same device, changes nothing more.
    #[test]
    fn what_was_merged_is_not_merged_again(rule in any_rule(), manner in any_manner(), b in any_value(), s in any_value(), c in any_value()) {
        prop_assume!(!rule.adds_up());
        let once = merge(&rule, sides(&b, &s, &c), manner).value;
        let again = merge(&rule, sides(&s, &once, &once), manner);
        prop_assert_eq!((again.value, again.class), (once, Class::None));
    }

    /// The rules that are said to be symmetric do not care who came first.
    #[test]
    fn symmetric_rules_are_symmetric(
        rule in prop::sample::select(vec![Rule::Max, Rule::Min, Rule::Counter, Rule::Set, Rule::Or, Rule::And, words(&["started", "graded"])]),
        b in any_value(), s in any_value(), c in any_value(),
    ) {
        let one = merge(&rule, sides(&b, &s, &c), MANNER);
        let other = merge(&rule, sides(&b, &c, &s), Manner { later: Side::Server, ..MANNER });
        prop_assert_eq!((one.value, one.class), (other.value, other.class));
    }

    /// A rule drops a value only where it says so.
    #[test]
    fn what_is_dropped_is_named(rule in any_rule(), manner in any_manner(), b in any_value(), s in any_value(), c in any_value()) {
        let found = merge(&rule, sides(&b, &s, &c), manner);
        let gravest = found.clashes.iter().map(|clash| clash.class).max();
        match found.class {
            Class::None | Class::Soft => prop_assert_eq!(gravest, None),
            class => prop_assert_eq!(gravest, Some(class)),
        }
    }

    /// However the edits of one base arrive, the end is the same.
    #[test]
    fn edits_of_one_base_converge_in_any_order((rule, base, edits) in edits_of_one_base(), seed: u64) {
        let value = |text: &String| Some(Value::parse(text).unwrap());
        let base = value(&base);
        let mut edits: Vec<_> = edits.iter().map(value).filter(|edit| *edit != base).collect();
        let end = |edits: &[Option<Value>]| {
            let merged = edits.iter().fold(base.clone(), |server, edit| {
                merge(&rule, sides(&base, &server, edit), MANNER).value
            });
            // The first edit of a set stands in the order of its device.
            match (&rule, merged) {
                (Rule::Set, Some(Value::List(items))) => {
                    let mut items: Vec<_> = items.iter().map(Value::canonical).collect();
                    items.sort();
                    items.join(",")
                }
                (_, merged) => merged.unwrap().canonical(),
            }
        };
        let first = end(&edits);
        let count = edits.len();
        for place in 0..count {
            edits.swap(place, (seed.rotate_left(place as u32 * 7) % count as u64) as usize);
        }
        prop_assert_eq!(end(&edits), first);
    }

    /// Texts: nothing that either wrote anew is lost, where both stay.
    #[test]
    fn words_of_both_stay(b in "[ab ]{0,8}", s in "[abst ]{0,10}", c in "[abcd ]{0,10}") {
        let [b, s, c] = [b, s, c].map(|text| Some(Value::Text(text)));
        let found = merge(&text(Overlap::Both), sides(&b, &s, &c), MANNER);
        let Some(Value::Text(out)) = found.value else { panic!("a text") };
        let of = |value: &Option<Value>| value.as_ref().and_then(Value::as_text).unwrap_or_default().to_owned();
        let words = |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
        for side in [&s, &c] {
            for word in words(&of(side)) {
                let is_new = !words(&of(&b)).contains(&word);
                prop_assert!(!is_new || words(&out).contains(&word), "{word:?} of {s:?} {c:?} is not in {out:?}");
            }
        }
    }
}
