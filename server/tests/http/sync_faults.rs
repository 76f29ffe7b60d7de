//! Bad batches: cut, doubled, out of order, too large, too deep, from the future, and forged.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Server, finish, token};
use crate::s1_sync::{PULL, PUSH, ann, operation, pull, push};

const DELTA: &str = "/api/v1/sync/delta";

fn note(id: &str, entity: &str, verb: &str, base: u64) -> Value {
    let mut one = operation(id, "notes", entity, verb, json!({"text": id}), base + 1);
    one["baseVersion"] = json!(base);
    one
}

async fn held(server: &Server) -> Vec<(String, u64, Value)> {
    let pulled = pull(server, json!({"limit": 10_000})).await;
    let mut held: Vec<(String, u64, Value)> = pulled["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let id = one["entityId"].as_str().unwrap().to_owned();
            (id, one["version"].as_u64().unwrap(), one["data"].clone())
        })
        .collect();
    held.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    held
}

#[tokio::test]
async fn of_a_batch_that_is_cut_nothing_takes_effect_and_all_of_it_when_it_comes_whole() {
    let server = Server::start().await;
    let operations: Vec<Value> =
        (0..5).map(|n| note(&n.to_string(), &n.to_string(), "CREATE", 0)).collect();
    let whole = json!({"deviceId": "phone", "operations": operations}).to_string();
    for end in [1, whole.len() / 3, whole.len() / 2, whole.len() - 2, whole.len() - 1] {
        let request = server.request("POST", PUSH).bearer_auth(ann());
        let request = request.header("content-type", "application/json");
        let answer = finish(request.body(whole[..end].to_owned())).await;
        assert_eq!((answer.status, answer.code()), (400, "unreadable".into()), "{end}");
    }
    assert_eq!(held(&server).await, []);
    let results = push(&server, "phone", operations.clone().into()).await;
    assert!(results.iter().all(|one| one["status"] == "applied" && one["replayed"] == false));
    // Doubled within itself, and as a whole.
    let doubled: Vec<Value> = operations.iter().chain(&operations).cloned().collect();
    let before = held(&server).await;
    assert!(push(&server, "phone", doubled.into()).await.iter().all(|one| one["replayed"] == true));
    assert_eq!(held(&server).await, before);
}

#[tokio::test]
async fn a_batch_in_another_order_loses_nothing() {
    let step = |id: &str, base: u64, data: Value, before: Value| {
        let mut one = operation(
            id,
            "notes",
            "n",
            if base == 0 { "CREATE" } else { "UPDATE" },
            data,
            base + 1,
        );
        one["baseData"] = before;
        one
    };
    let chain = [
        step("1", 0, json!({"a": 1}), json!({})),
        step("2", 1, json!({"b": 2}), json!({"b": null})),
        step("3", 2, json!({"c": 3}), json!({"c": null})),
    ];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let server = Server::start().await;
        // Each in a request of its own: what is late is late.
        for at in order {
            let result = push(&server, "phone", json!([chain[at]])).await.remove(0);
            assert_ne!(result["status"], "rejected", "{order:?}: {result}");
        }
        let conflicts =
            server.get(&ann(), "/api/v1/sync/conflicts?status=all").await.json().to_string();
        let held = held(&server).await;
        for (field, value) in [("a", 1), ("b", 2), ("c", 3)] {
            let is_there = held.iter().any(|(_, _, data)| data[field] == value);
            let is_kept = conflicts.contains(&format!("\"{field}\":{value}"));
            assert!(is_there || is_kept, "{order:?}: {field} is lost: {held:?} {conflicts}");
        }
        // Whatever came of it, sent again in its own order it has no second effect.
        let again = push(&server, "phone", json!(chain)).await;
        assert!(again.iter().all(|one| one["replayed"] == true), "{order:?}: {again:?}");
    }
}

