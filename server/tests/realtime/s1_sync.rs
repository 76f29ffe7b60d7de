//! S1's "WebSocket Messages" and "Multi-Device Sync": `subscribe`, `unsubscribe`, `ping`, and what
//! devices hear of entities and conflicts.

use landfall_core::feed::FeedKey;
use landfall_core::id::{ConflictId, Tenant, TopicId, UserId};
use landfall_core::notification::JsonText;
use landfall_core::sync::EntityName;
use landfall_core::time::Timestamp;
use landfall_store::{
    Conflict, ConflictNext, EntityNext, OperationKeep, StoredOperation, SyncWrite, Unit, Write,
};
use serde_json::{Value, json};

use crate::client::Device;
use crate::harness::{Landfall, soon, token, token_in};

/// What a device did to a note.
struct Did<'a> {
    tenant: &'a str,
    user: &'a str,
    device: &'a str,
    topic: Option<&'a str>,
    kind: &'a str,
    /// The name of the operation, and so of the entity that it makes.
    id: &'a str,
}

impl Default for Did<'_> {
    fn default() -> Self {
        Self {
            tenant: "default",
            user: "ada",
            device: "phone",
            topic: None,
            kind: "notes",
            id: "n1",
        }
    }
}

impl Did<'_> {
    fn write(&self) -> SyncWrite {
        let (tenant, user) = (self.tenant(), UserId::parse(self.user).unwrap());
        let feed = match self.topic {
            Some(topic) => FeedKey::topic(&tenant, &TopicId::parse(topic).unwrap()),
            None => FeedKey::data(&tenant, &user),
        };
        let at = Timestamp::from_ms(1_800_000_000_000);
        SyncWrite {
            feed,
            name: EntityName { kind: self.kind.into(), id: self.id.into() },
            user,
            device: self.device.into(),
            operation: StoredOperation {
                id: format!("op-{}", self.id).into(),
                digest: [7; 32],
                outcome: Some(JsonText::trusted("{}")),
                at,
            },
            keeps: OperationKeep::New,
            from: 0,
            from_version: 0,
            from_branch: None,
            next: Some(EntityNext {
                version: 1,
                data: JsonText::trusted("{}"),
                is_deleted: false,
                stamps: JsonText::trusted("{}"),
            }),
            branch: None,
            conflict: None,
            activity: None,
        }
    }

    fn tenant(&self) -> Tenant {
        Tenant::parse(self.tenant).unwrap()
    }

    async fn commit(&self, landfall: &Landfall, write: SyncWrite) {
        let writes = vec![Write::Sync(Box::new(write))];
        let unit = Unit { writes, ..Unit::new(&self.tenant()) };
        landfall.server.app.services.store.commit(unit).await.unwrap();
    }

    /// Brings it, as a push does.
    async fn push(&self, landfall: &Landfall) {
        self.commit(landfall, self.write()).await;
    }
}

/// Connects a device that hears of these types.
async fn listening(landfall: &Landfall, token: &str, device: &str, types: &[&str]) -> Device {
    let mut device = landfall.device_with(token, device).await;
    ask(&mut device, "subscribe", types).await;
    assert_eq!(device.next().await["type"], "subscribed");
    device
}

async fn ask(device: &mut Device, kind: &str, types: &[&str]) {
    device.say(json!({ "type": kind, "payload": { "entityTypes": types } })).await;
}

/// Says of which entity a frame tells.
fn told(frame: &Value) -> &str {
    assert_eq!(frame["type"], "change_notification", "{frame}");
    frame["payload"]["entityId"].as_str().unwrap()
}

/// Waits until a frame says that nothing came before it: what was on its way would have come first.
async fn hears_nothing(landfall: &Landfall, device: &mut Device, user: &str) {
    landfall.notify(user, "the end").await;
    let frame = device.next().await;
    assert_eq!(frame["type"], "news", "{frame}");
}

