//! S3 over Socket.IO: what a client hears of others, and what ends it when it floods, outlives its token or says too
//! much.

use serde_json::{Value, json};

use crate::harness::{Landfall, NOON, sign};
use crate::socketio::{Client, class, heard, joined, say};

#[tokio::test]
async fn s3_a_client_hears_who_comes_and_what_is_written_elsewhere() {
    let landfall = Landfall::start().await;
    class(&landfall, &["ada", "ben"]).await;
    let mut ada = joined(&landfall, "ada", json!({ "presence": true, "alerts": true })).await;
    let mut ben = joined(&landfall, "ben", json!({})).await;
    let status = heard(&mut ada).await.unwrap();
    let expected = r#"42["user_status_change",{"user_id":"ben","is_online":true,"last_seen_at":"#;
    assert!(status.starts_with(expected), "{status}");
    say(&mut ben, r#"420["send_message",{"topic_id":"c","message":"hi"}]"#).await;
    let alert = heard(&mut ada).await.unwrap();
    let expected = r#"42["global_message_alert",{"topic_id":"c","topic_title":"c","#;
    assert!(alert.starts_with(expected), "{alert}");
}

#[tokio::test]
async fn s3_a_flood_is_acknowledged_as_one() {
    let landfall = Landfall::with(&[
        ("LANDFALL_LIMITS_USER_REQUESTS_PER_SECOND", "1"),
        ("LANDFALL_LIMITS_BURST_SECONDS", "2"),
    ])
    .await;
    class(&landfall, &["ada"]).await;
    let mut ada = joined(&landfall, "ada", json!({})).await;
    for n in 0..6 {
        say(&mut ada, format!(r#"42{n}["send_message",{{"topic_id":"c","message":"x"}}]"#)).await;
    }
    let mut answers = Vec::new();
    for n in 0..6 {
        let answer = heard(&mut ada).await.unwrap();
        let ack: Value =
            serde_json::from_str(answer.strip_prefix(&format!("43{n}")).unwrap()).unwrap();
        answers.push(ack[0]["code"].as_str().unwrap_or("sent").to_owned());
    }
    assert_eq!((&*answers[0], &*answers[5]), ("sent", "rate_limited"), "{answers:?}");
}

#[tokio::test]
async fn s3_a_token_that_ends_in_mid_session_ends_the_session() {
    let landfall = Landfall::at_noon(&[("LANDFALL_REALTIME_HEARTBEAT_SECONDS", "1")]).await;
    let exp = NOON + 100;
    let short = sign(&json!({ "sub": "ada", "roles": ["student"], "exp": exp }));
    let mut ada = joined(&landfall, "ada", json!({ "token": short })).await;
    landfall.set_clock(161);
    let told = loop {
        // Pings of the protocol may come first.
        let told = heard(&mut ada).await.unwrap();
        if told != "2" {
            break told;
        }
    };
    assert!(told.starts_with(r#"42["error",{"type":"error","code":"unauthenticated""#), "{told}");
    assert_eq!(heard(&mut ada).await.unwrap(), "41");
    assert_eq!(heard(&mut ada).await, None);
}

#[tokio::test]
async fn s3_what_is_too_large_or_no_text_ends_the_connection_alone() {
    let landfall = Landfall::start().await;
    class(&landfall, &["ada", "ben"]).await;
    let mut large = joined(&landfall, "ada", json!({})).await;
    let words = "x".repeat(1_000_000);
    say(&mut large, format!(r#"420["send_message",{{"topic_id":"c","message":"{words}"}}]"#)).await;
    assert_eq!(heard(&mut large).await, None);
    let polling = Client::joined(&landfall, "ada").await;
    let (status, _) = polling.post(format!(r#"420["send_message",["{words}"]]"#)).await;
    assert_eq!(status, 413);
    let mut ben = joined(&landfall, "ben", json!({})).await;
    say(&mut ben, r#"420["send_message",{"topic_id":"c","message":"still here"}]"#).await;
    assert!(heard(&mut ben).await.unwrap().starts_with(r#"430[{"ok":true"#));
}
