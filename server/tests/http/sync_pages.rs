//! What pages of a pull bring: everything once, in the order in which it changed, whatever fits.

use landfall_core::auth::Role;
use landfall_core::time::Timestamp;
use landfall_server::clock::now_ms;
use landfall_server::service::sync::{Held, PullAsk, Since};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Server, admin};
use crate::s1_lessons::{caller, class, services_at, teacher};
use crate::s1_sync::{operation, pull, push};

/// Pulls pages of so many changes to the end; gives the names of what came, in its order.
async fn walk(server: &Server, limit: usize, kinds: Value) -> Vec<String> {
    let (mut cursor, mut names) = (Value::Null, Vec::new());
    loop {
        let page =
            pull(server, json!({"cursor": cursor, "limit": limit, "entityTypes": kinds})).await;
        let changes = page["changes"].as_array().unwrap();
        assert!(changes.len() <= limit, "{page}");
        let name = |change: &Value| change["entityId"].as_str().unwrap().to_owned();
        names.extend(changes.iter().map(name));
        cursor = page["cursor"].clone();
        if page["hasMore"] == false {
            return names;
        }
    }
}

async fn board(server: &Server, id: &str) {
    let mut one = operation(id, "board", id, "CREATE", json!({"text": id}), 1);
    one["topicId"] = json!("c");
    let results = push(server, "desk", json!([one])).await;
    assert_eq!(results[0]["status"], "applied", "{results:?}");
}

async fn lesson(server: &Server, id: &str, expires_at: Option<String>) {
    let body = json!({"class_id": "c", "title": "Water", "data": {}, "expires_at": expires_at});
    let put = server.call(&teacher(), "PUT", &format!("/api/v1/lessons/{id}"), body).await;
    assert_eq!(put.status, 201, "{}", put.text);
}

async fn note(server: &Server, id: &str, text: &str) {
    push(server, "desk", json!([operation(id, "notes", id, "CREATE", json!({"text": text}), 1)]))
        .await;
}

#[tokio::test]
async fn entities_and_lessons_come_in_one_order_on_pages_of_any_size() {
    let server = Server::start().await;
    class(&server, "c").await;
    for id in ["n1", "n2", "n3"] {
        note(&server, id, "x").await;
    }
    for n in 1..4 {
        board(&server, &format!("b{n}")).await;
        lesson(&server, &format!("l{n}"), None).await;
    }
    let in_order = ["n1", "n2", "n3", "b1", "l1", "b2", "l2", "b3", "l3"];
    for limit in [1, 2, 3, 4, 5, 9, 100] {
        assert_eq!(walk(&server, limit, json!([])).await, in_order, "{limit}");
        assert_eq!(walk(&server, limit, json!(["lesson"])).await, ["l1", "l2", "l3"], "{limit}");
        assert_eq!(walk(&server, limit, json!(["board"])).await, ["b1", "b2", "b3"], "{limit}");
        let both = walk(&server, limit, json!(["notes", "lesson"])).await;
        assert_eq!(both, ["n1", "n2", "n3", "l1", "l2", "l3"], "{limit}");
    }
}

/// The last feed that is read has nothing new; the first one has.
#[tokio::test]
async fn there_is_more_as_long_as_any_feed_has_more() {
    let server = Server::start().await;
    server.topic("c", &[("ann", "member")]).await;
    board(&server, "b1").await;
    let cursor = pull(&server, json!({})).await["cursor"].clone();
    for id in ["n1", "n2", "n3"] {
        note(&server, id, "x").await;
    }
    let first = pull(&server, json!({"limit": 1, "cursor": cursor})).await;
    let (changes, _) = told(&server, first).await;
    let names: Vec<&Value> = changes.iter().map(|one| &one["entityId"]).collect();
    assert_eq!(names, ["n1", "n2", "n3"]);
}

#[tokio::test]
async fn a_page_ends_after_so_many_bytes() {
    let server = Server::start().await;
    let text = "x".repeat(9_000);
    let one = |n: usize| {
        operation(&n.to_string(), "notes", &format!("{n:03}"), "CREATE", json!({"text": text}), 1)
    };
    for part in 0..2 {
        push(&server, "desk", (part * 300..(part + 1) * 300).map(one).collect::<Vec<_>>().into())
            .await;
    }
    let page = pull(&server, json!({"limit": 10_000})).await;
    let count = page["changes"].as_array().unwrap().len();
    assert!(count < 600 && page["hasMore"] == true, "{count}");
    let rest = pull(&server, json!({"cursor": page["cursor"], "limit": 10_000})).await;
    assert_eq!(
        (count + rest["changes"].as_array().unwrap().len(), &rest["hasMore"]),
        (600, &json!(false))
    );
}

