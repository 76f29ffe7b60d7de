//! Nothing crosses from one tenant to another, or from one user to another (contract 1).

use landfall_core::channel::Channel;
use landfall_server::http::table;
use serde_json::{Value, json};

use crate::harness::{Server, admin, finish, token, token_in};
use crate::s1_sync::operation;
use crate::suppressions::suppress;

fn stranger() -> String {
    token_in("acme", "root", &["admin"])
}

/// Revokes a token; gives the end of the revocation's path.
async fn revocation(server: &Server) -> String {
    let body = json!({ "jti": "root-token-7" });
    let made = server.call(&admin(), "POST", "/api/v1/admin/revocations", body).await.json();
    format!("revocations/{}", made["id"].as_str().unwrap())
}

const WRITTEN: &str = "what she wrote on the bus";
const TOKEN: &str = "firebase_token_zq7x";
const ENDPOINT: &str = "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV";

/// Makes a profile, an address of each kind, and preferences; gives the subscription's name.
async fn people(server: &Server) -> String {
    let call = async |method, path: &str, body| {
        let answer = server.call(&admin(), method, &format!("/api/v1/{path}"), body).await;
        assert!(answer.status < 300, "{}", answer.text);
        answer.json()
    };
    call("PUT", "users/sarah", json!({ "email": "private@sarah.example" })).await;
    let token = json!({ "token": TOKEN, "platform": "ios" });
    call("POST", "notifications/tokens", token).await;
    call("POST", "notifications/preferences", json!({ "locale": "pt-BR" })).await;
    let keys = json!({
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    });
    let body = json!({ "endpoint": ENDPOINT, "keys": keys });
    let made = call("POST", "notifications/subscribe", body).await;
    made["id"].as_str().unwrap().to_owned()
}

