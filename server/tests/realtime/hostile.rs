//! Clients that send too much, or begin what they never end.

use crate::harness::{Landfall, soon, token, until};
use crate::raw::{CLOSE, CONTINUATION, PING, PONG, Raw, TEXT, frame, handshake, part};
use serde_json::{Value, json};

const FEW: [(&str, &str); 2] =
    [("LANDFALL_LIMITS_FRAMES_PER_SECOND", "1"), ("LANDFALL_LIMITS_BURST_SECONDS", "20")];

async fn connected(landfall: &Landfall, query: &str) -> Raw {
    let path = format!("/ws?token={}&{query}", token("ada", "student"));
    Raw::upgraded(landfall.address, &path).await
}

#[tokio::test]
async fn too_many_frames_of_any_kind_end_a_connection_with_a_word() {
    let landfall = Landfall::with(&FEW).await;
    let ping = frame(TEXT, br#"{"type":"ping"}"#);
    let begun = part(TEXT, b"");
    let kinds = [
        ping.repeat(50),
        frame(PING, b"").repeat(50),
        frame(PONG, b"").repeat(50),
        [begun, part(CONTINUATION, b"").repeat(50)].concat(),
    ];
    for (index, flood) in kinds.into_iter().enumerate() {
        let mut socket = connected(&landfall, "").await;
        socket.send(&flood).await;
        let mut last = Value::Null;
        let code = loop {
            match socket.frame().await.expect("a close comes before the end") {
                (TEXT, text) => last = serde_json::from_slice(&text).unwrap(),
                (CLOSE, payload) => break u16::from_be_bytes([payload[0], payload[1]]),
                _ => {}
            }
        };
        assert_eq!((&last["type"], &last["code"]), (&json!("error"), &json!("rate_limited")));
        assert_eq!(code, 1013);
        assert_eq!(landfall.server.app.live.counters().flood_closed, index as u64 + 1);
    }
    assert_eq!(landfall.server.app.live.counters().slow_closed, 0);
}

/// Confirming is what the server asks for: however much it sends, nobody is closed for it.
#[tokio::test]
async fn what_confirms_something_is_never_too_much() {
    let landfall = Landfall::with(&FEW).await;
    let mut acks = landfall.device("ada", "ack=1").await;
    let mut pongs = landfall.device("bob", "").await;
    for at in 1..=60 {
        for (user, device) in [("ada", &mut acks), ("bob", &mut pongs)] {
            landfall.notify(user, &at.to_string()).await;
            assert_eq!(device.titles(1).await, [at.to_string()]);
        }
        acks.ack(at).await;
    }
    landfall.until_delivered("ada", "60").await;
    // The client answers the last ping once it is asked for more.
    tokio::select! {
        () = landfall.until_delivered("bob", "60") => {}
        more = pongs.answer() => assert_eq!(more.unwrap()["type"], "heartbeat"),
    }
    assert_eq!(landfall.server.app.live.counters().flood_closed, 0);
}

#[tokio::test]
async fn what_is_begun_has_to_end() {
    let landfall = Landfall::with(&[("LANDFALL_LIMITS_FRAME_SECONDS", "1")]).await;
    let whole = frame(TEXT, br#"{"type":"ping"}"#);
    let in_pieces = [part(TEXT, b"{"), frame(PING, b"still here")].concat();
    let mut sockets = Vec::new();
    for begun in [&whole[..1], &whole[..10], &in_pieces] {
        let mut socket = connected(&landfall, "").await;
        socket.send(begun).await;
        sockets.push(socket);
    }
    for mut socket in sockets {
        let closed = socket.closed().await;
        assert_eq!(closed, (1013, "a message was begun and not ended".to_owned()));
    }
    landfall.until_connected(0).await;
}

#[tokio::test]
async fn what_ends_in_time_may_come_in_pieces_for_ever() {
    let settings =
        [("LANDFALL_LIMITS_FRAME_SECONDS", "2"), ("LANDFALL_REALTIME_HEARTBEAT_SECONDS", "1")];
    let landfall = Landfall::with(&settings).await;
    let mut socket = connected(&landfall, "").await;
    let whole = frame(TEXT, br#"{"type":"ping"}"#);
    let (first, second) = whole.split_at(9);
    socket.send(first).await;
    let mut beats = 0;
    // At each beat it ends one message and begins the next, so that one is always under way.
    while beats < 5 {
        let (opcode, payload) = socket.frame().await.unwrap();
        assert_ne!(opcode, CLOSE, "{payload:?}");
        if opcode == TEXT && payload.windows(9).any(|bytes| bytes == b"heartbeat") {
            beats += 1;
            socket.send(&[second, first].concat()).await;
        }
    }
    socket.send(second).await;
    assert_eq!(socket.text().await.unwrap(), json!({ "type": "pong", "payload": {} }));
}

#[tokio::test]
async fn a_handshake_has_to_come_in_time() {
    let settings =
        [("LANDFALL_LIMITS_HEADER_SECONDS", "1"), ("LANDFALL_AUTH_FIRST_MESSAGE_SECONDS", "1")];
    let landfall = Landfall::with(&settings).await;
    let mut head = Raw::open(landfall.address).await;
    head.send(handshake("/ws").as_bytes()).await;
    head.ended().await;
    // The first message, drop by drop.
    let mut drops = Raw::upgraded(landfall.address, "/ws").await;
    let auth = json!({ "type": "auth", "token": token("ada", "student") }).to_string();
    let mut left = frame(TEXT, auth.as_bytes());
    left.truncate(20);
    let dripping = async {
        for byte in left {
            drops.send(&[byte]).await;
        }
        drops.closed().await
    };
    assert_eq!(soon("the end of a dripping socket", dripping).await.0, 1008);
}

/// Each byte comes soon after the one before and the head stays small: only the time of the whole
/// can end it.
#[tokio::test]
async fn heads_that_drip_end_in_time_and_delay_nobody() {
    let landfall = Landfall::with(&[("LANDFALL_LIMITS_HEADER_SECONDS", "1")]).await;
    let mut dripping = Vec::new();
    for _ in 0..16 {
        let mut first = Raw::open(landfall.address).await;
        first.send(b"GET /health HTTP/1.1\r\nX-Slow: ").await;
        let mut later = Raw::open(landfall.address).await;
        later.send(b"GET /health HTTP/1.1\r\nHost: l\r\n\r\n").await;
        let head = later.head().await;
        later.body(&head).await;
        later.send(b"G").await;
        dripping.extend([first, later]);
    }
    // Whoever asks as it should is served beside them, on one connection, all the while.
    let mut served = Raw::open(landfall.address).await;
    let serving = async {
        loop {
            served.send(b"GET /health HTTP/1.1\r\nHost: l\r\n\r\n").await;
            let head = served.head().await;
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
            served.body(&head).await;
        }
    };
    let drips = dripping.iter_mut().map(|raw| raw.ends_while_dripping(b'x'));
    let ends = tokio::select! {
        ends = futures_util::future::join_all(drips) => ends,
        () = serving => unreachable!("it serves for ever"),
    };
    assert_eq!(ends, [true; 32]);
}

#[tokio::test]
async fn a_bounded_rate_is_refilled() {
    let landfall = Landfall::with(&FEW).await;
    let mut device = landfall.device("ada", "").await;
    for _ in 0..20 {
        device.say(json!({ "type": "ping" })).await;
        assert_eq!(device.next().await["type"], "pong");
    }
    // One more was earned once the server's clock has moved on by a second or two.
    let age = || landfall.server.app.live.average_duration_seconds();
    let now = age();
    until("two seconds", async || age() >= now + 2).await;
    device.say(json!({ "type": "ping" })).await;
    assert_eq!(device.next().await["type"], "pong");
}
