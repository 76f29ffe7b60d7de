//! What holds a message back or ends it: quiet hours, do-not-disturb, preferences, expiry, a read,
//! and a sender who takes it back.

use serde_json::json;

use crate::harness::{token, until};
use crate::world::World;

const PHONE: &str = "+15005550115";
/// The clock stands at 08:00 UTC.
const QUIET: &str = "07:00";

async fn world() -> World {
    let world = World::start().await;
    world.person("ana", PHONE).await;
    world.browser("ana").await;
    world
}

fn until_ten() -> serde_json::Value {
    json!({ "quiet_hours": { "start": QUIET, "end": "10:00", "tz": "UTC" } })
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_hours_hold_until_they_end_and_critical_passes() {
    let world = world().await;
    world.prefer("ana", until_ten()).await;
    let id = world.notify("ana", &["push"], json!({})).await;
    world.until_for(&id, "push", "held", "quiet hours").await;
    let [held] = &world.deliveries("ana", &id).await[..] else { panic!("one delivery") };
    assert_eq!(held["due_at"], "2027-01-15T10:00:00.000Z");
    let critical = world.notify("ana", &["push"], json!({ "priority": "critical" })).await;
    world.until_stands(&critical, "push", "sent").await;
    world.go_to(7_199);
    world.until_quiet(&id, "ana").await;
    assert_eq!(world.on.push.requests(), 1);
    world.go_to(7_201);
    world.until_stands(&id, "push", "sent").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn do_not_disturb_holds_and_is_looked_at_anew() {
    let world = world().await;
    world.prefer("ana", json!({ "do_not_disturb_until": "2027-01-15T09:00:00.000Z" })).await;
    let id = world.notify("ana", &["push"], json!({})).await;
    world.until_for(&id, "push", "held", "do not disturb").await;
    world.prefer("ana", json!({ "do_not_disturb_until": "2027-01-15T11:00:00.000Z" })).await;
    world.go_to(3_601);
    until("it is held longer", async || {
        world.deliveries("ana", &id).await[0]["due_at"] == "2027-01-15T11:00:00.000Z"
    })
    .await;
    assert_eq!(world.on.push.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_canceled_or_expired_while_it_is_held_never_goes_out() {
    let world = world().await;
    world.prefer("ana", until_ten()).await;
    let read = world.notify("ana", &["push"], json!({})).await;
    let canceled = world.notify("ana", &["push"], json!({})).await;
    let recalled = world.notify("ana", &["push"], json!({})).await;
    let expired = world.notify("ana", &["push"], json!({ "ttl": 60 })).await;
    world.until_for(&expired, "push", "skipped", "expired").await;
    let (ana, app) = (token("ana", "student"), token("app", "service"));
    let path = format!("/api/v1/notifications/{read}/mark-read");
    world.landfall.call("PATCH", &path, &ana, None).await;
    let path = format!("/api/v1/notify/{canceled}");
    let (status, _) = world.try_call("DELETE", &path, &token("eve", "student"), json!(null)).await;
    assert_eq!(status, 404, "only its sender takes it back");
    world.landfall.call("DELETE", &path, &app, None).await;
    let path = format!("/api/v1/notify/{recalled}?recall=true");
    world.landfall.call("DELETE", &path, &app, None).await;
    let inbox = world.landfall.inbox("ana", "limit=50").await.to_string();
    assert!(inbox.contains(&canceled) && !inbox.contains(&recalled), "{inbox}");
    world.go_to(7_201);
    world.until_for(&read, "push", "skipped", "read").await;
    world.until_for(&canceled, "push", "skipped", "canceled").await;
    until("nothing waits", async || {
        world.deliveries("ana", &recalled).await.iter().all(|one| one["state"] == "skipped")
    })
    .await;
    assert_eq!(world.on.push.requests(), 0);
    let story = world.story(&canceled).await;
    assert!(story.contains(&"delivery_skipped push skipped: canceled (5)".into()), "{story:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recalled_send_leaves_every_inbox_and_devices_are_told() {
    let world = world().await;
    let people: Vec<String> = (0..150).map(|number| format!("user-{number}")).collect();
    let mut device = world.landfall.device("user-7", "ack=1").await;
    let app = token("app", "service");
    let body = json!({ "user_ids": people, "notification_type": "news", "title": "Oops",
        "message": "m", "channels": ["websocket"] });
    let send = world.landfall.call("POST", "/api/v1/notify", &app, Some(body)).await;
    let frame = device.next_of("news").await;
    until("all have it", async || {
        let inbox = world.landfall.inbox("user-149", "limit=5").await;
        inbox["items"].as_array().unwrap().len() == 1
    })
    .await;
    let path = format!("/api/v1/notify/{}?recall=true", send["send_id"].as_str().unwrap());
    world.landfall.call("DELETE", &path, &app, None).await;
    let told = device.next_of("notification_deleted").await;
    assert_eq!(told["id"], frame["id"], "{told}");
    for user in people.iter().step_by(10) {
        until("it is gone", async || {
            world.landfall.inbox(user, "limit=5").await["items"] == json!([])
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn preferences_skip_and_a_channel_that_is_off_stays_off() {
    let world = world().await;
    let rules = json!([
        { "notification_type": "news", "channel": "push", "is_enabled": false },
        { "channel": "sms", "is_enabled": false },
    ]);
    world.prefer("ana", json!({ "preferences": rules })).await;
    let id = world.notify("ana", &["push", "sms", "email"], json!({})).await;
    world.until_for(&id, "push", "skipped", "switched off in preferences").await;
    world.until_for(&id, "sms", "skipped", "channel switched off").await;
    world.until_stands(&id, "email", "sent").await;
    let critical = json!({ "priority": "critical" });
    let id = world.notify("ana", &["push", "sms"], critical).await;
    world.until_stands(&id, "push", "sent").await;
    world.until_for(&id, "sms", "skipped", "channel switched off").await;
    let story = world.story(&id).await;
    assert!(story.contains(&"planned sms skipped: channel switched off (1)".into()), "{story:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tenant_switched_off_skips_who_said_nothing() {
    let world = world().await;
    world.person("ben", "+15005550116").await;
    world.browser("ben").await;
    let rules = json!([
        { "notification_type": "news", "channel": "push", "is_enabled": false },
        { "notification_type": "news", "channel": "email", "is_enabled": false },
    ]);
    let (path, admin) = ("/api/v1/admin/preferences", token("root", "admin"));
    world.landfall.call("PUT", path, &admin, Some(json!({ "preferences": rules }))).await;
    let wish = json!({ "notification_type": "news", "channel": "push", "is_enabled": true });
    world.prefer("ben", json!({ "preferences": [wish] })).await;
    let everywhere = json!({ "strategy": "all" });
    let channels = ["push", "sms", "email"];
    let id = world.notify("ana", &channels, everywhere.clone()).await;
    for channel in ["push", "email"] {
        world.until_for(&id, channel, "skipped", "switched off in preferences").await;
    }
    world.until_stands(&id, "sms", "sent").await;
    let id = world.notify("ben", &channels, everywhere.clone()).await;
    world.until_stands(&id, "push", "sent").await;
    world.until_for(&id, "email", "skipped", "switched off in preferences").await;
    assert_eq!(world.on.push.requests(), 1, "his own word goes before");
    let mut other = everywhere;
    other["notification_type"] = json!("trips");
    let id = world.notify("ana", &channels, other).await;
    for channel in channels {
        world.until_stands(&id, channel, "sent").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_for_a_class_skips_what_is_sent_to_it_and_nothing_else() {
    let world = world().await;
    let admin = token("root", "admin");
    for class in ["7b", "8c"] {
        let path = format!("/api/v1/topics/{class}");
        world.landfall.call("PUT", &path, &admin, Some(json!({ "kind": "class" }))).await;
        let path = format!("{path}/members/ana");
        world.landfall.call("PUT", &path, &admin, Some(json!({ "role": "member" }))).await;
    }
    let rule = json!({ "topic_id": "7b", "channel": "push", "is_enabled": false });
    world.prefer("ana", json!({ "preferences": [rule] })).await;
    for class in ["7b", "8c"] {
        let body = json!({ "class_id": class, "notification_type": "news", "title": class,
            "message": "m", "channels": ["push"] });
        let app = token("app", "service");
        world.landfall.call("POST", "/api/v1/notify", &app, Some(body)).await;
    }
    let id_of = async |class: &str| {
        until("it is there", async || {
            let inbox = world.landfall.inbox("ana", "limit=50").await;
            inbox["items"].as_array().unwrap().iter().any(|item| item["title"] == class)
        })
        .await;
        world.landfall.item("ana", class).await["id"].as_str().unwrap().to_owned()
    };
    let silent = id_of("7b").await;
    world.until_for(&silent, "push", "skipped", "switched off in preferences").await;
    world.until_stands(&id_of("8c").await, "push", "sent").await;
    let direct = world.notify("ana", &["push"], json!({})).await;
    world.until_stands(&direct, "push", "sent").await;
    assert_eq!(world.on.push.requests(), 2);
}