/// Makes a lesson with a file; gives the file's name.
async fn lesson(server: &Server) -> String {
    let class = json!({ "kind": "class" });
    server.call(&admin(), "PUT", "/api/v1/topics/class", class).await;
    let blob = "2689367b205c16ce32ed4200942b8b8b1e262dfc70d9bc9fbc77c49699a4f1df";
    let request = server.request("PUT", &format!("/api/v1/blobs/{blob}")).bearer_auth(admin());
    assert_eq!(finish(request.body("ok")).await.status, 201);
    let attachments = json!([{ "sha256": blob, "name": "ok.txt" }]);
    let body = json!({ "class_id": "class", "title": "theirs", "attachments": attachments });
    let made = server.call(&admin(), "PUT", "/api/v1/lessons/water", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    blob.to_owned()
}

/// Says what a stranger to the tenant sends on a route, and the status of the answer; nothing for
/// routes that have tests of their own.
fn asked(method: &str, template: &str) -> Option<(Value, u16)> {
    Some(match (method, template) {
        ("PUT", "/api/v1/topics/{id}" | "/api/v1/users/{id}" | "/api/v1/users/me") => {
            (json!({}), 201)
        }
        ("PATCH", "/api/v1/users/{id}") => (json!({}), 404),
        ("PATCH", "/api/v1/users/me") => (json!({}), 200),
        ("PUT" | "POST", t) if t.ends_with("/preferences") => (json!({}), 200),
        ("POST", "/api/v1/notifications/tokens") => (json!({ "platform": "ios" }), 422),
        ("POST", "/api/v1/notifications/subscribe") => (json!({ "endpoint": "x" }), 422),
        ("DELETE", "/api/v1/notifications/unsubscribe-by-endpoint") => {
            (json!({ "endpoint": ENDPOINT }), 404)
        }
        ("DELETE", "/api/v1/admin/suppressions") => {
            (json!({ "channel": "email", "address": "private@sarah.example" }), 404)
        }
        ("DELETE", "/api/v1/users/me") => (Value::Null, 204),
        ("POST", "/api/v1/notify") => {
            (json!({ "topic_id": "elsewhere", "type": "t", "message": "m" }), 404)
        }
        (_, t) if OF_A_CLASS.iter().any(|part| t.contains(part)) => {
            return asked_of_a_class(method, t);
        }
        (_, t) if t.contains("/sync/") => asked_of_work(method, t),
        (_, t) if t.ends_with("/send") => (json!({ "class_id": "class", "body": "m" }), 404),
        ("POST", "/api/v1/notifications/test") => (Value::Null, 202),
        // Live connections have their own tests, with a hub.
        ("POST", "/api/v1/notify/batch") | ("GET", "/api/v1/stream") => return None,
        // What is signed, or secret, has no tenant's token; that none opens but its own is tested apart.
        (_, t) if OF_NOBODY.iter().any(|part| t.contains(part)) => return None,
        ("POST" | "PATCH", t) if t.contains("/topics/{id}/") => (asked_of_a_topic(t), 404),
        ("POST", "/api/v1/notifications/ack") => (json!({ "replay_id": 9 }), 200),
        // Whoever is not of the tenant is as whoever never came.
        (_, t) if t.ends_with("/presence") => (json!({ "user_ids": ["sarah"] }), 200),
        (_, t) if t.contains("{id}") || t.contains("{token}") => (Value::Null, 404),
        ("POST", "/api/v1/admin/revocations") => (json!({}), 422),
        ("POST", "/api/v1/admin/deliveries/replay") => (json!({}), 202),
        _ => (Value::Null, 200),
    })
}

/// What a stranger to a topic sends to it.
fn asked_of_a_topic(template: &str) -> Value {
    match template {
        t if t.ends_with("/members") => json!({ "members": [{ "user_id": "u1" }] }),
        t if t.contains("/messages") => json!({ "message": "m" }),
        _ => json!({}),
    }
}

/// Parts of the paths that need no token.
const OF_NOBODY: [&str; 3] = ["{secret}", "{signed}", "/sms/"];

/// Parts of the paths of what classes have.
const OF_A_CLASS: [&str; 5] = ["/lessons", "/blobs/", "/events", "/quizzes/", "sessions/"];

/// The same for what classes learn from, and what is scheduled for them.
fn asked_of_a_class(method: &str, template: &str) -> Option<(Value, u16)> {
    if !template.contains("/lessons") && !template.contains("/blobs/") {
        return Some(asked_of_what_is_scheduled(method, template));
    }
    Some(match (method, template) {
        ("GET", "/api/v1/lessons") => (Value::Null, 422),
        ("PUT", "/api/v1/lessons/{id}") => (json!({ "class_id": "class", "title": "t" }), 404),
        ("PUT", "/api/v1/blobs/{sha256}") => (json!({ "a": "guess" }), 422),
        _ => (Value::Null, 404),
    })
}

/// The same for what is scheduled.
fn asked_of_what_is_scheduled(method: &str, template: &str) -> (Value, u16) {
    let quiz = json!({ "class_id": "class", "title": "t" });
    let times =
        json!({ "class_id": "class", "title": "t", "scheduled_at": "2099-01-15T10:00:00Z" });
    match (method, template) {
        ("GET", "/api/v1/notifications/events") => (Value::Null, 200),
        ("PUT", _) => (quiz, 404),
        ("POST", _) => (times, 404),
        ("PATCH", _) => (json!({ "title": "t" }), 404),
        _ => (Value::Null, 404),
    }
}

/// Makes a quiz, and schedules it; gives the event.
async fn scheduled(server: &Server) -> String {
    let body =
        json!({ "class_id": "class", "title": WRITTEN, "scheduled_at": "2099-01-15T10:00:00Z" });
    let path = "/api/v1/notifications/quizzes/q/schedule";
    let made = server.call(&admin(), "POST", path, body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()["id"].as_str().unwrap().to_owned()
}

fn scheduled_path(template: &str, event: &str) -> String {
    let path = template.replace("events/class/{id}", "events/class/class");
    path.replace("events/{id}", &format!("events/{event}")).replace("quizzes/{id}", "quizzes/q")
}

/// The same for what people did offline.
fn asked_of_work(method: &str, template: &str) -> (Value, u16) {
    let entity = json!({ "entityType": "notes", "entityId": "n", "clientFields": {} });
    match (method, template) {
        ("POST", "/api/v1/sync/push") => (json!({ "deviceId": "phone", "pull": {} }), 200),
        ("POST", "/api/v1/sync/pull") => (json!({}), 200),
        ("POST", "/api/v1/sync/delta") => (entity, 404),
        ("POST", "/api/v1/sync/check") => (json!({ "cursor": "AgEABY3R0pZ4o0yqTt8t0kYl5Q" }), 422),
        ("POST", "/api/v1/sync/activities") => (json!({}), 422),
        ("POST", "/api/v1/sync/sync" | "/api/v1/sync/bulk-store") => {
            (json!({ "device_id": "phone" }), 200)
        }
        ("POST", "/api/v1/sync/retry") => (json!({ "offline_ids": ["1", "3"] }), 200),
        ("POST", t) if t.ends_with("/resolve") => (json!({ "resolution": "client_wins" }), 404),
        _ => (Value::Null, 200),
    }
}

/// Makes an entity and a conflict; gives the conflict.
async fn work(server: &Server) -> String {
    let data = json!({ "text": WRITTEN });
    let create = operation("1", "notes", "n", "CREATE", data.clone(), 1);
    let mut late = operation("2", "notes", "m", "UPDATE", data, 4);
    late["baseVersion"] = json!(3);
    let body = json!({ "deviceId": "phone", "operations": [create, late] });
    let made = server.call(&admin(), "POST", "/api/v1/sync/push", body).await.json();
    let about = json!({ "slide_id": 1, "text": WRITTEN });
    let body =
        json!({ "activity_type": "slide_progress", "offline_id": "3", "activity_data": about });
    let stored = server.call(&admin(), "POST", "/api/v1/sync/activities", body).await;
    assert_eq!(stored.status, 201, "{}", stored.text);
    made["results"][1]["conflictId"].as_str().unwrap().to_owned()
}

/// Says something in a topic; gives the message.
async fn said(server: &Server) -> String {
    let said = json!({ "message": WRITTEN });
    let said = server.call(&admin(), "POST", "/api/v1/topics/class/messages", said).await.json();
    said["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn another_tenant_sees_nothing_on_any_route() {
    let server = Server::start().await;
    server.topic("class", &[("root", "owner"), ("u1", "member")]).await;
    let id = server.notify(&admin(), "root").await;
    let revocation = revocation(&server).await;
    let subscription = people(&server).await;
    let blob = lesson(&server).await;
    let conflict = work(&server).await;
    let message = said(&server).await;
    let event = scheduled(&server).await;
    suppress(&server, &[(Channel::Email, "private@sarah.example")]).await;
    for (method, template) in table() {
        let path = scheduled_path(template, &event)
            .replace("revocations/{id}", &revocation)
            .replace("conflicts/{id}", &format!("conflicts/{conflict}"))
            .replace("topics/{id}", "topics/class")
            .replace("notifications/{id}", &format!("notifications/{id}"))
            .replace("notify/{id}", &format!("notify/{id}"))
            .replace("users/{id}", "users/sarah")
            .replace("unsubscribe/{id}", &format!("unsubscribe/{subscription}"))
            .replace("lessons/{id}", "lessons/water")
            .replace("{sha256}", &blob)
            .replace("{token}", TOKEN)
            .replace("{user_id}", "u1")
            .replace("{message_id}", &message);
        let Some((body, expected)) = asked(method, template) else { continue };
        if expected == 201 {
            continue;
        }
        let answer = server.call(&stranger(), method, &path, body).await;
        assert_eq!(answer.status, expected, "{method} {path}: {}", answer.text);
        assert!(!answer.text.contains(&id), "{method} {path}: {}", answer.text);
        let theirs =
            [r#""id":"class""#, "root-token-7", "pt-BR", "…zq7x", "private@sarah.example", WRITTEN];
        let told = theirs.map(|text| answer.text.contains(text));
        assert_eq!(told, [false; 6], "{method} {path}");
    }
    all_is_as_it_was(&server).await;
    a_topic_of_the_same_name_is_another(&server).await;
    let mine = server.get(&admin(), "/api/v1/notifications").await.json();
    assert_eq!(mine["items"][0]["read"], false);
}

async fn all_is_as_it_was(server: &Server) {
    let kept = server.get(&admin(), "/api/v1/users/sarah").await.json();
    assert_eq!(kept["email"], "private@sarah.example");
    for path in ["tokens", "subscriptions"] {
        let kept = server.get(&admin(), &format!("/api/v1/notifications/{path}")).await.json();
        assert_eq!(kept["items"].as_array().unwrap().len(), 1, "{path}");
    }
    let kept = server.get(&admin(), "/api/v1/notifications/preferences").await.json();
    assert_eq!(kept["locale"], "pt-BR");
    let kept = server.get(&admin(), "/api/v1/lessons/water").await.json();
    assert_eq!((kept["title"].clone(), kept["version"].clone()), (json!("theirs"), json!(1)));
}

async fn a_topic_of_the_same_name_is_another(server: &Server) {
    let made = server.call(&stranger(), "PUT", "/api/v1/topics/class", json!({})).await;
    assert_eq!((made.status, made.json()["members"].clone()), (201, json!(0)));
    let kept = server.get(&admin(), "/api/v1/topics/class").await.json();
    assert_eq!(kept["members"], 2);
}

#[tokio::test]
async fn another_user_of_the_tenant_sees_no_inbox_but_their_own() {
    let server = Server::start().await;
    let id = server.notify(&admin(), "u1").await;
    let other = token("u2", &[]);
    for (method, path) in [("DELETE", ""), ("PATCH", "/mark-read")] {
        let path = format!("/api/v1/notifications/{id}{path}");
        assert_eq!(server.call(&other, method, &path, Value::Null).await.status, 404);
    }
    let list = server.get(&other, "/api/v1/notifications").await.json();
    assert_eq!(list, json!({ "items": [], "next_cursor": null }));
    for path in ["notifications", "audit", "audit/verify"] {
        let answer = server.get(&other, &format!("/api/v1/admin/{path}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"));
    }
}

#[tokio::test]
async fn a_cursor_opens_only_the_list_it_came_from() {
    let server = Server::start().await;
    for _ in 0..3 {
        server.notify(&admin(), "u1").await;
        server.notify(&admin(), "u2").await;
    }
    let u1 = token("u1", &[]);
    let page = server.get(&u1, "/api/v1/notifications?limit=1").await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let with = |rest: &str| format!("/api/v1/notifications?cursor={cursor}{rest}");
    assert_eq!(server.get(&u1, &with("&limit=2")).await.status, 200);
    for (token, path) in [
        (token("u2", &[]), with("")),
        (token_in("acme", "u1", &[]), with("")),
        (u1.clone(), with("&read=false")),
        (u1, format!("/api/v1/topics?cursor={cursor}")),
    ] {
        assert_eq!(server.get(&token, &path).await.pointers(), ["/query/cursor"]);
    }
}