#[tokio::test]
async fn s1_multi_device_sync() {
    let landfall = Landfall::start().await;
    let ada = token("ada", "student");
    let mut phone = listening(&landfall, &ada, "device_id=phone", &["*"]).await;
    let mut tablet =
        listening(&landfall, &ada, "device_id=tablet", &["progress", "learning_session"]).await;
    Did { kind: "progress", id: "progress-123", ..Did::default() }.push(&landfall).await;
    let expected = json!({
        "type": "change_notification",
        "payload": {
            "entityType": "progress", "entityId": "progress-123", "operation": "CREATE", "version": 1,
        },
    });
    assert_eq!(tablet.next().await, expected);
    // Nothing comes back to the device that pushed it.
    hears_nothing(&landfall, &mut phone, "ada").await;
    assert_eq!(tablet.next().await["type"], "news");
    Did { device: "tablet", id: "n2", ..Did::default() }.push(&landfall).await;
    assert_eq!(told(&phone.next().await), "n2");
    hears_nothing(&landfall, &mut tablet, "ada").await;
}

#[tokio::test]
async fn s1_a_subscription_starts_empty_and_ends() {
    let landfall = Landfall::start().await;
    let mut device = landfall.device("ada", "device_id=tablet").await;
    landfall.until_connected(1).await;
    Did { id: "before", ..Did::default() }.push(&landfall).await;
    hears_nothing(&landfall, &mut device, "ada").await;
    for (kind, types, answer, now) in [
        ("subscribe", &["notes", "progress"][..], "subscribed", &["notes", "progress"][..]),
        ("subscribe", &["*"], "subscribed", &["*", "notes", "progress"]),
        ("unsubscribe", &["notes", "settings"], "unsubscribed", &["*", "progress"]),
    ] {
        ask(&mut device, kind, types).await;
        let expected = json!({ "type": answer, "payload": { "entityTypes": now } });
        assert_eq!(device.next().await, expected);
    }
    Did { id: "all", ..Did::default() }.push(&landfall).await;
    assert_eq!(told(&device.next().await), "all");
    ask(&mut device, "unsubscribe", &["*"]).await;
    let expected = json!({ "type": "unsubscribed", "payload": { "entityTypes": [] } });
    assert_eq!(device.next().await, expected);
    Did { id: "after", ..Did::default() }.push(&landfall).await;
    hears_nothing(&landfall, &mut device, "ada").await;
}

#[tokio::test]
async fn s1_nothing_crosses_to_other_users_tenants_or_types() {
    let landfall = Landfall::start().await;
    let mut own =
        listening(&landfall, &token("ada", "student"), "device_id=tablet", &["notes"]).await;
    let mut other = listening(&landfall, &token("ben", "student"), "", &["*"]).await;
    let foreign = token_in("acme", "ada", "student");
    let mut theirs = listening(&landfall, &foreign, "device_id=tablet", &["*"]).await;
    Did { kind: "settings", id: "s1", ..Did::default() }.push(&landfall).await;
    Did { id: "n1", ..Did::default() }.push(&landfall).await;
    assert_eq!(told(&own.next().await), "n1");
    hears_nothing(&landfall, &mut other, "ben").await;
    // What is the other tenant's own comes first, so nothing came before it.
    Did { tenant: "acme", id: "theirs", ..Did::default() }.push(&landfall).await;
    assert_eq!(told(&theirs.next().await), "theirs");
    hears_nothing(&landfall, &mut own, "ada").await;
}

#[tokio::test]
async fn s1_devices_without_a_name_are_nobody_else() {
    let landfall = Landfall::start().await;
    let ada = token("ada", "student");
    let mut first = listening(&landfall, &ada, "", &["notes"]).await;
    let mut second = listening(&landfall, &ada, "", &["notes"]).await;
    Did { device: "somebody", ..Did::default() }.push(&landfall).await;
    assert_eq!(told(&first.next().await), "n1");
    assert_eq!(told(&second.next().await), "n1");
}

/// Makes a class with these members.
async fn class(landfall: &Landfall, members: &[&str]) {
    let app = token("app", "service");
    landfall.call("PUT", "/api/v1/topics/math", &app, Some(json!({ "kind": "class" }))).await;
    for member in members {
        let path = format!("/api/v1/topics/math/members/{member}");
        landfall.call("PUT", &path, &app, Some(json!({ "role": "member" }))).await;
    }
}

