//! S1's `push_change` and `sync_complete`: bringing work over the socket, as over HTTP.

use serde_json::{Value, json};

use crate::client::Device;
use crate::harness::{Landfall, token};
use crate::raw::{Raw, TEXT, frame};

/// An operation as S1 writes it.
fn create(id: &str) -> Value {
    json!({
        "id": format!("op-{id}"), "entityType": "response", "entityId": id, "operation": "CREATE",
        "data": { "answer": "b" }, "timestamp": "2024-01-15T10:35:00Z", "clientVersion": 1,
    })
}

fn push(id: &str, operations: &[Value]) -> Value {
    json!({ "type": "push_change", "payload": { "operations": operations, "requestId": id } })
}

async fn listening(landfall: &Landfall, device: &str) -> Device {
    let mut device = landfall.device_with(&token("ada", "student"), device).await;
    device.say(json!({ "type": "subscribe", "payload": { "entityTypes": ["*"] } })).await;
    assert_eq!(device.next().await["type"], "subscribed");
    device
}

#[tokio::test]
async fn s1_push_change_is_answered_and_told_to_the_other_devices() {
    let landfall = Landfall::start().await;
    let mut phone = listening(&landfall, "device_id=phone").await;
    let mut nameless = listening(&landfall, "").await;
    phone.say(push("r1", &[create("a"), json!({ "id": "bad" })])).await;
    let complete = phone.next().await;
    assert_eq!(complete["type"], "sync_complete");
    let payload = &complete["payload"];
    assert_eq!((&payload["success"], &payload["requestId"]), (&json!(true), &json!("r1")));
    assert!(payload["timestamp"].as_str().unwrap().ends_with('Z'));
    let statuses = [0, 1].map(|n| payload["results"][n]["status"].clone());
    assert_eq!(statuses, ["applied", "rejected"], "a bad one fails alone");
    let heard = nameless.next().await;
    assert_eq!(heard["payload"]["entityId"], "a", "{heard}");
    // Nothing comes back, neither to one with a name nor to one without.
    nameless.say(push("r2", &[create("b")])).await;
    assert_eq!(nameless.next().await["type"], "sync_complete");
    assert_eq!(phone.next().await["payload"]["entityId"], "b");
    // Sent again it answers as it did.
    phone
        .say(json!({ "type": "push_change", "ref": 9, "payload": { "operations": [create("a")] } }))
        .await;
    let again = phone.next().await["payload"].clone();
    assert_eq!((&again["requestId"], &again["results"][0]["replayed"]), (&json!(9), &json!(true)));
    for device in [&mut phone, &mut nameless] {
        device.say(json!({ "type": "ping" })).await;
        assert_eq!(device.next().await["type"], "pong");
    }
}

#[tokio::test]
async fn s1_devices_that_push_over_http_are_told_nothing_of_it() {
    let landfall = Landfall::start().await;
    let mut phone = listening(&landfall, "device_id=phone").await;
    let mut tablet = listening(&landfall, "device_id=tablet").await;
    let body = json!({ "deviceId": "phone", "operations": [create("a")] });
    let ada = token("ada", "student");
    landfall.call("POST", "/api/v1/sync/push", &ada, Some(body)).await;
    assert_eq!(tablet.next().await["payload"]["entityId"], "a");
    landfall.notify("ada", "the end").await;
    assert_eq!(phone.next().await["type"], "news");
}

