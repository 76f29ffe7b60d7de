//! Text messages that Twilio took and never reported on, and what stands behind them.

use landfall_core::channel::Channel;
use landfall_core::id::{NotificationId, Tenant};
use landfall_fixtures::{Reply, TakenSms, twilio_error};
use serde_json::json;

use crate::harness::{NOON, token, until};
use crate::world::World;

const PHONE: &str = "+15005550133";
/// When a message is asked for, in seconds.
const FIRST: i64 = 15 * 60;
const HOUR: i64 = 3_600;
const LAST: i64 = 24 * HOUR;
/// When a message of which no more is known counts as taken.
const END: i64 = 10 * HOUR + 15 * 60;
/// While a question is under way it is nobody else's, for so long.
const LEASE: i64 = 4 * 60;
/// After a question without an answer: the shortest rest and the longest.
const REST: [i64; 2] = [5 * 60, 6 * 60];
const TAKEN: &str = "an earlier channel took it";

async fn world_with(settings: &[(&str, &str)]) -> World {
    let world = World::with(settings).await;
    world.person("ana", PHONE).await;
    world.app("ana", "app-1-of-ana").await;
    world
}

/// Sends a text message, with others behind it, which is taken.
async fn taken(world: &World, channels: &[&str]) -> (String, TakenSms) {
    let id = world.notify("ana", channels, json!({})).await;
    world.until_stands(&id, "sms", "sent").await;
    until_asked_at(world, &id, Some(FIRST)).await;
    (id, world.on.twilio.messages().pop().unwrap())
}

/// When a message is asked for, in seconds after noon.
async fn asked_at(world: &World, id: &str) -> Option<i64> {
    let tenant = Tenant::parse("default").unwrap();
    let ids = vec![NotificationId::parse(id).unwrap()];
    let store = &world.landfall.server.app.services.store;
    let all = store.deliveries_of(&tenant, ids).await.unwrap();
    let sms = all.iter().find(|one| one.channel == Channel::Sms).unwrap();
    sms.ask_at.map(|at| at.as_ms() / 1_000 - NOON)
}

async fn until_asked_at(world: &World, id: &str, at: Option<i64>) {
    until("the next question", async || asked_at(world, id).await == at).await;
}

/// Waits until a question has ended without an answer; gives when it is put again, at the soonest
/// then.
async fn until_rests(world: &World, id: &str, soonest: i64) -> i64 {
    let rests = async || asked_at(world, id).await.is_some_and(|next| next >= soonest);
    until("a question without an answer", rests).await;
    asked_at(world, id).await.unwrap()
}

