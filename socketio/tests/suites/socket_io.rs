//! What Socket.IO's suite asks for in its second half: connecting, leaving, and messages with answers and parts.

use super::app::Frame;
use super::rooms;

#[test]
fn a_client_connects() {
    for (sent, namespace, auth) in [
        ("40", "", "{}"),
        (r#"40{"token":"123"}"#, "", r#"{"token":"123"}"#),
        ("40/custom,", "/custom,", "{}"),
        (r#"40/custom,{"token":"abc"}"#, "/custom,", r#"{"token":"abc"}"#),
    ] {
        let mut client = rooms().connected();
        client.send(0, sent);
        let connected = format!(r#"40{namespace}{{"sid":"CQkJCQkJCQkJCQkJCQkJCQ"}}"#);
        let told = format!(r#"42{namespace}["auth",{auth}]"#);
        client.check_texts(0, &[&connected, &told]);
    }
}

#[test]
fn an_unknown_namespace_is_refused() {
    let mut client = rooms().connected();
    client.send(0, "40/random");
    client.check_texts(0, &[r#"44/random,{"message":"Invalid namespace"}"#]);
    assert!(!client.is_closed(0));
}

#[test]
fn a_client_that_does_not_connect_is_let_go() {
    let mut client = rooms().connected();
    client.send(0, "4abc");
    assert!(client.is_closed(0));

    let mut client = rooms().connected();
    for _ in 0..9 {
        client.server.pass(100);
        client.send(0, "3");
    }
    assert!(!client.is_closed(0));
    client.server.pass(100);
    assert!(client.is_closed(0));
}

#[test]
fn a_client_leaves_and_the_engine_goes_on() {
    let mut client = rooms().joined();
    client.send(0, "41");
    client.server.pass(300);
    client.check_texts(0, &["2"]);
}

#[test]
fn a_client_leaves_one_namespace_of_two() {
    let mut client = rooms().joined();
    client.send(0, "40/custom");
    client.server.sockets[0].got.clear();
    client.send(0, "41/custom");
    client.send(0, r#"42["message","message to main namespace"]"#);
    client.check_texts(0, &[r#"42["message-back","message to main namespace"]"#]);
}

#[test]
fn an_event_comes_back() {
    let mut client = rooms().joined();
    client.send(0, r#"42["message",1,"2",{"3":[true]}]"#);
    client.check_texts(0, &[r#"42["message-back",1,"2",{"3":[true]}]"#]);
}

#[test]
fn an_event_is_answered() {
    let mut client = rooms().joined();
    client.send(0, r#"42456["message-with-ack",1,"2",{"3":[false]}]"#);
    client.check_texts(0, &[r#"43456[1,"2",{"3":[false]}]"#]);
}

#[test]
fn parts_come_back() {
    let placeholders = r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}"#;
    for (sent, expected) in [
        (
            format!(r#"452-["message",{placeholders}]"#),
            format!(r#"452-["message-back",{placeholders}]"#),
        ),
        (
            format!(r#"452-789["message-with-ack",{placeholders}]"#),
            format!("462-789[{placeholders}]"),
        ),
    ] {
        let mut client = rooms().joined();
        client.send(0, &sent);
        client.send_binary(0, &[1, 2, 3]);
        client.check_texts(0, &[]);
        client.send_binary(0, &[4, 5, 6]);
        let got: Vec<_> = client.server.sockets[0].got.drain(..).collect();
        let parts = [vec![1, 2, 3], vec![4, 5, 6]].map(Frame::Binary);
        assert_eq!(got, [&[Frame::Text(expected)], parts.as_slice()].concat());
    }
}

#[test]
fn what_is_no_packet_ends_the_session() {
    for text in ["4abc", "42{}", r#"42abc["message-with-ack",1,"2"]"#] {
        let mut client = rooms().joined();
        client.send(0, text);
        assert!(client.is_closed(0), "{text}");
    }
}

#[test]
fn a_client_that_polls_is_told_why_it_is_let_go() {
    let mut client = rooms().opened();
    client.post("40");
    let poll = client.poll();
    let connected = r#"40{"sid":"CQkJCQkJCQkJCQkJCQkJCQ"}"#;
    client.check(poll, &format!("{connected}\u{1e}42[\"auth\",{{}}]"));
    client.post("42{}");
    let poll = client.poll();
    client.check(poll, "1");
    client.check_ended();
}
