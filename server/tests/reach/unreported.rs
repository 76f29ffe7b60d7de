//! Text messages that Twilio took and never reported on, and what stands behind them.

use landfall_fixtures::TakenSms;
use serde_json::json;

use crate::world::World;

const PHONE: &str = "+15005550133";
/// When a report is overdue, and when none can come any more, in seconds.
const OVERDUE: i64 = 15 * 60;
const LAST: i64 = 10 * 3_600;

/// A text message that was taken, with mail behind it.
async fn taken(channels: &[&str]) -> (World, String, TakenSms) {
    let world = World::start().await;
    world.person("ana", PHONE).await;
    world.app("ana", "app-1-of-ana").await;
    let id = world.notify("ana", channels, json!({})).await;
    world.until_stands(&id, "sms", "sent").await;
    let sms = world.on.twilio.messages().pop().unwrap();
    world.go_to(OVERDUE - 1);
    world.until_quiet(&id, "ana").await;
    assert_eq!(world.on.twilio.inquiries(), 0, "a report may still come");
    (world, id, sms)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_which_the_report_was_lost_is_asked_for_and_the_next_channel_goes_on() {
    let (world, id, sms) = taken(&["sms", "email"]).await;
    world.on.twilio.stands(&sms, "undelivered", Some(30_003));
    world.go_to(OVERDUE);
    world.until_stands(&id, "email", "sent").await;
    world.until_for(&id, "sms", "failed", "not delivered, says the provider").await;
    assert_eq!((world.on.twilio.inquiries(), world.on.smtp.mails().len()), (1, 1));
    let story = world.story(&id).await;
    let told = "provider_reported sms failed: not delivered, says the provider";
    assert_eq!(story[story.len() - 2], told, "{story:#?}");
    // The report that comes after all is no news.
    let late = world.on.twilio.callback(&sms, "undelivered", Some(30_003));
    assert_eq!(world.call_back(&late).await, 204);
    assert_eq!(world.story(&id).await, story);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_arrived_without_a_report_needs_no_other_channel() {
    let (world, id, sms) = taken(&["sms", "email"]).await;
    world.on.twilio.stands(&sms, "delivered", None);
    world.go_to(OVERDUE);
    world.until_for(&id, "email", "skipped", "an earlier channel took it").await;
    world.until_stands(&id, "sms", "delivered").await;
    assert_eq!((world.on.twilio.inquiries(), world.on.smtp.mails().len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_still_on_its_way_is_waited_for_and_counts_as_taken_in_the_end() {
    let (world, id, sms) = taken(&["sms", "push", "email"]).await;
    for (at, inquiries) in [(OVERDUE, 1), (LAST - 1, 1)] {
        world.go_to(at);
        world.until_quiet(&id, "ana").await;
        assert_eq!(world.on.twilio.inquiries(), inquiries);
        let channels = world.timeline(&id).await["channels"].clone();
        assert_eq!(channels["push"]["state"], "queued", "{channels:#}");
    }
    world.on.twilio.stands(&sms, "sent", None);
    world.go_to(LAST);
    for channel in ["push", "email"] {
        world.until_for(&id, channel, "skipped", "an earlier channel took it").await;
    }
    assert_eq!(world.on.twilio.inquiries(), 2);
    assert_eq!((world.on.fcm.messages().len(), world.on.smtp.mails().len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_is_reported_late_still_lets_the_next_channel_go_on() {
    let (world, id, sms) = taken(&["sms", "email"]).await;
    world.go_to(OVERDUE);
    world.until_quiet(&id, "ana").await;
    world.go_to(9 * 3_600);
    let late = world.on.twilio.callback(&sms, "failed", Some(30_001));
    assert_eq!(world.call_back(&late).await, 204);
    world.until_stands(&id, "email", "sent").await;
    assert_eq!(world.on.twilio.inquiries(), 1);
}