#[tokio::test]
async fn s1_pushes_of_a_socket_are_decided_in_order_and_hold_up_nothing_else() {
    let landfall = Landfall::start().await;
    let path = format!("/ws?token={}", token("ada", "student"));
    let mut socket = Raw::upgraded(landfall.address, &path).await;
    let mut all = Vec::new();
    for n in 0..7 {
        all.extend(frame(
            TEXT,
            push(&n.to_string(), &[create(&n.to_string())]).to_string().as_bytes(),
        ));
    }
    all.extend(frame(TEXT, br#"{"type":"ping"}"#));
    socket.send(&all).await;
    // One is decided, four wait; what comes while they do is answered at once.
    for refused in ["5", "6"] {
        let error = socket.text().await.unwrap();
        let said = (&error["type"], &error["code"], &error["ref"]);
        assert_eq!(said, (&json!("error"), &json!("unavailable"), &json!(refused)));
    }
    assert_eq!(socket.text().await.unwrap()["type"], "pong");
    for n in 0..5 {
        let complete = socket.text().await.unwrap();
        assert_eq!(complete["payload"]["requestId"], n.to_string(), "{complete}");
        assert_eq!(complete["payload"]["results"][0]["status"], "applied");
    }
}

#[tokio::test]
async fn s1_a_push_that_cannot_be_read_is_refused_and_the_socket_lives() {
    let landfall = Landfall::with(&[("LANDFALL_LIMITS_SYNC_OPERATIONS_MAX", "2")]).await;
    let mut device = landfall.device("ada", "device_id=phone").await;
    let many = [create("a"), create("b"), create("c")];
    for (payload, place) in [
        (json!(null), "/payload is required"),
        (json!({}), "/payload/operations is required"),
        (json!({ "operations": {} }), "/payload/operations must be an array"),
        (json!({ "operations": many }), "/payload/operations must have at most 2 entries"),
        (json!({ "operations": [], "deviceId": "tablet" }), "/payload/deviceId must be"),
        (json!({ "operations": [], "requestId": {} }), "/payload/requestId must be"),
        (json!({ "operations": [], "sentAt": "noon" }), "/payload/sentAt"),
    ] {
        device.say(json!({ "type": "push_change", "payload": payload, "ref": "r" })).await;
        let error = device.next().await;
        let said = (&error["type"], &error["code"], &error["ref"]);
        assert_eq!(said, (&json!("error"), &json!("invalid"), &json!("r")), "{payload}");
        assert!(error["detail"].as_str().unwrap().starts_with(place), "{error}");
    }
    device.say(push("r", &[create("a")])).await;
    assert_eq!(device.next().await["payload"]["results"][0]["status"], "applied");
}

/// What is nested too deep is the operation's fault alone, as over HTTP.
#[tokio::test]
async fn s1_an_operation_that_is_nested_too_deep_fails_alone() {
    let landfall = Landfall::start().await;
    let mut device = landfall.device("ada", "device_id=phone").await;
    let nested = |depth: usize| {
        let mut deep = create(&format!("deep-{depth}"));
        deep["data"] = (0..depth).fold(json!(1), |inner, _| json!({ "a": inner }));
        deep
    };
    device.say(push("r", &[nested(31), nested(32), nested(1_000), create("a")])).await;
    let results = device.next().await["payload"]["results"].clone();
    let statuses = [0, 1, 2, 3].map(|n| results[n]["status"].clone());
    assert_eq!(statuses, ["applied", "rejected", "rejected", "applied"]);
}

/// What a device did itself it is not told, and it misses nothing by that.
#[tokio::test]
async fn s1_what_a_device_pushes_itself_leaves_no_gap_in_what_it_hears() {
    let landfall = Landfall::start().await;
    let mut phone = listening(&landfall, "device_id=phone").await;
    let mut tablet = listening(&landfall, "device_id=tablet").await;
    for round in 0..3 {
        let (own, theirs) = (format!("own-{round}"), format!("theirs-{round}"));
        phone.say(push("p", &[create(&own)])).await;
        assert_eq!(phone.next().await["type"], "sync_complete");
        assert_eq!(tablet.next().await["payload"]["entityId"], own);
        tablet.say(push("t", &[create(&theirs)])).await;
        assert_eq!(tablet.next().await["type"], "sync_complete");
        assert_eq!(
            phone.next().await["payload"]["entityId"],
            theirs,
            "and not that anything changed"
        );
    }
}

/// A clock that is slow is corrected by `sentAt`, and the time of the last pull says what the device has.
#[tokio::test]
async fn s1_a_push_says_what_its_clock_shows_and_what_it_has() {
    let landfall = Landfall::start().await;
    let now = landfall_server::clock::now_ms();
    let at = |ms: i64| json!(landfall_core::time::Timestamp::from_ms(ms).to_string());
    let edit = |id: &str, verb: &str, value: u64, count: u64, written: i64| {
        json!({
            "id": id, "entityType": "settings", "entityId": "s", "operation": verb,
            "data": { "a": value }, "timestamp": at(written), "clientVersion": count,
        })
    };
    let hour = 60 * 60 * 1_000;
    let mut phone = landfall.device("ada", "device_id=phone").await;
    let mut tablet = landfall.device("ada", "device_id=tablet").await;
    let reason = async |device: &mut Device, operation: Value, more: Value| {
        let mut payload = json!({ "operations": [operation] });
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        device.say(json!({ "type": "push_change", "payload": payload })).await;
        let complete = device.next_of("sync_complete").await;
        complete["payload"]["results"][0]["reason"].as_str().unwrap().to_owned()
    };
    reason(&mut phone, edit("1", "CREATE", 1, 1, now - 3 * hour), json!({})).await;
    let mut theirs = edit("2", "UPDATE", 2, 2, now - hour / 2);
    theirs["baseVersion"] = json!(1);
    assert_eq!(reason(&mut tablet, theirs, json!({})).await, "on its base");
    // It counts as the server does by chance; what it wrote loses.
    let lost = edit("3", "UPDATE", 3, 2, now - hour);
    assert_eq!(reason(&mut phone, lost, json!({})).await, "written earlier");
    let ada = token("ada", "student");
    let pulled = landfall.call("POST", "/api/v1/sync/pull", &ada, Some(json!({}))).await;
    let since = json!({ "lastSyncTimestamp": pulled["serverTimestamp"] });
    let next = edit("4", "UPDATE", 4, 3, now - hour);
    assert_eq!(reason(&mut phone, next, since).await, "on its base");
    let mut desk = landfall.device("ada", "device_id=desk").await;
    for (value, more, said) in [
        (5, json!({}), "written earlier"),
        (6, json!({ "sentAt": at(now - 2 * hour) }), "written later"),
    ] {
        let mut slow = edit(&value.to_string(), "UPDATE", value, 2, now - 2 * hour);
        slow["baseVersion"] = json!(1);
        assert_eq!(reason(&mut desk, slow, more).await, said);
    }
}
