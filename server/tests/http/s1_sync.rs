//! Offline work as S1 documents it: push, pull, delta, conflicts, resolve.

use landfall_core::feed::Epoch;
use landfall_core::time::Timestamp;
use landfall_server::service::Ids;
use landfall_server::service::lives::epoch_entry;
use landfall_store::NewEpoch;
use serde_json::{Value, json};

use reqwest::StatusCode;

use crate::harness::{Answer, Server, token, token_in};

pub const PUSH: &str = "/api/v1/sync/push";
pub const PULL: &str = "/api/v1/sync/pull";
pub const CONFLICTS: &str = "/api/v1/sync/conflicts";

pub fn ann() -> String {
    token("ann", &["student"])
}

/// An operation as S1 writes it.
pub fn operation(id: &str, kind: &str, entity: &str, verb: &str, data: Value, count: u64) -> Value {
    json!({
        "id": id, "entityType": kind, "entityId": entity, "operation": verb, "data": data,
        "timestamp": "2024-01-15T10:35:00Z", "clientVersion": count,
    })
}

/// Pushes operations of a device; gives their results.
pub async fn push(server: &Server, device: &str, operations: Value) -> Vec<Value> {
    let body = json!({
        "deviceId": device, "lastSyncTimestamp": "2024-01-15T10:30:00Z", "operations": operations,
    });
    let answer = Server::ok(server.call(&ann(), "POST", PUSH, body).await, StatusCode::OK);
    assert_eq!(answer["success"], true);
    answer["results"].as_array().unwrap().clone()
}

pub async fn pull(server: &Server, body: Value) -> Value {
    Server::ok(server.call(&ann(), "POST", PULL, body).await, StatusCode::OK)
}

fn brief(result: &Value) -> (String, String, u64) {
    let text = |name: &str| result[name].as_str().unwrap().to_owned();
    (text("status"), text("reason"), result["version"].as_u64().unwrap())
}

fn expect(result: &Value, status: &str, reason: &str, version: u64) {
    assert_eq!(brief(result), (status.into(), reason.into(), version), "{result}");
}

