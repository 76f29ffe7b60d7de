//! What a client may say, and what happens when it says something else.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Landfall, token};
use crate::raw::{BINARY, CLOSE, CONTINUATION, PING, PONG, Raw, TEXT, frame, part};

#[tokio::test]
async fn a_bad_frame_is_answered_and_hurts_nothing_else() {
    let landfall = Landfall::start().await;
    let mut device = landfall.device("ada", "").await;
    let deep = format!("{{\"type\":\"ping\",\"x\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let cases = [
        (Message::text("{"), "unreadable", Value::Null),
        (Message::text(""), "unreadable", Value::Null),
        (Message::text("[]"), "invalid", Value::Null),
        (Message::text(deep), "unreadable", Value::Null),
        (Message::text(r#"{"type":"dance","ref":7}"#), "invalid", json!(7)),
        (Message::text(r#"{"type":"ack","ref":"a"}"#), "invalid", json!("a")),
        (Message::text(r#"{"type":"ack","replay_id":"x","ref":"b"}"#), "invalid", json!("b")),
        (Message::text(r#"{"type":"auth"}"#), "invalid", Value::Null),
        (Message::binary(b"\x00\x01".to_vec()), "unreadable", Value::Null),
    ];
    for (message, code, reference) in cases {
        device.send(message.clone()).await;
        let error = device.next().await;
        assert_eq!(error["type"], "error", "{message:?}");
        assert_eq!((&error["code"], &error["ref"]), (&json!(code), &reference), "{message:?}");
        assert!(!error["detail"].as_str().unwrap().is_empty());
    }
    device.say(json!({ "type": "ping" })).await;
    assert_eq!(device.next().await, json!({ "type": "pong", "payload": {} }));
    landfall.notify("ada", "still there").await;
    assert_eq!(device.titles(1).await, ["still there"]);
}

async fn socket(landfall: &Landfall) -> Raw {
    Raw::upgraded(landfall.address, &format!("/ws?token={}", token("ada", "student"))).await
}

#[tokio::test]
async fn a_broken_frame_ends_the_connection_with_its_code() {
    let landfall = Landfall::with(&[("LANDFALL_LIMITS_FRAME_KIB", "1")]).await;
    let fits = format!(r#"{{"type":"ping","x":"{}"}}"#, "x".repeat(1_024 - 22));
    assert_eq!(fits.len(), 1_024);
    let mut polite = socket(&landfall).await;
    polite.send(&frame(TEXT, fits.as_bytes())).await;
    assert_eq!(polite.text().await.unwrap(), json!({ "type": "pong", "payload": {} }));

    let halves = [part(TEXT, &[b' '; 600]), frame(CONTINUATION, &[b' '; 600])].concat();
    let huge = [&[0x81, 0xFF][..], &u64::from(u32::MAX).to_be_bytes(), &[0; 4]].concat();
    let cases = [
        (frame(TEXT, &[b' '; 1_025]), 1009),
        (halves, 1009),
        (huge, 1009),
        (vec![0x81, 2, b'{', b'}'], 1002),
        (part(0xC0 | TEXT, b"{}"), 1002),
        (part(0x83, b""), 1002),
        (part(PING, b""), 1002),
        (frame(CONTINUATION, b""), 1002),
        (frame(TEXT, b"\"\xFF\""), 1007),
        (frame(CLOSE, b"\x03"), 1002),
        (frame(CLOSE, b"\x03\xE8\xFF"), 1007),
    ];
    for (bytes, code) in cases {
        let mut socket = socket(&landfall).await;
        socket.send(&bytes).await;
        let (found, reason) = socket.closed().await;
        assert_eq!(found, code, "{bytes:?}");
        assert!(!reason.is_empty());
        assert_eq!(socket.frame().await, None, "nothing comes after a close");
    }
    polite.send(&frame(CLOSE, b"\x03\xE8bye")).await;
    assert_eq!(polite.closed().await.0, 1000);
    landfall.until_connected(0).await;
}

#[tokio::test]
async fn messages_may_come_in_pieces_with_control_frames_between() {
    let landfall = Landfall::start().await;
    let mut socket = socket(&landfall).await;
    let pieces = [
        part(TEXT, br#"{"ty"#),
        frame(PING, b"between"),
        part(CONTINUATION, br#"pe":"p"#),
        frame(CONTINUATION, br#"ing"}"#),
        frame(BINARY, b""),
    ];
    for byte in pieces.concat() {
        socket.send(&[byte]).await;
    }
    assert_eq!(socket.frame().await.unwrap(), (PONG, b"between".to_vec()));
    assert_eq!(socket.text().await.unwrap(), json!({ "type": "pong", "payload": {} }));
    assert_eq!(socket.text().await.unwrap()["type"], "error");
}
