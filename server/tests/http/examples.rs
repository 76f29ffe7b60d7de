//! Every documented call is made, and answered in the documented shape.

use std::fs;
use std::path::PathBuf;

use landfall_core::channel::Channel;
use landfall_core::time::Timestamp;
use landfall_server::clock::now_ms;
use serde_json::{Value, json};

use crate::harness::{Server, finish, sign};
use crate::suppressions::suppress;

const CALLER: &str = "9ed4c947-f6ed-4728-9b5a-e80b327f355b";
const NOTIFICATION: &str = "03fc3f69-5984-47f5-b079-38c0b67e2dc1";
const CONFLICT: &str = "019bc1b5-3d5b-7c1e-8f60-2f7a5f3c9b11";
const EVENT: &str = "01a2f0c4-7d3b-7a52-9e10-5c8e41b0f7aa";
const MESSAGE: &str = "0199a1b2-0000-7000-8000-0000000000a1";
const CURSOR: &str = "AgEABY3R0pZ4o0yqTt8t0kYl5Q";
const WAITING: &str = "0199386c-2b00-7a10-9c00-5d2e1f3a4b70";
/// When something goes out later than the examples are.
const LATER: &str = "2025-09-12T06:45:00.000Z";
const SUBSCRIPTION: &str = "0192f0c1-7a3e-7cc2-98c1-000000000012";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../protocol/examples/calls")
}

fn examples() -> Vec<(String, Value)> {
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
    };
    fs::read_dir(folder()).unwrap().map(read).collect()
}

fn caller() -> String {
    sign(&json!({ "sub": CALLER, "roles": ["admin"], "exp": 4_000_000_000_u64 }))
}

fn tomorrow() -> String {
    Timestamp::from_ms(now_ms()).plus_ms(86_400_000).to_string()
}

/// Makes what the example speaks of; gives the caller's notification.
async fn prepare(server: &Server, name: &str) -> String {
    let token = caller();
    let put = |path: String, body: Value| {
        let token = token.clone();
        async move { server.call(&token, "PUT", &path, body).await }
    };
    if name != "topic_put" {
        let class = json!({ "room_id": "north-12", "kind": "class" });
        put("/api/v1/topics/class-7b".into(), class).await;
        put("/api/v1/topics/drivers-north".into(), json!({})).await;
        let me = format!("/api/v1/topics/class-7b/members/{CALLER}");
        put(me, json!({ "role": "teacher" })).await;
    }
    if name != "member_put" {
        put("/api/v1/topics/class-7b/members/teacher-1".into(), json!({ "role": "teacher" })).await;
    }
    if name.starts_with("revocation") {
        let body = json!({ "jti": "01a1fcfc-45aa-7fcf-aea1-4126894788c8" });
        server.call(&token, "POST", "/api/v1/admin/revocations", body).await;
    }
    if name.starts_with("suppression") {
        suppress(server, &[(Channel::Email, "sarah@example.org")]).await;
    }
    server.notify(&token, CALLER).await
}

/// Changes a little of a long note; gives a cursor from before that.
async fn prepare_deltas(server: &Server) -> String {
    let note = |id: &str, verb: &str, base: u64, data: Value| {
        json!({ "id": id, "entityType": "notes", "entityId": "note-7", "operation": verb, "data": data,
            "timestamp": "2026-01-15T10:35:00Z", "baseVersion": base })
    };
    let long = json!({ "draft": true, "title": "The Cycle", "text": "Water rises. ".repeat(9) });
    let less = json!({ "operation": "UPDATE", "data": { "title": "The water cycle" },
        "baseData": { "draft": true, "title": "The Cycle" } });
    let mut second = note("op-2", "UPDATE", 1, json!({}));
    second.as_object_mut().unwrap().extend(less.as_object().unwrap().clone());
    let mut cursor = String::new();
    for one in [note("op-1", "CREATE", 0, long), second] {
        let pull = json!({ "cursor": Some(&cursor).filter(|cursor| !cursor.is_empty()) });
        let body = json!({ "deviceId": "other", "operations": [one], "pull": pull });
        let made = server.call(&caller(), "POST", "/api/v1/sync/push", body).await;
        let made = Server::ok(made, reqwest::StatusCode::OK);
        assert_ne!(made["results"][0]["status"], "rejected", "{made}");
        if cursor.is_empty() {
            made["pull"]["cursor"].as_str().unwrap().clone_into(&mut cursor);
        }
    }
    cursor
}

/// Brings an entity; gives the cursor behind it.
async fn prepare_check(server: &Server) -> String {
    let create = json!({ "id": "op-1", "entityType": "progress", "entityId": "water",
        "operation": "CREATE", "timestamp": "2026-01-15T10:35:00Z",
        "data": { "done": 70, "minutes": 20 } });
    let body = json!({ "deviceId": "phone", "operations": [create], "pull": {} });
    let made = server.call(&caller(), "POST", "/api/v1/sync/push", body).await;
    let made = Server::ok(made, reqwest::StatusCode::OK);
    made["pull"]["cursor"].as_str().unwrap().to_owned()
}

/// Makes what an example needs that is itself needed; gives its name.
async fn after(server: &Server, needed: &'static str) -> &'static str {
    Box::pin(prepare_people(server, needed)).await;
    needed
}

/// Names the example that makes what an example about what is scheduled needs.
fn of_schedule(name: &str) -> Option<&'static str> {
    match name {
        "event_create" | "quiz_put" => None,
        "quiz_get" | "quiz_schedule" => Some("quiz_put"),
        _ => name.starts_with("event").then_some("event_create"),
    }
}

