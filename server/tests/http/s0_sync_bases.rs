//! What activities go on from: what their device was given, what it did itself, and what it cannot have seen.

use landfall_core::auth::Role;
use landfall_core::id::DeviceId;
use landfall_core::sync::Strategy;
use landfall_server::clock::now_ms;
use landfall_server::service::sync::Stall;
use landfall_server::service::sync::kinds::Kind;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::kinds::kind;
use crate::harness::{Server, token};
use crate::s0_sync::{ann, expect, store, sync, viewed};
use crate::s1_lessons::{caller, services_at};

const RETRY: &str = "/api/v1/sync/retry";
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// An activity of a device that sets one field of slide 1.
fn sets(device: &str, id: &str, field: &str, value: &str) -> Value {
    json!({
        "activity_type": "slide_progress", "offline_id": id, "device_id": device,
        "activity_data": {"slide_id": 1, field: value},
    })
}

async fn done(server: &Server, activity: Value) -> Value {
    Server::ok(store(server, activity).await, StatusCode::CREATED)
}

/// Gives a device what the server has; gives the cursor.
async fn given(server: &Server, device: &str) -> Value {
    sync(server, json!({"device_id": device})).await["cursor"].clone()
}

#[tokio::test]
async fn what_a_device_was_given_last_it_goes_on_from() {
    let server = Server::start().await;
    done(&server, sets("phone", "1", "status", "viewed")).await;
    let late = done(&server, sets("desk", "2", "status", "skipped")).await;
    expect(&late, "synced", "server wins", 1);
    given(&server, "tablet").await;
    expect(
        &done(&server, sets("tablet", "3", "status", "completed")).await,
        "synced",
        "on its base",
        2,
    );
}

/// It did something once, and was given since what others made of that.
#[tokio::test]
async fn what_a_device_was_given_counts_more_than_what_it_did_before_that() {
    let server = Server::start().await;
    done(&server, sets("phone", "1", "status", "opened")).await;
    given(&server, "tablet").await;
    expect(
        &done(&server, sets("tablet", "2", "status", "viewed")).await,
        "synced",
        "on its base",
        2,
    );
    let cursor = given(&server, "phone").await;
    given(&server, "tablet").await;
    expect(&done(&server, sets("tablet", "3", "score", "7")).await, "synced", "on its base", 3);
    let next = sets("phone", "4", "status", "completed");
    let body = json!({"device_id": "phone", "cursor": cursor, "activities": [next]});
    let answer = sync(&server, body).await;
    expect(&answer["results"][0], "synced", "on its base", 4);
    let slide = &answer["server_activities"][0]["activity_data"];
    assert_eq!((&slide["status"], &slide["score"]), (&json!("completed"), &json!("7")));
}

#[tokio::test]
async fn what_is_as_it_was_given_is_gone_on_from_though_its_history_is_forgotten() {
    let server = Server::start().await;
    done(&server, sets("phone", "1", "status", "viewed")).await;
    let cursor = given(&server, "tablet").await;
    let later = services_at(&server, now_ms() + 181 * DAY_MS, None);
    assert!(later.forget_sync(100).await.unwrap().total() > 0);
    let body = json!({"device_id": "tablet", "cursor": cursor, "activities": [sets("tablet", "2", "status", "completed")]});
    expect(&sync(&server, body).await["results"][0], "synced", "on its base", 2);
}

/// A server that knows one type more than the one before.
async fn knowing_poems(server: &Server) -> Server {
    let poems = Kind { key: Some(vec!["poem_id".into()]), ..kind("poem", Strategy::ServerWins) };
    server.knowing(poems).await
}

fn poem(device: &str, id: &str, line: u64) -> Value {
    json!({
        "activity_type": "poem", "offline_id": id, "device_id": device,
        "activity_data": {"poem_id": 1, "line": line},
    })
}

#[tokio::test]
async fn what_is_decided_anew_was_written_when_it_came_first() {
    let server = Server::start().await;
    let failed = done(&server, poem("tablet", "early", 1)).await;
    assert_eq!(failed["reason"], "unknown_type", "{failed}");
    // Strictly later, so that a time tells the two apart.
    let came = now_ms();
    while now_ms() <= came + 1 {
        std::hint::spin_loop();
    }
    let server = knowing_poems(&server).await;
    expect(&done(&server, poem("phone", "late", 2)).await, "synced", "on its base", 1);
    // What the tablet is given now it had not when it wrote its own.
    given(&server, "tablet").await;
    let answer = Server::ok(server.call(&ann(), "POST", RETRY, json!({})).await, StatusCode::OK);
    expect(&answer["results"][0], "synced", "server wins", 1);
    assert_eq!(answer["results"][0]["server_data"]["line"], 2);
}

