//! What a client may say where, as tables of messages and what follows from each.

use super::*;

const KNOWN: &[&str] = &["/", "/custom"];
const ID: SocketId = SocketId::new([0; 16]);

/// Something that happens to a client.
enum Do<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    Accept(&'static str),
    Refuse(&'static str),
    PutOut(&'static str),
}
use Do::{Accept, PutOut, Refuse, Text};

fn check_with(binary: Binary, steps: &[(Do<'_>, &str)]) {
    let mut client = Namespaces::new(KNOWN, binary);
    let said = |said: Option<String>| said.map_or("nobody asked".to_owned(), |text| text);
    for (at, (step, expected)) in steps.iter().enumerate() {
        let got = match step {
            Text(text) => shown(client.text(text)),
            Do::Binary(bytes) => shown(client.binary(bytes)),
            Accept(namespace) => said(client.accept(namespace, &ID)),
            Refuse(namespace) => said(client.refuse(namespace, "no", None)),
            PutOut(namespace) => said(client.put_out(namespace)),
        };
        assert_eq!(got, *expected, "step {at}");
    }
}

fn check(steps: &[(Do<'_>, &str)]) {
    check_with(Binary::Refused, steps);
    check_with(KEPT, steps);
}

const KEPT: Binary = Binary::Kept { at_most: 100 };

fn shown(step: Step<'_>) -> String {
    match step {
        Step::Nothing => "-".to_owned(),
        Step::Join { namespace, auth } => {
            format!("join {namespace} {}", auth.map_or("-", RawValue::get))
        }
        Step::Say(text) => text,
        Step::Event(namespace, event) => {
            let arguments: Vec<_> = event.arguments.iter().map(|value| value.get()).collect();
            format!("event {namespace} {} {:?} {}", event.name, event.id, arguments.join(" "))
        }
        Step::Ack(namespace, ack) => format!("ack {namespace} {}", ack.id),
        Step::Binary(namespace, gathered) => {
            format!("{namespace} {} {:?}", gathered.packet().write(), gathered.parts())
        }
        Step::Unwanted { namespace, id, name } => format!("unwanted {namespace} {name} {id:?}"),
        Step::Left(namespace) => format!("left {namespace}"),
        Step::Close(fault) => format!("{fault:?}"),
    }
}

const JOIN: (Do<'static>, &str) = (Text("0"), "join / -");
const JOINED: (Do<'static>, &str) = (Accept("/"), r#"40{"sid":"AAAAAAAAAAAAAAAAAAAAAA"}"#);
const IN_CUSTOM: (Do<'static>, &str) =
    (Accept("/custom"), r#"40/custom,{"sid":"AAAAAAAAAAAAAAAAAAAAAA"}"#);

#[test]
fn a_client_joins_what_the_server_knows() {
    check(&[(Text(r#"0{"token":"123"}"#), r#"join / {"token":"123"}"#), JOINED]);
    check(&[(Text("0/custom,"), "join /custom -"), IN_CUSTOM]);
    check(&[(Text("0/custom"), "join /custom -"), IN_CUSTOM]);
    check(&[JOIN, JOINED, (Text("0/custom"), "join /custom -"), IN_CUSTOM]);
    check(&[
        (Text("0/random"), r#"44/random,{"message":"Invalid namespace"}"#),
        (Text("0/random"), r#"44/random,{"message":"Invalid namespace"}"#),
        JOIN,
        JOINED,
    ]);
}

#[test]
fn nobody_joins_twice() {
    check(&[JOIN, (Text("0"), "JoinedTwice")]);
    check(&[JOIN, JOINED, (Text("0/,{}"), "JoinedTwice")]);
    check(&[JOIN, JOINED, (Accept("/"), "nobody asked"), (Refuse("/"), "nobody asked")]);
    check(&[(Accept("/"), "nobody asked"), (Accept("/random"), "nobody asked")]);
}

#[test]
fn who_is_refused_may_ask_again() {
    check(&[JOIN, (Refuse("/"), r#"44{"message":"no"}"#), JOIN, JOINED]);
    check(&[JOIN, (Refuse("/"), r#"44{"message":"no"}"#), (Text(r#"2["x"]"#), "NotJoined")]);
}

#[test]
fn only_who_is_in_may_speak() {
    for text in [r#"2["x"]"#, "31[]", "1", r#"51-["x"]"#, "61-1[]", r#"4"no""#] {
        check(&[(Text(text), "NotJoined")]);
        check(&[JOIN, (Text(text), "NotJoined")]);
        check(&[(Text("0/custom"), "join /custom -"), IN_CUSTOM, (Text(text), "NotJoined")]);
    }
    check(&[JOIN, JOINED, (Text(r#"2/random,["x"]"#), "NotJoined")]);
    check(&[(Text("abc"), "Packet(UnknownType)")]);
    check(&[JOIN, JOINED, (Text("2{}"), "Packet(Payload)")]);
    check(&[JOIN, JOINED, (Text(r#"4"no""#), "ServersWord")]);
}

#[test]
fn events_and_answers_are_told() {
    check(&[
        JOIN,
        JOINED,
        (Text(r#"2["x",1,{}]"#), "event / x None 1 {}"),
        (Text(r#"2456["x"]"#), "event / x Some(AckId(456)) "),
        (Text("37[1]"), "ack / 7"),
    ]);
}

#[test]
fn one_namespace_is_left_and_the_other_is_not() {
    check(&[
        JOIN,
        JOINED,
        (Text("0/custom"), "join /custom -"),
        IN_CUSTOM,
        (Text("1/custom"), "left /custom"),
        (Text(r#"2["x"]"#), "event / x None "),
        (Text("0/custom"), "join /custom -"),
        IN_CUSTOM,
        (PutOut("/custom"), "41/custom,"),
        (PutOut("/custom"), "nobody asked"),
        (Text("1"), "left /"),
        (Text("1"), "NotJoined"),
    ]);
}

#[test]
fn it_says_where_a_client_is() {
    let mut client = Namespaces::new(KNOWN, Binary::Refused);
    assert!(client.is_nowhere());
    client.text("0/custom");
    assert!(client.is_nowhere() && !client.is_in("/custom"));
    client.accept("/custom", &ID);
    assert!(client.is_in("/custom") && !client.is_in("/") && !client.is_in("/random"));
    client.text("1/custom");
    assert!(client.is_nowhere());
}

#[test]
fn parts_are_gathered() {
    let event = r#"52-7["x",{"_placeholder":true,"num":0}]"#;
    let (first, second) = (Do::Binary(&[1, 2]), Do::Binary(&[]));
    let whole = format!("/ 4{event} [[1, 2], []]");
    check_with(KEPT, &[JOIN, JOINED, (Text(event), "-"), (first, "-"), (second, &whole)]);
    check_with(KEPT, &[JOIN, JOINED, (Text("61-7[]"), "-"), (Do::Binary(&[1]), "/ 461-7[] [[1]]")]);
    check_with(KEPT, &[JOIN, JOINED, (Text(r#"50-["x"]"#), r#"/ 450-["x"] []"#)]);
}

#[test]
fn parts_of_who_was_put_out_are_for_nobody() {
    let both = [JOIN, JOINED, (Text("0/custom"), "join /custom -"), IN_CUSTOM];
    let due = [(Text(r#"51-/custom,["x"]"#), "-")];
    let out = [(PutOut("/custom"), "41/custom,"), (Do::Binary(&[1]), "-"), (Text("1"), "left /")];
    check_with(KEPT, &both.into_iter().chain(due).chain(out).collect::<Vec<_>>());
    let due = [(Text(r#"51-/custom,["x"]"#), "-"), (PutOut("/"), "41")];
    let told = [(Do::Binary(&[1]), r#"/custom 451-/custom,["x"] [[1]]"#)];
    let both = [JOIN, JOINED, (Text("0/custom"), "join /custom -"), IN_CUSTOM];
    check_with(KEPT, &both.into_iter().chain(due).chain(told).collect::<Vec<_>>());
}

#[test]
fn parts_that_are_kept_have_a_limit() {
    let text = r#"52-["x"]"#;
    let room = 100 - text.len();
    let (all, more) = (vec![0; room], vec![0; room + 1]);
    check_with(KEPT, &[JOIN, JOINED, (Text(text), "-"), (Do::Binary(&more), "TooLarge")]);
    let (fits, no_more) = ((Do::Binary(&all), "-"), (Do::Binary(&[0]), "TooLarge"));
    check_with(KEPT, &[JOIN, JOINED, (Text(text), "-"), fits, no_more]);
    let long = format!(r#"51-["{}"]"#, "x".repeat(100));
    check_with(KEPT, &[JOIN, JOINED, (Text(&long), "TooLarge")]);
}

#[test]
fn parts_that_are_refused_are_counted() {
    check_with(
        Binary::Refused,
        &[
            JOIN,
            JOINED,
            (Text(r#"52-7["x"]"#), "unwanted / x Some(AckId(7))"),
            (Do::Binary(&[1]), "-"),
            (Do::Binary(&[2]), "-"),
            (Text(r#"50-["x"]"#), "unwanted / x None"),
            (Text("61-7[]"), "-"),
            (Do::Binary(&[1]), "-"),
            (Text(r#"2["y"]"#), "event / y None "),
            (Do::Binary(&[1]), "NoPartDue"),
        ],
    );
}

#[test]
fn a_part_is_due_or_it_is_not() {
    check(&[(Do::Binary(&[1]), "NoPartDue")]);
    check(&[JOIN, JOINED, (Do::Binary(&[1]), "NoPartDue")]);
    for text in [r#"2["y"]"#, "1", "0/custom", "abc", r#"51-["x"]"#] {
        check_with(KEPT, &[JOIN, JOINED, (Text(r#"51-["x"]"#), "-"), (Text(text), "PartDue")]);
        let unwanted = (Text(r#"51-["x"]"#), "unwanted / x None");
        check_with(Binary::Refused, &[JOIN, JOINED, unwanted, (Text(text), "PartDue")]);
    }
}

#[test]
fn a_client_costs_little() {
    assert!(size_of::<Namespaces>() <= 48, "{}", size_of::<Namespaces>());
}