async fn delete(server: &Server, kind: &str, id: &str) {
    let mut one = operation(&format!("{id}-gone"), kind, id, "DELETE", Value::Null, 2);
    if kind == "board" {
        one["topicId"] = json!("c");
    }
    let results = push(server, "desk", json!([one])).await;
    assert_eq!(results[0]["status"], "applied", "{results:?}");
}

/// Goes on behind a page to the end; gives what came with it and after it, and the last cursor.
async fn told(server: &Server, mut page: Value) -> (Vec<Value>, Value) {
    let mut told = Vec::new();
    loop {
        told.extend(page["changes"].as_array().unwrap().clone());
        if page["hasMore"] == false {
            return (told, page["cursor"].clone());
        }
        page = pull(server, json!({"limit": 1, "cursor": page["cursor"]})).await;
    }
}

/// A device that came later never had what was gone by then.
#[tokio::test]
async fn only_what_was_deleted_since_a_device_began_is_told_it() {
    let server = Server::start().await;
    server.topic("c", &[("ann", "member")]).await;
    for n in 1..3 {
        note(&server, &format!("n{n}"), "x").await;
        board(&server, &format!("b{n}")).await;
    }
    delete(&server, "notes", "n1").await;
    delete(&server, "board", "b1").await;
    // One began before this, on its own feed as well as on the topic's, and is in the middle of its pages.
    let first = pull(&server, json!({"limit": 1})).await;
    delete(&server, "notes", "n2").await;
    delete(&server, "board", "b2").await;
    let (told, cursor) = told(&server, first).await;
    let deleted = told.iter().filter(|one| one["operation"] == "DELETE");
    let names: Vec<&Value> = deleted.clone().map(|one| &one["entityId"]).collect();
    assert_eq!(names, ["n2", "b2"], "{told:?}");
    for one in deleted {
        assert_eq!((&one["data"], &one["version"]), (&Value::Null, &json!(2)));
    }
    // One that begins now is told of none of them; nor is one of a topic that its user comes into now.
    assert_eq!(walk(&server, 1, json!([])).await, Vec::<String>::new());
    let path = "/api/v1/topics/c/members/ann";
    server.call(&admin(), "DELETE", path, Value::Null).await;
    let outside = pull(&server, json!({ "cursor": cursor })).await;
    server.call(&admin(), "PUT", path, json!({"role": "member"})).await;
    let inside = pull(&server, json!({"cursor": outside["cursor"]})).await;
    assert_eq!(inside["changes"], json!([]));
}

#[tokio::test]
async fn who_comes_into_a_topic_gets_all_of_it_though_they_ask_since_a_time() {
    let server = Server::start().await;
    server.topic("c", &[("ms-t", "teacher")]).await;
    let mut one = operation("1", "board", "b", "CREATE", json!({"text": "before"}), 1);
    one["topicId"] = json!("c");
    let body = json!({"deviceId": "desk", "operations": [one]});
    let made = server.call(&teacher(), "POST", "/api/v1/sync/push", body).await;
    assert_eq!(Server::ok(made, StatusCode::OK)["results"][0]["status"], "applied");
    // Strictly after it was stored, and strictly before they came.
    let past = |at: i64| {
        while now_ms() <= at {
            std::hint::spin_loop()
        }
    };
    past(now_ms());
    let since = Timestamp::from_ms(now_ms()).to_string();
    past(now_ms());
    let path = "/api/v1/topics/c/members/ann";
    server.call(&admin(), "PUT", path, json!({"role": "member"})).await;
    let pulled = pull(&server, json!({"lastSyncTimestamp": since})).await;
    assert_eq!(pulled["changes"][0]["entityId"], "b", "{pulled}");
}

#[tokio::test]
async fn a_lesson_whose_time_is_over_is_told_as_gone() {
    let server = Server::start().await;
    class(&server, "c").await;
    let now = now_ms();
    lesson(&server, "water", Some(Timestamp::from_ms(now + 60_000).to_string())).await;
    let since = Since::Time(Timestamp::from_ms(now - 1_000));
    let ask =
        PullAsk { device: None, since, kinds: Vec::new(), limit: 9, deltas: false, pending: None };
    let ann = caller("ann", Role::parse("student").unwrap());
    for (at, is_there) in [(now + 59_999, true), (now + 60_000, false)] {
        let pulled = services_at(&server, at, None).pull(&ann, &ask).await.unwrap();
        let held = pulled.changes.iter().map(|one| matches!(one.data, Held::Lesson(_)));
        // What it never had it need not be told to forget, but may.
        assert_eq!(held.filter(|is_lesson| *is_lesson).count(), usize::from(is_there), "{at}");
    }
}
