//! Sends to many that go out later, each recipient by their own clock where that is asked for.

use serde_json::{Value, json};

use crate::harness::{token, until};
use crate::later::{HOUR, inbox, send, take_back, until_inbox};
use crate::world::World;

const NINE: &str = "2027-01-15T09:00:00Z";
/// In Kolkata it is 14:00 at 08:30 UTC, in Madrid at 13:00, in Lima at 19:00.
const TWO: &str = "2027-01-15T14:00:00";
const USERS: [&str; 4] = ["ana", "ben", "kim", "zoe"];

/// Starts with people in three zones, and one who told none, in the topic `trip`.
async fn world() -> World {
    let world = World::start().await;
    for (user, zone) in [("ana", "Asia/Kolkata"), ("ben", "Europe/Madrid"), ("kim", "America/Lima")]
    {
        world.prefer(user, json!({ "tz": zone })).await;
    }
    let root = token("root", "admin");
    world.try_call("PUT", "/api/v1/topics/trip", &root, json!({ "title": "Trip" })).await;
    for user in USERS {
        let path = format!("/api/v1/topics/trip/members/{user}");
        world.try_call("PUT", &path, &root, json!({ "role": "member" })).await;
    }
    world
}

fn words(more: Value) -> Value {
    let mut body = json!({ "type": "news", "title": "Good morning", "message": "m" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Sends to them for later; gives the send's id.
async fn later(world: &World, more: Value) -> String {
    let (status, answer) = send(world, words(more)).await;
    assert_eq!((status, &answer["accepted"]), (202, &json!(4)), "{answer}");
    answer["send_id"].as_str().unwrap().to_owned()
}

async fn counts(world: &World) -> [usize; 4] {
    let mut counts = [0; 4];
    for (count, user) in counts.iter_mut().zip(USERS) {
        *count = inbox(world, user).await.len();
    }
    counts
}

async fn until_there(world: &World, there: [usize; 4]) {
    until("as many as are due", async || counts(world).await == there).await;
}

/// Waits until whatever was due has gone out: one that is due now comes last.
async fn until_done(world: &World, title: &str, seconds: i64) {
    let at = landfall_core::time::Timestamp::parse(NINE).unwrap().plus_ms((seconds - HOUR) * 1_000);
    world.go_to(seconds - 1);
    send(
        world,
        words(json!({ "user_ids": ["eve"], "title": title, "deliver_at": at.to_string() })),
    )
    .await;
    world.go_to(seconds);
    until(title, async || inbox(world, "eve").await.iter().any(|item| item["title"] == title))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_time_is_that_of_each_recipient() {
    let world = world().await;
    let id = later(&world, json!({ "user_ids": USERS, "deliver_at_local": TWO })).await;
    for (seconds, there) in [
        (0, [0, 0, 0, 0]),
        (HOUR / 2, [1, 0, 0, 0]),
        (5 * HOUR, [1, 1, 0, 0]),
        (6 * HOUR, [1, 1, 0, 1]),
        (11 * HOUR, [1, 1, 1, 1]),
    ] {
        world.go_to(seconds);
        until_there(&world, there).await;
    }
    let of_kim = inbox(&world, "kim").await;
    assert_eq!(of_kim[0]["send_id"], id, "one send, whenever it reached whom");
    let told = async || world.landfall.audit("send_completed").await;
    until("each part is told", async || told().await.len() == 5).await;
    let told = told().await;
    assert!(told.iter().all(|entry| entry["entity_id"] == id), "{told:?}");
    let reached: u64 =
        told.iter().map(|entry| entry["metadata"]["reached"].as_u64().unwrap()).sum();
    assert_eq!(reached, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_topic_only_those_are_reached_who_are_still_members_and_want_it() {
    let world = world().await;
    world.person("ben", "+15005550141").await;
    world.person("zoe", "+15005550142").await;
    let rule =
        json!({ "preferences": [{ "topic_id": "trip", "channel": "sms", "is_enabled": false }] });
    world.prefer("ben", rule).await;
    let more = json!({ "topic_id": "trip", "channels": ["sms"], "deliver_at_local": TWO });
    let id = later(&world, more).await;
    world.go_to(HOUR / 2);
    until_there(&world, [1, 0, 0, 0]).await;
    let (root, kim) = (token("root", "admin"), "/api/v1/topics/trip/members/kim");
    assert_eq!(world.try_call("DELETE", kim, &root, Value::Null).await.0, 204);
    world.go_to(6 * HOUR);
    until_there(&world, [1, 1, 0, 1]).await;
    let of = async |user: &str| inbox(&world, user).await[0]["id"].as_str().unwrap().to_owned();
    let of_ben = of("ben").await;
    world.until_stands(&of_ben, "sms", "skipped").await;
    let story = world.story(&of_ben).await;
    assert!(story.iter().any(|line| line.starts_with("planned sms skipped")), "{story:?}");
    world.until_stands(&of("zoe").await, "sms", "sent").await;
    until_done(&world, "all", 11 * HOUR).await;
    assert_eq!(counts(&world).await, [1, 1, 0, 1], "{id}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_is_taken_back_with_what_it_left_for_later() {
    let world = world().await;
    let id = later(&world, json!({ "user_ids": USERS, "deliver_at_local": TWO })).await;
    world.go_to(5 * HOUR);
    until_there(&world, [1, 1, 0, 0]).await;
    let (status, taken) = take_back(&world, &id, "").await;
    assert_eq!((status, &taken["send_id"]), (200, &json!(id)));
    until_done(&world, "all", 11 * HOUR).await;
    assert_eq!(counts(&world).await, [1, 1, 0, 0]);
    assert_eq!(take_back(&world, &id, "?recall=true").await.0, 200);
    until_there(&world, [0; 4]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_that_waits_is_taken_back_and_reaches_nobody() {
    let world = world().await;
    let id = later(&world, json!({ "topic_id": "trip", "deliver_at": NINE })).await;
    let strange = token("other", "service");
    let path = format!("/api/v1/notify/{id}");
    assert_eq!(world.try_call("DELETE", &path, &strange, Value::Null).await.0, 404);
    assert_eq!(take_back(&world, &id, "").await.0, 200);
    until_done(&world, "all", 2 * HOUR).await;
    assert_eq!(counts(&world).await, [0; 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_deleted_before_it_is_due_reaches_nobody_and_holds_up_nothing() {
    let world = world().await;
    let (status, _) = send(&world, words(json!({ "topic_id": "none", "deliver_at": NINE }))).await;
    assert_eq!(status, 404);
    later(&world, json!({ "topic_id": "trip", "deliver_at": NINE })).await;
    later(&world, json!({ "topic_id": "trip", "deliver_at_local": TWO })).await;
    // What clocks do not show yet was left for later by now.
    until_done(&world, "before", HOUR / 4).await;
    let root = token("root", "admin");
    assert_eq!(world.try_call("DELETE", "/api/v1/topics/trip", &root, Value::Null).await.0, 204);
    until_done(&world, "all", 12 * HOUR).await;
    assert_eq!(counts(&world).await, [0; 4]);
    assert_eq!(until_inbox(&world, "eve", 2).await[0]["title"], "all");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manual_send_is_forecast_as_of_when_it_goes_out() {
    let world = world().await;
    let quiet = json!({ "quiet_hours": { "start": "13:30", "end": "15:00" } });
    for user in ["ana", "ben"] {
        world.app(user, &format!("app-of-{user}")).await;
        world.prefer(user, quiet.clone()).await;
    }
    let send = async |body: Value| {
        world
            .try_call("POST", "/api/v1/notifications/send", &token("app", "service"), words(body))
            .await
    };
    let push = async |body: Value| send(body).await.1["forecast"]["channels"]["push"].clone();
    let held = async |more: Value| {
        let mut body =
            json!({ "user_ids": USERS, "channels": ["push"], "ttl": 7200, "dry_run": true });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        push(body).await["held"].clone()
    };
    // It is 13:30 in Kolkata and 09:00 in Madrid. What waits longer than it lives has not expired.
    assert_eq!(held(json!({})).await, 1);
    assert_eq!(held(json!({ "deliver_at": "2027-01-15T13:00:00Z" })).await, 1);
    assert_eq!(held(json!({ "deliver_at": "2027-01-15T10:00:00Z" })).await, 0);
    assert_eq!(held(json!({ "deliver_at_local": TWO })).await, 2);
    let (status, answer) = send(json!({ "user_id": "ana", "deliver_at": NINE })).await;
    assert_eq!(status, 202, "{answer}");
    assert_eq!(answer["estimated_delivery"], "2027-01-15T09:00:00.000Z");
    world.go_to(HOUR);
    assert_eq!(until_inbox(&world, "ana", 1).await[0]["id"], answer["notification_id"]);
    assert_eq!(counts(&world).await, [1, 0, 0, 0], "what was forecast alone was not stored");
}
