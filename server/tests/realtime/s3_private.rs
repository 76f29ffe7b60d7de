//! A private topic's words reach nobody who is not in it, by whatever path they ask or listen.

use serde_json::{Value, json};

use crate::client::Device;
use crate::harness::{Landfall, token, token_in, until};
use crate::socketio::{heard, joined, say};

const WORDS: &str = "the code is 4711";

/// Calls and gives the whole answer, whatever it is.
async fn answer(landfall: &Landfall, token: &str, call: (&str, &str), body: Value) -> String {
    let (method, path) = call;
    let url = format!("http://{}{path}", landfall.address);
    let request = landfall.http.request(method.parse().unwrap(), url).bearer_auth(token);
    let request = if body.is_null() { request } else { request.json(&body) };
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    format!("{status} {}", answer.text().await.unwrap())
}

/// Everything that a device hears until a notification ends it.
async fn everything(landfall: &Landfall, device: &mut Device, user: &str) -> String {
    landfall.notify(user, "the end").await;
    let mut all = String::new();
    loop {
        let frame = device.next().await;
        if frame["title"] == "the end" {
            return all;
        }
        all.push_str(&frame.to_string());
    }
}

#[tokio::test]
async fn s3_a_private_topics_words_reach_no_stranger_by_any_path() {
    let landfall = Landfall::start().await;
    let admin = token("root", "admin");
    landfall.call("PUT", "/api/v1/topics/c", &admin, Some(json!({}))).await;
    for member in ["ada", "ben", "out", "gone"] {
        let path = format!("/api/v1/topics/c/members/{member}");
        landfall.call("PUT", &path, &admin, Some(json!({}))).await;
    }
    let mut eve = landfall.device("eve", "presence=1&alerts=1").await;
    let mut out = landfall.device("out", "presence=1&alerts=1").await;
    let other = token_in("other", "ada", "student");
    let mut elsewhere = landfall.device_with(&other, "presence=1&alerts=1").await;
    let mut socketio = joined(&landfall, "eve", json!({ "alerts": true })).await;
    for device in [&mut eve, &mut out, &mut elsewhere] {
        device.say(json!({ "type": "join_topic", "payload": { "topic_id": "c" } })).await;
    }
    out.next_of("topic_joined").await;
    for removed in ["out", "gone"] {
        let path = format!("/api/v1/topics/c/members/{removed}");
        landfall.call("DELETE", &path, &admin, None).await;
    }
    out.next_of("topic_left").await;
    say(&mut socketio, r#"421["join_topic",{"topic_id":"c"}]"#).await;
    let body = json!({ "message": WORDS, "mentions": ["eve", "out", "gone", "ghost"] });
    let ada = token("ada", "student");
    let sent = landfall.call("POST", "/api/v1/topics/c/messages", &ada, Some(body)).await;
    // Who is not there is told: once ben is, all others would have been, too.
    let is_told = async || landfall.inbox("ben", "").await["items"][0]["message"] == WORDS;
    until("ben is told", is_told).await;

    let message = format!("/api/v1/topics/c/messages/{}", sent["id"].as_str().unwrap());
    let read = json!({ "message_ids": [sent["id"]] });
    let calls = [
        (("GET", "/api/v1/topics"), Value::Null),
        (("GET", "/api/v1/topics/c"), Value::Null),
        (("GET", "/api/v1/topics/c/members"), Value::Null),
        (("GET", "/api/v1/topics/c/messages"), Value::Null),
        (("GET", "/api/v1/topics/c/messages?after=0"), Value::Null),
        (("GET", message.as_str()), Value::Null),
        (("PATCH", message.as_str()), json!({ "message": "mine" })),
        (("DELETE", message.as_str()), Value::Null),
        (
            ("POST", "/api/v1/topics/c/messages"),
            json!({ "message": "mine", "reply_to": sent["id"] }),
        ),
        (("POST", "/api/v1/topics/c/read"), read),
        (("GET", "/api/v1/topics/c/participation"), Value::Null),
        (("PUT", "/api/v1/topics/c/members/eve"), json!({})),
        (("GET", "/api/v1/notifications"), Value::Null),
        (("GET", "/api/v1/admin/notifications"), Value::Null),
        (("GET", "/api/v1/admin/audit"), Value::Null),
        (("POST", "/api/v1/sync/pull"), json!({ "deviceId": "d" })),
    ];
    let strangers = ["eve", "out", "gone", "ghost"].map(|user| token(user, "student"));
    for stranger in strangers.into_iter().chain([other]) {
        for (call, body) in &calls {
            let answer = answer(&landfall, &stranger, *call, body.clone()).await;
            assert!(!answer.contains("4711"), "{call:?}: {answer}");
        }
    }
    for (device, user) in [(&mut eve, "eve"), (&mut out, "out")] {
        let all = everything(&landfall, device, user).await;
        assert!(!all.contains("4711"), "{user}: {all}");
    }
    elsewhere.say(json!({ "type": "ping", "ref": 9 })).await;
    loop {
        let frame = elsewhere.next().await;
        assert!(!frame.to_string().contains("4711"), "{frame}");
        if frame["type"] == "pong" {
            break;
        }
    }
    loop {
        let told = heard(&mut socketio).await.unwrap();
        assert!(!told.contains("4711"), "{told}");
        if told.contains("the end") {
            break;
        }
    }
}
