//! Activities as S0 documents them: each call, by curl and by its page, with what goes wrong.

use landfall_core::auth::Role;
use landfall_core::sync::Strategy;
use landfall_server::clock::now_ms;
use landfall_server::service::sync::Stall;
use landfall_server::service::sync::kinds::Kind;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::kinds::kind;
use crate::harness::{Answer, Server, finish, token, token_in};
use crate::lists::walk;
use crate::s1_lessons::{caller, services_at};

pub const ACTIVITIES: &str = "/api/v1/sync/activities";
pub const SYNC: &str = "/api/v1/sync/sync";
const BULK: &str = "/api/v1/sync/bulk-store";
const RETRY: &str = "/api/v1/sync/retry";

pub fn ann() -> String {
    token("ann", &["student"])
}

/// An activity as S0 writes it.
pub fn viewed(id: &str, slide: u64, status: &str) -> Value {
    json!({
        "activity_type": "slide_progress", "offline_id": id,
        "activity_data": {"slide_id": slide, "status": status, "time_spent": 120},
    })
}

pub async fn store(server: &Server, activity: Value) -> Answer {
    server.call(&ann(), "POST", ACTIVITIES, activity).await
}

pub async fn sync(server: &Server, body: Value) -> Value {
    Server::ok(server.call(&ann(), "POST", SYNC, body).await, StatusCode::OK)
}

#[track_caller]
pub fn expect(item: &Value, status: &str, reason: &str, version: u64) {
    let brief = (&item["sync_status"], &item["reason"], &item["version"]);
    assert_eq!(brief, (&json!(status), &json!(reason), &json!(version)), "{item}");
}

async fn bulk(server: &Server, activities: Value) -> Value {
    let body = json!({"device_id": "phone", "activities": activities});
    Server::ok(server.call(&ann(), "POST", BULK, body).await, StatusCode::OK)
}

#[tokio::test]
async fn an_activity_is_stored_and_takes_effect_at_once() {
    let server = Server::start().await;
    let first =
        Server::ok(store(&server, viewed("unique_id_123", 1, "viewed")).await, StatusCode::CREATED);
    expect(&first, "synced", "on its base", 1);
    assert_eq!((&first["offline_id"], &first["entity_id"]), (&json!("unique_id_123"), &json!("1")));
    assert_eq!(
        first["activity_data"],
        json!({"slide_id": 1, "status": "viewed", "time_spent": 120})
    );
    assert!(first["created_at"].is_string() && first["created_at"] == first["synced_at"]);
    let again =
        Server::ok(store(&server, viewed("unique_id_123", 1, "viewed")).await, StatusCode::OK);
    let mut expected = first;
    expected["replayed"] = json!(true);
    assert_eq!(again, expected);
    let other = store(&server, viewed("unique_id_123", 1, "completed")).await;
    assert_eq!(other.code(), "conflict");
    assert!(other.json()["detail"].as_str().unwrap().contains("unique_id_123"), "{}", other.text);
    let pulled = sync(&server, json!({"activities": []})).await;
    let slide = &pulled["server_activities"][0];
    assert_eq!(
        (&slide["activity_type"], &slide["entity_id"]),
        (&json!("slide_progress"), &json!("1"))
    );
    assert_eq!(slide["activity_data"]["status"], "viewed");
    assert_eq!((&slide["version"], &slide["deleted"]), (&json!(1), &json!(false)));
}

#[tokio::test]
async fn the_pages_form_is_taken_without_a_content_type() {
    let server = Server::start().await;
    let data = json!({"slide_id": 1, "status": "viewed", "time_spent": 120});
    let path = format!("{ACTIVITIES}?activity_type=slide_progress&offline_id=page-1");
    for (kind, status) in
        [(Some("text/plain;charset=UTF-8"), 201), (None, 200), (Some("application/json"), 200)]
    {
        let mut request = server.request("POST", &path).bearer_auth(ann()).body(data.to_string());
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let answer = finish(request).await;
        assert_eq!(answer.status, status, "{kind:?}: {}", answer.text);
        assert_eq!(answer.json()["activity_data"], data);
    }
    // The same, said by a body.
    let mut by_body = viewed("page-1", 1, "viewed");
    by_body["device_id"] = json!("student_phone_001");
    assert_eq!(store(&server, by_body).await.status, 200);
}

