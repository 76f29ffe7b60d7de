//! A private topic's words reach nobody who is not in it, by whatever path they ask or listen.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::client::Device;
use crate::harness::{Landfall, token, token_in, until};
use crate::socketio::{Socket, heard, joined, say};

const WORDS: &str = "the code is moonshine";

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

/// Makes the topic `c` of `ada` and `ben`, which `out` and `gone` are in until [`remove`].
async fn topic(landfall: &Landfall) {
    let admin = token("root", "admin");
    landfall.call("PUT", "/api/v1/topics/c", &admin, Some(json!({}))).await;
    for member in ["ada", "ben", "out", "gone"] {
        let path = format!("/api/v1/topics/c/members/{member}");
        landfall.call("PUT", &path, &admin, Some(json!({}))).await;
    }
}

async fn remove(landfall: &Landfall) {
    for removed in ["out", "gone"] {
        let path = format!("/api/v1/topics/c/members/{removed}");
        landfall.call("DELETE", &path, &token("root", "admin"), None).await;
    }
}

/// Uploads a file that says the words, too; gives its name.
async fn file(landfall: &Landfall, token: &str) -> String {
    let hash = digest(&SHA256, WORDS.as_bytes());
    let name: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let url = format!("http://{}/api/v1/blobs/{name}", landfall.address);
    let put = landfall.http.put(url).bearer_auth(token).body(WORDS).send().await.unwrap();
    assert_eq!(put.status().as_u16(), 201);
    name
}

/// Everything that a stranger could ask about a message and its file.
fn calls(id: &Value, file: &str) -> Vec<(&'static str, String, Value)> {
    let messages = "/api/v1/topics/c/messages".to_owned();
    let message = format!("{messages}/{}", id.as_str().unwrap());
    let forwarded = json!({ "attachments": [{ "sha256": file, "name": "x" }] });
    let get = |path: &str| ("GET", path.to_owned(), Value::Null);
    vec![
        get("/api/v1/topics"),
        get("/api/v1/topics/c"),
        get("/api/v1/topics/c/members"),
        get(&messages),
        get(&format!("{messages}?after=0")),
        get(&message),
        get(&format!("/api/v1/blobs/{file}")),
        get("/api/v1/topics/c/participation"),
        get("/api/v1/notifications"),
        get("/api/v1/admin/notifications"),
        get("/api/v1/admin/audit"),
        ("PATCH", message.clone(), json!({ "message": "mine" })),
        ("DELETE", message, Value::Null),
        ("POST", messages.clone(), json!({ "message": "mine", "reply_to": id })),
        ("POST", messages, forwarded),
        ("POST", "/api/v1/topics/c/read".into(), json!({ "message_ids": [id] })),
        ("PUT", "/api/v1/topics/c/members/eve".into(), json!({})),
        ("PUT", format!("/api/v1/blobs/{file}"), Value::Null),
        ("POST", "/api/v1/sync/pull".into(), json!({ "deviceId": "d" })),
    ]
}

#[tokio::test]
async fn s3_a_private_topics_words_reach_no_stranger_by_any_path() {
    let landfall = Landfall::start().await;
    topic(&landfall).await;
    let mut eve = landfall.device("eve", "presence=1&alerts=1").await;
    let mut out = landfall.device("out", "presence=1&alerts=1").await;
    let other = token_in("other", "ada", "student");
    let mut elsewhere = landfall.device_with(&other, "presence=1&alerts=1").await;
    let mut socketio = joined(&landfall, "eve", json!({ "alerts": true })).await;
    for device in [&mut eve, &mut out, &mut elsewhere] {
        device.say(json!({ "type": "join_topic", "payload": { "topic_id": "c" } })).await;
    }
    out.next_of("topic_joined").await;
    remove(&landfall).await;
    out.next_of("topic_left").await;
    say(&mut socketio, r#"421["join_topic",{"topic_id":"c"}]"#).await;
    let ada = token("ada", "student");
    let file = file(&landfall, &ada).await;
    let body = json!({
        "message": WORDS, "mentions": ["eve", "out", "gone", "ghost"],
        "attachments": [{ "sha256": file, "name": format!("{WORDS}.txt") }],
    });
    let sent = landfall.call("POST", "/api/v1/topics/c/messages", &ada, Some(body)).await;
    // Who is not there is told: once ben is, all others would have been, too.
    let is_told = async || landfall.inbox("ben", "").await["items"][0]["message"] == WORDS;
    until("ben is told", is_told).await;

    let strangers = ["eve", "out", "gone", "ghost"].map(|user| token(user, "student"));
    for stranger in strangers.into_iter().chain([other]) {
        for (method, path, body) in calls(&sent["id"], &file) {
            let answer = answer(&landfall, &stranger, (method, &path), body).await;
            assert!(!answer.contains("moonshine"), "{method} {path}: {answer}");
        }
    }
    for (device, user) in [(&mut eve, "eve"), (&mut out, "out")] {
        let all = everything(&landfall, device, user).await;
        assert!(!all.contains("moonshine"), "{user}: {all}");
    }
    heard_nothing(&mut elsewhere, &mut socketio).await;
}

/// Checks what came to a device of another tenant and to a stranger's client of Socket.IO.
async fn heard_nothing(elsewhere: &mut Device, socketio: &mut Socket) {
    elsewhere.say(json!({ "type": "ping", "ref": 9 })).await;
    loop {
        let frame = elsewhere.next().await;
        assert!(!frame.to_string().contains("moonshine"), "{frame}");
        if frame["type"] == "pong" {
            break;
        }
    }
    loop {
        let told = heard(socketio).await.unwrap();
        assert!(!told.contains("moonshine"), "{told}");
        if told.contains("the end") {
            break;
        }
    }
}
