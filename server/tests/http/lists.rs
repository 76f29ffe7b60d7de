//! Lists: pages, cursors and the trail (contract 1, 3); S4's own stand in `s4_notifications`.

use landfall_core::time::Timestamp;
use serde_json::{Value, json};

use crate::harness::{Server, admin, token};

/// Walks a list to its end by cursor; gives one field of every item.
pub async fn walk(server: &Server, token: &str, path: &str, field: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = path.to_owned();
    loop {
        let page = server.get(token, &next).await.json();
        let items = page["items"].as_array().unwrap();
        found.extend(items.iter().map(|item| item[field].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { return found };
        assert!(!items.is_empty());
        next = format!("{path}&cursor={cursor}");
    }
}

fn numbers(range: impl Iterator<Item = u64>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[tokio::test]
async fn an_inbox_is_walked_newest_first_or_by_change() {
    let server = Server::start().await;
    for _ in 0..7 {
        server.notify(&admin(), "u1").await;
    }
    let u1 = token("u1", &[]);
    let path = "/api/v1/notifications";
    let field = "replay_id";
    let newest = walk(&server, &u1, &format!("{path}?limit=2"), field).await;
    assert_eq!(newest, numbers((1..=7).rev()));
    assert_eq!(walk(&server, &u1, &format!("{path}?limit=7"), field).await.len(), 7);
    let after = walk(&server, &u1, &format!("{path}?after=2&limit=2"), field).await;
    assert_eq!(after, numbers(3..=7));
    let between = walk(&server, &u1, &format!("{path}?after=2&before=6&limit=1"), field).await;
    assert_eq!(between, numbers(3..=5));
    let before = walk(&server, &u1, &format!("{path}?before=4&limit=2"), field).await;
    assert_eq!(before, ["3", "2", "1"]);
    let offset = server.get(&u1, &format!("{path}?offset=5&limit=5")).await.json();
    assert_eq!(offset["items"].as_array().unwrap().len(), 2);
    assert_eq!(offset["next_cursor"], Value::Null);
}

#[tokio::test]
async fn an_acknowledgement_delivers_what_it_covers() {
    let server = Server::start().await;
    for _ in 0..3 {
        server.notify(&admin(), "u1").await;
    }
    let ack = |number: Value| {
        let body = json!({ "replayId": number });
        let server = &server;
        async move {
            let u1 = token("u1", &[]);
            server.call(&u1, "POST", "/api/v1/notifications/ack", body).await.json()["confirmed"]
                .clone()
        }
    };
    assert_eq!(ack(json!(2)).await, 2);
    assert_eq!(ack(json!("2")).await, 0);
    assert_eq!(ack(json!("9223372036854775807")).await, 1);
}

#[tokio::test]
async fn topics_and_members_are_walked_by_id() {
    let server = Server::start().await;
    for id in ["t3", "t1", "t2"] {
        server.topic(id, &[("u1", "member")]).await;
    }
    server.topic("other", &[]).await;
    let u1 = token("u1", &[]);
    assert_eq!(walk(&server, &u1, "/api/v1/topics?limit=1", "id").await, ["t1", "t2", "t3"]);
    let members: Vec<Value> = (10..35).map(|n| json!({ "user_id": format!("m{n}") })).collect();
    let path = "/api/v1/topics/t1/members";
    let body = json!({ "members": members });
    let bulk = server.call(&admin(), "POST", path, body.clone()).await.json();
    assert_eq!(bulk, json!({ "added": 25, "updated": 0, "unchanged": 0 }));
    let bulk = server.call(&admin(), "POST", path, body).await.json();
    assert_eq!(bulk["unchanged"], 25);
    let found = walk(&server, &u1, &format!("{path}?limit=10"), "user_id").await;
    assert_eq!(found.len(), 26);
    assert!(found.is_sorted());
    let offset = server.get(&u1, &format!("{path}?limit=500&offset=20")).await.json();
    assert_eq!(offset["items"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn the_trail_is_listed_sealed_and_verified() {
    let server = Server::start().await;
    for user in ["a", "b", "a"] {
        server.notify(&admin(), user).await;
    }
    let path = "/api/v1/admin/audit?limit=1";
    let entries = walk(&server, &admin(), path, "id").await;
    assert_eq!(entries, ["3", "2", "1"]);
    let of_a = format!("{path}&target_user_id=a&action=notification_created");
    assert_eq!(walk(&server, &admin(), &of_a, "id").await, ["3", "1"]);
    let verify = "/api/v1/admin/audit/verify";
    let before = server.get(&admin(), verify).await.json();
    assert_eq!((&before["ok"], &before["unsealed"]), (&json!(true), &json!(3)));

    server.store.seal(Timestamp::from_ms(1), 2).await.unwrap();
    server.store.seal(Timestamp::from_ms(2), 2).await.unwrap();
    let after = server.get(&admin(), verify).await.json();
    assert_eq!((&after["ok"], &after["entries"]), (&json!(true), &json!(3)));
    assert_eq!((&after["blocks"], &after["unsealed"]), (&json!(2), &json!(0)));
    assert_eq!(after["head"].as_str().unwrap().len(), 64);
    let list = server.get(&admin(), "/api/v1/admin/audit").await.json();
    let blocks: Vec<&Value> =
        list["items"].as_array().unwrap().iter().map(|item| &item["block"]).collect();
    assert_eq!(blocks, [2, 1, 1]);
    assert_eq!(list["items"][0]["metadata"]["message"], "m");
    let offset = server.get(&admin(), "/api/v1/admin/audit?offset=2").await.json();
    assert_eq!(offset["items"][0]["id"], "1");
}