#[tokio::test]
async fn wrong_fields_of_an_activity_are_named() {
    let server = Server::start().await;
    let mut both = viewed("a", 1, "viewed");
    both["offlineId"] = json!("a");
    let with = |name: &str, value: Value| {
        let mut one = viewed("a", 1, "viewed");
        one[name] = value;
        one
    };
    let cases = [
        (json!({}), vec!["/offline_id", "/activity_type", "/activity_data"]),
        (both, vec!["/offline_id"]),
        (with("activity_data", json!([])), vec!["/activity_data"]),
        (with("timestamp", json!("yesterday")), vec!["/timestamp"]),
        (with("created_at", json!(5)), vec!["/created_at"]),
        (with("conflict_resolution", json!("mine")), vec!["/conflict_resolution"]),
        (with("device_id", json!("")), vec!["/device_id"]),
        (with("last_sync_at", json!({})), vec!["/last_sync_at"]),
    ];
    for (body, pointers) in cases {
        let answer = store(&server, body.clone()).await;
        assert_eq!(
            (answer.pointers(), answer.status),
            (pointers.into_iter().map(String::from).collect(), 422),
            "{body}"
        );
    }
}

#[tokio::test]
async fn wrong_parameters_of_an_activity_are_named() {
    let server = Server::start().await;
    let page = async |query: &str, body: &str| {
        let request = server.request("POST", &format!("{ACTIVITIES}?{query}")).bearer_auth(ann());
        finish(request.body(body.to_owned())).await
    };
    assert_eq!(page("activity_type=x", "{}").await.pointers(), ["/query/offline_id"]);
    let wrong = "activity_type=x&offline_id=%20&timestamp=no&conflict_resolution=no";
    let expected = ["/query/offline_id", "/query/timestamp", "/query/conflict_resolution"];
    assert_eq!(page(wrong, "{}").await.pointers(), expected);
    let good = "activity_type=x&offline_id=a";
    assert_eq!(page(good, "[]").await.pointers(), [""]);
    assert_eq!(page(good, "{").await.code(), "unreadable");
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(99), "]".repeat(99));
    assert_eq!(page(good, &deep).await.pointers(), [""]);
    let answer =
        server.call(&ann(), "GET", &format!("{ACTIVITIES}?sync_status=maybe"), Value::Null).await;
    assert_eq!(answer.pointers(), ["/query/sync_status"]);
}

#[tokio::test]
async fn wrong_fields_of_calls_of_many_activities_are_named() {
    let server = Server::start().await;
    let many = json!({"activities": vec![json!({}); server.app.limits.sync_operations_max + 1]});
    for (path, body, pointer) in [
        (BULK, many.clone(), "/activities"),
        (SYNC, many, "/activities"),
        (SYNC, json!({"limit": 0}), "/limit"),
        (SYNC, json!({"cursor": "forged"}), "/cursor"),
        (SYNC, json!({"conflict_resolution": "mine"}), "/conflict_resolution"),
        (RETRY, json!({"offline_ids": ["a", ""]}), "/offline_ids/1"),
    ] {
        assert_eq!(server.call(&ann(), "POST", path, body).await.pointers(), [pointer], "{path}");
    }
}

#[tokio::test]
async fn a_bad_activity_fails_alone() {
    let server = Server::start().await;
    let without =
        json!({"activity_type": "slide_progress", "offline_id": "k", "activity_data": {"a": 1}});
    let unknown = json!({"activity_type": "poem", "offline_id": "u", "activity_data": {}});
    let no_activity = json!({"activity_type": "notes", "offline_id": "n", "activity_data": {}});
    let mut large = viewed("l", 2, "viewed");
    large["activity_data"]["note"] = json!("x".repeat(70_000));
    let mut other = viewed("o", 1, "viewed");
    other["device_id"] = json!("tablet");
    let last = viewed("z", 2, "viewed");
    let answer = bulk(
        &server,
        json!([viewed("a", 1, "viewed"), 7, without, unknown, no_activity, large, other, last]),
    )
    .await;
    let results = answer["results"].as_array().unwrap();
    let brief: Vec<(&str, &str)> = results
        .iter()
        .map(|one| (one["sync_status"].as_str().unwrap(), one["reason"].as_str().unwrap()))
        .collect();
    let synced = ("synced", "on its base");
    let failed = ["invalid", "invalid", "unknown_type", "invalid", "too_large", "invalid"];
    let failed = failed.map(|reason| ("failed", reason));
    assert_eq!((brief[0], &brief[1..7], brief[7]), (synced, &failed[..], synced));
    let pointers =
        [(2, "/activity_data"), (4, "/activity_type"), (5, "/activity_data"), (6, "/device_id")];
    for (place, pointer) in pointers {
        assert_eq!(results[place]["errors"][0]["pointer"], pointer, "{}", results[place]);
    }
    assert_eq!((&answer["activities_synced"], &answer["failed"]), (&json!(2), &json!(6)));
    // What cannot be read is not kept, nor what is too large to be.
    let path = format!("{ACTIVITIES}?sync_status=failed&limit=2");
    assert_eq!(walk(&server, &ann(), &path, "offline_id").await, ["k", "n", "u"]);
}