#[tokio::test]
async fn a_nameless_one_that_is_decided_anew_is_as_old_as_it_is() {
    let server = Server::start().await;
    let mut early = poem("x", "early", 1);
    early.as_object_mut().unwrap().remove("device_id");
    done(&server, early).await;
    let came = now_ms();
    while now_ms() <= came + 1 {
        std::hint::spin_loop();
    }
    let server = knowing_poems(&server).await;
    let mut late = poem("x", "late", 2);
    late.as_object_mut().unwrap().remove("device_id");
    expect(&done(&server, late).await, "synced", "on its base", 1);
    let answer = Server::ok(server.call(&ann(), "POST", RETRY, json!({})).await, StatusCode::OK);
    expect(&answer["results"][0], "synced", "server wins", 1);
}

#[tokio::test]
async fn of_one_device_only_its_own_are_decided_anew_and_it_is_not_taken_for_heard_of() {
    let server = Server::start().await;
    for (device, id) in [("phone", "p"), ("tablet", "t")] {
        done(&server, poem(device, id, 1)).await;
    }
    let report = json!({"device_id": "phone", "activities": [], "report": {"pending": 3}});
    sync(&server, report).await;
    // A day later somebody has the phone's decided anew.
    let later = services_at(&server, now_ms() + DAY_MS + 60_000, None);
    let pupil = caller("ann", Role::parse("student").unwrap());
    let phone = DeviceId::parse("phone").unwrap();
    let decided = later.retry_activities(&pupil, None, Some(&phone)).await.unwrap();
    let ids: Vec<&str> = decided.iter().map(|one| &*one.view.id).collect();
    assert_eq!(ids, ["p"]);
    let health = later.sync_health(&pupil).await.unwrap();
    let stalled = [
        ("phone".into(), [Stall::WorkNotSent, Stall::ActivitiesFailed].into()),
        ("tablet".into(), [Stall::ActivitiesFailed].into()),
    ];
    assert_eq!(health.stalled, stalled.into());
    // By HTTP the device is named in the body, or in a header.
    let body = json!({"device_id": "tablet"});
    let answer = Server::ok(server.call(&ann(), "POST", RETRY, body).await, StatusCode::OK);
    let results = answer["results"].as_array().unwrap();
    assert_eq!((results.len(), &results[0]["offline_id"]), (1, &json!("t")));
}

/// Who brought it nobody knows: it may be in the way of what is there, and goes on with nobody's conflict.
#[tokio::test]
async fn of_devices_without_a_name_each_conflict_is_another() {
    let server = Server::start().await;
    let draft = |id: &str| {
        json!({
            "activity_type": "draft", "offline_id": id, "activity_data": {"draft_id": 1, "text": id},
            "created_at": "2024-01-15T08:00:00Z",
        })
    };
    let mut first = draft("1");
    (first["device_id"], first["created_at"]) = (json!("phone"), json!("2024-01-15T09:00:00Z"));
    expect(&done(&server, first).await, "synced", "on its base", 1);
    let mut conflicts = Vec::new();
    for id in ["2", "3"] {
        let waits = done(&server, draft(id)).await;
        expect(&waits, "conflict", "asks a person", 1);
        conflicts.push(waits["conflict_id"].clone());
    }
    assert_ne!(conflicts[0], conflicts[1]);
}

#[tokio::test]
async fn another_activity_of_a_known_name_is_answered_as_itself() {
    let server = Server::start().await;
    done(&server, viewed("a", 1, "viewed")).await;
    let other = json!({"activity_type": "quiz_response", "offline_id": "a", "activity_data": {"quiz_id": 7, "answer": 1}});
    let mut same = viewed("a", 1, "viewed");
    same["activity_type"] = json!("recording_progress");
    for (one, data) in
        [(other.clone(), &other["activity_data"]), (same.clone(), &same["activity_data"])]
    {
        let body = json!({"device_id": "phone", "activities": [one]});
        let answer = server.call(&ann(), "POST", "/api/v1/sync/bulk-store", body).await;
        let result = Server::ok(answer, StatusCode::OK)["results"][0].clone();
        assert_eq!(
            (&result["sync_status"], &result["reason"]),
            (&json!("failed"), &json!("id_reused"))
        );
        assert_eq!((&result["activity_data"], &result["replayed"]), (data, &json!(false)));
    }
    // By its operation's name, too.
    let note = json!({
        "id": "a", "entityType": "notes", "entityId": "n", "operation": "CREATE", "data": {},
        "timestamp": "2024-01-15T10:35:00Z", "clientVersion": 1,
    });
    let push = json!({"deviceId": "phone", "operations": [note]});
    let pushed =
        server.call(&token("ann", &["student"]), "POST", "/api/v1/sync/push", push).await.json();
    assert_eq!(
        (&pushed["results"][0]["reason"], &pushed["results"][0]["replayed"]),
        (&json!("id_reused"), &json!(false))
    );
}
