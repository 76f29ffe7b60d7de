//! What a person says of a conflict: who may, on what, once; and what the trail tells of all that.

use landfall_core::auth::Role;
use landfall_core::id::ConflictId;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Answer, Server, admin};
use crate::s1_lessons::{caller, teacher};
use crate::s1_sync::{CONFLICTS, PUSH, ann, operation, push};

/// A tablet's edit of an essay is in the way of a phone's; gives the conflict.
async fn conflict(server: &Server) -> String {
    push(server, "phone", json!([operation("o1", "essay", "e", "CREATE", json!({"t": "a"}), 1)]))
        .await;
    push(server, "phone", json!([operation("o2", "essay", "e", "UPDATE", json!({"t": "b"}), 2)]))
        .await;
    let late = operation("o3", "essay", "e", "UPDATE", json!({"t": "c"}), 2);
    let results = push(server, "tablet", json!([late])).await;
    results[0]["conflictId"].as_str().unwrap().to_owned()
}

async fn say(server: &Server, token: &str, id: &str, word: Value) -> Answer {
    server.call(token, "POST", &format!("{CONFLICTS}/{id}/resolve"), word).await
}

async fn trail(server: &Server, action: &str) -> Vec<Value> {
    let path = format!("/api/v1/admin/audit?action={action}");
    let trail = Server::ok(server.get(&admin(), &path).await, StatusCode::OK);
    trail["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_word_on_what_has_moved_on_is_refused_and_one_on_what_is_there_is_not() {
    let server = Server::start().await;
    let id = conflict(&server).await;
    let stale =
        say(&server, &ann(), &id, json!({"resolution": "client_wins", "baseVersion": 1})).await;
    assert_eq!((stale.status, stale.code()), (409, "conflict".into()));
    assert!(stale.json()["detail"].as_str().unwrap().contains("version 2"), "{}", stale.text);
    let word = json!({"resolution": "client_wins", "baseVersion": 2});
    let said = Server::ok(say(&server, &ann(), &id, word).await, StatusCode::OK);
    assert_eq!((&said["serverData"], &said["version"]), (&json!({"t": "c"}), &json!(3)));
}

#[tokio::test]
async fn the_same_word_with_other_fields_is_another_word() {
    let server = Server::start().await;
    let id = conflict(&server).await;
    let word = |text: &str| json!({"resolution": "merge", "mergedData": {"t": text}});
    let first = Server::ok(say(&server, &ann(), &id, word("both")).await, StatusCode::OK);
    assert_eq!(say(&server, &ann(), &id, word("other")).await.code(), "conflict");
    let again = Server::ok(say(&server, &ann(), &id, word("both")).await, StatusCode::OK);
    assert_eq!(again, first);
}

#[tokio::test]
async fn a_word_that_its_type_does_not_allow_changes_nothing() {
    let server = Server::start().await;
    let id = conflict(&server).await;
    let large = json!({"resolution": "manual", "mergedData": {"t": "x".repeat(70_000)}});
    let answer = say(&server, &ann(), &id, large).await;
    assert_eq!((answer.pointers(), answer.status), (vec!["/mergedData".to_owned()], 422));
    let list = server.get(&ann(), CONFLICTS).await.json();
    assert_eq!(
        (&list["items"][0]["id"], &list["items"][0]["serverData"]),
        (&json!(id), &json!({"t": "b"}))
    );
}

#[tokio::test]
async fn who_may_not_write_a_topics_entity_any_more_does_not_decide_it() {
    let server = Server::start().await;
    server.topic("t", &[("ms-t", "teacher")]).await;
    let mut update = operation("1", "notice", "n", "UPDATE", json!({"text": "x"}), 4);
    (update["topicId"], update["baseVersion"]) = (json!("t"), json!(3));
    let body = json!({"deviceId": "desk", "operations": [update]});
    let made = Server::ok(server.call(&teacher(), "POST", PUSH, body).await, StatusCode::OK);
    let id = made["results"][0]["conflictId"].as_str().unwrap().to_owned();
    let path = "/api/v1/topics/t/members/ms-t";
    server.call(&admin(), "PUT", path, json!({"role": "member"})).await;
    let word = json!({"resolution": "client_wins"});
    assert_eq!(say(&server, &teacher(), &id, word.clone()).await.code(), "forbidden");
    server.call(&admin(), "PUT", path, json!({"role": "teacher"})).await;
    let said = Server::ok(say(&server, &teacher(), &id, word).await, StatusCode::OK);
    assert_eq!((&said["serverData"], &said["version"]), (&json!({"text": "x"}), &json!(1)));
}

#[tokio::test]
async fn the_trail_tells_of_conflicts_that_wait_of_those_that_a_rule_decided_and_of_words() {
    let server = Server::start().await;
    let id = conflict(&server).await;
    let opened = trail(&server, "conflict_opened").await;
    assert_eq!(
        (opened.len(), &opened[0]["entity_id"], &opened[0]["user_id"]),
        (1, &json!(id), &json!("ann"))
    );
    let told = &opened[0]["metadata"];
    assert_eq!((&told["entity_type"], &told["entity_id"]), (&json!("essay"), &json!("e")));
    assert_eq!((&told["operation"], &told["device"]), (&json!("o3"), &json!("tablet")));
    assert_eq!((&told["server"], &told["client"]), (&json!({"t": "b"}), &json!({"t": "c"})));
    assert_eq!(trail(&server, "conflict_decided").await.len(), 0);
    let word = json!({"resolution": "manual", "mergedData": {"t": "d"}, "deviceId": "desk"});
    Server::ok(say(&server, &ann(), &id, word).await, StatusCode::OK);
    let resolved = trail(&server, "conflict_resolved").await;
    assert_eq!(
        (resolved.len(), &resolved[0]["entity_id"], &resolved[0]["user_id"]),
        (1, &json!(id), &json!("ann"))
    );
    let told = &resolved[0]["metadata"];
    assert_eq!((&told["by"], &told["result"]), (&json!("manual"), &json!({"t": "d"})));
    assert_eq!((&told["server"], &told["client"]), (&json!({"t": "b"}), &json!({"t": "c"})));
    // What a rule decides is told as that.
    let one = |id: &str, count: u64, volume: u64| {
        operation(id, "settings", "s", "UPDATE", json!({"volume": volume}), count)
    };
    push(&server, "phone", json!([one("s1", 1, 1), one("s2", 2, 2)])).await;
    let mut late = one("s3", 2, 3);
    late["timestamp"] = json!("2023-01-15T10:35:00Z");
    let results = push(&server, "tablet", json!([late])).await;
    assert_eq!(results[0]["reason"], "written earlier", "{}", results[0]);
    let decided = trail(&server, "conflict_decided").await;
    assert_eq!((decided.len(), &decided[0]["entity_id"]), (1, &results[0]["conflictId"]));
    let told = &decided[0]["metadata"];
    assert_eq!((&told["server"], &told["client"]), (&json!({"volume": 2}), &json!({"volume": 3})));
    assert_eq!((&told["result"], &told["by"]), (&json!({"volume": 2}), &json!("last_write_wins")));
    assert_eq!(trail(&server, "conflict_opened").await.len(), 1);
}

#[tokio::test]
async fn what_a_device_writes_after_a_word_of_its_user_is_not_older_than_that() {
    let server = Server::start().await;
    let id = conflict(&server).await;
    let one = |id: &str, at: &str, base: u64| {
        let verb = if base == 0 { "CREATE" } else { "UPDATE" };
        let mut one = operation(id, "settings", "s", verb, json!({"a": id}), base + 1);
        (one["timestamp"], one["baseVersion"]) =
            (json!(format!("2024-01-15T{at}:00Z")), json!(base));
        one
    };
    push(&server, "phone", json!([one("1", "08:00", 0), one("2", "11:30", 1)])).await;
    let word = json!({"resolution": "client_wins", "deviceId": "tablet"});
    Server::ok(say(&server, &ann(), &id, word).await, StatusCode::OK);
    // By a clock that was set back since.
    let results = push(&server, "tablet", json!([one("3", "11:10", 1)])).await;
    assert_eq!(results[0]["reason"], "written later", "{}", results[0]);
}

/// What nobody named may be anybody's: it neither goes on with an earlier conflict nor is settled with it.
#[tokio::test]
async fn a_conflict_goes_on_with_its_own_device_alone() {
    let server = Server::start().await;
    let first = conflict(&server).await;
    let late = |id: &str, base: u64| {
        let mut one = operation(id, "essay", "e", "UPDATE", json!({"t": id}), 3);
        one["baseVersion"] = json!(base);
        one
    };
    let on = push(&server, "tablet", json!([late("o4", 1)])).await;
    assert_eq!(
        (&on[0]["conflictId"], &on[0]["reason"]),
        (&json!(first), &json!("goes on with its conflict"))
    );
    let watch = push(&server, "watch", json!([late("o5", 1)])).await;
    assert_eq!(watch[0]["reason"], "asks a person", "{}", watch[0]);
    assert_ne!(watch[0]["conflictId"], json!(first));
    let found = server.store.conflict(
        &caller("ann", Role::parse("student").unwrap()).tenant,
        ConflictId::parse(&first).unwrap(),
    );
    assert_eq!(&*found.await.unwrap().unwrap().operation, "o4");
}
