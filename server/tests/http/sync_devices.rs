//! What is known of devices: their sessions, what they say that they have not sent, and why they stall.

use landfall_core::auth::Role;
use landfall_core::id::DeviceId;
use landfall_protocol::sync::read_operation;
use landfall_server::clock::now_ms;
use landfall_server::service::sync::{Brought, PushAsk, Since};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::Server;
use crate::s0_sync::{ACTIVITIES, SYNC, ann};
use crate::s1_lessons::{caller, services_at};
use crate::s1_sync::{PULL, PUSH, operation, push};

async fn get(server: &Server, path: &str) -> Value {
    Server::ok(server.get(&ann(), &format!("/api/v1/sync/{path}")).await, StatusCode::OK)
}

fn note(id: &str) -> Value {
    operation(id, "notes", id, "CREATE", json!({"text": "x"}), 1)
}

#[tokio::test]
async fn every_call_that_takes_a_report_keeps_what_is_left_to_send() {
    let server = Server::start().await;
    let bulk = "/api/v1/sync/bulk-store";
    for (n, path) in [PUSH, PULL, SYNC, bulk, PUSH].into_iter().enumerate() {
        let body = json!({"deviceId": "phone", "operations": [], "report": {"pending": n + 1}});
        let body = if path == SYNC || path == bulk {
            json!({"device_id": "phone", "activities": [], "report": {"pending": n + 1}})
        } else {
            body
        };
        Server::ok(server.call(&ann(), "POST", path, body).await, StatusCode::OK);
        assert_eq!(get(&server, "devices").await["items"][0]["pending"], n + 1, "{path}");
    }
}

#[tokio::test]
async fn a_session_counts_what_it_brought_and_ends_after_a_pause() {
    let server = Server::start().await;
    push(&server, "phone", json!([note("1")])).await;
    push(&server, "phone", json!([note("1"), note("2")])).await;
    push(&server, "tablet", json!([note("3")])).await;
    let history = get(&server, "history?device_id=phone").await;
    let items = history["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{history}");
    assert_eq!((&items[0]["operations"], &items[0]["replayed"]), (&json!(3), &json!(1)));
    assert_eq!((&items[0]["activities_synced"], &items[0]["failed"]), (&json!(2), &json!(0)));
    assert_eq!(get(&server, "history").await["items"].as_array().unwrap().len(), 2);
    // Within five minutes it goes on, after them another one begins.
    let pupil = caller("ann", Role::parse("student").unwrap());
    for (n, minutes, sessions) in [(4, 4, 1), (5, 8, 1), (6, 14, 2)] {
        let fields = read_operation(&note(&n.to_string()).to_string()).unwrap();
        let brought = Brought { operation: fields.operation, topic: None, activity: None };
        let ask = PushAsk {
            device: Some(DeviceId::parse("phone").unwrap()),
            sent_at: None,
            has: Since::Beginning,
            operations: vec![brought],
            pending: None,
            generation: None,
        };
        let later = services_at(&server, now_ms() + minutes * 60_000, None);
        later.push(&pupil, &ask).await.unwrap();
        let history = get(&server, "history?device_id=phone").await;
        assert_eq!(history["items"].as_array().unwrap().len(), sessions, "{minutes}: {history}");
    }
}

#[tokio::test]
async fn a_device_whose_activities_failed_stalls_in_its_last_session_alone() {
    let server = Server::start().await;
    let poem = json!({"activity_type": "poem", "offline_id": "p", "device_id": "phone", "activity_data": {}});
    server.call(&ann(), "POST", ACTIVITIES, poem).await;
    let stalled = json!(["activities_failed"]);
    assert_eq!(get(&server, "devices").await["items"][0]["stalled"], stalled);
    let health = get(&server, "health").await;
    assert_eq!((&health["status"], &health["failed_activities"]), (&json!("degraded"), &json!(1)));
    assert_eq!(health["stalled_devices"], json!([{"device_id": "phone", "stalled": stalled}]));
    let first_seen = get(&server, "devices").await["items"][0]["first_seen"].clone();
    assert_eq!(health["last_sync_at"], get(&server, "devices").await["items"][0]["last_sync_at"]);
    // Later on, in another session.
    let pupil = caller("ann", Role::parse("student").unwrap());
    let later = services_at(&server, now_ms() + 60 * 60_000, None);
    let device = Some(DeviceId::parse("phone").unwrap());
    later.server_activities(&pupil, (device, Since::Beginning, None), 9).await.unwrap();
    let history = get(&server, "history").await;
    let told: Vec<&Value> =
        history["items"].as_array().unwrap().iter().map(|one| &one["stalled"]).collect();
    assert_eq!(told, [&stalled, &json!([])]);
    assert_ne!(get(&server, "health").await["last_sync_at"], first_seen);
}