async fn essay_in_conflict(server: &Server) -> String {
    push(server, "phone", json!([operation("o1", "essay", "e", "CREATE", json!({"t": "a"}), 1)]))
        .await;
    push(server, "phone", json!([operation("o2", "essay", "e", "UPDATE", json!({"t": "b"}), 2)]))
        .await;
    let late = operation("o3", "essay", "e", "UPDATE", json!({"t": "c", "u": 1}), 2);
    let results = push(server, "tablet", json!([late])).await;
    expect(&results[0], "conflict", "asks a person", 2);
    results[0]["conflictId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_push_as_s1_documents_it_is_applied_and_pulled() {
    let server = Server::start().await;
    let create = operation("op-uuid", "response", "response-uuid", "CREATE", json!({"a": 1.50}), 1);
    let results = push(&server, "device-uuid", json!([create])).await;
    expect(&results[0], "applied", "on its base", 1);
    assert_eq!((&results[0]["id"], &results[0]["replayed"]), (&json!("op-uuid"), &json!(false)));
    let body = json!({
        "deviceId": "device-2", "lastSyncTimestamp": "2024-01-15T10:30:00Z",
        "entityTypes": ["response", "skill_mastery"], "limit": 100,
    });
    let pulled = pull(&server, body).await;
    let change = &pulled["changes"][0];
    assert_eq!(change["entityType"], "response");
    assert_eq!((&change["operation"], &change["version"]), (&json!("CREATE"), &json!(1)));
    assert_eq!((&change["data"], &change["deviceId"]), (&json!({"a": 1.5}), &json!("device-uuid")));
    assert_eq!((&pulled["hasMore"], &pulled["removedFeeds"]), (&json!(false), &json!([])));
    let again = pull(
        &server,
        json!({"cursor": pulled["cursor"], "entityTypes": ["response", "skill_mastery"]}),
    )
    .await;
    assert_eq!(again["changes"], json!([]));
    assert_eq!(again["cursor"], pulled["cursor"]);
}

#[tokio::test]
async fn an_operation_sent_again_answers_as_it_did_and_has_no_second_effect() {
    let server = Server::start().await;
    let create = operation("1", "progress", "p", "CREATE", json!({"lessons": 5}), 1);
    let first = push(&server, "a", json!([create.clone()])).await;
    let again = push(&server, "a", json!([create.clone(), create.clone()])).await;
    for result in &again {
        let mut expected = first[0].clone();
        expected["replayed"] = json!(true);
        assert_eq!(*result, expected);
    }
    let mut other = create;
    other["data"] = json!({"lessons": 6});
    let reused = push(&server, "a", json!([other])).await;
    expect(&reused[0], "rejected", "id_reused", 0);
    assert_eq!(reused[0]["serverData"], json!({"lessons": 5}));
}

#[tokio::test]
async fn a_bad_operation_fails_alone() {
    let server = Server::start().await;
    let good = |id: &str| operation(id, "notes", id, "CREATE", json!({"text": "x"}), 1);
    let mut wrong = good("w");
    wrong["operation"] = json!("PATCH");
    let unknown = operation("u", "spaceship", "s", "CREATE", json!({}), 1);
    let large = operation("l", "notes", "l", "CREATE", json!({"text": "x".repeat(70_000)}), 1);
    let follows = operation("f", "notes", "l", "UPDATE", json!({"text": "y"}), 2);
    let results =
        push(&server, "a", json!([good("1"), wrong, 7, unknown, large, follows, good("2")])).await;
    let reasons: Vec<&str> = results.iter().map(|one| one["reason"].as_str().unwrap()).collect();
    let expected = [
        "on its base",
        "invalid",
        "invalid",
        "unknown_type",
        "too_large",
        "depends_on",
        "on its base",
    ];
    assert_eq!(reasons, expected);
    assert_eq!(results[1]["errors"][0]["pointer"], "/operation");
    assert_eq!(results[4]["errors"][0]["pointer"], "/data");
    assert_eq!(results[2]["id"], Value::Null);
    let pulled = pull(&server, json!({})).await;
    assert_eq!(pulled["changes"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn two_devices_merge_by_the_types_rules() {
    let server = Server::start().await;
    let start = operation("1", "progress", "p", "CREATE", json!({"done": 5, "time": 60}), 1);
    push(&server, "phone", json!([start])).await;
    let phone = operation("2", "progress", "p", "UPDATE", json!({"done": 9}), 2);
    push(&server, "phone", json!([phone])).await;
    let mut tablet = operation("3", "progress", "p", "UPDATE", json!({"done": 7, "time": 90}), 2);
    tablet["baseVersion"] = json!(1);
    let results = push(&server, "tablet", json!([tablet])).await;
    expect(&results[0], "merged", "merged by its fields' rules", 3);
    assert_eq!(results[0]["serverData"], json!({"done": 9, "time": 90}));
}

#[tokio::test]
async fn a_conflict_is_listed_and_resolved_once() {
    let server = Server::start().await;
    let id = essay_in_conflict(&server).await;
    let list = Server::ok(server.get(&ann(), CONFLICTS).await, StatusCode::OK);
    let item = &list["items"][0];
    assert_eq!((&item["id"], &item["status"]), (&json!(id), &json!("pending")));
    assert_eq!(item["suggestedResolution"], "manual");
    assert_eq!(
        (&item["serverData"], &item["clientData"]),
        (&json!({"t": "b"}), &json!({"t": "c", "u": 1}))
    );
    assert_eq!(item["baseData"], json!({"t": "a"}));
    let path = format!("{CONFLICTS}/{id}/resolve");
    let body = json!({"resolution": "merge", "mergedData": {"t": "b and c", "u": 1}});
    let resolved =
        Server::ok(server.call(&ann(), "POST", &path, body.clone()).await, StatusCode::OK);
    assert_eq!(resolved["serverData"], json!({"t": "b and c", "u": 1}));
    assert_eq!(
        (&resolved["version"], &resolved["conflict"]["resolution"]),
        (&json!(3), &json!("merge"))
    );
    assert_eq!(resolved["conflict"]["resolvedBy"], "ann");
    let again = Server::ok(server.call(&ann(), "POST", &path, body).await, StatusCode::OK);
    assert_eq!(again, resolved);
    let other = server.call(&ann(), "POST", &path, json!({"resolution": "server_wins"})).await;
    assert_eq!(other.code(), "conflict");
    let list = Server::ok(server.get(&ann(), CONFLICTS).await, StatusCode::OK);
    assert_eq!(list["items"], json!([]));
    let list = Server::ok(
        server.get(&ann(), &format!("{CONFLICTS}?status=resolved")).await,
        StatusCode::OK,
    );
    assert_eq!(list["items"][0]["id"], json!(id));
}

#[tokio::test]
async fn nobody_else_sees_or_resolves_a_conflict() {
    let server = Server::start().await;
    let id = essay_in_conflict(&server).await;
    let path = format!("{CONFLICTS}/{id}/resolve");
    for stranger in [token("ben", &["student"]), token_in("acme", "ann", &["admin"])] {
        let list = Server::ok(server.get(&stranger, CONFLICTS).await, StatusCode::OK);
        assert_eq!(list["items"], json!([]));
        let answer: Answer =
            server.call(&stranger, "POST", &path, json!({"resolution": "server_wins"})).await;
        assert_eq!(answer.code(), "not_found");
    }
}

#[tokio::test]
async fn a_delta_names_the_fields_that_differ() {
    let server = Server::start().await;
    let data = json!({"lessonsCompleted": 5, "totalTimeSpent": 3600});
    push(&server, "phone", json!([operation("1", "progress", "progress-123", "CREATE", data, 1)]))
        .await;
    let more =
        operation("2", "progress", "progress-123", "UPDATE", json!({"lessonsCompleted": 7}), 2);
    push(&server, "phone", json!([more])).await;
    let body = json!({
        "entityType": "progress", "entityId": "progress-123", "clientVersion": 1,
        "clientFields": {"lessonsCompleted": 5, "totalTimeSpent": 3600},
    });
    let delta =
        Server::ok(server.call(&ann(), "POST", "/api/v1/sync/delta", body).await, StatusCode::OK);
    let expected = json!({
        "hasChanges": true, "serverVersion": 2,
        "fieldDeltas": [
            {"field": "lessonsCompleted", "clientValue": 5, "serverValue": 7, "hasConflict": false},
        ],
    });
    assert_eq!(delta, expected);
}

#[tokio::test]
async fn one_request_pushes_and_pulls() {
    let server = Server::start().await;
    let body = |operations: Value, cursor: Value| json!({"deviceId": "a", "operations": operations, "pull": {"cursor": cursor}});
    let create = operation("1", "notes", "n", "CREATE", json!({"text": "x"}), 1);
    let first = server.call(&ann(), "POST", PUSH, body(json!([create]), Value::Null)).await;
    let first = Server::ok(first, StatusCode::OK);
    assert_eq!(first["pull"]["changes"][0]["entityId"], "n");
    let idle =
        server.call(&ann(), "POST", PUSH, body(json!([]), first["pull"]["cursor"].clone())).await;
    let text = idle.text.clone();
    let idle = Server::ok(idle, StatusCode::OK);
    assert_eq!((&idle["pull"]["changes"], &idle["results"]), (&json!([]), &json!([])));
    let sent = body(json!([]), first["pull"]["cursor"].clone()).to_string();
    assert!(sent.len() + text.len() <= 300, "{} and {}", sent, text);
}

#[tokio::test]
async fn what_belongs_to_a_topic_is_pulled_by_its_members_until_they_leave() {
    let server = Server::start().await;
    server.topic("t", &[("ms-t", "teacher"), ("ann", "member")]).await;
    let teacher = token("ms-t", &["teacher"]);
    let mut notice = operation("1", "notice", "n", "CREATE", json!({"text": "exam"}), 1);
    let denied = push(&server, "a", json!([notice.clone()])).await;
    expect(&denied[0], "rejected", "invalid", 0);
    notice["topicId"] = json!("t");
    notice["id"] = json!("2");
    let denied = push(&server, "a", json!([notice.clone()])).await;
    expect(&denied[0], "rejected", "forbidden", 0);
    let body = json!({"deviceId": "desk", "operations": [notice]});
    let made = Server::ok(server.call(&teacher, "POST", PUSH, body).await, StatusCode::OK);
    expect(&made["results"][0], "applied", "on its base", 1);
    let pulled = pull(&server, json!({})).await;
    assert_eq!(pulled["changes"][0]["topicId"], "t");
    let path = "/api/v1/topics/t/members/ann";
    server.call(&crate::harness::admin(), "DELETE", path, Value::Null).await;
    let after = pull(&server, json!({"cursor": pulled["cursor"]})).await;
    assert_eq!((&after["removedFeeds"], &after["changes"]), (&json!(["t"]), &json!([])));
    let later = pull(&server, json!({"cursor": after["cursor"]})).await;
    assert_eq!(later["removedFeeds"], json!([]));
    // Who names a time says nothing of what they had, and is told each time.
    for _ in 0..2 {
        let since = pull(&server, json!({"lastSyncTimestamp": pulled["serverTimestamp"]})).await;
        assert_eq!((&since["removedFeeds"], &since["changes"]), (&json!(["t"]), &json!([])));
    }
    server.call(&crate::harness::admin(), "PUT", path, json!({})).await;
    let back = pull(&server, json!({"lastSyncTimestamp": pulled["serverTimestamp"]})).await;
    assert_eq!((&back["removedFeeds"], &back["changes"][0]["topicId"]), (&json!([]), &json!("t")));
}

#[tokio::test]
async fn a_stream_of_lines_brings_everything_and_can_be_gone_on_with() {
    let server = Server::start().await;
    for page in 0..3 {
        let one = |n: u64| {
            operation(
                &format!("{page}-{n}"),
                "notes",
                &format!("{page}-{n}"),
                "CREATE",
                json!({"n": n}),
                1,
            )
        };
        push(&server, "a", (0..900).map(one).collect::<Vec<_>>().into()).await;
    }
    let request = server.request("POST", PULL).bearer_auth(ann());
    let request = request.header("accept", "application/x-ndjson").json(&json!({}));
    let answer = crate::harness::finish(request).await;
    let lines: Vec<Value> =
        answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let cursors: Vec<&Value> = lines.iter().filter(|line| line["cursor"].is_string()).collect();
    assert_eq!((cursors.len(), lines.len()), (3, 2_700 + 3));
    assert_eq!(cursors[2]["hasMore"], false);
    assert_eq!(lines.last(), cursors.last().copied());
    let rest = pull(&server, json!({"cursor": cursors[0]["cursor"], "limit": 10_000})).await;
    assert_eq!(rest["changes"].as_array().unwrap().len(), 1_700);
}

#[tokio::test]
async fn a_cursor_that_was_not_given_to_this_user_is_refused() {
    let server = Server::start().await;
    let own = pull(&server, json!({})).await["cursor"].as_str().unwrap().to_owned();
    let forged = format!("{}A", &own[..own.len() - 1]);
    let check = async |token: &str, body: Value| {
        let answer = server.call(token, "POST", PULL, body).await;
        assert_eq!((answer.code(), answer.status), ("invalid".into(), 422), "{}", answer.text);
    };
    check(&token("ben", &["student"]), json!({"cursor": own})).await;
    check(&ann(), json!({"cursor": own, "entityTypes": ["notes"]})).await;
    check(&ann(), json!({"cursor": forged})).await;
    let create = operation("1", "notes", "n", "CREATE", json!({"text": "x"}), 1);
    let body = json!({"deviceId": "a", "operations": [create], "pull": {"cursor": forged}});
    let answer = server.call(&ann(), "POST", PUSH, body).await;
    assert_eq!(answer.code(), "invalid");
    assert_eq!(pull(&server, json!({})).await["changes"], json!([]));
}

#[tokio::test]
async fn devices_that_undo_each_other_are_stopped_over_many_requests() {
    let server = Server::start().await;
    let mut statuses = Vec::new();
    for turn in 0..10 {
        let mut edit = operation(
            &format!("{turn}"),
            "settings",
            "s",
            "UPDATE",
            json!({"volume": turn % 2}),
            turn + 1,
        );
        edit["baseVersion"] = json!(turn.min(8));
        let results = push(&server, ["phone", "tablet"][turn as usize % 2], json!([edit])).await;
        statuses.push(results[0]["reason"].as_str().unwrap().to_owned());
    }
    let stopped = statuses.iter().position(|reason| reason == "devices undo each other");
    assert_eq!(stopped, Some(8), "{statuses:?}");
    let list = Server::ok(server.get(&ann(), CONFLICTS).await, StatusCode::OK);
    assert_eq!(list["items"][0]["serverData"], json!({"volume": 1}));
}

#[tokio::test]
async fn a_time_of_an_earlier_life_of_the_store_starts_the_device_over() {
    let server = Server::start().await;
    push(&server, "a", json!([operation("1", "notes", "n", "CREATE", json!({"text": "x"}), 1)]))
        .await;
    let (from, to) = (server.store.epoch(), Epoch(1_704_067_200_000));
    let entry = epoch_entry(&Ids::new(), Timestamp::from_ms(0), "restored", from, to);
    server.store.begin_epoch(NewEpoch { from, to, entry }).await.unwrap();
    server.store.life().await.unwrap();
    let before = pull(&server, json!({"lastSyncTimestamp": "2023-12-31T23:59:59Z"})).await;
    assert_eq!((&before["reset"], &before["changes"][0]["entityId"]), (&json!(true), &json!("n")));
    let at = before["serverTimestamp"].clone();
    let since = pull(&server, json!({ "lastSyncTimestamp": at })).await;
    assert_eq!(since["reset"], Value::Null);
}

#[tokio::test]
async fn what_was_applied_and_is_gone_by_now_is_told_so() {
    let server = Server::start().await;
    let create = json!([operation("1", "notes", "n", "CREATE", json!({"text": "x"}), 1)]);
    assert_eq!(push(&server, "a", create.clone()).await[0].get("serverData"), None);
    push(&server, "b", json!([operation("2", "notes", "n", "DELETE", Value::Null, 2)])).await;
    let again = push(&server, "a", create).await;
    expect(&again[0], "applied", "on its base", 1);
    assert_eq!(again[0].get("serverData"), Some(&Value::Null));
}

#[tokio::test]
async fn a_conflict_of_a_topic_that_its_user_left_is_not_theirs_to_resolve() {
    let server = Server::start().await;
    server.topic("t", &[("ann", "member")]).await;
    let mut update = operation("1", "board", "b", "UPDATE", json!({"text": "x"}), 4);
    (update["topicId"], update["baseVersion"]) = (json!("t"), json!(3));
    let results = push(&server, "a", json!([update])).await;
    let path = format!("{CONFLICTS}/{}/resolve", results[0]["conflictId"].as_str().unwrap());
    let members = "/api/v1/topics/t/members/ann";
    server.call(&crate::harness::admin(), "DELETE", members, Value::Null).await;
    let answer = server.call(&ann(), "POST", &path, json!({"resolution": "client_wins"})).await;
    assert_eq!((answer.code(), answer.status), ("forbidden".into(), 403));
}
