//! What an edit goes on from where its device says nothing but its own count, and when it was written where clocks are
//! wrong.

use landfall_core::feed::Epoch;
use landfall_core::time::Timestamp;
use landfall_server::clock::now_ms;
use landfall_server::service::Ids;
use landfall_server::service::lives::epoch_entry;
use landfall_store::NewEpoch;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::Server;
use crate::s1_sync::{PULL, PUSH, ann, operation};

const ON_ITS_BASE: &str = "on its base";

/// How a device says what it has, having pulled it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    /// Nothing: what it said when it pulled is remembered.
    Nothing,
    /// By its cursor.
    Cursor,
    /// By the time of its last pull.
    Time,
}

async fn call(server: &Server, path: &str, body: Value) -> Value {
    Server::ok(server.call(&ann(), "POST", path, body).await, StatusCode::OK)
}

/// Pushes one edit without saying what its device has; gives its result.
async fn push(server: &Server, device: &str, operation: Value) -> Value {
    let body = json!({"deviceId": device, "operations": [operation]});
    call(server, PUSH, body).await["results"][0].clone()
}

fn edit(id: &str, topic: Option<&str>, value: u64, count: u64) -> Value {
    let (kind, verb) = (
        if topic.is_some() { "board" } else { "settings" },
        if count == 1 { "CREATE" } else { "UPDATE" },
    );
    let mut one = operation(id, kind, "s", verb, json!({"a": value}), count);
    // The phone's time is long ago, and what it wrote earlier loses.
    one["timestamp"] = json!(format!("2024-01-15T10:0{count}:00Z"));
    if let Some(topic) = topic {
        one["topicId"] = json!(topic);
    }
    one
}

/// Lets a phone lose an edit against a tablet's, so that its own count of versions is the server's by chance.
async fn lost(server: &Server, topic: Option<&str>) {
    push(server, "phone", edit("1", topic, 1, 1)).await;
    let mut tablet = edit("2", topic, 2, 2);
    (tablet["timestamp"], tablet["baseVersion"]) = (json!("2025-01-15T10:00:00Z"), json!(1));
    let won = push(server, "tablet", tablet).await;
    assert_eq!((&won["status"], &won["version"]), (&json!("applied"), &json!(2)));
    let lost = push(server, "phone", edit("3", topic, 3, 2)).await;
    assert_eq!((&lost["reason"], &lost["version"]), (&json!("written earlier"), &json!(2)));
}

#[tokio::test]
async fn who_pulled_goes_on_from_what_was_pulled() {
    for topic in [None, Some("t")] {
        for says in [Says::Nothing, Says::Cursor, Says::Time] {
            let server = Server::start().await;
            server.topic("t", &[("ann", "member")]).await;
            lost(&server, topic).await;
            let pulled = call(&server, PULL, json!({"deviceId": "phone"})).await;
            // With the next one it says that it has the one before.
            let next =
                call(&server, PULL, json!({"deviceId": "phone", "cursor": pulled["cursor"]})).await;
            let mut body = json!({"deviceId": "phone", "operations": [edit("4", topic, 4, 3)]});
            match says {
                Says::Nothing => {}
                Says::Cursor => body["pull"] = json!({"cursor": next["cursor"]}),
                Says::Time => body["lastSyncTimestamp"] = next["serverTimestamp"].clone(),
            }
            let result = call(&server, PUSH, body).await["results"][0].clone();
            // Of topics' feeds nothing is remembered for a device.
            if says == Says::Nothing && topic.is_some() {
                assert_ne!(result["reason"], ON_ITS_BASE, "{result}");
                continue;
            }
            assert_eq!(result["reason"], ON_ITS_BASE, "{topic:?} {says:?}: {result}");
        }
    }
}

#[tokio::test]
async fn who_did_not_pull_goes_on_from_their_own_edits() {
    // What it pulled of some types says nothing of the others; a first pull may not have arrived.
    for pulls in
        [json!([]), json!([{}]), json!([{"entityTypes": ["notes"]}, {"entityTypes": ["notes"]}])]
    {
        let server = Server::start().await;
        lost(&server, None).await;
        let mut cursor = Value::Null;
        for ask in pulls.as_array().unwrap() {
            let mut body = ask.clone();
            (body["deviceId"], body["cursor"]) = (json!("phone"), cursor.clone());
            cursor = call(&server, PULL, body).await["cursor"].clone();
        }
        let result = push(&server, "phone", edit("4", None, 4, 3)).await;
        assert_eq!(result["reason"], "written earlier", "{pulls}: {result}");
    }
}

