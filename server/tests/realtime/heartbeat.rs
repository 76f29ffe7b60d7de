//! Heartbeats, and who counts as alive.

use serde_json::json;

use crate::harness::{Landfall, token};
use crate::raw::{PING, PONG, Raw, TEXT, frame};

const QUICK: [(&str, &str); 2] =
    [("LANDFALL_REALTIME_HEARTBEAT_SECONDS", "1"), ("LANDFALL_REALTIME_SILENCE_SECONDS", "2")];

#[tokio::test]
async fn a_heartbeat_says_where_the_feed_stands() {
    let landfall = Landfall::with(&QUICK).await;
    let mut device = landfall.device("ada", "").await;
    assert_eq!(device.next_of("heartbeat").await, json!({ "type": "heartbeat", "newest": "0" }));
    landfall.notify_many("ada", 2).await;
    device.titles(2).await;
    assert_eq!(device.next_of("heartbeat").await["newest"], "2");
}

#[tokio::test]
async fn silence_ends_a_connection_and_any_frame_keeps_it() {
    let landfall = Landfall::with(&QUICK).await;
    let path = format!("/ws?token={}", token("ada", "student"));
    let silent = async {
        let mut socket = Raw::upgraded(landfall.address, &path).await;
        socket.closed().await
    };
    let alive = async |sign: &[u8]| {
        let mut socket = Raw::upgraded(landfall.address, &path).await;
        let mut beats = 0;
        while beats < 6 {
            let (opcode, payload) = socket.frame().await.unwrap();
            assert!([TEXT, PING, PONG].contains(&opcode), "{opcode} {payload:?}");
            if payload.windows(9).any(|bytes| bytes == b"heartbeat") {
                beats += 1;
                socket.send(sign).await;
            }
        }
    };
    let answer = frame(TEXT, br#"{"type":"pong"}"#);
    let (pong, ping) = (frame(PONG, b""), frame(PING, b""));
    let (closed, ..) = tokio::join!(silent, alive(&answer), alive(&pong), alive(&ping));
    assert_eq!(closed, (1000, "nothing was heard".to_owned()));
}

#[tokio::test]
async fn an_app_that_only_listens_is_not_taken_for_dead() {
    let landfall = Landfall::with(&QUICK).await;
    let mut device = landfall.device("ada", "").await;
    for _ in 0..6 {
        // The client answers pings by itself, as every WebSocket client does.
        device.next_of("heartbeat").await;
    }
}
