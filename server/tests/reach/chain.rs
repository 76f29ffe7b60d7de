//! One call to four channels, and how it walks them as its recipient is there, looks away, reads or
//! is gone.

use landfall_fixtures::{Step, twilio_error};
use serde_json::{Value, json};

use crate::client::number;
use crate::harness::{token, until};
use crate::world::{FULL, World};

const PHONE: &str = "+15005550111";

async fn world() -> World {
    let world = World::start().await;
    world.person("ana", PHONE).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_confirms_is_enough() {
    let world = world().await;
    world.browser("ana").await;
    let mut device = world.landfall.device("ana", "ack=1").await;
    let id = world.notify("ana", &FULL, json!({})).await;
    let frame = device.next_of("news").await;
    device.ack(number(&frame["replay_id"])).await;
    world.until_stands(&id, "websocket", "delivered").await;
    world.go_to(11);
    world.until_for(&id, "push", "skipped", "confirmed by a device").await;
    world.until_stands(&id, "email", "skipped").await;
    assert_eq!(world.on.push.requests(), 0);
    assert_eq!(world.on.twilio.requests(), 0);
    assert_eq!(world.on.smtp.mails().len(), 0);
    let story = world.story(&id).await;
    assert_eq!(
        story[..5],
        [
            "accepted: stored",
            "planned websocket queued: requested (2)",
            "planned push queued: after websocket (4)",
            "planned sms queued: waits for push to fail (4)",
            "planned email queued: waits for sms to fail (4)",
        ],
        "{story:#?}"
    );
    assert!(story.contains(&"delivery_skipped push skipped: confirmed by a device (4)".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_says_nothing_is_given_ten_seconds() {
    let world = world().await;
    let browser = world.browser("ana").await;
    let mut device = world.landfall.device("ana", "ack=1").await;
    let id = world.notify("ana", &FULL, json!({ "message": "Bus 4 waits" })).await;
    device.next_of("news").await;
    world.go_to(9);
    world.until_quiet(&id, "ana").await;
    assert_eq!(world.on.push.requests(), 0, "the grace is not over");
    world.go_to(10);
    world.until_stands(&id, "push", "sent").await;
    world.until_stands(&id, "sms", "skipped").await;
    world.until_stands(&id, "email", "skipped").await;
    let [message] = &world.on.push.messages()[..] else { panic!("one push") };
    assert_eq!(message.endpoint, browser.endpoint);
    let text: Value = serde_json::from_slice(&message.plaintext).unwrap();
    assert!(text.to_string().contains("Bus 4 waits"), "{text}");
    assert_eq!(world.on.push.breaches(), Vec::<String>::new());
    assert_eq!(world.on.twilio.requests(), 0);
    let story = world.story(&id).await;
    assert_eq!(
        story[5..],
        [
            "notification_failed websocket queued: no device confirmed in time (4)",
            "delivery_sent push sent: taken by the provider",
            "delivery_skipped sms skipped: an earlier channel took it (4)",
            "delivery_skipped email skipped: an earlier channel took it (4)",
        ],
        "{story:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_offline_is_pushed_to_at_once() {
    let world = world().await;
    world.app("ana", "app-1-of-ana").await;
    let id = world.notify("ana", &FULL, json!({ "message": "Bus 4 waits" })).await;
    world.until_stands(&id, "push", "sent").await;
    world.until_for(&id, "sms", "skipped", "an earlier channel took it").await;
    world.until_for(&id, "email", "skipped", "an earlier channel took it").await;
    let [message] = &world.on.fcm.messages()[..] else { panic!("one message") };
    assert_eq!(message["token"], "app-1-of-ana");
    assert!(message.to_string().contains("Bus 4 waits"), "{message}");
    let story = world.story(&id).await;
    assert_eq!(
        story,
        [
            "accepted: stored",
            "planned websocket queued: requested (2)",
            "planned push queued: requested (2)",
            "planned sms queued: waits for push to fail (4)",
            "planned email queued: waits for sms to fail (4)",
            "notification_failed websocket queued: no device connected (4)",
            "delivery_sent push sent: taken by the provider",
            "delivery_skipped sms skipped: an earlier channel took it (4)",
            "delivery_skipped email skipped: an earlier channel took it (4)",
        ],
        "{story:#?}"
    );
    // What ended long ago is told the same when the rows of its deliveries are gone.
    let store = &world.landfall.server.app.services.store;
    let later = world.landfall.clock.now().plus_ms(1);
    assert_eq!(store.forget_deliveries(later, 10).await.unwrap(), 3);
    assert_eq!(world.story(&id).await, story);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_goes_on_to_the_next_channel_until_one_takes_it() {
    let world = world().await;
    world.app("ana", "app-1-of-ana").await;
    world.on.fcm.unregister("app-1-of-ana");
    world.on.twilio.answer(twilio_error(400, 21211, "no number"));
    let id = world.notify("ana", &FULL, json!({ "message": "Bus 4 waits" })).await;
    world.until_stands(&id, "email", "sent").await;
    let [mail] = &world.on.smtp.mails()[..] else { panic!("one mail") };
    assert_eq!(mail.recipients, ["ana@home.example"]);
    assert!(mail.part("text/plain").unwrap().contains("Bus 4 waits"));
    let story = world.story(&id).await;
    let tail: Vec<&str> = story.iter().skip(5).map(String::as_str).collect();
    assert_eq!(
        tail,
        [
            "notification_failed websocket queued: no device connected (4)",
            "delivery_failed push failed: address gone",
            "delivery_failed sms failed: address gone",
            "delivery_sent email sent: taken by the provider",
        ],
        "{story:#?}"
    );
    let (_, tokens) = world.get("/api/v1/notifications/tokens", &token("ana", "student")).await;
    assert_eq!(tokens["items"], json!([]), "the dead token is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_goes_out_on_every_channel_and_push_to_every_device() {
    let world = world().await;
    world.browser("ana").await;
    world.browser("ana").await;
    world.app("ana", "app-1-of-ana").await;
    let _device = world.landfall.device("ana", "ack=1").await;
    let id = world.notify("ana", &FULL, json!({ "strategy": "all" })).await;
    for channel in ["push", "sms", "email"] {
        world.until_stands(&id, channel, "sent").await;
    }
    world.until_quiet(&id, "ana").await;
    assert_eq!(world.on.push.messages().len(), 2);
    assert_eq!(world.on.fcm.messages().len(), 1);
    assert_eq!(world.on.twilio.messages().len(), 1);
    assert_eq!(world.on.smtp.mails().len(), 1);
    let offline = json!({ "strategy": "all" });
    world.person("ben", "+15005550122").await;
    let id = world.notify("ben", &["websocket", "sms"], offline).await;
    world.until_stands(&id, "sms", "sent").await;
    let story = world.story(&id).await;
    assert_eq!(story.len(), 4, "it waited for no connection, so it went past none: {story:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_read_escalates_and_what_is_read_does_not() {
    let world = world().await;
    world.browser("ana").await;
    let more = json!({ "escalate_after": 300 });
    let unread = world.notify("ana", &FULL, more.clone()).await;
    let read = world.notify("ana", &FULL, more).await;
    world.until_stands(&unread, "push", "sent").await;
    world.until_stands(&read, "push", "sent").await;
    let path = format!("/api/v1/notifications/{read}/mark-read");
    world.landfall.call("PATCH", &path, &token("ana", "student"), None).await;
    world.go_to(299);
    world.until_quiet(&unread, "ana").await;
    assert_eq!(world.on.twilio.requests(), 0);
    world.go_to(301);
    world.until_stands(&unread, "sms", "sent").await;
    world.until_for(&read, "sms", "skipped", "read").await;
    world.go_to(602);
    world.until_stands(&unread, "email", "sent").await;
    world.until_for(&read, "email", "skipped", "read").await;
    assert_eq!(world.on.twilio.messages().len(), 1);
    assert_eq!(world.on.smtp.mails().len(), 1);
    let story = world.story(&unread).await;
    let tail: Vec<&str> = story.iter().skip(3).map(String::as_str).collect();
    assert_eq!(
        tail,
        [
            "planned sms queued: unless read (4)",
            "planned email queued: unless read (4)",
            "notification_failed websocket queued: no device connected (4)",
            "delivery_sent push sent: taken by the provider",
            "delivery_sent sms sent: taken by the provider",
            "delivery_sent email sent: taken by the provider",
        ],
        "{story:#?}"
    );
}

/// Sends by push and, unless it is read, five minutes later by text message.
async fn escalating(world: &World) -> String {
    world.browser("ana").await;
    let id = world.notify("ana", &["push", "sms"], json!({ "escalate_after": 300 })).await;
    world.until_stands(&id, "push", "sent").await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_due_while_the_server_was_stopped_escalates_once() {
    let world = world().await;
    let id = escalating(&world).await;
    let world = world.restart_at(299).await;
    world.until_quiet(&id, "ana").await;
    assert_eq!(world.on.twilio.requests(), 0, "it may still be read");
    let world = world.restart_at(400).await;
    world.until_stands(&id, "sms", "sent").await;
    let world = world.restart_at(800).await;
    world.until_quiet(&id, "ana").await;
    assert_eq!(world.on.twilio.requests(), 1);
    assert_eq!(world.on.push.requests(), 1);
    let told = "delivery_sent sms sent: taken by the provider";
    assert_eq!(world.story(&id).await.iter().filter(|line| *line == told).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_before_the_server_stopped_does_not_escalate_afterwards() {
    let world = world().await;
    let id = escalating(&world).await;
    let path = format!("/api/v1/notifications/{id}/mark-read");
    world.landfall.call("PATCH", &path, &token("ana", "student"), None).await;
    let world = world.restart_at(400).await;
    world.until_for(&id, "sms", "skipped", "read").await;
    world.until_quiet(&id, "ana").await;
    assert_eq!(world.on.twilio.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_gone_before_it_confirms_is_given_the_same_grace() {
    let world = world().await;
    world.browser("ana").await;
    let mut device = world.landfall.device("ana", "ack=1").await;
    let id = world.notify("ana", &["websocket", "push"], json!({})).await;
    device.next_of("news").await;
    // The connection ends without a close.
    drop(device);
    world.landfall.until_connected(0).await;
    world.go_to(9);
    world.until_quiet(&id, "ana").await;
    assert_eq!(world.on.push.requests(), 0, "the grace is not over");
    world.go_to(10);
    world.until_stands(&id, "push", "sent").await;
    assert_eq!(world.on.push.messages().len(), 1);
    assert_ne!(world.timeline(&id).await["channels"]["websocket"]["state"], "delivered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_down_for_a_while_is_tried_again() {
    let world = world().await;
    world.on.smtp.say(Step::Recipient, "451 4.3.0 try later");
    let id = world.notify("ana", &["email"], json!({})).await;
    let waits =
        async || world.timeline(&id).await["channels"]["email"]["reason"] == "tried again later";
    until("a retry", waits).await;
    assert_eq!(world.on.smtp.mails().len(), 0);
    world.go_to(60);
    world.until_stands(&id, "email", "sent").await;
    assert_eq!(world.on.smtp.mails().len(), 1);
}
