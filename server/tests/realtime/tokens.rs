//! Tokens that end, and fresh ones, on an open socket.

use serde_json::{Value, json};

use crate::client::Device;
use crate::harness::{Landfall, NOON, sign, token_in};

const QUICK: [(&str, &str); 2] =
    [("LANDFALL_REALTIME_HEARTBEAT_SECONDS", "1"), ("LANDFALL_AUTH_LEEWAY_SECONDS", "60")];

fn until(user: &str, after_noon: i64) -> String {
    sign(&json!({ "sub": user, "exp": NOON + after_noon }))
}

async fn auth(device: &mut Device, token: &str) -> Value {
    device.say(json!({ "type": "auth", "token": token, "ref": 5 })).await;
    device.next().await
}

async fn beats(device: &mut Device, count: u32) {
    for _ in 0..count {
        device.next_of("heartbeat").await;
        device.say(json!({ "type": "pong" })).await;
    }
}

#[tokio::test]
async fn a_socket_ends_with_its_token() {
    let landfall = Landfall::at_noon(&QUICK).await;
    let mut short = landfall.device_with(&until("ada", 100), "").await;
    let mut long = landfall.device_with(&until("ada", 1_000), "").await;
    landfall.set_clock(159);
    beats(&mut short, 2).await;
    landfall.set_clock(160);
    let closed = short.closed().await;
    assert_eq!((closed.code, closed.reason.as_str()), (1008, "the token has expired"));
    beats(&mut long, 2).await;
}

#[tokio::test]
async fn a_fresh_token_of_the_same_user_keeps_the_socket() {
    let landfall = Landfall::at_noon(&QUICK).await;
    let mut device = landfall.device_with(&until("ada", 100), "").await;
    let answer = auth(&mut device, &until("ada", 1_000)).await;
    assert_eq!(answer["type"], "authenticated");
    assert_eq!(answer["user_id"], "ada");
    let refused = [until("bob", 9_000), token_in("school", "ada", "student"), "junk".to_owned()];
    for token in refused {
        let answer = auth(&mut device, &token).await;
        assert_eq!(answer["type"], "error");
        assert_eq!((&answer["code"], &answer["ref"]), (&json!("unauthenticated"), &json!(5)));
    }
    landfall.set_clock(500);
    beats(&mut device, 2).await;
    landfall.notify("ada", "still ada's").await;
    assert_eq!(device.titles(1).await, ["still ada's"]);
    landfall.set_clock(1_060);
    assert_eq!(device.closed().await.code, 1008);
}

#[tokio::test]
async fn a_refused_token_is_counted_wherever_it_came() {
    let landfall = Landfall::at_noon(&QUICK).await;
    assert_eq!(landfall.device_with("junk", "").await.closed().await.code, 1008);
    let url = format!("ws://{}/ws", landfall.address);
    let mut first = Device::connect(&url).await;
    first.say(json!({ "type": "auth", "token": until("ada", -100) })).await;
    assert_eq!(first.closed().await.code, 1008);
    let mut open = landfall.device_with(&until("ada", 100), "").await;
    assert_eq!(auth(&mut open, "junk").await["type"], "error");
    let text = landfall.server.app.metrics.text();
    for line in [r#"reason="malformed"} 2"#, r#"reason="expired"} 1"#] {
        assert!(text.contains(&format!("landfall_tokens_refused_total{{{line}")), "{text}");
    }
}