#[tokio::test]
async fn a_poison_operation_in_the_middle_of_a_batch_ends_alone() {
    let server = Server::start().await;
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!({ "a": inner }));
    let with = |id: &str, name: &str, value: Value| {
        let mut one = note(id, id, "CREATE", 0);
        one[name] = value;
        one
    };
    let large = json!({"text": "x".repeat(70_000)});
    let poison = [
        with("deep", "data", nested(33)),
        with("deepest", "data", nested(2_000)),
        with("large", "data", large.clone()),
        with("base", "baseData", large),
        with("verb", "operation", json!("UPSERT")),
        with("list", "data", json!([1])),
        with("kind", "entityType", json!("spaceship")),
        with("future", "baseVersion", json!(u64::MAX)),
        with("negative", "clientVersion", json!(-1)),
        with("fraction", "clientVersion", json!(1.5)),
        with("time", "timestamp", json!("tomorrow")),
        with("id", "id", json!("x".repeat(129))),
        json!(null),
    ];
    for (n, bad) in poison.into_iter().enumerate() {
        let (before, after) = (format!("{n}-a"), format!("{n}-b"));
        let batch =
            json!([note(&before, &before, "CREATE", 0), bad, note(&after, &after, "CREATE", 0)]);
        let results = push(&server, "phone", batch).await;
        let statuses = [0, 1, 2].map(|at| results[at]["status"].as_str().unwrap().to_owned());
        assert_eq!([&statuses[0], &statuses[2]], ["applied", "applied"], "{results:?}");
        assert!(statuses[1] == "rejected" || results[1]["id"] == "future", "{}", results[1]);
    }
}

/// A delete says nothing of the entity's fields, and is no way around its size.
#[tokio::test]
async fn what_an_operation_carries_has_a_size_whatever_it_does() {
    let server = Server::start().await;
    push(&server, "phone", json!([note("1", "n", "CREATE", 0)])).await;
    let large = json!({"text": "x".repeat(70_000)});
    let mut delete = note("2", "n", "DELETE", 1);
    delete["data"] = large.clone();
    let mut update = note("3", "n", "UPDATE", 1);
    update["baseData"] = large;
    for (one, pointer) in [(delete, "/data"), (update, "/baseData")] {
        let result = push(&server, "phone", json!([one])).await.remove(0);
        assert_eq!(
            (&result["reason"], &result["errors"][0]["pointer"]),
            (&json!("too_large"), &json!(pointer))
        );
    }
    assert_eq!(held(&server).await[0].1, 1);
}

/// Several edits that fit one by one must not make one that does not.
#[tokio::test]
async fn an_entity_does_not_grow_beyond_its_size_by_small_edits() {
    let server = Server::start().await;
    let part = |id: &str, base: u64| {
        let mut one = note(id, "n", if base == 0 { "CREATE" } else { "UPDATE" }, base);
        one["data"] = json!({ id: "x".repeat(40_000) });
        one
    };
    push(&server, "phone", json!([part("1", 0)])).await;
    let result = push(&server, "phone", json!([part("2", 1)])).await.remove(0);
    assert_eq!(
        (&result["reason"], &result["errors"][0]["pointer"]),
        (&json!("too_large"), &json!("/data"))
    );
    assert_eq!(held(&server).await[0].1, 1);
}

#[tokio::test]
async fn a_version_that_is_still_to_come_is_taken_for_one_that_nobody_knows() {
    let server = Server::start().await;
    push(&server, "desk", json!([operation("1", "essay", "e", "CREATE", json!({"t": "a"}), 1)]))
        .await;
    for (n, name) in ["baseVersion", "clientVersion"].into_iter().enumerate() {
        let mut late = operation(&format!("f{n}"), "essay", "e", "UPDATE", json!({"t": "b"}), 1);
        late[name] = json!(9_007_199_254_740_991_u64);
        let device = format!("phone{n}");
        let result = push(&server, &device, json!([late])).await.remove(0);
        assert_eq!(
            (&result["status"], &result["version"]),
            (&json!("conflict"), &json!(1)),
            "{result}"
        );
        assert_eq!(result["serverData"], json!({"t": "a"}));
    }
    // Of an entity that is not there it makes none.
    let mut none = operation("n", "essay", "none", "UPDATE", json!({"t": "b"}), 1);
    none["baseVersion"] = json!(1_000_000);
    let result = push(&server, "phone", json!([none])).await.remove(0);
    assert_eq!(
        (&result["status"], &result["serverData"]),
        (&json!("conflict"), &Value::Null),
        "{result}"
    );
}

