//! Up to when devices may forget what was answered: as far as a backup goes that the operator vouched for.

use landfall_core::time::Timestamp;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Server, finish};
use crate::s1_sync::{PULL, PUSH, ann, operation, pull, push};
use crate::sync_away::begin_again;

const VOUCHED: &str = "2026-11-21T02:50:00.000Z";

pub async fn vouch(server: &Server) {
    server.vouch(Timestamp::parse(VOUCHED).unwrap()).await;
}

/// Lets the next pulls bring something, without which they say nothing of backups.
async fn change(server: &Server) {
    let change = operation("2", "notes", "m", "CREATE", json!({"text": "y"}), 1);
    push(server, "desk", json!([change])).await;
}

async fn lines(server: &Server, body: Value) -> Vec<Value> {
    let request = server.request("POST", PULL).bearer_auth(ann());
    let answer = finish(request.header("accept", "application/x-ndjson").json(&body)).await;
    answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn pulls_say_up_to_when_a_vouched_backup_goes() {
    let server = Server::start().await;
    let create = operation("1", "notes", "n", "CREATE", json!({"text": "x"}), 1);
    push(&server, "desk", json!([create])).await;
    let first = pull(&server, json!({})).await;
    let (cursor, time) = (&first["cursor"], &first["serverTimestamp"]);
    change(&server).await;
    server.app.services.look_for_backup().await.unwrap();
    let told = async |body: Value| pull(&server, body).await["backedUpTo"].clone();
    assert_eq!(told(json!({ "cursor": cursor })).await, Value::Null, "nothing was vouched for");

    vouch(&server).await;
    assert_eq!(told(json!({ "cursor": cursor })).await, Value::Null, "no pull reads it");
    server.app.services.look_for_backup().await.unwrap();
    assert_eq!(told(json!({ "cursor": cursor })).await, VOUCHED);
    assert_eq!(told(json!({ "lastSyncTimestamp": time })).await, VOUCHED);
    let body = json!({"deviceId": "a", "operations": [], "pull": {"cursor": cursor}});
    let pushed = Server::ok(server.call(&ann(), "POST", PUSH, body).await, StatusCode::OK);
    assert_eq!(pushed["pull"]["backedUpTo"], VOUCHED);
    let streamed = lines(&server, json!({ "cursor": cursor })).await;
    assert_eq!(streamed.last().unwrap()["backedUpTo"], VOUCHED);
}

/// What it holds of an earlier life may be lost, though it was answered before a backup of this one.
#[tokio::test]
async fn who_starts_over_is_not_told_to_forget_what_it_has_to_offer_again() {
    let server = Server::start().await;
    let create = operation("1", "notes", "n", "CREATE", json!({"text": "x"}), 1);
    push(&server, "desk", json!([create])).await;
    let had = pull(&server, json!({})).await["cursor"].clone();
    begin_again(&server).await;
    vouch(&server).await;
    server.app.services.look_for_backup().await.unwrap();
    let over = pull(&server, json!({ "cursor": had })).await;
    assert_eq!((&over["reset"], &over["backedUpTo"]), (&json!(true), &Value::Null));
    assert_eq!(pull(&server, json!({})).await["backedUpTo"], Value::Null);
    change(&server).await;
    let goes_on = pull(&server, json!({ "cursor": over["cursor"] })).await;
    assert_eq!((&goes_on["reset"], &goes_on["backedUpTo"]), (&Value::Null, &json!(VOUCHED)));

    // What is known of one life says nothing of another until it was read there.
    server.app.services.start_over().await;
    let goes_on = pull(&server, json!({ "cursor": over["cursor"] })).await;
    assert_eq!(goes_on["backedUpTo"], Value::Null);
}