/// What was there then may be gone, and something else in its place.
#[tokio::test]
async fn a_time_before_the_store_was_put_back_says_nothing_of_what_its_device_has() {
    let server = Server::start().await;
    lost(&server, None).await;
    let pulled = call(&server, PULL, json!({"deviceId": "phone"})).await;
    let (from, to) = (server.store.epoch(), Epoch(now_ms() as u64 + 60_000));
    let entry = epoch_entry(&Ids::new(), Timestamp::from_ms(0), "restored", from, to);
    server.store.begin_epoch(NewEpoch { from, to, entry }).await.unwrap();
    server.store.life().await.unwrap();
    let since = &pulled["serverTimestamp"];
    let edits = json!([edit("4", None, 4, 3)]);
    let body = json!({"deviceId": "phone", "operations": edits, "lastSyncTimestamp": since});
    let result = call(&server, PUSH, body).await["results"][0].clone();
    assert_eq!(result["reason"], "written earlier", "{result}");
}

#[tokio::test]
async fn the_end_of_a_branch_that_is_sent_again_leaves_it_where_it_was() {
    let server = Server::start().await;
    lost(&server, None).await;
    let pulled = call(&server, PULL, json!({"deviceId": "phone"})).await;
    // It has not heard how its last one ended: what follows was made on that, whatever it pulled.
    let queue = json!([edit("3", None, 3, 2), edit("4", None, 4, 3)]);
    let body =
        json!({"deviceId": "phone", "operations": queue, "pull": {"cursor": pulled["cursor"]}});
    let results = call(&server, PUSH, body).await["results"].clone();
    assert_eq!(
        (&results[0]["replayed"], &results[1]["reason"]),
        (&json!(true), &json!("written earlier"))
    );
}

#[tokio::test]
async fn a_clock_that_is_slow_is_corrected_by_what_it_shows_when_it_sends() {
    let hour = 60 * 60 * 1_000;
    for (sent_at, reason) in [(true, "written later"), (false, "written earlier")] {
        let server = Server::start().await;
        let now = now_ms();
        let at = |ms: i64| json!(Timestamp::from_ms(ms).to_string());
        push(&server, "phone", edit("1", None, 1, 1)).await;
        let mut tablet = edit("2", None, 2, 2);
        (tablet["timestamp"], tablet["baseVersion"]) = (at(now - hour / 2), json!(1));
        push(&server, "tablet", tablet).await;
        // Just now, by a clock that is an hour behind.
        let mut phone = edit("3", None, 3, 2);
        phone["timestamp"] = at(now - hour);
        let mut body = json!({"deviceId": "phone", "operations": [phone]});
        if sent_at {
            body["sentAt"] = at(now - hour);
        }
        assert_eq!(call(&server, PUSH, body).await["results"][0]["reason"], reason);
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_no_edit_older_than_the_one_before() {
    let server = Server::start().await;
    let one = |id: &str, entity: &str, at: &str, base: u64| {
        let verb = if base == 0 { "CREATE" } else { "UPDATE" };
        let mut one = operation(id, "settings", entity, verb, json!({"a": id}), base + 1);
        (one["timestamp"], one["baseVersion"]) =
            (json!(format!("2024-01-15T{at}:00Z")), json!(base));
        one
    };
    push(&server, "tablet", one("1", "s", "08:00", 0)).await;
    push(&server, "phone", one("2", "other", "12:00", 0)).await;
    push(&server, "tablet", one("3", "s", "11:30", 1)).await;
    // Set back by an hour between the two.
    let result = push(&server, "phone", one("4", "s", "11:10", 1)).await;
    assert_eq!(result["reason"], "written later", "{result}");
}

#[tokio::test]
async fn a_time_that_is_still_to_come_is_now() {
    let server = Server::start().await;
    let one = |id: &str, at: Value, base: u64| {
        let verb = if base == 0 { "CREATE" } else { "UPDATE" };
        let mut one = operation(id, "settings", "s", verb, json!({"a": id}), base + 1);
        (one["timestamp"], one["baseVersion"]) = (at, json!(base));
        one
    };
    push(&server, "tablet", one("1", json!("2024-01-15T08:00:00Z"), 0)).await;
    push(&server, "phone", one("2", json!("2099-01-01T00:00:00Z"), 1)).await;
    // Written after that, by a clock that is right.
    let now = now_ms();
    while now_ms() <= now + 1 {
        std::hint::spin_loop();
    }
    let at = Timestamp::from_ms(now_ms()).to_string();
    let result = push(&server, "tablet", one("3", json!(at), 1)).await;
    assert_eq!(result["reason"], "written later", "{result}");
}
