//! S3's alerts of messages in rooms that one has not joined, and read marks that follow what sockets confirm.

use serde_json::{Value, json};

use crate::client::Device;
use crate::harness::{Landfall, token, token_in, until};
use crate::raw::{PING, Raw, TEXT, frame};

/// Makes the topic `c` with these members.
async fn topic(landfall: &Landfall, visibility: &str, members: &[&str]) {
    let admin = token("root", "admin");
    let body = json!({ "title": "Class 7b", "visibility": visibility });
    landfall.call("PUT", "/api/v1/topics/c", &admin, Some(body)).await;
    for member in members {
        let path = format!("/api/v1/topics/c/members/{member}");
        landfall.call("PUT", &path, &admin, Some(json!({}))).await;
    }
}

async fn say(landfall: &Landfall, text: &str) -> Value {
    let body = json!({ "message": text, "room_id": "r" });
    landfall.call("POST", "/api/v1/topics/c/messages", &token("ada", "student"), Some(body)).await
}

async fn listener(landfall: &Landfall, user: &str) -> Device {
    landfall.device(user, "alerts=1").await
}

async fn join(device: &mut Device) {
    let join = json!({ "type": "join_topic", "payload": { "topic_id": "c" } });
    device.say(join).await;
    device.next_of("topic_joined").await;
}

async fn is_alerted(device: &mut Device, message: &Value, preview: &str) {
    let frame = device.next().await;
    let expected = json!({ "type": "global_message_alert", "payload": {
        "topic_id": "c", "topic_title": "Class 7b", "room_id": "r", "message_id": message["id"],
        "number": message["number"], "sender_id": "ada", "sender_name": null, "preview": preview,
        "created_at": message["created_at"],
    } });
    assert_eq!(frame, expected);
}

/// What was on its way would have come before the end; of alerts that is only sure once another had its own.
async fn hears_nothing(landfall: &Landfall, device: &mut Device, user: &str) {
    landfall.notify(user, "the end").await;
    let frame = device.next().await;
    assert_eq!(frame["type"], "news", "{frame}");
}

#[tokio::test]
async fn s3_other_connected_members_are_alerted_and_nobody_else() {
    let landfall = Landfall::start().await;
    topic(&landfall, "private", &["ada", "ben", "kim", "out", "zoe"]).await;
    let mut ada = listener(&landfall, "ada").await;
    let mut in_room = listener(&landfall, "ben").await;
    join(&mut in_room).await;
    let mut outside = listener(&landfall, "ben").await;
    let mut deaf = landfall.device("kim", "").await;
    let mut stranger = listener(&landfall, "eve").await;
    let mut elsewhere =
        landfall.device_with(&token_in("other", "ben", "student"), "alerts=1").await;
    let mut removed = listener(&landfall, "out").await;
    let path = "/api/v1/topics/c/members/out";
    landfall.call("DELETE", path, &token("root", "admin"), None).await;
    let mut last = listener(&landfall, "zoe").await;
    let long = "long ".repeat(50);
    let message = say(&landfall, &long).await;
    let preview = format!("{}long…", "long ".repeat(19));
    is_alerted(&mut outside, &message, &preview).await;
    is_alerted(&mut last, &message, &preview).await;
    assert_eq!(in_room.next().await["type"], "new_message");
    for (device, user) in [
        (&mut in_room, "ben"),
        (&mut ada, "ada"),
        (&mut deaf, "kim"),
        (&mut stranger, "eve"),
        (&mut removed, "out"),
    ] {
        hears_nothing(&landfall, device, user).await;
    }
    elsewhere.say(json!({ "type": "ping" })).await;
    assert_eq!(elsewhere.next().await["type"], "pong");
    // Changes of a message are no news.
    let path = format!("/api/v1/topics/c/messages/{}", message["id"].as_str().unwrap());
    let edit = Some(json!({ "message": "short" }));
    landfall.call("PATCH", &path, &token("ada", "student"), edit).await;
    let next = say(&landfall, "next").await;
    is_alerted(&mut last, &next, "next").await;
}