#[tokio::test]
async fn what_is_no_push_is_refused_by_name() {
    let server = Server::start().await;
    let max = server.app.limits.sync_operations_max;
    let many: Vec<Value> = (0..=max).map(|n| note(&n.to_string(), "n", "UPDATE", 0)).collect();
    for (body, pointer) in [
        (json!({"deviceId": "phone", "operations": many}), "/operations"),
        (json!({"operations": []}), "/deviceId"),
        (json!({"deviceId": "phone", "operations": [], "sentAt": "noon"}), "/sentAt"),
        (json!({"deviceId": "phone", "operations": [], "pull": {"limit": 0}}), "/pull/limit"),
    ] {
        assert_eq!(server.call(&ann(), "POST", PUSH, body).await.pointers(), [pointer]);
    }
    let large = "x".repeat(server.app.limits.sync_body_kib.bytes());
    let answer = server
        .call(&ann(), "POST", PUSH, json!({"deviceId": "phone", "operations": [large]}))
        .await;
    assert_eq!((answer.status, answer.code()), (413, "too_large".into()));
    assert_eq!(held(&server).await, []);
}

#[tokio::test]
async fn a_forged_cursor_is_refused_wherever_it_comes() {
    let server = Server::start().await;
    let own = pull(&server, json!({})).await["cursor"].as_str().unwrap().to_owned();
    let of = async |token: &str| {
        let body = server.call(token, "POST", PULL, json!({})).await.json();
        body["cursor"].as_str().unwrap().to_owned()
    };
    let foreign = crate::harness::token_in("acme", "ann", &["student"]);
    let another = [of(&foreign).await, of(&token("ben", &["student"])).await];
    let mut forged: Vec<String> = another.to_vec();
    forged.extend([String::new(), "x".into(), "A".repeat(10_000), own[..own.len() - 4].to_owned()]);
    for at in 0..own.len() - 1 {
        let mut bytes = own.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        forged.push(String::from_utf8(bytes).unwrap());
    }
    for cursor in forged {
        let create = note("1", "n", "CREATE", 0);
        for (path, body) in [
            (PULL, json!({"cursor": cursor})),
            (PUSH, json!({"deviceId": "a", "operations": [create], "pull": {"cursor": cursor}})),
            ("/api/v1/sync/sync", json!({"cursor": cursor})),
        ] {
            let answer = server.call(&ann(), "POST", path, body).await;
            assert_eq!((answer.status, answer.code()), (422, "invalid".into()), "{path} {cursor}");
        }
    }
    assert_eq!(held(&server).await, []);
}

#[tokio::test]
async fn a_delta_tells_what_the_device_does_not_name_and_what_is_gone() {
    let server = Server::start().await;
    let delta = async |body: Value| {
        Server::ok(server.call(&ann(), "POST", DELTA, body).await, StatusCode::OK)
    };
    let ask = |kind: &str, version: u64, fields: Value| json!({"entityType": kind, "entityId": "e", "clientVersion": version, "clientFields": fields});
    let essay = |id: &str, verb: &str, base: u64, data: Value| {
        let mut one = operation(id, "essay", "e", verb, data, base + 1);
        one["baseVersion"] = json!(base);
        one
    };
    push(&server, "desk", json!([essay("1", "CREATE", 0, json!({"a": 1, "b": 1, "c": 1}))])).await;
    push(&server, "desk", json!([essay("2", "UPDATE", 1, json!({"a": 2}))])).await;
    // Unnamed fields come where they changed since then; a person would have to say what both changed.
    let told = delta(ask("essay", 1, json!({}))).await;
    assert_eq!(told["fieldDeltas"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(
        (&told["fieldDeltas"][0]["field"], &told["fieldDeltas"][0]["hasConflict"]),
        (&json!("a"), &json!(false))
    );
    let told = delta(ask("essay", 1, json!({"a": 3, "b": 2}))).await;
    let open: Vec<(&str, bool)> = told["fieldDeltas"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["field"].as_str().unwrap(), one["hasConflict"].as_bool().unwrap()))
        .collect();
    assert_eq!(open, [("a", true), ("b", false)]);
    let told = delta(ask("essay", 2, json!({"a": 2}))).await;
    assert_eq!(told, json!({"hasChanges": false, "serverVersion": 2, "fieldDeltas": []}));
    push(&server, "desk", json!([essay("3", "DELETE", 2, Value::Null)])).await;
    let told = delta(ask("essay", 2, json!({"a": 2}))).await;
    assert_eq!((&told["hasChanges"], &told["serverVersion"]), (&json!(true), &json!(3)), "{told}");
    assert_eq!(told["fieldDeltas"], json!([]), "{told}");
}