/// Goes to a time at which nobody is asked.
async fn nothing_is_asked(world: &World, at: i64) {
    let inquiries = world.on.twilio.inquiries();
    world.go_to(at);
    let due = world.landfall.server.app.services.unreported(9).await.unwrap();
    assert_eq!((due.len(), world.on.twilio.inquiries()), (0, inquiries), "at {at}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_which_the_report_was_lost_is_asked_for_and_the_next_channel_goes_on() {
    let world = world_with(&[]).await;
    let (id, sms) = taken(&world, &["sms", "email"]).await;
    world.on.twilio.stands(&sms, "undelivered", Some(30_003));
    nothing_is_asked(&world, FIRST - 1).await;
    world.go_to(FIRST);
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
    nothing_is_asked(&world, 9 * LAST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_says_delivered_ends_the_wait_of_what_stands_behind() {
    let world = world_with(&[]).await;
    let (id, sms) = taken(&world, &["sms", "push", "email"]).await;
    let delivered = world.on.twilio.callback(&sms, "delivered", None);
    assert_eq!(world.call_back(&delivered).await, 204);
    for channel in ["push", "email"] {
        world.until_for(&id, channel, "skipped", TAKEN).await;
    }
    nothing_is_asked(&world, 9 * LAST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_still_on_its_way_is_waited_for_and_counts_as_taken_in_the_end() {
    let world = world_with(&[]).await;
    let (id, sms) = taken(&world, &["sms", "push", "email"]).await;
    world.on.twilio.stands(&sms, "sent", None);
    let story = world.story(&id).await;
    for (at, next, inquiries) in [(FIRST, HOUR, 1), (HOUR, 4 * HOUR, 2), (4 * HOUR, 10 * HOUR, 3)] {
        world.go_to(at);
        until_asked_at(&world, &id, Some(next)).await;
        assert_eq!(world.on.twilio.inquiries(), inquiries);
        nothing_is_asked(&world, next - 1).await;
    }
    assert_eq!(world.story(&id).await, story, "what is no news is not told");
    world.until_quiet(&id, "ana").await;
    let channels = world.timeline(&id).await["channels"].clone();
    assert_eq!(channels["push"]["state"], "queued", "{channels:#}");
    world.go_to(10 * HOUR);
    until_asked_at(&world, &id, Some(LAST)).await;
    world.go_to(END);
    for channel in ["push", "email"] {
        world.until_for(&id, channel, "skipped", TAKEN).await;
    }
    world.go_to(LAST);
    until_asked_at(&world, &id, None).await;
    assert_eq!(world.on.twilio.inquiries(), 5);
    assert_eq!((world.on.fcm.messages().len(), world.on.smtp.mails().len()), (0, 0));
    nothing_is_asked(&world, 9 * LAST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_comes_while_the_question_is_under_way_lets_the_next_channel_go_on() {
    let world = world_with(&[("LANDFALL_SMS_TIMEOUT_SECONDS", "35")]).await;
    let (id, sms) = taken(&world, &["sms", "email"]).await;
    world.on.twilio.answer(Reply::Silence);
    world.go_to(FIRST);
    until("a question", async || world.on.twilio.inquiries() == 1).await;
    let failed = world.on.twilio.callback(&sms, "failed", Some(30_001));
    assert_eq!(world.call_back(&failed).await, 204);
    world.until_stands(&id, "email", "sent").await;
    assert_eq!(world.on.twilio.inquiries(), 1);
    // Nor does the question hold up the end of the server.
    let world = world.restart_at(LAST).await;
    nothing_is_asked(&world, 9 * LAST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_the_end_of_the_server_cut_off_is_asked_again() {
    let world = world_with(&[("LANDFALL_SMS_TIMEOUT_SECONDS", "35")]).await;
    let (id, sms) = taken(&world, &["sms", "email"]).await;
    world.on.twilio.answer(Reply::Silence);
    world.go_to(FIRST);
    until("a question", async || world.on.twilio.inquiries() == 1).await;
    world.on.twilio.stands(&sms, "failed", Some(30_001));
    let world = world.restart_at(FIRST + LEASE - 1).await;
    nothing_is_asked(&world, FIRST + LEASE - 1).await;
    world.go_to(FIRST + LEASE);
    world.until_stands(&id, "email", "sent").await;
    assert_eq!(world.on.twilio.inquiries(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_without_an_answer_is_asked_again_soon() {
    let world = world_with(&[("LANDFALL_SMS_TIMEOUT_SECONDS", "1")]).await;
    let (id, sms) = taken(&world, &["sms", "email"]).await;
    world.on.twilio.stands(&sms, "failed", Some(30_001));
    let none = [twilio_error(500, 20_500, "ill"), Reply::Cut, Reply::Silence];
    let mut at = FIRST;
    for (reply, asked) in none.into_iter().zip(1..) {
        world.on.twilio.answer(reply);
        world.go_to(at);
        until("a question", async || world.on.twilio.inquiries() == asked).await;
        let [soonest, latest] = REST.map(|rest| at + rest);
        let next = until_rests(&world, &id, soonest).await;
        assert!(next <= latest, "{next} after {at}");
        nothing_is_asked(&world, next - 1).await;
        at = next + 1;
    }
    world.go_to(at);
    world.until_stands(&id, "email", "sent").await;
    assert_eq!((world.on.twilio.inquiries(), world.on.smtp.mails().len()), (4, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_day_nobody_is_asked_any_more() {
    let world = world_with(&[]).await;
    let (id, _) = taken(&world, &["sms"]).await;
    world.on.twilio.answer(twilio_error(429, 20_429, "busy").with("Retry-After", "86400"));
    world.go_to(LAST - HOUR);
    until_asked_at(&world, &id, Some(LAST)).await;
    world.go_to(LAST);
    until_asked_at(&world, &id, None).await;
    assert_eq!(world.on.twilio.inquiries(), 1, "it asked to be left alone");
    nothing_is_asked(&world, 9 * LAST).await;
    assert_eq!(world.timeline(&id).await["channels"]["sms"]["state"], "sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_while_the_circuit_is_open() {
    let world = world_with(&[]).await;
    let (id, sms) = taken(&world, &["sms", "email"]).await;
    world.on.twilio.stands(&sms, "failed", Some(30_001));
    world.on.twilio.answer(twilio_error(429, 20_429, "busy").with("Retry-After", "3600"));
    let other = world.notify("ana", &["sms"], json!({})).await;
    world.until_for(&other, "sms", "queued", "tried again later").await;
    world.go_to(FIRST);
    let [soonest, latest] = REST.map(|rest| FIRST + rest);
    until_rests(&world, &id, soonest).await;
    world.go_to(latest);
    until_rests(&world, &id, latest + REST[0]).await;
    assert_eq!(world.on.twilio.inquiries(), 0);
    // A server that starts anew knows of no halt.
    let world = world.restart_at(2 * latest).await;
    world.until_stands(&id, "email", "sent").await;
    assert_eq!(world.on.twilio.inquiries(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn four_questions_are_under_way_at_most() {
    let world = world_with(&[("LANDFALL_SMS_TIMEOUT_SECONDS", "35")]).await;
    for _ in 0..6 {
        taken(&world, &["sms"]).await;
    }
    (0..6).for_each(|_| world.on.twilio.answer(Reply::Silence));
    world.go_to(FIRST);
    until("questions", async || world.on.twilio.inquiries() >= 4).await;
    let waiting = world.landfall.server.app.services.unreported(9).await.unwrap();
    assert_eq!((waiting.len(), world.on.twilio.inquiries()), (2, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_nothing_behind_it_is_asked_for_and_counted() {
    let world = world_with(&[]).await;
    let all = json!({ "strategy": "all" });
    let (alone, arrived) = taken(&world, &["sms"]).await;
    let beside = world.notify("ana", &["sms", "email"], all).await;
    world.until_stands(&beside, "sms", "sent").await;
    let failed = world.on.twilio.messages().pop().unwrap();
    world.on.twilio.stands(&arrived, "delivered", None);
    world.on.twilio.stands(&failed, "failed", Some(30_001));
    world.go_to(FIRST);
    world.until_stands(&alone, "sms", "delivered").await;
    world.until_stands(&beside, "sms", "failed").await;
    let expected = json!([2, 1, 1]);
    until("they are counted", async || {
        world.landfall.server.app.services.count_trail(100).await.unwrap();
        let (_, sums) = world.get("/api/v1/analytics", &token("root", "admin")).await;
        let sms = &sums["delivery_stats"]["sms"];
        json!([sms["sent"], sms["delivered"], sms["failed"]]) == expected
    })
    .await;
    assert_eq!(world.on.twilio.inquiries(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opt_out_that_only_a_question_tells_is_kept() {
    let world = world_with(&[]).await;
    let (id, sms) = taken(&world, &["sms"]).await;
    world.on.twilio.stands(&sms, "failed", Some(21_610));
    world.go_to(FIRST);
    world.until_for(&id, "sms", "failed", "opted out").await;
    let id = world.notify("ana", &["sms"], json!({ "priority": "critical" })).await;
    world.until_for(&id, "sms", "skipped", "opted out").await;
    assert_eq!(world.on.twilio.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_between_that_has_no_address_any_more_is_passed_over() {
    let world = world_with(&[]).await;
    let (id, _) = taken(&world, &["sms", "push", "email"]).await;
    let (path, ana) = ("/api/v1/notifications/tokens/app-1-of-ana", token("ana", "student"));
    world.landfall.call("DELETE", path, &ana, None).await;
    world.go_to(END);
    world.until_for(&id, "push", "skipped", "no address").await;
    world.until_for(&id, "email", "skipped", TAKEN).await;
    assert_eq!(world.on.smtp.mails().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_is_reported_late_still_lets_the_next_channel_go_on() {
    let world = world_with(&[]).await;
    let (id, sms) = taken(&world, &["sms", "email"]).await;
    world.go_to(9 * HOUR);
    until_asked_at(&world, &id, Some(10 * HOUR)).await;
    let late = world.on.twilio.callback(&sms, "failed", Some(30_001));
    assert_eq!(world.call_back(&late).await, 204);
    world.until_stands(&id, "email", "sent").await;
}