#[tokio::test]
async fn s3_a_public_topics_messages_are_told_to_the_tenant() {
    let landfall = Landfall::start().await;
    topic(&landfall, "public", &["ada"]).await;
    let mut stranger = listener(&landfall, "eve").await;
    let other = token_in("other", "ben", "student");
    let mut elsewhere = landfall.device_with(&other, "alerts=1").await;
    let message = say(&landfall, "hello").await;
    is_alerted(&mut stranger, &message, "hello").await;
    elsewhere.say(json!({ "type": "ping" })).await;
    assert_eq!(elsewhere.next().await["type"], "pong");
}

async fn unread(landfall: &Landfall, user: &str) -> (u64, u64) {
    let topic = landfall.call("GET", "/api/v1/topics/c", &token(user, "student"), None).await;
    let read = topic["read_up_to"].as_str().unwrap().parse().unwrap();
    (topic["unread_count"].as_u64().unwrap(), read)
}

/// Has the marks follow each second.
async fn quick() -> Landfall {
    Landfall::with(&[("LANDFALL_REALTIME_READ_MARK_SECONDS", "1")]).await
}

#[tokio::test]
async fn s3_the_mark_follows_what_the_socket_in_the_room_confirmed() {
    let landfall = quick().await;
    topic(&landfall, "private", &["ada", "ben"]).await;
    say(&landfall, "before").await;
    assert_eq!(unread(&landfall, "ben").await, (1, 3));
    let mut ben = landfall.device("ben", "").await;
    join(&mut ben).await;
    assert_eq!(unread(&landfall, "ben").await.0, 0, "while joined it shows none");
    say(&landfall, "in the room").await;
    assert_eq!(ben.next().await["type"], "new_message");
    // The client answers pings while it waits for what comes next.
    let read = ben.next_of("messages_read").await;
    assert_eq!(read["payload"]["user_id"], "ben");
    until("it is read", async || {
        tokio::select! {
            frame = ben.next() => panic!("{frame}"),
            unread = unread(&landfall, "ben") => unread == (0, 5),
        }
    })
    .await;
    drop(ben);
    until("ben is gone", async || {
        say(&landfall, "after").await;
        unread(&landfall, "ben").await.0 > 0
    })
    .await;
}

#[tokio::test]
async fn s3_whoever_leaves_has_read_what_they_confirmed_then() {
    let landfall = Landfall::with(&[("LANDFALL_REALTIME_READ_MARK_SECONDS", "3600")]).await;
    topic(&landfall, "private", &["ada", "ben"]).await;
    let mut ben = landfall.device("ben", "").await;
    join(&mut ben).await;
    say(&landfall, "seen").await;
    ben.next_of("new_message").await;
    ben.say(json!({ "type": "leave_topic", "payload": { "topic_id": "c" } })).await;
    ben.next_of("topic_left").await;
    say(&landfall, "unseen").await;
    ben.next_of("messages_read").await;
    assert_eq!(unread(&landfall, "ben").await, (1, 4));
}

#[tokio::test]
async fn s3_a_client_that_confirms_nothing_has_read_nothing() {
    let landfall = quick().await;
    topic(&landfall, "private", &["ada", "ben"]).await;
    let path = format!("/ws?token={}", token("ben", "student"));
    let mut ben = Raw::upgraded(landfall.address, &path).await;
    let join = br#"{"type":"join_topic","payload":{"topic_id":"c"}}"#;
    ben.send(&frame(TEXT, join)).await;
    say(&landfall, "unconfirmed").await;
    loop {
        let (opcode, payload) = ben.frame().await.unwrap();
        if opcode == PING && payload.starts_with(b"read ") {
            break;
        }
    }
    assert_eq!(unread(&landfall, "ben").await, (0, 3), "joined, and nothing confirmed");
    drop(ben);
    until("too high after that, never too low", async || unread(&landfall, "ben").await == (1, 3))
        .await;
}
