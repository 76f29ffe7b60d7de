//! Field deltas: a device that is told what changed holds what one holds that is told everything.

use std::collections::BTreeMap;

use landfall_core::time::Timestamp;
use landfall_server::clock::now_ms;
use reqwest::StatusCode;
use serde_json::{Map, Value, json};

use crate::harness::{Server, token};
use crate::s1_sync::{PULL, PUSH, ann, operation, pull, push};

/// What a device holds: version and fields of each entity, by topic, type and id.
type Held = BTreeMap<String, (u64, Value)>;

/// A device that pulls.
#[derive(Default)]
struct Device {
    held: Held,
    cursor: Value,
    deltas: usize,
}

impl Device {
    /// Takes one page as the documentation says; tells whether there is more.
    async fn page(&mut self, server: &Server, (limit, deltas): (usize, bool)) -> bool {
        let body = json!({"cursor": self.cursor, "limit": limit, "deltas": deltas});
        let page = pull(server, body).await;
        assert_eq!(page["reset"], Value::Null, "{page}");
        for change in page["changes"].as_array().unwrap() {
            self.take(change);
        }
        self.cursor = page["cursor"].clone();
        page["hasMore"] == true
    }

    fn take(&mut self, change: &Value) {
        let name = format!("{} {}", change["topicId"], change["entityId"]);
        let version = change["version"].as_u64().unwrap();
        if change["operation"] == "DELETE" {
            assert_eq!((&change["data"], &change["fields"]), (&Value::Null, &Value::Null));
            self.held.remove(&name);
            return;
        }
        let data = match &change["fields"] {
            Value::Null => change["data"].clone(),
            fields => {
                assert_eq!(change["data"], Value::Null);
                self.deltas += 1;
                let (base, before) = self.held.get(&name).expect("it was had before");
                assert_eq!(change["baseVersion"], *base, "a wrong base: {change}");
                let mut data = before.as_object().unwrap().clone();
                data.extend(fields.as_object().unwrap().clone());
                for field in change["removed"].as_array().into_iter().flatten() {
                    assert!(data.remove(field.as_str().unwrap()).is_some(), "{change}");
                }
                data.into()
            }
        };
        self.held.insert(name, (version, data));
    }

    async fn catch_up(&mut self, server: &Server, limit: usize) {
        while self.page(server, (limit, true)).await {}
    }
}

/// Numbers that only look random.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    /// Fields of which some are there, some long, and few change at a time.
    fn fields(&mut self) -> Value {
        let mut fields = Map::new();
        for name in ["a", "b", "c/d", "e~\"é"] {
            match self.throw(4) {
                0 => {}
                1 => _ = fields.insert(name.into(), Value::Null),
                2 => _ = fields.insert(name.into(), self.throw(3).into()),
                _ => _ = fields.insert(name.into(), json!({"in": ["x".repeat(40), self.throw(2)]})),
            }
        }
        fields.insert("long".into(), "y".repeat(60).into());
        fields.into()
    }
}

/// Somebody does something to one of a few entities, some of them a topic's.
async fn edit(server: &Server, dice: &mut Dice, step: usize, known: &mut BTreeMap<String, u64>) {
    let entity = dice.throw(6);
    let (kind, is_shared) = if entity < 2 { ("board", true) } else { ("settings", false) };
    let entity = format!("{} of {}", entity, step / 1_000);
    let version = known.get(&entity).copied().unwrap_or(0);
    let verb = match (version, dice.throw(8)) {
        (0, _) => "CREATE",
        (_, 0) => "DELETE",
        _ => "UPDATE",
    };
    let mut one = operation(&step.to_string(), kind, &entity, verb, dice.fields(), 1);
    if verb == "UPDATE" {
        // What its base has and its data has not is removed.
        one["baseData"] = json!({"a": 0, "b": 0, "c/d": 0, "e~\"é": 0});
    }
    one["baseVersion"] = version.into();
    if is_shared {
        one["topicId"] = "t".into();
    }
    let body = json!({"deviceId": "desk", "operations": [one]});
    let teacher = token("ann", &["teacher"]);
    let made = Server::ok(server.call(&teacher, "POST", PUSH, body).await, StatusCode::OK);
    let result = &made["results"][0];
    assert_ne!(result["status"], "rejected", "{made}");
    let now = result["version"].as_u64().unwrap();
    known.insert(entity, now);
}

