//! Each rule of reading and writing packets, as tables.

use serde_json::value::RawValue;

use super::*;
use crate::id::SocketId;

/// Reads a packet; it is expected to be written as it came, and to be of this kind.
fn check(text: &str, expected: &str) {
    let packet = Packet::read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(shown(&packet), expected, "{text}");
    assert_eq!(packet.write(), format!("4{text}"));
}

fn shown(packet: &Packet<'_>) -> String {
    let all =
        |values: &[&RawValue]| values.iter().map(|value| value.get()).collect::<Vec<_>>().join(" ");
    let body = match &packet.body {
        Content::Connect(payload) => format!("connect {}", payload.map_or("-", RawValue::get)),
        Content::Disconnect => "disconnect".to_owned(),
        Content::ConnectError(payload) => format!("error {payload}"),
        Content::Event(event) => format!(
            "event {} {:?} {:?}: {}",
            event.name,
            event.id,
            event.parts,
            all(&event.arguments)
        ),
        Content::Ack(ack) => format!("ack {} {:?}: {}", ack.id, ack.parts, all(&ack.arguments)),
    };
    format!("{} {body}", packet.namespace)
}

fn check_refused(text: &str, expected: PacketError) {
    assert_eq!(Packet::read(text).map(|packet| shown(&packet)), Err(expected), "{text}");
}

