//! Reading and writing, by table and against another reader; numbers, against whole numbers.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn number(text: &str) -> Number {
    match Value::parse(text).unwrap() {
        Value::Number(number) => number,
        other => panic!("{text} is {other:?}"),
    }
}

#[test]
fn what_is_read_is_written_in_one_form() {
    let check = |text: &str, expected: &str| {
        assert_eq!(Value::parse(text).unwrap().canonical(), expected, "{text}");
    };
    check(" [ 1 , 2.50 , -0 , 1e2 , true , null ] ", "[1,2.5,0,100,true,null]");
    check(r#"{"b":1,"a":{"é":[]},"B":{}}"#, r#"{"B":{},"a":{"é":[]},"b":1}"#);
    check(r#""\u00e9\/\ud83d\ude00\n\u0001\"\\""#, "\"é/😀\\n\\u0001\\\"\\\\\"");
    // By code points, where JavaScript would sort by halves of surrogate pairs.
    check("{\"\u{1f600}\":1,\"\u{ff01}\":2}", "{\"\u{ff01}\":2,\"\u{1f600}\":1}");
}

#[test]
fn numbers_stay_as_they_were_written() {
    let text = r#"{"a":1.0,"b":[12345678901234567890,1E+2]}"#;
    assert_eq!(Value::parse(text).unwrap().text(), text);
}

#[test]
fn what_languages_read_differently_is_refused() {
    let check = |text: &str, fault: JsonFault, at: usize| {
        assert_eq!(Value::parse(text), Err(JsonError { fault, at }), "{text}");
    };
    check(r#"{"a":1,"a":2}"#, JsonFault::Twice, 7);
    check(r#"{"a":1,"\u0061":2}"#, JsonFault::Twice, 7);
    check(r#"["\ud83d"]"#, JsonFault::Surrogate, 3);
    check(r#"["\ud83d\u0061"]"#, JsonFault::Surrogate, 3);
    check(r#"["\ude00"]"#, JsonFault::Surrogate, 3);
    check("1e1001", JsonFault::Number, 0);
    check(&"1".repeat(101), JsonFault::Number, 0);
    let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Value::parse(&deep(DEPTH_MAX)).is_ok());
    check(&deep(DEPTH_MAX + 1), JsonFault::Depth, DEPTH_MAX);
}

#[test]
fn what_is_not_json_is_refused() {
    for text in [
        "",
        " ",
        "01",
        "1.",
        ".5",
        "+1",
        "-",
        "1e",
        "[1,]",
        "[1 2]",
        "{,}",
        "{1:2}",
        "\"\n\"",
        "\"",
        "tru",
        "1 1",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u+123\"",
        "{\"a\"}",
        "nul",
        "\u{feff}1",
        "[",
        "{\"a\":",
    ] {
        let error = Value::parse(text).unwrap_err();
        assert_eq!(error.fault, JsonFault::Grammar, "{text:?}");
        assert!(error.at <= text.len(), "{text:?}");
    }
}

#[test]
fn numbers_are_one_whatever_their_spelling() {
    let check = |text: &str, canonical: &str| {
        assert_eq!(number(text).canonical(), canonical, "{text}");
        assert_eq!(number(text), number(canonical), "{text}");
    };
    check("-0.0e5", "0");
    check("1000e-3", "1");
    check("0.00001", "0.00001");
    check("0.000001", "0.000001");
    check("0.0000001", "1e-7");
    check("123456789012345678901", "123456789012345678901");
    check("1234567890123456789012", "1.234567890123456789012e+21");
    check("-12.3400E1", "-123.4");
    check("1e21", "1e+21");
    check("1e20", "100000000000000000000");
    let ascending =
        ["-1e300", "-20", "-3", "-0.5", "0", "1e-300", "0.05", "0.5", "2.9", "3", "20", "1e300"];
    let sorted: Vec<_> = ascending.iter().map(|text| number(text)).collect();
    assert!(sorted.windows(2).all(|two| two[0] < two[1]), "{sorted:?}");
}

#[test]
fn whole_numbers_are_those_that_every_language_holds() {
    let check =
        |text: &str, expected: Option<i64>| assert_eq!(number(text).as_whole(), expected, "{text}");
    check("9007199254740991", Some(9_007_199_254_740_991));
    check("-9007199254740991", Some(-9_007_199_254_740_991));
    check("9007199254740992", None);
    check("1e3", Some(1_000));
    check("2.0", Some(2));
    check("2.5", None);
    check("0.0", Some(0));
    check("1e300", None);
    check("1e-3", None);
    assert_eq!(Number::whole(1 << 53), None);
}

pub(crate) fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|flag| flag.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| serde_json::to_string(&number).unwrap()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..6);
        let members = prop::collection::btree_map(any::<String>(), inner, 0..6);
        let member = |(key, value): (String, String)| {
            format!("{}: {value}", serde_json::to_string(&key).unwrap())
        };
        prop_oneof![
            list.prop_map(|items| format!("[{}]", items.join(" ,"))),
            members.prop_map(move |all| {
                format!("{{{}}}", all.into_iter().map(member).collect::<Vec<_>>().join(", "))
            }),
        ]
    })
}

proptest! {
    /// Another reader finds the same in it, and the same again in what is written.
    #[test]
    fn another_reader_agrees(text in any_json()) {
        let value = Value::parse(&text).unwrap();
        let other: serde_json::Value = serde_json::from_str(&text).unwrap();
        let again: serde_json::Value = serde_json::from_str(&value.text()).unwrap();
        prop_assert_eq!(&again, &other);
        prop_assert_eq!(Value::parse(&value.canonical()).unwrap(), value.clone());
        let once = value.canonical();
        prop_assert_eq!(Value::parse(&once).unwrap().canonical(), once);
    }

    /// No text makes it fail in another way than by an error, and another reader takes what it takes.
    #[test]
    fn any_text_is_read_or_refused(text in r#"[\[\]{}",:\\0-9eE.+\-a-fu ntrls]{0,24}"#) {
        if Value::parse(&text).is_ok() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        }
    }

    #[test]
    fn numbers_compare_as_numbers(one in -1_000_000_i64..1_000_000, other in -1_000_000_i64..1_000_000, scale in 0_u32..4) {
        let text = |number: i64| {
            let (size, scale) = (number.unsigned_abs(), 10_u64.pow(scale));
            let sign = if number < 0 { "-" } else { "" };
            format!("{sign}{}.{:04}", size / scale, (size % scale) * (10_000 / scale))
        };
        let (a, b) = (number(&text(one)), number(&text(other)));
        prop_assert_eq!(a.cmp(&b), one.cmp(&other));
        prop_assert_eq!(number(&one.to_string()).as_whole(), Some(one));
    }
}