#[tokio::test]
async fn activities_are_listed_by_type_and_status() {
    let server = Server::start().await;
    for id in ["a", "b", "c", "d", "e"] {
        store(&server, viewed(id, 1, id)).await;
    }
    let quiz = json!({"activity_type": "quiz_response", "offline_id": "q", "activity_data": {"quiz_id": 7}});
    store(&server, quiz).await;
    let all = walk(&server, &ann(), &format!("{ACTIVITIES}?limit=2"), "offline_id").await;
    assert_eq!(all, ["a", "b", "c", "d", "e", "q"]);
    let slides = format!("{ACTIVITIES}?activity_type=slide_progress&sync_status=synced&limit=1");
    assert_eq!(walk(&server, &ann(), &slides, "offline_id").await.len(), 5);
    let list = server.get(&ann(), &format!("{ACTIVITIES}?offset=4&limit=50")).await.json();
    assert_eq!((list["items"].as_array().unwrap().len(), &list["next_cursor"]), (2, &Value::Null));
    for stranger in [token("ben", &["student"]), token_in("acme", "ann", &["admin"])] {
        assert_eq!(server.get(&stranger, ACTIVITIES).await.json()["items"], json!([]));
        for path in ["status", "health", "devices", "history"] {
            let text = server.get(&stranger, &format!("/api/v1/sync/{path}")).await.text;
            assert!(!text.contains("phone"), "{text}");
        }
        let body = json!({"offline_ids": ["a"]});
        assert_eq!(server.call(&stranger, "POST", RETRY, body).await.json()["results"], json!([]));
        let pulled = server.call(&stranger, "POST", SYNC, json!({})).await.json();
        assert_eq!(pulled["server_activities"], json!([]));
    }
}

#[tokio::test]
async fn failed_activities_are_decided_anew() {
    let server = Server::start().await;
    let poem = |id: &str, line: u64| json!({"activity_type": "poem", "offline_id": id, "activity_data": {"poem_id": 1, "line": line}});
    bulk(&server, json!([poem("p1", 1), poem("p2", 2), viewed("s", 1, "viewed")])).await;
    let again = Server::ok(server.call(&ann(), "POST", RETRY, json!({})).await, StatusCode::OK);
    assert_eq!(
        (&again["failed"], &again["results"][0]["reason"]),
        (&json!(2), &json!("unknown_type"))
    );
    let poems = Kind { key: Some(vec!["poem_id".into()]), ..kind("poem", Strategy::ServerWins) };
    let server = server.knowing(poems).await;
    let body = json!({"offline_ids": ["p2", "p1", "s", "nobody's"]});
    let retried = Server::ok(server.call(&ann(), "POST", RETRY, body).await, StatusCode::OK);
    assert_eq!(
        (&retried["activities_synced"], &retried["failed"]),
        (&json!(3), &json!(0)),
        "{retried}"
    );
    let of = |id: &str| {
        let results = retried["results"].as_array().unwrap();
        results.iter().find(|one| one["offline_id"] == id).unwrap().clone()
    };
    assert_eq!((&of("p1")["replayed"], &of("s")["replayed"]), (&json!(false), &json!(true)));
    assert_eq!(of("p1")["entity_id"], "1");
    let list = server.get(&ann(), &format!("{ACTIVITIES}?sync_status=failed")).await.json();
    assert_eq!(list["items"], json!([]));
    let sent_again = Server::ok(store(&server, poem("p1", 1)).await, StatusCode::OK);
    assert_eq!(
        (&sent_again["sync_status"], &sent_again["replayed"]),
        (&json!("synced"), &json!(true))
    );
    let empty = Server::ok(server.call(&ann(), "POST", RETRY, json!({})).await, StatusCode::OK);
    assert_eq!(empty["results"], json!([]));
}

