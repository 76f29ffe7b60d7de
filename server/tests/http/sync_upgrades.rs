//! Types that have changed: what apps of earlier versions bring, and what was stored before.

use landfall_core::json::Value as Json;
use landfall_core::sync::{Strategy, Upgrades};
use landfall_server::service::sync::kinds::Kind;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::Server;
use crate::harness::kinds::kind;
use crate::s1_sync::{CONFLICTS, PULL, ann, operation, pull, push};

const STEPS: &str = r#"[{"rename":{"text":"body"},"add":{"pinned":false}},{"drop":["colour"]},{"rename":{"tag":"label"}}]"#;

fn upgrades() -> Upgrades {
    let Json::List(steps) = Json::parse(STEPS).unwrap() else { panic!() };
    Upgrades::read(&steps).unwrap()
}

fn grown(name: &str, strategy: Strategy) -> Kind {
    Kind { upgrades: upgrades(), ..kind(name, strategy) }
}

/// An edit by an app of a version; of one that says none.
fn edit(id: &str, verb: &str, data: Value, version: Option<u64>) -> Value {
    let mut one = operation(id, "memo", "m", verb, data, 1);
    one["clientVersion"] = Value::Null;
    one["schemaVersion"] = json!(version);
    one
}

async fn memo(server: &Server) -> Value {
    let pulled = pull(server, json!({"entityTypes": ["memo"]})).await;
    pulled["changes"][0]["data"].clone()
}

#[tokio::test]
async fn what_an_app_of_an_earlier_version_writes_is_what_the_type_has_now() {
    for (version, data, becomes) in [
        (None, json!({"text": "a", "colour": 1}), json!({"body": "a", "pinned": false})),
        (
            Some(1),
            json!({"text": "a", "tag": "t"}),
            json!({"body": "a", "pinned": false, "label": "t"}),
        ),
        (Some(2), json!({"body": "a", "colour": 1, "tag": 2}), json!({"body": "a", "label": 2})),
        (Some(3), json!({"body": "a", "tag": 2}), json!({"body": "a", "label": 2})),
        (Some(4), json!({"body": "a", "new": [1]}), json!({"body": "a", "new": [1]})),
    ] {
        let base = Server::start().await;
        let server = base.knowing(grown("memo", Strategy::LastWriteWins)).await;
        let created = edit("o", "CREATE", data, version);
        let made = push(&server, "phone", json!([created])).await;
        assert_eq!(made[0]["status"], "applied", "{version:?}");
        assert_eq!(memo(&server).await, becomes, "{version:?}");
        let again = push(&server, "phone", json!([created])).await;
        assert_eq!((&again[0]["replayed"], &again[0]["version"]), (&json!(true), &json!(1)));
    }
}

#[tokio::test]
async fn an_edit_of_an_earlier_version_leaves_what_it_does_not_know() {
    let base = Server::start().await;
    let server = base.knowing(grown("memo", Strategy::LastWriteWins)).await;
    let all = json!({"body": "a", "pinned": true, "label": "t"});
    push(&server, "tablet", json!([edit("new", "CREATE", all, Some(4))])).await;
    let mut old = edit("old", "UPDATE", json!({"text": "b"}), None);
    old["baseData"] = json!({"text": "a", "tag": "t"});
    let edited = push(&server, "phone", json!([old])).await;
    assert_eq!(
        (&edited[0]["status"], &edited[0]["reason"]),
        (&json!("applied"), &json!("on its base"))
    );
    assert_eq!(memo(&server).await, json!({"body": "b", "pinned": true}));
}

#[tokio::test]
async fn an_app_of_a_later_version_waits_until_the_server_knows_it() {
    let base = Server::start().await;
    let server = base.knowing(grown("memo", Strategy::LastWriteWins)).await;
    let results = push(
        &server,
        "phone",
        json!([
            edit("o1", "CREATE", json!({"x": 1}), Some(5)),
            edit("o2", "CREATE", json!({}), Some(0)),
            operation("o3", "settings", "s", "CREATE", json!({"a": 1}), 1)
        ]),
    )
    .await;
    let brief = |one: &Value| (one["status"].clone(), one["reason"].clone(), one["errors"].clone());
    let told = json!([{"pointer": "/schemaVersion", "detail": "must be at most 4: this server knows none after that"}]);
    assert_eq!(brief(&results[0]), (json!("rejected"), json!("unknown_schema"), told));
    let told = json!([{"pointer": "/schemaVersion", "detail": "must be at least 1"}]);
    assert_eq!(brief(&results[1]), (json!("rejected"), json!("invalid"), told));
    assert_eq!(results[2]["status"], "applied");
    assert_eq!(memo(&server).await, Value::Null);
}