#[test]
fn connect_has_an_object_or_nothing() {
    check("0", "/ connect -");
    check(r#"0{"token":"123"}"#, r#"/ connect {"token":"123"}"#);
    check("0/custom,", "/custom connect -");
    check(r#"0/custom,{"token":"abc"}"#, r#"/custom connect {"token":"abc"}"#);
    for payload in ["[]", "null", "1", "\"x\"", "abc", "{", "{} {}", "5{}", " "] {
        check_refused(&format!("0{payload}"), PacketError::Payload);
    }
}

#[test]
fn disconnect_has_nothing() {
    check("1", "/ disconnect");
    check("1/custom,", "/custom disconnect");
    for payload in ["{}", "[]", "5", "x", " "] {
        check_refused(&format!("1{payload}"), PacketError::Payload);
        check_refused(&format!("1/custom,{payload}"), PacketError::Payload);
    }
}

#[test]
fn an_event_is_an_array_that_begins_with_its_name() {
    check(r#"2["x"]"#, "/ event x None None: ");
    check(r#"2["message",1,"2",{"3":[true]}]"#, r#"/ event message None None: 1 "2" {"3":[true]}"#);
    check(r#"2/custom,["x",null]"#, "/custom event x None None: null");
    check(r#"2[""]"#, "/ event  None None: ");
    for payload in ["", "{}", "null", "\"x\"", "[", "[\"x\"", "[\"x\"]]", "[\"x\",]", "abc"] {
        check_refused(&format!("2{payload}"), PacketError::Payload);
    }
    for payload in ["[]", "[null]", "[{}]", "[[\"x\"]]", "[true]", "[\"\\ud800\"]"] {
        check_refused(&format!("2{payload}"), PacketError::Name);
    }
}

#[test]
fn a_name_is_what_it_means() {
    let name = |text| match Packet::read(text).map(|packet| packet.body) {
        Ok(Content::Event(event)) => event.name.into_owned(),
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(name(r#"2["\u0078\n"]"#), "x\n");
    assert_eq!(name("2[12]"), "12");
    assert_eq!(name("2[-1.5e3,1]"), "-1.5e3");
    assert_eq!(name(r#"2 [ "x" , 1 ] "#), "x");
}

#[test]
fn some_names_are_reserved() {
    for name in
        ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
    {
        check_refused(&format!(r#"2["{name}"]"#), PacketError::Name);
        check_refused(&format!(r#"51-["{name}",{{}}]"#), PacketError::Name);
    }
    check_refused(r#"2["c\u006fnnect"]"#, PacketError::Name);
    check(r#"2["connected"]"#, "/ event connected None None: ");
}

#[test]
fn an_id_is_up_to_nineteen_digits_and_stays_as_it_is() {
    check(r#"20["x"]"#, "/ event x Some(AckId(0)) None: ");
    check(r#"2456["x",1]"#, "/ event x Some(AckId(456)) None: 1");
    check(r#"2007["x"]"#, "/ event x Some(AckId(007)) None: ");
    check(r#"2/custom,7["x"]"#, "/custom event x Some(AckId(7)) None: ");
    let longest = "9".repeat(19);
    check(&format!(r#"2{longest}["x"]"#), &format!("/ event x Some(AckId({longest})) None: "));
    check_refused(&format!(r#"2{longest}9["x"]"#), PacketError::AckId);
    for id in ["abc", "-1", "1.5", "1 2", "١"] {
        check_refused(&format!(r#"2{id}["x"]"#), PacketError::Payload);
    }
}

#[test]
fn an_ack_is_an_id_and_an_array() {
    check("3456[]", "/ ack 456 None: ");
    check(r#"30[1,"2"]"#, r#"/ ack 0 None: 1 "2""#);
    check(r#"3/custom,12["connect"]"#, r#"/custom ack 12 None: "connect""#);
    check_refused("3[1]", PacketError::AckId);
    check_refused("3", PacketError::AckId);
    check_refused("3/custom", PacketError::AckId);
    for payload in ["", "{}", "null", "[", "x"] {
        check_refused(&format!("31{payload}"), PacketError::Payload);
    }
}

#[test]
fn parts_are_announced_up_to_ten() {
    let two = r#"{"_placeholder":true,"num":0} {"_placeholder":true,"num":1}"#;
    let arguments = two.replace(' ', ",");
    check(&format!(r#"52-["x",{arguments}]"#), &format!("/ event x None Some(2): {two}"));
    check(&format!("62-789[{arguments}]"), &format!("/ ack 789 Some(2): {two}"));
    check(r#"51-/custom,3["x",1]"#, "/custom event x Some(AckId(3)) Some(1): 1");
    check(r#"50-["x"]"#, "/ event x None Some(0): ");
    check(r#"510-["x"]"#, "/ event x None Some(10): ");
    for text in ["5", "5[\"x\"]", "5-[\"x\"]", "5x-[\"x\"]", "511-[\"x\"]", "5001-[\"x\"]"] {
        check_refused(text, PacketError::Parts);
    }
    for text in ["6", "6-1[]", "6+1-1[]", "5 1-[\"x\"]", "5/a-b,1-[\"x\"]", "61[]"] {
        check_refused(text, PacketError::Parts);
    }
    check_refused(r#"21-["x"]"#, PacketError::Payload);
}

#[test]
fn a_namespace_ends_at_a_comma_or_with_the_packet() {
    check(r#"2/a/b?c=d,["x"]"#, "/a/b?c=d event x None None: ");
    let shown_of = |text| Packet::read(text).map(|packet| shown(&packet));
    assert_eq!(shown_of("0/random"), Ok("/random connect -".to_owned()));
    assert_eq!(shown_of("1/custom"), Ok("/custom disconnect".to_owned()));
    assert_eq!(shown_of("0/,{}"), Ok("/ connect {}".to_owned()));
    assert_eq!(shown_of("0/"), Ok("/ connect -".to_owned()));
    check_refused(r#"2/custom["x"]"#, PacketError::Payload);
    check_refused("0custom,", PacketError::Payload);
}

#[test]
fn a_connect_error_is_an_object_or_a_text() {
    check(r#"4{"message":"no"}"#, r#"/ error {"message":"no"}"#);
    check(r#"4/a,"no""#, r#"/a error "no""#);
    for payload in ["", "[]", "null", "abc", "5{}"] {
        check_refused(&format!("4{payload}"), PacketError::Payload);
    }
}

#[test]
fn what_is_no_packet_is_refused() {
    for text in ["", "abc", "7", "9[]", "-", "€", " 0"] {
        check_refused(text, PacketError::UnknownType);
    }
}

#[test]
fn arguments_have_an_end() {
    let values = |count: usize| vec!["0"; count].join(",");
    check(
        &format!(r#"2["x",{}]"#, values(32)),
        &format!("/ event x None None: {}", vec!["0"; 32].join(" ")),
    );
    check(&format!("31[{}]", values(32)), &format!("/ ack 1 None: {}", vec!["0"; 32].join(" ")));
    for count in [33, 34, 35, 1_000] {
        check_refused(&format!(r#"2["x",{}]"#, values(count)), PacketError::Arguments);
        check_refused(&format!("31[{}]", values(count)), PacketError::Arguments);
    }
    check_refused(&format!(r#"2["x",{},x]"#, values(100)), PacketError::Payload);
}

#[test]
fn arguments_may_nest_as_deep_as_a_message_is_long() {
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    assert!(Packet::read(&format!(r#"2["x",{deep}]"#)).is_ok());
    check_refused(&format!(r#"2["x",{}"#, "[".repeat(60_000)), PacketError::Payload);
}

#[test]
fn the_server_says_who_joined_and_who_may_not() {
    let id = SocketId::new([0; 16]);
    assert_eq!(connected("/", &id), r#"40{"sid":"AAAAAAAAAAAAAAAAAAAAAA"}"#);
    assert_eq!(connected("/custom", &id), r#"40/custom,{"sid":"AAAAAAAAAAAAAAAAAAAAAA"}"#);
    assert_eq!(
        refused("/random", "Invalid namespace", None),
        r#"44/random,{"message":"Invalid namespace"}"#
    );
    let data = RawValue::from_string(r#"{"code":"token_expired"}"#.to_owned()).expect("JSON");
    assert_eq!(
        refused("/", "a \"bad\" token", Some(&data)),
        r#"44{"message":"a \"bad\" token","data":{"code":"token_expired"}}"#
    );
    assert_eq!(disconnected("/"), "41");
    assert_eq!(disconnected("/custom"), "41/custom,");
}

#[test]
fn frames_that_many_share_are_written_from_finished_json() {
    let mut out = b"before".to_vec();
    append_event(&mut out, "notification", br#"{"replay_id":"42"}"#);
    assert_eq!(out, br#"before42["notification",{"replay_id":"42"}]"#);
    out.clear();
    append_event(&mut out, "a \"b\"\u{1e}", b"1");
    assert_eq!(out, br#"42["a \"b\"\u001e",1]"#);
    out.clear();
    append_ack(&mut out, &AckId::read("007").expect("digits"), br#"{"ok":true}"#);
    assert_eq!(out, br#"43007[{"ok":true}]"#);
}

#[test]
fn parts_have_placeholders() {
    let (first, second) = (placeholder(0), placeholder(1));
    let event = Event {
        id: None,
        name: "message-back".into(),
        arguments: vec![&first, &second],
        parts: Some(2),
    };
    let packet = Packet { namespace: MAIN, body: Content::Event(event) };
    assert_eq!(
        packet.write(),
        r#"452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#
    );
}
