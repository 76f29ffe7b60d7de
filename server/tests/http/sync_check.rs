//! Whether a device holds what the server holds: sums of a feed, and the way to what differs.

use std::collections::BTreeMap;

use landfall_core::feed::Epoch;
use landfall_core::json::Value as Exact;
use landfall_core::sync::{Checksum, EntityName};
use landfall_core::time::Timestamp;
use landfall_server::service::Ids;
use landfall_server::service::lives::epoch_entry;
use landfall_store::NewEpoch;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Answer, Server, admin, token};
use crate::s1_sync::{ann, operation, pull, push};

const CHECK: &str = "/api/v1/sync/check";
const DELTA: &str = "/api/v1/sync/delta";

/// Type and id; their order is that of the server.
type Name = (String, String);

/// What a device holds of the server: versions and fields.
#[derive(Debug, Clone, Default, PartialEq)]
struct Device {
    rows: BTreeMap<Name, (u64, Value)>,
    cursor: Value,
    calls: usize,
}

fn place((kind, id): &Name) -> Value {
    json!({"entityType": kind, "entityId": id})
}

fn name(place: &Value) -> Name {
    let text = |field: &str| place[field].as_str().unwrap().to_owned();
    (text("entityType"), text("entityId"))
}

fn digest((kind, id): &Name, (version, data): &(u64, Value)) -> Checksum {
    let Exact::Object(data) = Exact::parse(&data.to_string()).unwrap() else { panic!("an object") };
    let name = EntityName { kind: kind.as_str().into(), id: id.as_str().into() };
    Checksum::of(&name, *version, data)
}

async fn check_as(server: &Server, token: &str, body: Value) -> Answer {
    server.call(token, "POST", CHECK, body).await
}

async fn check(server: &Server, body: Value) -> Value {
    Server::ok(check_as(server, &ann(), body).await, StatusCode::OK)
}

impl Device {
    /// Pulls everything of the user's own.
    async fn of(server: &Server) -> Self {
        let pulled = pull(server, json!({"limit": 10_000})).await;
        let row =
            |one: &Value| (name(one), (one["version"].as_u64().unwrap(), one["data"].clone()));
        let rows = pulled["changes"].as_array().unwrap().iter().map(row).collect();
        Self { rows, cursor: pulled["cursor"].clone(), calls: 0 }
    }

    fn holds(&self, after: Option<&Name>, up_to: Option<&Name>) -> Vec<(Name, Checksum)> {
        let within = |at: &Name| after.is_none_or(|a| a < at) && up_to.is_none_or(|b| at <= b);
        let rows = self.rows.iter().filter(|(at, _)| within(at));
        rows.map(|(at, row)| (at.clone(), digest(at, row))).collect()
    }

    fn agrees(held: &[(Name, Checksum)], told: &Value) -> bool {
        let mut sum = Checksum::default();
        held.iter().for_each(|(_, digest)| sum += *digest);
        told["count"] == held.len() && told["sum"] == sum.to_string()
    }

    /// Compares a range, and repairs what differs in it.
    async fn repair(&mut self, server: &Server, after: Option<Name>, up_to: Option<Name>) {
        let (from, to) = (after.as_ref().map(place), up_to.as_ref().map(place));
        let told = check(server, json!({"cursor": self.cursor, "after": from, "upTo": to})).await;
        self.calls += 1;
        assert_eq!(told["current"], true, "{told}");
        let held = self.holds(after.as_ref(), up_to.as_ref());
        if Self::agrees(&held, &told) {
            return;
        }
        let Some(parts) = told["parts"].as_array() else {
            return self.compare(server, &held, &told["rows"]).await;
        };
        let mut from = after;
        for part in parts {
            let to = part.get("upTo").map(name);
            if !Self::agrees(&self.holds(from.as_ref(), to.as_ref()), part) {
                Box::pin(self.repair(server, from, to.clone())).await;
            }
            from = to;
        }
    }

    async fn compare(&mut self, server: &Server, held: &[(Name, Checksum)], told: &Value) {
        let told: Vec<_> = told.as_array().into_iter().flatten().collect();
        for (at, _) in held.iter().filter(|(at, _)| told.iter().all(|one| name(one) != *at)) {
            self.rows.remove(at);
        }
        for one in told {
            let at = name(one);
            if held.iter().any(|(of, sum)| *of == at && one["digest"] == sum.to_string()) {
                continue;
            }
            let mut ask = place(&at);
            (ask["clientVersion"], ask["clientFields"]) = (json!(0), json!({}));
            let delta = server.call(&ann(), "POST", DELTA, ask).await;
            let delta = Server::ok(delta, StatusCode::OK);
            self.calls += 1;
            let field = |one: &Value| {
                (one["field"].as_str().unwrap().to_owned(), one["serverValue"].clone())
            };
            let fields = delta["fieldDeltas"].as_array().unwrap().iter().map(field).collect();
            let row = (delta["serverVersion"].as_u64().unwrap(), Value::Object(fields));
            self.rows.insert(at, row);
        }
    }
}

