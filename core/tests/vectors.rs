//! The shared merge vectors: what every implementation of the merge has to come to.
//!
//! `core/vectors/merge.jsonl` holds one merge a line. It is enumerated here, so that a change of the
//! merge shows as a change of that file; `LANDFALL_WRITE_VECTORS=1 cargo test -p landfall-core --test
//! vectors` writes it anew. Where a line does not say so, the client's side is the later one, what one
//! side removed and the other changed is there again, and the base is known; `base`, `server`, `client`
//! and `expected` are left out where the value is not there. Every number is one that a double holds.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use landfall_core::json::{Object, Value};
use landfall_core::merge::{Base, Deletion, Manner, Rule, Side, Sides, merge};

/// Values that small rules are tried on; `-` is one that is not there.
const SMALL: [&str; 9] = ["-", "null", "true", "false", "0", "1", "2.5", r#""a""#, r#""b""#];
const NUMBERS: [&str; 9] = ["-", "null", "-1", "0", "1", "1.0", "7", "9007199254740991", r#""7""#];
const WORDS: [&str; 7] =
    ["-", "null", r#""not_started""#, r#""started""#, r#""submitted""#, r#""graded""#, r#""lost""#];
const LISTS: [&str; 9] = [
    "-",
    "[]",
    "[1]",
    "[1,2]",
    "[2,1]",
    "[2,3]",
    r#"["b","a"]"#,
    r#"[{"x":1},1.0]"#,
    r#""no list""#,
];
const OBJECTS: [&str; 10] = [
    "-",
    "{}",
    r#"{"score":1,"seen":1}"#,
    r#"{"score":3,"seen":2}"#,
    r#"{"score":2,"seen":2,"done":true}"#,
    r#"{"done":false,"note":"a b"}"#,
    r#"{"note":"a c","seen":5}"#,
    r#"{"note":"x a b","more":{"k":1}}"#,
    r#"{"more":{"k":2,"l":null}}"#,
    "7",
];
const TEXTS: [&str; 14] = [
    "-",
    r#""""#,
    r#""The cat sat.""#,
    r#""The black cat sat.""#,
    r#""The cat sat down.""#,
    r#""The dog sat.""#,
    r#""The bird  sat.""#,
    r#""cat""#,
    r#""Buy milk\nBuy eggs\n""#,
    r#""Buy milk\nBuy bread\nBuy eggs\n""#,
    r#""Buy tea\nBuy eggs""#,
    r#""白い犬が好き。""#,
    r#""犬が大好き。😀""#,
    r#""¿Qué tal, niño? Bien\tgracias""#,
];
/// Numbers whose order and spelling languages get wrong.
const EXACT: [&str; 10] = [
    "-0",
    "0.0",
    "1e21",
    "1000000000000000000000",
    "1e-7",
    "0.0000001",
    "123456789012345678901",
    "9007199254740991",
    "0.1",
    "1E+2",
];
/// Texts whose order differs by code points and by halves of surrogate pairs.
const ORDER: [&str; 5] = [r#""\ufffd""#, r#""😀""#, r#""z""#, r#""Z""#, r#""é""#];
/// A base and edits of it, of which each two meet.
const EDITS: [&[&str]; 10] = [
    &["白い犬が好き。", "黒い犬が好き。", "白い犬が大好き。", "白い猫が好き。😀"],
    &["สวัสดีครับ", "สวัสดีค่ะ", "สวัสดีตอนเช้าครับ"],
    &["a b", "a x y b", "a x b", "a x\ty b", "a\u{a0}x b", "a x b "],
    &["one\n", "one  \n", "one\n\n", "one\t\n", "\none\n", "one two\n"],
    &["ice-cream", "ice_cream", "ice-creams", "it's ice-cream", "ice cream"],
    &["👩‍🚀 flies", "👩‍🚀 👩‍🚀 flies", "👩‍🚀 flies 😀", "👨‍🚀 flies"],
    &["a b c d e f g h", "a B c d e f g H", "A b c d e f G h", "b c d e f g h a"],
    &["x", "x\ny", "x\nz", "x y\n", "x\n\ny"],
    &["a\u{2028}b", "a\u{2028}c b", "a\u{3000}b", "a \u{2003}b"],
    &[
        "1. milk\n2. eggs\n",
        "1. milk\n2. bread\n3. eggs\n",
        "1. oat milk\n2. eggs\n",
        "1. milk\n2. eggs\n3. tea\n",
    ],
];
const DEEP: &str = r#"{"rule":"map","fields":{"a/b":{"rule":"map","fields":{"~":"manual","n":"counter"}}},"other":"counter"}"#;
const DEEPER: [&str; 7] = [
    "-",
    "{}",
    r#"{"n":1}"#,
    r#"{"n":2,"a/b":{"n":2}}"#,
    r#"{"a/b":{"n":2,"~":1}}"#,
    r#"{"a/b":{"n":3,"~":2},"x":"y"}"#,
    r#"{"a/b":7,"n":null}"#,
];
const PROGRESS: &str = r#"{"rule":"map","fields":{"score":"max","seen":"counter","done":"or","note":"text"},"other":"lww"}"#;
const NESTED: &str = r#"{"rule":"map","fields":{"more":{"rule":"map","fields":{"k":"min"},"other":"server"},"note":"manual"},"other":"client"}"#;
const ORDERED: &str =
    r#"{"rule":"ordered","words":["not_started","started","submitted","graded"]}"#;

const USUAL: Manner =
    Manner { later: Side::Client, deletion: Deletion::UpdateRevives, base: Base::Known };

fn read(text: &str) -> Option<Value> {
    (text != "-").then(|| Value::parse(text).unwrap())
}

fn rule(text: &str) -> Rule {
    let is_name = text.chars().all(|c| c.is_ascii_lowercase());
    let written = if is_name { Value::Text(text.to_owned()) } else { Value::parse(text).unwrap() };
    let rule = Rule::read(&written).unwrap();
    assert_eq!(Rule::read(&rule.written()).unwrap(), rule);
    rule
}

/// Every line of the file.
fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    let (of, earlier) = (&mut lines, Manner { later: Side::Server, ..USUAL });
    let deletions = Deletion::ALL.map(|deletion| Manner { deletion, ..USUAL });
    for name in ["lww", "server", "client", "manual", "or", "and"] {
        all(of, name, &SMALL, &[USUAL]);
    }
    for name in ["lww", "server", "client", "manual", "or", "set"] {
        all(of, name, &["-", "1", "[2]", "true"], &deletions[..1]);
    }
    all(of, "lww", &SMALL, &[earlier]);
    for name in ["max", "min"] {
        all(of, name, &NUMBERS, &[USUAL]);
        all(of, name, &WORDS, &[earlier]);
        all(of, name, &EXACT, &[USUAL]);
        all(of, name, &ORDER, &[USUAL]);
    }
    all(of, "max", &NUMBERS[..6], &deletions);
    let unknown = Manner { base: Base::Unknown, ..USUAL };
    all(of, "counter", &NUMBERS, &[USUAL, unknown]);
    all(of, "set", &LISTS, &[USUAL]);
    all(of, ORDERED, &WORDS, &[USUAL]);
    all(of, PROGRESS, &OBJECTS, &[USUAL]);
    all(of, NESTED, &OBJECTS[..8], &[earlier]);
    let strict =
        Manner { later: Side::Server, deletion: Deletion::DeleteWins, base: Base::Unknown };
    all(of, DEEP, &DEEPER, &[USUAL, strict]);
    texts(of);
    long(of);
    lines
}

/// Texts of people, and what implementations get wrong about them.
fn texts(lines: &mut Vec<String>) {
    all(lines, "text", &TEXTS, &[USUAL]);
    all(lines, "text", &["7", r#""a""#, r#""b""#, "-"], &[USUAL]);
    for overlap in ["server", "manual"] {
        let rule = format!(r#"{{"rule":"text","overlap":"{overlap}"}}"#);
        all(lines, &rule, &TEXTS[1..7], &[Manner { later: Side::Server, ..USUAL }]);
    }
    for texts in EDITS {
        let text = |text: &&str| Value::Text((*text).to_owned()).canonical();
        let texts: Vec<String> = texts.iter().map(text).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        all(lines, "text", &texts, &[USUAL]);
    }
}

/// Texts that differ by about as many tokens as are looked for.
fn long(lines: &mut Vec<String>) {
    let rule = rule("text");
    for edits in [998, 1_000, 1_002] {
        // Half of the edits remove, half insert.
        let words =
            |from: usize| (from..from + edits / 2).map(|n| format!(" w{n}")).collect::<String>();
        let (before, after) = (words(0), words(10_000));
        let base = Value::Text(format!("a{before} kept b")).canonical();
        let server = Value::Text(format!("a{after} kept b")).canonical();
        let client = Value::Text(format!("a{before} kept b c")).canonical();
        let inside = Value::Text(format!("a{before} kept in b")).canonical();
        for client in [&client, &inside] {
            lines.push(line(&rule, [&base, &server, client], USUAL));
        }
    }
}

/// Merges every three of some values.
fn all(lines: &mut Vec<String>, written: &str, values: &[&str], manners: &[Manner]) {
    let rule = &rule(written);
    for manner in manners {
        for base in values {
            for server in values {
                let line = |client: &&str| line(rule, [base, server, *client], *manner);
                lines.extend(values.iter().map(line));
            }
        }
    }
}

fn line(rule: &Rule, sides: [&str; 3], manner: Manner) -> String {
    let [base, server, client] = sides.map(read);
    let sides = Sides { base: base.as_ref(), server: server.as_ref(), client: client.as_ref() };
    let merged = merge(rule, sides, manner);
    let text = |text: &str| Some(Value::Text(text.to_owned()));
    let clashes: Vec<Value> =
        merged.clashes.iter().filter_map(|clash| text(&clash.pointer)).collect();
    let is_unknown = manner.base == Base::Unknown;
    let members = [
        ("policy", Some(rule.written())),
        ("later", text(manner.later.as_str()).filter(|_| manner.later != USUAL.later)),
        ("deletion", text(manner.deletion.as_str()).filter(|_| manner.deletion != USUAL.deletion)),
        ("base_known", is_unknown.then_some(Value::Bool(false))),
        ("base", base),
        ("server", server),
        ("client", client),
        ("expected", merged.value),
        ("class", text(merged.class.as_str())),
        ("clashes", Some(Value::List(clashes)).filter(|_| !merged.clashes.is_empty())),
    ];
    let members = members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(members.collect::<Object>()).text()
}

#[test]
fn the_file_says_what_the_merge_does() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors/merge.jsonl");
    let lines = lines();
    assert!(lines.len() >= 10_000, "{}", lines.len());
    if std::env::var_os("LANDFALL_WRITE_VECTORS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    let differing = kept.lines().zip(&lines).find(|(kept, line)| kept != line);
    assert_eq!(differing, None);
    assert_eq!(kept.lines().count(), lines.len());
}
