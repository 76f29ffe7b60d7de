//! Notifications for one user that go out later: at one time, or when clocks show it where the recipient is.

use serde_json::{Value, json};

use crate::harness::{token, until};
use crate::world::World;

/// So many seconds after the start, at 08:00 UTC.
pub const HOUR: i64 = 3_600;
const NINE: &str = "2027-01-15T09:00:00Z";

pub async fn inbox(world: &World, user: &str) -> Vec<Value> {
    world.landfall.inbox(user, "limit=500").await["items"].as_array().unwrap().clone()
}

pub async fn until_inbox(world: &World, user: &str, count: usize) -> Vec<Value> {
    until("the inbox", async || inbox(world, user).await.len() == count).await;
    inbox(world, user).await
}

pub async fn send(world: &World, body: Value) -> (u16, Value) {
    world.try_call("POST", "/notify", &token("app", "service"), body).await
}

pub async fn take_back(world: &World, id: &str, more: &str) -> (u16, Value) {
    let path = format!("/api/v1/notify/{id}{more}");
    world.try_call("DELETE", &path, &token("app", "service"), Value::Null).await
}

fn to_one(more: Value) -> Value {
    let mut body = json!({ "user_id": "ana", "type": "news", "title": "T", "message": "m" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Sends one for later; gives its id.
async fn later(world: &World, more: Value) -> String {
    let (status, answer) = send(world, to_one(more)).await;
    assert_eq!((status, &answer["replay_id"]), (202, &Value::Null), "{answer}");
    answer["notification_id"].as_str().unwrap().to_owned()
}

async fn timeline(world: &World, id: &str, token: &str) -> (u16, Value) {
    world.get(&format!("/api/v1/notifications/{id}/timeline"), token).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_later_is_there_when_it_is_due_and_not_before() {
    let world = World::start().await;
    let (status, answer) = send(&world, to_one(json!({ "deliver_at": NINE, "ttl": 60 }))).await;
    assert_eq!(
        (status, &answer["replay_id"], &answer["channels"]),
        (202, &Value::Null, &json!({}))
    );
    assert_eq!(answer["estimated_delivery"], "2027-01-15T09:00:00.000Z");
    assert_eq!(answer["timestamp"], "2027-01-15T08:00:00.000Z");
    later(&world, json!({ "deliver_at": "2027-01-15T08:30:00Z", "title": "before" })).await;
    world.go_to(HOUR - 1);
    assert_eq!(until_inbox(&world, "ana", 1).await[0]["title"], "before");
    world.go_to(HOUR);
    let items = until_inbox(&world, "ana", 2).await;
    assert_eq!((&items[0]["id"], &items[0]["title"]), (&answer["notification_id"], &json!("T")));
    assert_eq!((&items[0]["replay_id"], &items[0]["send_id"]), (&json!("2"), &Value::Null));
    assert_eq!(items[0]["created_at"], "2027-01-15T09:00:00.000Z");
    assert_eq!(items[0]["expires_at"], "2027-01-15T09:01:00.000Z");
    let trail = world.landfall.audit("notification_scheduled").await;
    assert_eq!((trail.len(), &trail[0]["target_user_id"]), (2, &json!("ana")), "{trail:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_one_time_all_go_out_once() {
    let world = World::start().await;
    let line = |number: u32| {
        let key = format!("k{number}");
        to_one(json!({ "deliver_at": NINE, "title": key, "idempotency_key": key })).to_string()
    };
    let mut lines: Vec<String> = (0..300).map(line).collect();
    lines.push(to_one(json!({ "deliver_at": "soon" })).to_string());
    let batch = async || {
        let request =
            world.open("POST", "/api/v1/notify/batch").bearer_auth(token("app", "service"));
        let request = request.header("content-type", "application/x-ndjson").body(lines.join("\n"));
        request.send().await.unwrap().text().await.unwrap()
    };
    let first = batch().await;
    assert_eq!(batch().await, first, "a repetition is the same");
    let last: Value = serde_json::from_str(first.lines().last().unwrap()).unwrap();
    assert_eq!((&last["line"], &last["status"]), (&json!(301), &json!(422)));
    world.go_to(HOUR);
    let mut titles: Vec<String> = until_inbox(&world, "ana", 300).await.iter().map(title).collect();
    titles.sort();
    titles.dedup();
    assert_eq!(titles.len(), 300);
}

fn title(item: &Value) -> String {
    item["title"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_loses_nothing_that_is_for_later_and_sends_nothing_twice() {
    let world = World::start().await;
    later(&world, json!({ "deliver_at": NINE })).await;
    let many = json!({ "user_ids": ["ana", "ben"], "type": "news", "title": "many", "message": "m",
        "deliver_at": NINE });
    send(&world, many).await;
    let world = world.restart_at(3 * HOUR).await;
    until_inbox(&world, "ana", 2).await;
    until_inbox(&world, "ben", 1).await;
    let world = world.restart_at(4 * HOUR).await;
    send(&world, to_one(json!({ "title": "last" }))).await;
    assert_eq!(until_inbox(&world, "ana", 3).await[0]["title"], "last");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_moves_before_it_is_due_gets_it_by_their_new_clock() {
    let world = World::start().await;
    world.prefer("ana", json!({ "tz": "Europe/Madrid" })).await;
    let body = to_one(json!({ "deliver_at_local": "2027-01-15T14:00" }));
    let (_, answer) = send(&world, body).await;
    assert_eq!(answer["estimated_delivery"], "2027-01-15T13:00:00.000Z");
    let id = answer["notification_id"].as_str().unwrap();
    world.prefer("ana", json!({ "tz": "America/Lima" })).await;
    let (_, shown) = timeline(&world, id, &token("app", "service")).await;
    assert_eq!(shown["deliver_at"], "2027-01-15T19:00:00.000Z");
    later(&world, json!({ "title": "then", "deliver_at": "2027-01-15T13:00:01Z" })).await;
    world.go_to(5 * HOUR + 1);
    until_inbox(&world, "ana", 1).await;
    world.go_to(11 * HOUR);
    let items = until_inbox(&world, "ana", 2).await;
    assert_eq!(items[0]["id"], answer["notification_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_later_can_be_taken_back_and_a_repetition_is_the_same() {
    let world = World::start().await;
    let body = to_one(json!({ "deliver_at": NINE }));
    let service = token("app", "service");
    let keyed = async || {
        let url = format!("http://{}/notify", world.landfall.address);
        let request = world.client().post(url).bearer_auth(&service).json(&body);
        let answer = request.header("idempotency-key", "k1").send().await.unwrap();
        answer.json::<Value>().await.unwrap()
    };
    let first = keyed().await;
    assert_eq!(keyed().await, first);
    let id = first["notification_id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/notify/{id}");
    let (status, _) = world.try_call("DELETE", &path, &token("x", "student"), Value::Null).await;
    assert_eq!(status, 404);
    // No inbox has it, so that there is nothing to recall.
    for more in ["", "?recall=true", ""] {
        let (status, taken) = take_back(&world, &id, more).await;
        assert_eq!((status, &taken["notification_id"]), (200, &json!(id)));
    }
    assert_eq!(world.landfall.audit("notification_canceled").await.len(), 1);
    later(&world, json!({ "title": "then", "deliver_at": NINE })).await;
    world.go_to(2 * HOUR);
    assert_eq!(until_inbox(&world, "ana", 1).await[0]["title"], "then");
    let story = world.story(&id).await;
    assert!(story[0].starts_with("notification_scheduled"), "{story:?}");
    assert!(story[1].starts_with("notification_canceled"), "{story:?}");
    assert_eq!(world.timeline(&id).await["canceled_at"], "2027-01-15T08:00:00.000Z");
    assert_eq!(keyed().await, first, "and a repetition still");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_gone_out_is_taken_back_as_any_other() {
    let world = World::start().await;
    let id = later(&world, json!({ "deliver_at": NINE })).await;
    world.go_to(HOUR);
    until_inbox(&world, "ana", 1).await;
    assert_eq!(take_back(&world, &id, "?recall=true").await.0, 200);
    until_inbox(&world, "ana", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeline_begins_when_it_is_accepted_and_goes_on_when_it_goes_out() {
    let world = World::start().await;
    let id = later(&world, json!({ "deliver_at": NINE, "ttl": 60, "channels": ["push"] })).await;
    let ana = token("ana", "student");
    for reader in [token("app", "service"), ana.clone(), token("root", "admin")] {
        let (status, waiting) = timeline(&world, &id, &reader).await;
        assert_eq!((status, &waiting["user_id"]), (200, &json!("ana")), "{waiting}");
        assert_eq!(waiting["created_at"], "2027-01-15T08:00:00.000Z");
        assert_eq!(waiting["deliver_at"], "2027-01-15T09:00:00.000Z");
        assert_eq!(waiting["expires_at"], "2027-01-15T09:01:00.000Z");
        let items = waiting["items"].as_array().unwrap();
        assert_eq!((items.len(), &items[0]["event"]), (1, &json!("notification_scheduled")));
        assert_eq!(waiting["channels"], json!({}));
    }
    assert_eq!(timeline(&world, &id, &token("ben", "student")).await.0, 404);
    // Her inbox has it when it is due, and not before.
    assert_eq!(world.get(&format!("/api/v1/notifications/{id}"), &ana).await.0, 404);
    world.go_to(HOUR);
    until_inbox(&world, "ana", 1).await;
    let (_, out) = timeline(&world, &id, &ana).await;
    assert_eq!(
        (&out["deliver_at"], &out["channels"]["push"]["state"]),
        (&Value::Null, &json!("skipped"))
    );
    let story = world.story(&id).await;
    let begins = ["notification_scheduled", "accepted", "planned", "planned"];
    assert!(story.iter().zip(begins).all(|(line, begin)| line.starts_with(begin)), "{story:?}");
    assert_eq!(timeline(&world, &id, &token("app", "service")).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_came_along_is_used_when_it_goes_out() {
    let world = World::start().await;
    let more = json!({ "deliver_at": NINE, "channels": ["sms"], "phone_number": "+15005550133" });
    let id = later(&world, more).await;
    world.go_to(HOUR);
    until_inbox(&world, "ana", 1).await;
    world.until_stands(&id, "sms", "sent").await;
    assert_eq!(world.on.twilio.messages().pop().unwrap().to, "+15005550133");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_forgotten_before_it_is_due_is_reached_in_the_inbox_alone() {
    let world = World::start().await;
    world.person("ana", "+15005550134").await;
    let more = json!({ "deliver_at": NINE, "channels": ["sms"] });
    let id = later(&world, more).await;
    let root = token("root", "admin");
    let (status, _) = world.try_call("DELETE", "/api/v1/users/ana", &root, Value::Null).await;
    assert_eq!(status, 204);
    world.go_to(HOUR);
    until_inbox(&world, "ana", 1).await;
    world.until_for(&id, "sms", "skipped", "no address").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_time_is_told() {
    let world = World::start().await;
    for (more, pointer) in [
        (json!({ "deliver_at": "soon" }), "/deliver_at"),
        (json!({ "deliver_at": "2031-01-15T09:00:00Z" }), "/deliver_at"),
        (json!({ "deliver_at_local": "2027-01-15T09:00:00Z" }), "/deliver_at_local"),
        (json!({ "deliver_at_local": "2031-01-15T09:00" }), "/deliver_at_local"),
        (
            json!({ "deliver_at": "2027-01-15T09:00:00Z", "deliver_at_local": "2027-01-15T09:00" }),
            "/deliver_at_local",
        ),
    ] {
        let (status, problem) = send(&world, to_one(more.clone())).await;
        assert_eq!(status, 422, "{more}: {problem}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    // A time that has passed is now.
    for (number, more) in [
        (1, json!({ "deliver_at": "2020-01-01T00:00:00Z" })),
        (2, json!({ "deliver_at": "2027-01-15T08:00:00Z" })),
        (3, json!({ "deliver_at_local": "2027-01-15T08:00" })),
        (4, json!({ "deliver_at_local": "0000-01-01T00:00" })),
    ] {
        let (_, answer) = send(&world, to_one(more)).await;
        assert_eq!(answer["replay_id"], number.to_string(), "{answer}");
        assert_eq!(answer["estimated_delivery"], "2027-01-15T08:00:00.000Z");
    }
}