#[tokio::test]
async fn s1_members_hear_of_what_is_their_topics_and_no_longer_once_removed() {
    let landfall = Landfall::start().await;
    class(&landfall, &["ada", "ben", "eve"]).await;
    let mut devices = Vec::new();
    for user in ["ada", "ben", "eve", "out"] {
        let token = token(user, "student");
        devices.push(listening(&landfall, &token, "device_id=phone", &["*"]).await);
    }
    let [ada, ben, eve, out] = &mut devices[..] else { panic!("four") };
    let shared = |id| Did { topic: Some("math"), kind: "board", id, ..Did::default() };
    shared("b1").push(&landfall).await;
    let expected = json!({
        "type": "change_notification",
        "payload": {
            "entityType": "board", "entityId": "b1", "operation": "CREATE", "version": 1,
            "topicId": "math",
        },
    });
    // Their phones are called as the one that pushed it, and are not that one.
    assert_eq!(ben.next().await, expected);
    assert_eq!(eve.next().await, expected);
    let path = "/api/v1/topics/math/members/eve";
    landfall.call("DELETE", path, &token("app", "service"), None).await;
    shared("b2").push(&landfall).await;
    assert_eq!(told(&ben.next().await), "b2");
    hears_nothing(&landfall, eve, "eve").await;
    hears_nothing(&landfall, out, "out").await;
    hears_nothing(&landfall, ada, "ada").await;
    // Whoever joins hears at once.
    class(&landfall, &["out"]).await;
    shared("b3").push(&landfall).await;
    assert_eq!(told(&out.next().await), "b3");
}

#[tokio::test]
async fn s1_lessons_are_told_to_their_class() {
    let landfall = Landfall::start().await;
    class(&landfall, &["ada"]).await;
    let mut device = listening(&landfall, &token("ada", "student"), "", &["lesson"]).await;
    let lesson = json!({ "class_id": "math", "title": "Fractions", "data": {} });
    let app = token("app", "service");
    landfall.call("PUT", "/api/v1/lessons/l7", &app, Some(lesson)).await;
    let payload = device.next_of("change_notification").await["payload"].clone();
    let expected = json!({
        "entityType": "lesson", "entityId": "l7", "operation": "CREATE", "version": 1,
        "topicId": "math",
    });
    assert_eq!(payload, expected);
}

#[tokio::test]
async fn s1_a_conflict_is_told_to_the_other_devices_of_its_user() {
    let landfall = Landfall::start().await;
    let ada = token("ada", "student");
    let mut phone = listening(&landfall, &ada, "device_id=phone", &["*"]).await;
    let mut tablet = listening(&landfall, &ada, "device_id=tablet", &["notes"]).await;
    let mut other = listening(&landfall, &ada, "device_id=watch", &["progress"]).await;
    let id = ConflictId::parse("0192f0c1-7a3e-7cc2-98c1-000000000001").unwrap();
    let conflict = Conflict {
        id,
        is_open: true,
        decided_by: "manual".into(),
        base: None,
        server: None,
        client: None,
        result: None,
        clashes: JsonText::trusted("[]"),
        client_version: None,
        server_version: 0,
    };
    let did = Did::default();
    let conflict = Some(Box::new(ConflictNext::New(conflict)));
    did.commit(&landfall, SyncWrite { next: None, conflict, ..did.write() }).await;
    let expected = json!({
        "type": "conflict_notification",
        "payload": {
            "conflictId": id.to_string(), "entityType": "notes", "suggestedResolution": "manual",
        },
    });
    assert_eq!(tablet.next().await, expected);
    hears_nothing(&landfall, &mut phone, "ada").await;
    assert_eq!(other.next().await["type"], "news");
}

#[tokio::test]
async fn s1_ping_is_answered_by_pong() {
    let landfall = Landfall::start().await;
    let mut device = landfall.device("ada", "").await;
    for ping in [json!({ "type": "ping", "payload": {} }), json!({ "type": "ping" })] {
        device.say(ping).await;
        assert_eq!(device.next().await, json!({ "type": "pong", "payload": {} }));
    }
}

