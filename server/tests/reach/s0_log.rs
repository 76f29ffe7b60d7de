//! S0's `notification_logs`, as admins read them: each field, of every platform, by every filter.

use landfall_fixtures::twilio_error;
use serde_json::{Value, json};

use crate::harness::{token, until};
use crate::world::World;

const LOG: &str = "/api/v1/admin/deliveries";
const PHONE: &str = "+15005550124";

async fn log(world: &World, query: &str) -> Vec<Value> {
    let path = format!("{LOG}?{query}");
    let list = world.landfall.call("GET", &path, &token("root", "admin"), None).await;
    list["items"].as_array().unwrap().clone()
}

/// Registers an app of Ana on each platform, and a browser.
async fn everywhere(world: &World) {
    for platform in ["android", "ios", "web"] {
        let device = format!("anas_app_on_{platform}");
        let body = json!({ "token": device, "platform": platform, "device_id": device });
        let path = "/api/v1/notifications/tokens";
        world.landfall.call("POST", path, &token("ana", "student"), Some(body)).await;
    }
    world.browser("ana").await;
}

/// Sends Ana a quiz on every device, Ben one that reaches nobody, and Ana a news by text message
/// that is refused an hour later.
async fn three_sent() -> World {
    let world = World::start().await;
    everywhere(&world).await;
    world.person("ana", PHONE).await;
    let quiz = json!({ "notification_type": "quiz_reminder", "message": "At nine" });
    let id = world.notify("ana", &["push"], quiz.clone()).await;
    world.until_stands(&id, "push", "sent").await;
    world.until_quiet(&id, "ana").await;
    let id = world.notify("ben", &["push"], quiz).await;
    world.until_for(&id, "push", "skipped", "no address").await;
    world.go_to(3_600);
    world.on.twilio.answer(twilio_error(400, 21211, "no number"));
    let id = world.notify("ana", &["sms"], json!({ "notification_type": "news" })).await;
    world.until_stands(&id, "sms", "failed").await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn s0_the_log_tells_every_field_of_what_went_to_each_platform() {
    let world = three_sent().await;
    let mut items = log(&world, "channel=push&user_id=ana").await;
    items.sort_by_key(|item| [item["platform"].to_string(), item["provider"].to_string()]);
    let seen = items.iter().map(|item| [&item["platform"], &item["provider"]].map(Value::clone));
    let expected = [["android", "fcm"], ["ios", "fcm"], ["web", "fcm"], ["web", "web_push"]];
    let expected = expected.map(|one| one.map(|word| json!(word)));
    assert_eq!(seen.collect::<Vec<_>>(), expected);
    for item in &items {
        for (field, value) in [
            ("user_id", json!("ana")),
            ("notification_type", json!("quiz_reminder")),
            ("title", json!("Trip")),
            ("body", json!("At nine")),
            ("channel", json!("push")),
            ("delivery_status", json!("sent")),
            ("state", json!("sent")),
            ("reason", json!("taken by the provider")),
            ("attempts", json!(1)),
            ("due_at", Value::Null),
            ("created_at", json!("2027-01-15T08:00:00.000Z")),
            ("updated_at", json!("2027-01-15T08:00:00.000Z")),
        ] {
            assert_eq!(item[field], value, "{field} of {item}");
        }
        assert!(item["id"].is_string() && item["notification_id"].is_string(), "{item}");
        assert!(item["reference"].is_string(), "the provider's own name: {item}");
        let text = item.to_string();
        for secret in ["anas_app_on", "of-this-machine"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    let [sms] = &log(&world, "channel=sms").await[..] else { panic!("one text message") };
    let told = ["platform", "delivery_status", "code", "reason"].map(|field| sms[field].clone());
    assert_eq!(told, [json!(null), json!("failed"), json!("400 21211"), json!("address gone")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn s0_every_filter_of_the_log_holds_on_what_was_really_sent() {
    let world = three_sent().await;
    let count = async |query: &str| log(&world, query).await.len();
    let all = count("").await;
    assert_eq!(all, 5 + count("user_id=ben").await);
    for (query, expected) in [
        ("user_id=ana", 5),
        ("user_id=nobody", 0),
        ("notification_type=quiz_reminder&user_id=ana", 4),
        ("notification_type=news", 1),
        ("channel=push&user_id=ana", 4),
        ("channel=sms", 1),
        ("channel=email", 0),
        ("delivery_status=sent", 4),
        ("state=failed", 1),
        ("state=queued", 0),
        ("since=2027-01-15T08:30:00Z", 1),
        ("until=2027-01-15T08:30:00Z&user_id=ana", 4),
        ("since=2027-01-15T08:30:00Z&channel=push", 0),
        ("since=2027-01-15T08:00:00Z&delivery_status=sent&notification_type=quiz_reminder", 4),
    ] {
        assert_eq!(count(query).await, expected, "{query}");
    }
    let platforms = async |query: &str| {
        let items = log(&world, query).await;
        items.iter().map(|item| item["platform"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(platforms("limit=1").await.len(), 1);
    let whole = platforms("").await;
    assert_eq!(platforms("offset=1").await, whole[1..], "the newest first");
}

#[tokio::test(flavor = "multi_thread")]
async fn s0_the_log_names_no_platform_of_a_device_that_is_gone() {
    let world = World::start().await;
    everywhere(&world).await;
    world.on.fcm.unregister("anas_app_on_ios");
    let id = world.notify("ana", &["push"], json!({})).await;
    world.until_stands(&id, "push", "sent").await;
    world.until_quiet(&id, "ana").await;
    until("the device is removed", async || {
        let [gone] = &log(&world, "delivery_status=failed").await[..] else { return false };
        let told = ["platform", "provider", "reason"].map(|field| &gone[field]);
        told == [&Value::Null, &json!("fcm"), &json!("address gone")]
    })
    .await;
    assert_eq!(log(&world, "delivery_status=sent").await.len(), 3);
}