#[tokio::test]
async fn what_was_stored_before_is_read_as_it_would_be_now() {
    let base = Server::start().await;
    let before = base.knowing(kind("memo", Strategy::LastWriteWins)).await;
    let mut created = edit("o1", "CREATE", json!({"text": "a", "colour": 1, "tag": "t"}), None);
    created["timestamp"] = json!("2024-01-15T10:00:00Z");
    push(&before, "phone", json!([created])).await;
    let mut later = edit("o2", "UPDATE", json!({"text": "b"}), None);
    (later["baseVersion"], later["timestamp"]) = (json!(1), json!("2024-03-01T00:00:00Z"));
    push(&before, "phone", json!([later])).await;
    let server = before.knowing(grown("memo", Strategy::LastWriteWins)).await;
    assert_eq!(memo(&server).await, json!({"body": "b", "label": "t"}));
    let body = json!({"entityType": "memo", "entityId": "m", "clientVersion": 2,
        "clientFields": {"text": "x"}});
    let delta = server.call(&ann(), "POST", "/api/v1/sync/delta", body).await;
    let delta = Server::ok(delta, StatusCode::OK);
    let differs =
        json!([{"field": "body", "clientValue": "x", "serverValue": "b", "hasConflict": false}]);
    assert_eq!(delta["fieldDeltas"], differs, "{delta}");
    // The text was written later than this, before it had its name.
    let mut early = edit("o3", "UPDATE", json!({"body": "early", "label": "u"}), Some(4));
    (early["baseVersion"], early["timestamp"]) = (json!(1), json!("2024-02-01T00:00:00Z"));
    let lost = push(&server, "tablet", json!([early])).await;
    assert_eq!(lost[0]["reason"], "written earlier", "{lost:?}");
    assert_eq!(lost[0]["serverData"], json!({"body": "b", "label": "t"}));
    let mut new = edit("o4", "UPDATE", json!({"body": "c"}), Some(4));
    new["baseVersion"] = json!(2);
    let edited = push(&server, "tablet", json!([new])).await;
    assert_eq!((&edited[0]["reason"], &edited[0]["version"]), (&json!("on its base"), &json!(3)));
    assert_eq!(memo(&server).await, json!({"body": "c", "label": "t"}));
    // A server that knows nothing of versions shows what is stored.
    assert_eq!(memo(&before).await, json!({"body": "c", "label": "t"}));
}

#[tokio::test]
async fn a_conflict_from_before_is_shown_and_resolved_by_its_new_names() {
    let base = Server::start().await;
    let before = base.knowing(kind("memo", Strategy::Manual)).await;
    let edits = [("o1", "CREATE", "a", 0), ("o2", "UPDATE", "b", 1), ("o3", "UPDATE", "c", 1)];
    for (id, verb, text, base) in edits {
        let mut one = edit(id, verb, json!({"text": text}), None);
        one["baseVersion"] = json!(base);
        push(&before, if id == "o3" { "tablet" } else { "phone" }, json!([one])).await;
    }
    let server = before.knowing(grown("memo", Strategy::Manual)).await;
    let listed = Server::ok(server.get(&ann(), CONFLICTS).await, StatusCode::OK);
    let conflict = &listed["items"][0];
    assert_eq!(conflict["clientData"], json!({"body": "c"}), "{listed}");
    assert_eq!(conflict["fields"][0]["pointer"], "/body");
    // The device goes on with its branch, by the name that it knows.
    let mut on = edit("o4", "UPDATE", json!({"text": "d"}), None);
    on["after"] = json!("o3");
    let goes_on = push(&server, "tablet", json!([on])).await;
    assert_eq!(goes_on[0]["reason"], "goes on with its conflict", "{goes_on:?}");
    let listed = Server::ok(server.get(&ann(), CONFLICTS).await, StatusCode::OK);
    assert_eq!(listed["items"][0]["clientData"], json!({"body": "d"}), "{listed}");
    let path = format!("{CONFLICTS}/{}/resolve", conflict["id"].as_str().unwrap());
    let word = json!({"resolution": "merge", "mergedData": {"text": "both"}});
    let resolved = server.call(&ann(), "POST", &path, word.clone()).await;
    Server::ok(resolved, StatusCode::OK);
    assert_eq!(memo(&server).await, json!({"body": "both"}));
    Server::ok(server.call(&ann(), "POST", &path, word).await, StatusCode::OK);
}

#[tokio::test]
async fn an_activity_of_an_earlier_version_is_about_the_same_entity() {
    let step = Json::parse(r#"{"rename":{"slide":"slide_id"}}"#).unwrap();
    let typed = Kind {
        upgrades: Upgrades::read(&[step]).unwrap(),
        key: Some(vec!["slide_id".into()]),
        ..kind("look", Strategy::ServerWins)
    };
    let base = Server::start().await;
    let server = base.knowing(typed).await;
    for (id, data) in
        [("a1", json!({"slide": 7, "seen": 1})), ("a2", json!({"slide_id": 7, "seen": 2}))]
    {
        let body = json!({"offline_id": id, "activity_type": "look", "activity_data": data});
        let stored = server.call(&ann(), "POST", "/api/v1/sync/activities", body.clone()).await;
        assert!(stored.status == 200 || stored.status == 201, "{}", stored.text);
        let again = server.call(&ann(), "POST", "/api/v1/sync/activities", body).await;
        assert_eq!(again.status, 200, "{}", again.text);
    }
    let body = json!({"entityTypes": ["look"]});
    let pulled = Server::ok(server.call(&ann(), "POST", PULL, body).await, StatusCode::OK);
    let changes = pulled["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{pulled}");
    assert_eq!(
        (&changes[0]["entityId"], &changes[0]["data"]),
        (&json!("7"), &json!({"slide_id": 7, "seen": 2}))
    );
}