#[tokio::test]
async fn what_a_device_holds_is_the_same_with_deltas_and_without() {
    let server = Server::start().await;
    server.topic("t", &[("ann", "teacher")]).await;
    let mut told = 0;
    for seed in 1..4 {
        let (mut dice, mut known) = (Dice(seed), BTreeMap::new());
        let (mut device, mut whole) = (Device::default(), Device::default());
        for step in 0..60 {
            edit(&server, &mut dice, step + 1_000 * seed as usize, &mut known).await;
            match dice.throw(6) {
                // In the middle of several pages others go on.
                0 => _ = device.page(&server, (1 + dice.throw(3) as usize, true)).await,
                1 => device.catch_up(&server, 100).await,
                2 => while whole.page(&server, (100, false)).await {},
                _ => {}
            }
        }
        device.catch_up(&server, 2).await;
        while whole.page(&server, (100, false)).await {}
        assert_eq!(device.held, whole.held);
        let mut fresh = Device::default();
        fresh.catch_up(&server, 3).await;
        assert_eq!((&fresh.held, fresh.deltas), (&whole.held, 0));
        assert_eq!(whole.deltas, 0);
        told += device.deltas;
    }
    assert!(told > 20, "{told}");
}

async fn note(server: &Server, id: &str, entity: &str, base: u64, data: Value) {
    let verb = if base == 0 { "CREATE" } else { "UPDATE" };
    let mut one = operation(id, "notes", entity, verb, data, base + 1);
    one["baseVersion"] = base.into();
    let results = push(server, "desk", json!([one])).await;
    assert_eq!(results[0]["status"], "applied", "{results:?}");
}

fn long(title: &str) -> Value {
    json!({"title": title, "text": "water ".repeat(40)})
}

#[tokio::test]
async fn a_change_between_two_pages_never_builds_on_what_was_not_given() {
    let server = Server::start().await;
    let mut device = Device::default();
    note(&server, "1", "n", 0, long("a")).await;
    device.catch_up(&server, 100).await;
    // `n` changes, and once more before the page with that change is read.
    note(&server, "2", "m", 0, long("m")).await;
    note(&server, "3", "n", 1, json!({"title": "b"})).await;
    note(&server, "4", "o", 0, long("o")).await;
    assert!(device.page(&server, (1, true)).await);
    note(&server, "5", "n", 2, json!({"title": "c"})).await;
    // This page ends behind the number of the change that was never given.
    assert!(device.page(&server, (1, true)).await);
    device.catch_up(&server, 1).await;
    assert_eq!((device.deltas, device.held["null \"n\""].clone()), (0, (3, long("c"))));
    // Now the device has everything, and the next change is told by its fields.
    device.catch_up(&server, 100).await;
    note(&server, "6", "n", 3, json!({"title": "d"})).await;
    device.catch_up(&server, 100).await;
    note(&server, "7", "n", 4, json!({"title": "e"})).await;
    device.catch_up(&server, 100).await;
    assert!(device.deltas > 0);
    assert_eq!(device.held["null \"n\""], (5, long("e")));
}

#[tokio::test]
async fn a_push_that_pulls_gives_deltas_too_and_only_who_asks_gets_them() {
    let server = Server::start().await;
    note(&server, "1", "n", 0, long("a")).await;
    let cursor = pull(&server, json!({})).await["cursor"].clone();
    note(&server, "2", "n", 1, json!({"title": "b"})).await;
    let ask = async |asks: Value| {
        let body = json!({"deviceId": "a", "operations": [], "pull": asks});
        let answer = Server::ok(server.call(&ann(), "POST", PUSH, body).await, StatusCode::OK);
        answer["pull"]["changes"][0].clone()
    };
    let short = ask(json!({"cursor": cursor, "deltas": true})).await;
    assert_eq!((&short["version"], &short["baseVersion"]), (&json!(2), &json!(1)));
    assert_eq!((&short["fields"], &short["data"]), (&json!({"title": "b"}), &Value::Null));
    assert_eq!(short["removed"], Value::Null);
    let whole = ask(json!({"cursor": cursor})).await;
    assert_eq!((&whole["data"], &whole["fields"]), (&long("b"), &Value::Null));
    // A time says nothing exact of what the device has.
    let since = "2024-01-15T10:30:00Z";
    let timed = pull(&server, json!({"lastSyncTimestamp": since, "deltas": true})).await;
    assert_eq!(timed["changes"][0]["data"], long("b"));
    let wrong = server.call(&ann(), "POST", PULL, json!({"deltas": "yes"})).await;
    assert_eq!(wrong.pointers(), ["/deltas"]);
}

#[tokio::test]
async fn what_was_forgotten_comes_whole() {
    let server = Server::start().await;
    note(&server, "1", "n", 0, long("a")).await;
    let cursor = pull(&server, json!({})).await["cursor"].clone();
    note(&server, "2", "n", 1, json!({"title": "b"})).await;
    let later = Timestamp::from_ms(now_ms() + 60_000);
    assert!(server.store.forget_sync(later, 100).await.unwrap().total() >= 2);
    let whole = pull(&server, json!({"cursor": cursor, "deltas": true})).await;
    assert_eq!(whole["changes"][0]["data"], long("b"));
}