#[tokio::test]
async fn s1_what_cannot_be_read_is_refused_and_the_socket_lives() {
    let landfall = Landfall::start().await;
    let mut device = landfall.device("ada", "").await;
    ask(&mut device, "subscribe", &["notes", "lesson"]).await;
    assert_eq!(device.next().await["type"], "subscribed");
    for payload in [
        json!(null),
        json!([]),
        json!({}),
        json!({ "entityTypes": "notes" }),
        json!({ "entityTypes": ["notes", 1] }),
        json!({ "entityTypes": ["Not es"] }),
        json!({ "entityTypes": ["progress", "unknown"] }),
        json!({ "entityTypes": ["a"], "entity_types": ["a"] }),
    ] {
        device.say(json!({ "type": "subscribe", "payload": payload, "ref": 7 })).await;
        let error = device.next().await;
        let said = (&error["type"], &error["code"], &error["ref"]);
        assert_eq!(said, (&json!("error"), &json!("invalid"), &json!(7)), "{payload}");
        let detail = error["detail"].as_str().unwrap();
        assert!(detail.starts_with("/payload"), "{detail}");
    }
    ask(&mut device, "unsubscribe", &["notes"]).await;
    let left = &device.next().await["payload"]["entityTypes"];
    assert_eq!(*left, json!(["lesson"]), "what was refused changed nothing");
}

/// Another hand writes to the store, as a node of which no word comes.
#[tokio::test]
async fn s1_what_the_bus_lost_is_found_at_the_heartbeat() {
    let landfall = Landfall::with(&[("LANDFALL_REALTIME_HEARTBEAT_SECONDS", "1")]).await;
    let mut device = listening(&landfall, &token("ada", "student"), "", &["notes"]).await;
    // From the first heartbeat on it is known where the feed stands.
    device.next_of("heartbeat").await;
    device.next_of("heartbeat").await;
    let did = Did::default();
    let writes = vec![Write::Sync(Box::new(did.write()))];
    let unit = Unit { writes, ..Unit::new(&did.tenant()) };
    landfall.another_hand().await.commit(unit).await.unwrap();
    let payload = device.next_of("change_notification").await["payload"].clone();
    let expected =
        json!({ "entityType": "*", "entityId": "*", "operation": "UPDATE", "version": 0 });
    assert_eq!(payload, expected);
}

/// Who does not read is told once that something changed, and keeps their socket.
#[tokio::test]
async fn s1_a_slow_socket_is_told_once_and_stays() {
    let landfall = Landfall::start().await;
    let ada = token("ada", "student");
    let tenant = Tenant::parse("default").unwrap();
    let mut slow = listening(&landfall, &ada, "device_id=slow", &["*"]).await;
    let mut quick = listening(&landfall, &ada, "device_id=quick", &["*"]).await;
    // More than the kernel takes for a socket that nobody reads.
    let filler = "x".repeat(1_000);
    for round in 0..40 {
        let ids: Vec<String> = (0..100).map(|n| format!("{round}-{n}-{filler}")).collect();
        let write = |id: &String| Write::Sync(Box::new(Did { id, ..Did::default() }.write()));
        let unit = Unit { writes: ids.iter().map(write).collect(), ..Unit::new(&tenant) };
        landfall.server.app.services.store.commit(unit).await.unwrap();
        for id in &ids {
            assert_eq!(told(&quick.next().await), id, "nobody waits for the slow one");
        }
    }
    let mut told_slow = 0;
    while told(&slow.next().await) != "*" {
        told_slow += 1;
    }
    assert!(told_slow < 4_000, "{told_slow}");
    // It goes on to hear, now that it reads.
    let hears_one_by_one = async {
        for n in 0.. {
            Did { id: &format!("last-{n}"), ..Did::default() }.push(&landfall).await;
            let frame = slow.next().await;
            if told(&frame).starts_with("last-") {
                return;
            }
        }
    };
    soon("it hears again", hears_one_by_one).await;
}