#[tokio::test]
async fn status_and_health_tell_who_stalls_until_a_person_has_said() {
    let server = Server::start().await;
    let get = async |path: &str| server.get(&ann(), &format!("/api/v1/sync/{path}")).await.json();
    assert_eq!(get("health").await["status"], "healthy");
    let draft = |id: &str, text: &str| json!({"activity_type": "draft", "offline_id": id, "activity_data": {"draft_id": 1, "text": text}});
    sync(&server, json!({"device_id": "phone", "activities": [draft("1", "a")]})).await;
    let late = sync(&server, json!({"device_id": "tablet", "activities": [draft("2", "b")]})).await;
    expect(&late["results"][0], "conflict", "asks a person", 1);
    assert_eq!((&late["conflicts"], &late["activities_synced"]), (&json!(1), &json!(0)));
    let status = get("status").await;
    let counts = json!({"synced": 1, "conflict": 1, "failed": 0, "capped_at": 10_000});
    assert_eq!((&status["pending_conflicts"], &status["activities"]), (&json!(1), &counts));
    assert_eq!(status["devices"], 2);
    let health = get("health").await;
    let stalled = json!([{"device_id": "tablet", "stalled": ["conflicts_waiting"]}]);
    assert_eq!((&health["status"], &health["stalled_devices"]), (&json!("degraded"), &stalled));
    assert_eq!(
        (&health["pending_conflicts"], &health["last_sync_at"]),
        (&json!(1), &status["last_sync_at"])
    );
    let history = get("history").await;
    let (tablet, phone) = (&history["items"][0], &history["items"][1]);
    assert_eq!((&tablet["device_id"], &tablet["conflicts"]), (&json!("tablet"), &json!(1)));
    assert_eq!(
        (&tablet["stalled"], &phone["stalled"]),
        (&json!(["conflicts_waiting"]), &json!([]))
    );
    assert_eq!((&phone["activities_synced"], &phone["server_activities"]), (&json!(1), &json!(1)));
    let conflict = late["results"][0]["conflict_id"].as_str().unwrap();
    let path = format!("/api/v1/sync/conflicts/{conflict}/resolve");
    let word = json!({"resolution": "client_wins"});
    Server::ok(server.call(&ann(), "POST", &path, word).await, StatusCode::OK);
    assert_eq!(get("health").await["status"], "healthy");
    assert_eq!(get("status").await["activities"]["synced"], 2);
    let again = Server::ok(store(&server, draft("2", "b")).await, StatusCode::OK);
    assert_eq!(
        (&again["sync_status"], &again["reason"]),
        (&json!("synced"), &json!("a person said so"))
    );
}

#[tokio::test]
async fn devices_tell_what_they_have_not_sent() {
    let server = Server::start().await;
    let report =
        json!({"pending": 3, "drain_ms": 61_000, "backgroundSucceeded": 2, "background_failed": 1});
    let body =
        json!({"device_id": "phone", "activities": [viewed("a", 1, "viewed")], "report": report});
    sync(&server, body).await;
    let pull = json!({"deviceId": "tablet", "report": {"pending": 0}});
    Server::ok(server.call(&ann(), "POST", "/api/v1/sync/pull", pull).await, StatusCode::OK);
    let list = server.get(&ann(), "/api/v1/sync/devices?limit=1").await.json();
    let phone = &list["items"][0];
    assert_eq!((&phone["device_id"], &phone["pending"]), (&json!("phone"), &json!(3)));
    assert!(phone["reported_at"].is_string() && phone["first_seen"].is_string(), "{phone}");
    assert_eq!(phone["stalled"], json!([]));
    let names = walk(&server, &ann(), "/api/v1/sync/devices?limit=1", "device_id").await;
    assert_eq!(names, ["phone", "tablet"]);
    let sessions =
        walk(&server, &ann(), "/api/v1/sync/history?device_id=phone&limit=1", "device_id").await;
    assert_eq!(sessions, ["phone"]);
    // A day later, with nothing heard of it.
    let day = 25 * 60 * 60 * 1_000;
    let later = services_at(&server, now_ms() + day, None);
    let health = later.sync_health(&caller("ann", Role::parse("student").unwrap())).await.unwrap();
    let not_sent = [("phone".into(), [Stall::WorkNotSent].into())];
    assert_eq!(health.stalled, not_sent.into());
    let text = server.app.metrics.text();
    for line in [
        r#"landfall_sync_background_runs_total{outcome="succeeded"} 2"#,
        r#"landfall_sync_background_runs_total{outcome="failed"} 1"#,
        r#"landfall_sync_queue_drain_seconds_bucket{le="600.0"} 1"#,
        r#"landfall_sync_operations_total{status="applied"} 1"#,
        r#"landfall_sync_duration_seconds_count{call="sync"} 1"#,
        "landfall_sync_conflicts_total 0",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}
