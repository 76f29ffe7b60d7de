//! While the store is away: every documented call that needs it is refused with 503 and
//! `Retry-After`, live connections open and wait, and nothing has to be restarted.

use std::collections::BTreeMap;
use std::path::Path;

use landfall_fixtures::{Durability, Postgres};
use serde_json::Value;

use crate::call::{Answer, call, get, told};
use crate::events::Stream;
use crate::harness::{Landfall, node_settings, token, until};

/// What is answered from memory, and what answers each line by itself.
const NEED_NO_STORE: [&str; 5] =
    ["health", "notify_batch", "template_preview", "templates_list", "vapid_public_key"];

/// Reads every call that the protocol's examples document, by name.
fn documented() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/examples/calls");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        let example = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), example)
    };
    files.map(read).collect()
}

/// Makes a documented call as an admin; its headers come along, but for the token.
async fn make(landfall: &Landfall, example: &Value) -> Answer {
    let headers = example["request_headers"].as_object().into_iter().flatten();
    let headers: Vec<(&str, &str)> = headers
        .filter(|(name, _)| *name != "authorization")
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    let body = match &example["request"] {
        Value::Null => String::new(),
        Value::Array(lines) => lines.iter().map(|line| format!("{line}\n")).collect(),
        body => body.to_string(),
    };
    let called = (example["method"].as_str().unwrap(), example["path"].as_str().unwrap());
    call(landfall, called, &token("root", "admin"), &headers, body).await
}

/// Checks each documented call while the store is away.
async fn check_refusals(landfall: &Landfall) {
    for (name, example) in documented() {
        let answer = make(landfall, &example).await;
        if NEED_NO_STORE.contains(&&*name) {
            assert_eq!(answer.status, 200, "{name}");
            continue;
        }
        assert_eq!(answer.told(), "503 unavailable", "{name}");
        assert_eq!(answer.header("retry-after"), "1", "{name}");
    }
    let line = r#"{ "user_id": "u", "notification_type": "news", "message": "m" }"#;
    let headers = [("content-type", "application/x-ndjson")];
    let called = ("POST", "/api/v1/notify/batch");
    let line = line.to_owned();
    let answer = call(landfall, called, &token("root", "admin"), &headers, line).await;
    let refused = told(answer.body["status"].as_u64().unwrap() as u16, &answer.body["error"]);
    assert_eq!(refused, "503 unavailable", "a line of a batch");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_refused_while_the_store_is_away_and_served_when_it_is_back() {
    let postgres = Postgres::start(Durability::PageCache, "").unwrap();
    let mut settings = node_settings(&postgres.url("postgres"));
    settings.push(("LANDFALL_REALTIME_HEARTBEAT_SECONDS".into(), "1".into()));
    let settings: Vec<(&str, &str)> =
        settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let landfall = Landfall::with(&settings).await;
    landfall.notify("ada", "before").await;

    tokio::task::block_in_place(|| postgres.kill()).unwrap();
    check_refusals(&landfall).await;
    // A browser does not come back after a 503, so a stream opens and waits, as a socket does.
    let mut stream = Stream::open(&landfall, "ada", "?replay_from=0").await;
    let mut socket = landfall.device("ada", "replay_from=0").await;
    landfall.until_connected(2).await;
    assert_eq!(stream.next_of("heartbeat").await.id, None, "nothing is known of its feed");

    tokio::task::block_in_place(|| postgres.restart()).unwrap();
    until("the store is back", async || get(&landfall, "/health/ready", "").await.status == 200)
        .await;
    assert_eq!(stream.titles(1).await, ["before"]);
    assert_eq!(socket.titles(1).await, ["before"]);
    for (name, example) in documented() {
        // Subscriptions of the others lead to push services, which no test may ask.
        if example["method"] == "GET" {
            let status = make(&landfall, &example).await.status;
            assert!(status < 500, "{name}: {status}");
        }
    }
    landfall.notify("ada", "after").await;
    assert_eq!(stream.titles(1).await, ["after"]);
    assert_eq!(socket.titles(1).await, ["after"]);
}

#[tokio::test]
async fn every_call_is_refused_once_the_store_is_closed() {
    let landfall = Landfall::start().await;
    landfall.server.app.services.store.close();
    check_refusals(&landfall).await;
}
