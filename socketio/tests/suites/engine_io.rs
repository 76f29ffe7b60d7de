//! What Engine.IO's suite asks for, and Socket.IO's in its first half: handshake, messages, heartbeat, close, upgrade.

use landfall_socketio::request::Method;

use super::app::Frame;
use super::{Client, POLLING, SID, SOCKET, echo, rooms};

fn on_both(check: fn(Client)) {
    check(echo());
    check(rooms());
}

#[test]
fn a_session_opens_by_polling() {
    on_both(|mut client| {
        let open = client.server.request(Method::Get, POLLING, "");
        let body = format!(
            r#"0{{"sid":"{SID}","upgrades":["websocket"],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}}"#
        );
        client.check(open, &body);
    });
}

#[test]
fn a_session_opens_on_a_socket() {
    on_both(|mut client| {
        let socket = client.server.connect(SOCKET);
        let text = format!(
            r#"0{{"sid":"{SID}","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}}"#
        );
        client.check_texts(socket, &[&text]);
    });
}

#[test]
fn a_bad_handshake_is_refused() {
    on_both(|mut client| {
        for transport in ["polling", "websocket"] {
            for query in
                [format!("transport={transport}"), format!("EIO=abc&transport={transport}")]
            {
                let open = client.server.request(Method::Get, &query, "");
                assert_eq!(client.status(open), Some(400), "{query}");
                let socket = client.server.connect(&query);
                assert!(client.is_closed(socket), "{query}");
            }
        }
        for query in ["EIO=4", "EIO=4&transport=abc"] {
            let open = client.server.request(Method::Get, query, "");
            assert_eq!(client.status(open), Some(400), "{query}");
            let socket = client.server.connect(query);
            assert!(client.is_closed(socket), "{query}");
        }
        for method in [Method::Post, Method::Other] {
            let open = client.server.request(method, POLLING, "");
            assert_eq!(client.status(open), Some(400));
        }
    });
}

#[test]
fn messages_come_back_by_polling() {
    for body in ["4hello", "4test1\u{1e}4test2\u{1e}4test3", "4hello\u{1e}bAQIDBA=="] {
        let mut client = echo().opened();
        let post = client.post(body);
        client.check(post, "ok");
        let poll = client.poll();
        client.check(poll, body);
    }
}

#[test]
fn a_bad_packet_ends_a_session_that_polls() {
    let mut client = echo().opened();
    let post = client.post("abc");
    assert_eq!(client.status(post), Some(400));
    client.check_ended();
}

#[test]
fn two_polls_end_a_session() {
    let mut client = echo().opened();
    let first = client.poll();
    client.server.pass(5);
    let second = client.poll();
    client.check(first, "1");
    assert_eq!(client.status(second), Some(400));
    client.check_ended();
}

#[test]
fn a_poll_that_breaks_off_ends_a_session() {
    let mut client = echo().opened();
    let poll = client.poll();
    client.server.pass(5);
    client.server.abort(poll);
    client.check_ended();
}

#[test]
fn messages_come_back_on_a_socket() {
    let mut client = echo().connected();
    client.send(0, "4hello");
    client.check_texts(0, &["4hello"]);
    client.send_binary(0, &[1, 2, 3, 4]);
    assert_eq!(client.server.sockets[0].got, [Frame::Binary(vec![1, 2, 3, 4])]);
    client.send(0, "abc");
    assert!(client.is_closed(0));
}

#[test]
fn a_poll_brings_each_ping() {
    on_both(|client| {
        let mut client = client.opened();
        for _ in 0..3 {
            let poll = client.poll();
            client.server.pass(299);
            assert_eq!(client.status(poll), None);
            client.server.pass(1);
            client.check(poll, "2");
            let pong = client.post("3");
            client.check(pong, "ok");
        }
    });
}

#[test]
fn a_socket_brings_each_ping() {
    on_both(|client| {
        let mut client = client.connected();
        for _ in 0..3 {
            client.server.pass(299);
            client.check_texts(0, &[]);
            client.server.pass(1);
            client.check_texts(0, &["2"]);
            client.send(0, "3");
        }
    });
}

#[test]
fn silence_ends_a_session() {
    on_both(|client| {
        let mut client = client.opened();
        client.server.pass(500);
        client.check_ended();
    });
    on_both(|client| {
        let mut client = client.connected();
        client.server.pass(499);
        assert!(!client.is_closed(0));
        client.server.pass(1);
        assert!(client.is_closed(0));
    });
}

#[test]
fn silence_ends_a_session_although_nobody_looked_at_the_clock() {
    let mut client = echo().opened();
    client.server.now += 500;
    client.check_ended();
}

#[test]
fn a_client_closes() {
    on_both(|client| {
        let mut client = client.opened();
        let poll = client.poll();
        client.post("1");
        client.check(poll, "6");
        client.check_ended();
    });
    on_both(|client| {
        let mut client = client.connected();
        client.send(0, "1");
        assert!(client.is_closed(0));
    });
}

#[test]
fn a_session_moves_to_a_socket() {
    let mut client = echo().opened();
    let socket = client.socket();
    client.send(socket, "2probe");
    client.check_texts(socket, &["3probe"]);
    let poll = client.poll();
    client.server.pass(99);
    assert_eq!(client.status(poll), None);
    client.server.pass(1);
    client.check(poll, "6");
    client.send(socket, "5");
    client.send(socket, "4hello");
    client.check_texts(socket, &["4hello"]);
}

#[test]
fn polls_are_refused_after_an_upgrade() {
    on_both(|client| {
        let mut client = client.opened();
        let socket = client.socket();
        client.send(socket, "2probe");
        client.send(socket, "5");
        client.check_ended();
        client.check_texts(socket, &["3probe"]);
        assert!(!client.is_closed(socket));
    });
    let mut client = echo().opened();
    let socket = client.socket();
    client.send(socket, "2probe");
    // The poll overtakes what was sent before it.
    let poll = client.poll();
    client.send(socket, "5");
    assert_eq!(client.status(poll), Some(400));
    client.send(socket, "4hello");
    client.check_texts(socket, &["3probe", "4hello"]);
}

#[test]
fn another_socket_is_closed_after_an_upgrade() {
    on_both(|client| {
        let mut client = client.opened();
        let socket = client.socket();
        client.send(socket, "2probe");
        client.send(socket, "5");
        let other = client.socket();
        assert!(client.is_closed(other) && !client.is_closed(socket));
    });
    let mut client = echo().opened();
    let socket = client.socket();
    client.send(socket, "2probe");
    client.send(socket, "5");
    client.socket();
    client.send(socket, "4hello");
    client.check_texts(socket, &["3probe", "4hello"]);
}

#[test]
fn what_waited_goes_before_what_comes_on_the_socket() {
    let mut client = echo().opened();
    client.post("4first");
    let socket = client.socket();
    client.send(socket, "2probe");
    client.send(socket, "5");
    client.send(socket, "4second");
    client.check_texts(socket, &["3probe", "4first", "4second"]);
}

#[test]
fn a_poll_brings_sixteen_packets() {
    let mut client = echo().opened();
    client.post(&["4x"; 20].join("\u{1e}"));
    let (first, second) = (client.poll(), client.poll());
    client.check(first, &["4x"; 16].join("\u{1e}"));
    client.check(second, &["4x"; 4].join("\u{1e}"));
}