/// Makes what the example of a profile, an address or preferences speaks of, by other examples;
/// gives the caller's subscription.
async fn prepare_people(server: &Server, name: &str) -> String {
    let needed = match name {
        "user_get" | "user_patch" | "user_delete" => "user_put",
        "user_me_get" | "user_me_patch" | "user_me_delete" => "user_me_put",
        "tokens_list" | "token_delete" => "token_create",
        "subscriptions_list" | "unsubscribe" | "unsubscribe_by_endpoint" => "subscribe",
        "blob_get" | "lesson_put" | "message_send" => "blob_put",
        "lesson_get" | "lesson_delete" | "lessons_list" => after(server, "lesson_put").await,
        "message_get"
        | "message_edit"
        | "message_delete"
        | "messages_list"
        | "topic_read_messages" => after(server, "message_send").await,
        "messages_list_after" => {
            let id = Box::pin(prepare_people(server, "message_get")).await;
            let path = format!("/api/v1/topics/class-7b/messages/{id}");
            server.call(&caller(), "DELETE", &path, Value::Null).await;
            return id;
        }
        "sync_check" => return prepare_check(server).await,
        "sync_pull_deltas" => return prepare_deltas(server).await,
        "sync_pull" | "sync_delta" => "sync_push",
        "activities_list" => "activity_store",
        "activities_retry" | "sync_health" => "activities_bulk_store",
        "sync_status" | "sync_history" | "sync_devices" => "activities_sync",
        "conflicts_list" | "conflict_resolve" => "sync_push_conflict",
        name if of_schedule(name).is_some() => of_schedule(name).unwrap(),
        "tenant_preferences_get" => "tenant_preferences_put",
        "notification_timeline_waiting" => "notify_later",
        _ => return String::new(),
    };
    let text = fs::read_to_string(folder().join(format!("{needed}.json"))).unwrap();
    let text = text.replace(LATER, &tomorrow());
    let example: Value = serde_json::from_str(&text).unwrap();
    let (method, path) = (example["method"].as_str().unwrap(), example["path"].as_str().unwrap());
    let made = server.call(&caller(), method, path, example["request"].clone()).await;
    assert_eq!(made.status, example["status"], "{name}: {}", made.text);
    let made = made.json();
    let ids = [&made["id"], &made["results"][0]["conflictId"], &made["notification_id"]];
    let id = ids.into_iter().find_map(Value::as_str);
    id.unwrap_or_default().to_owned()
}

#[tokio::test]
async fn every_documented_call_is_answered_as_documented() {
    let examples = examples();
    assert!(examples.len() >= 25);
    for (name, example) in examples {
        let server = Server::start().await;
        let id = prepare(&server, &name).await;
        let path = example["path"].as_str().unwrap().replace(NOTIFICATION, &id);
        let prepared = prepare_people(&server, &name).await;
        let path = path
            .replace(SUBSCRIPTION, &prepared)
            .replace(WAITING, &prepared)
            .replace(CONFLICT, &prepared)
            .replace(MESSAGE, &prepared)
            .replace(EVENT, &prepared);
        let mut request = server.request(example["method"].as_str().unwrap(), &path);
        request = request.bearer_auth(caller());
        for (header, value) in example["request_headers"].as_object().into_iter().flatten() {
            if header != "authorization" {
                request = request.header(header, value.as_str().unwrap());
            }
        }
        let body = match &example["request"] {
            Value::Null => String::new(),
            Value::Array(lines) => lines.iter().map(|line| format!("{line}\n")).collect(),
            body => body
                .to_string()
                .replace(CURSOR, &prepared)
                .replace(MESSAGE, &prepared)
                .replace(LATER, &tomorrow()),
        };
        let answer = finish(request.body(body)).await;
        assert_eq!(answer.status, example["status"], "{name}: {}", answer.text);
        let actual = if example["answer"].is_array() {
            answer.text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect()
        } else if answer.text.is_empty() {
            Value::Null
        } else {
            answer.json()
        };
        check_shape(&name, &example["answer"], &actual);
    }
}

/// Objects whose keys are data: channels, and what apps and the trail say freely.
const FREE: [&str; 6] =
    ["channels", "reasons", "data", "metadata", "actions", "notification_types"];

#[track_caller]
fn check_shape(place: &str, example: &Value, actual: &Value) {
    match (example, actual) {
        (Value::Null, _) | (_, Value::Null) => {}
        (Value::Object(example), Value::Object(actual)) => {
            let keys = |map: &serde_json::Map<String, Value>| -> Vec<String> {
                map.keys().filter(|key| *key != "request_id").cloned().collect()
            };
            assert_eq!(keys(example), keys(actual), "{place}");
            for (key, value) in example.iter().filter(|(key, _)| !FREE.contains(&key.as_str())) {
                if let Some(actual) = actual.get(key) {
                    check_shape(&format!("{place}/{key}"), value, actual);
                }
            }
        }
        (Value::Array(example), Value::Array(actual)) => {
            for (index, (example, actual)) in example.iter().zip(actual).enumerate() {
                check_shape(&format!("{place}/{index}"), example, actual);
            }
        }
        _ => assert_eq!(
            std::mem::discriminant(example),
            std::mem::discriminant(actual),
            "{place}: {example} and {actual}"
        ),
    }
}