fn note(n: usize) -> Value {
    let id = format!("note-{n:04}");
    operation(&format!("op-{n}"), "notes", &id, "CREATE", json!({"text": id, "n": n}), 1)
}

async fn notes(server: &Server, count: usize) {
    let results = push(server, "desk", (0..count).map(note).collect::<Vec<_>>().into()).await;
    assert!(results.iter().all(|one| one["status"] == "applied"));
}

#[tokio::test]
async fn what_differs_is_found_and_repaired_with_few_calls() {
    let server = Server::start().await;
    notes(&server, 1_000).await;
    let whole = Device::of(&server).await;
    let mut device = whole.clone();
    let at = |n: usize| ("notes".to_owned(), format!("note-{n:04}"));
    device.rows.get_mut(&at(17)).unwrap().1["text"] = json!("another");
    device.rows.remove(&at(500));
    // The server has none of these; one is behind everything that it has.
    for id in ["note-0777a", "zzz"] {
        device.rows.insert(("notes".into(), id.into()), (1, json!({"text": "mine"})));
    }
    device.repair(&server, None, None).await;
    assert_eq!((&device.rows, device.rows.len()), (&whole.rows, 1_000));
    // The whole, the four parts in which something differs, and the two entities.
    assert_eq!(device.calls, 7);
    device.repair(&server, None, None).await;
    assert_eq!(device.calls, 8, "of what is equal one call tells it");
}

#[tokio::test]
async fn parts_add_up_to_the_whole_at_every_depth() {
    let server = Server::start().await;
    notes(&server, 1_000).await;
    let device = Device::of(&server).await;
    let all = check(&server, json!({"cursor": device.cursor})).await;
    assert!(Device::agrees(&device.holds(None, None), &all), "{all}");
    assert_eq!((&all["count"], all.get("rows")), (&json!(1_000), None));
    let mut from = None;
    let parts = all["parts"].as_array().unwrap();
    assert!((2..=16).contains(&parts.len()), "{all}");
    for part in parts {
        let to = part.get("upTo").map(name);
        let held = device.holds(from.as_ref(), to.as_ref());
        assert!(Device::agrees(&held, part), "{part}");
        let (after, up_to) = (from.as_ref().map(place), to.as_ref().map(place));
        let body = json!({"cursor": device.cursor, "after": after, "upTo": up_to});
        let alone = check(&server, body).await;
        assert_eq!((&alone["count"], &alone["sum"]), (&part["count"], &part["sum"]));
        let named = alone["rows"].as_array().unwrap().iter().map(|one| (name(one), &one["digest"]));
        let held: Vec<_> = held.into_iter().map(|(at, sum)| (at, json!(sum.to_string()))).collect();
        assert!(named.eq(held.iter().map(|(at, sum)| (at.clone(), sum))), "{alone}");
        from = to;
    }
    assert_eq!(from, None, "the last part has no end");
}

#[tokio::test]
async fn what_was_deleted_does_not_count() {
    let server = Server::start().await;
    notes(&server, 3).await;
    let gone = operation("gone", "notes", "note-0001", "DELETE", Value::Null, 2);
    push(&server, "desk", json!([gone])).await;
    let device = Device::of(&server).await;
    let told = check(&server, json!({"cursor": device.cursor})).await;
    assert!(Device::agrees(&device.holds(None, None), &told), "{told}");
    assert_eq!(told["count"], 2);
    // Whoever asks for it all the same hears that it is gone; and of what never was, nothing.
    let ask = |id: &str| json!({"entityType": "notes", "entityId": id, "clientVersion": 0, "clientFields": {}});
    let gone = server.call(&ann(), "POST", DELTA, ask("note-0001")).await;
    assert_eq!(Server::ok(gone, StatusCode::OK)["deleted"], true);
    assert_eq!(server.call(&ann(), "POST", DELTA, ask("none")).await.status, 404);
}

#[tokio::test]
async fn a_device_that_has_not_all_is_told_to_pull_first() {
    let server = Server::start().await;
    notes(&server, 2).await;
    let first = pull(&server, json!({"limit": 1})).await;
    let behind = check(&server, json!({"cursor": first["cursor"]})).await;
    assert_eq!(behind, json!({"current": false}));
    let rest = pull(&server, json!({"cursor": first["cursor"]})).await;
    let told = check(&server, json!({"cursor": rest["cursor"]})).await;
    assert_eq!((&told["current"], &told["count"]), (&json!(true), &json!(2)));
    push(&server, "desk", json!([note(2)])).await;
    let behind = check(&server, json!({"cursor": rest["cursor"]})).await;
    assert_eq!(behind, json!({"current": false}));
}

#[tokio::test]
async fn a_cursor_of_an_earlier_life_of_the_store_is_to_pull_first() {
    let server = Server::start().await;
    notes(&server, 1).await;
    let cursor = pull(&server, json!({})).await["cursor"].clone();
    let (from, to) = (server.store.epoch(), Epoch(1_704_067_200_000));
    let entry = epoch_entry(&Ids::new(), Timestamp::from_ms(0), "restored", from, to);
    server.store.begin_epoch(NewEpoch { from, to, entry }).await.unwrap();
    server.store.life().await.unwrap();
    assert_eq!(check(&server, json!({"cursor": cursor})).await, json!({"current": false}));
    let cursor = pull(&server, json!({"cursor": cursor})).await["cursor"].clone();
    assert_eq!(check(&server, json!({"cursor": cursor})).await["count"], 1);
}

/// The last entity of the feed changes while all are read.
#[tokio::test]
async fn what_changes_while_it_is_summed_up_is_never_told_as_of_the_cursor() {
    let server = Server::start().await;
    notes(&server, 1_000).await;
    for count in 2..17 {
        let device = Device::of(&server).await;
        let data = json!({"text": "another", "n": count});
        let edit = operation(&format!("edit-{count}"), "notes", "note-0999", "UPDATE", data, count);
        let ask = json!({"cursor": device.cursor});
        let (told, _) = tokio::join!(check(&server, ask), push(&server, "desk", json!([edit])));
        let is_whole = Device::agrees(&device.holds(None, None), &told);
        assert!(is_whole || told == json!({"current": false}), "{told}");
    }
}

#[tokio::test]
async fn a_cursor_is_for_its_user_and_its_types() {
    let server = Server::start().await;
    notes(&server, 2).await;
    let plan = operation("plan", "settings", "me", "CREATE", json!({"volume": 3}), 1);
    push(&server, "desk", json!([plan])).await;
    let some = pull(&server, json!({"entityTypes": ["settings"]})).await["cursor"].clone();
    let told = check(&server, json!({"cursor": some, "entity_types": ["settings"]})).await;
    assert_eq!((&told["count"], &told["rows"][0]["entityId"]), (&json!(1), &json!("me")));
    let ben = token("ben", &["student"]);
    for (token, body) in [
        (&ann(), json!({"cursor": some})),
        (&ann(), json!({"cursor": "AgEABY3R0pZ4o0yqTt8t0kYl5Q"})),
        (&ben, json!({"cursor": some, "entityTypes": ["settings"]})),
    ] {
        let refused = check_as(&server, token, body).await;
        assert_eq!((refused.status, refused.text.contains("/cursor")), (422, true));
    }
}

#[tokio::test]
async fn a_topic_is_summed_up_for_its_members_alone() {
    let server = Server::start().await;
    server.topic("t", &[("ann", "member")]).await;
    let mut board = operation("1", "board", "b", "CREATE", json!({"text": "x"}), 1);
    board["topicId"] = json!("t");
    push(&server, "desk", json!([board])).await;
    let cursor = pull(&server, json!({})).await["cursor"].clone();
    let told = check(&server, json!({"cursor": cursor, "topicId": "t"})).await;
    let row = json!({"entityType": "board", "entityId": "b", "version": 1,
        "digest": digest(&("board".into(), "b".into()), &(1, json!({"text": "x"}))).to_string()});
    assert_eq!((&told["count"], &told["rows"]), (&json!(1), &json!([row])));
    assert_eq!(check(&server, json!({"cursor": cursor})).await["count"], 0);
    for (token, topic) in [(token("ben", &["student"]), "t"), (ann(), "none"), (admin(), "t")] {
        let pulled = server.call(&token, "POST", "/api/v1/sync/pull", json!({})).await.json();
        let body = json!({"cursor": pulled["cursor"], "topicId": topic});
        let refused = check_as(&server, &token, body).await;
        assert_eq!(refused.status, 404, "{}", refused.text);
    }
    // Who came into it since has to pull it first.
    let ben = token("ben", &["student"]);
    let before = server.call(&ben, "POST", "/api/v1/sync/pull", json!({})).await.json();
    let path = "/api/v1/topics/t/members/ben";
    server.call(&admin(), "PUT", path, json!({"role": "member"})).await;
    let told = check_as(&server, &ben, json!({"cursor": before["cursor"], "topic_id": "t"})).await;
    assert_eq!(Server::ok(told, StatusCode::OK), json!({"current": false}));
}

#[tokio::test]
async fn what_cannot_be_asked_names_its_field() {
    let server = Server::start().await;
    for (body, pointer) in [
        (json!({"cursor": "x", "after": {"entityType": "", "entityId": "a"}}), "/after/entityType"),
        (json!({"cursor": "x", "up_to": {"entityType": "a", "entityId": " "}}), "/upTo/entityId"),
        (json!({"cursor": "x", "entityTypes": ["a|b"]}), "/entityTypes"),
        (json!({"cursor": "x", "topicId": ""}), "/topicId"),
    ] {
        let refused = check_as(&server, &ann(), body).await;
        let named = refused.json()["errors"][0]["pointer"].clone();
        assert_eq!((refused.status, named), (422, json!(pointer)), "{}", refused.text);
    }
    assert_eq!(check_as(&server, &ann(), json!({})).await.status, 422);
}
