//! What the outbox does when providers are slow, down, overwhelmed or lying, and when the server is
//! stopped in the middle.

use landfall_fixtures::push_service::{PushService, Reply as Pushed};
use landfall_fixtures::{Reply, Step, fcm_error, twilio_error};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::harness::{Landfall, NOON, soon, token, until};
use crate::world::{World, subscription};

const PHONE: &str = "+15005550114";
const SHORT: [(&str, &str); 2] =
    [("LANDFALL_PUSH_TIMEOUT_SECONDS", "1"), ("LANDFALL_SMS_TIMEOUT_SECONDS", "1")];

#[tokio::test(flavor = "multi_thread")]
async fn a_push_without_an_answer_is_repeated() {
    let world = World::with(&SHORT).await;
    world.browser("ana").await;
    world.on.push.answer_next([Pushed::Silence, Pushed::Cut]);
    let id = world.notify("ana", &["push"], json!({})).await;
    let reason = "no answer from the provider";
    world.until_for(&id, "push", "queued", reason).await;
    world.go_to(30);
    until("two attempts", async || world.deliveries("ana", &id).await[0]["attempts"] == 2).await;
    world.go_to(120);
    world.until_stands(&id, "push", "sent").await;
    assert_eq!(world.on.push.requests(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_message_without_an_answer_is_sent_once_more_at_most() {
    let world = World::with(&SHORT).await;
    world.person("ana", PHONE).await;
    world.on.twilio.answer(Reply::Cut);
    world.on.twilio.answer(Reply::Silence);
    let id = world.notify("ana", &["sms", "email"], json!({})).await;
    world.until_for(&id, "sms", "queued", "no answer from the provider").await;
    world.go_to(30);
    world.until_stands(&id, "email", "sent").await;
    world.until_for(&id, "sms", "failed", "no answer from the provider").await;
    world.go_to(7_200);
    world.until_quiet(&id, "ana").await;
    assert_eq!(world.on.twilio.requests(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_refuses_the_connection_is_tried_again_and_then_the_next_channel() {
    // Nobody listens there once it is dropped.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let refusing = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let settings = [("LANDFALL_SMS_BASE_URL", &*refusing), ("LANDFALL_OUTBOX_ATTEMPTS_MAX", "2")];
    let world = World::with(&settings).await;
    world.person("ana", PHONE).await;
    let id = world.notify("ana", &["sms", "email"], json!({})).await;
    world.until_for(&id, "sms", "queued", "tried again later").await;
    let [sms, email] = &world.deliveries("ana", &id).await[..] else { panic!("two channels") };
    let [sms, email] = if sms["channel"] == "sms" { [sms, email] } else { [email, sms] };
    assert_eq!((&sms["code"], &sms["attempts"]), (&json!("connect refused"), &json!(1)));
    assert_eq!(email["attempts"], 0, "its turn comes when the other has failed");
    world.go_to(60);
    world.until_for(&id, "sms", "failed", "attempts exhausted").await;
    world.until_stands(&id, "email", "sent").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_whose_quota_is_used_up_rests_alone() {
    let world = World::start().await;
    world.app("ana", "app-1-of-ana").await;
    world.app("bob", "app-1-of-bob").await;
    world.on.fcm.answer(fcm_error(429, "QUOTA_EXCEEDED", ""));
    let id = world.notify("ana", &["push"], json!({})).await;
    world.until_for(&id, "push", "queued", "tried again later").await;
    let minute = world.landfall.clock.now().plus_ms(60_000).to_string();
    let due_at = world.deliveries("ana", &id).await[0]["due_at"].clone();
    assert!(due_at.as_str().unwrap() >= minute.as_str(), "{due_at} is before {minute}");
    let other = world.notify("bob", &["push"], json!({})).await;
    world.until_stands(&other, "push", "sent").await;
    world.go_to(90);
    world.until_stands(&id, "push", "sent").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_of_another_project_stays() {
    let world = World::start().await;
    world.app("ana", "app-1-of-ana").await;
    world.on.fcm.answer(fcm_error(403, "SENDER_ID_MISMATCH", ""));
    let id = world.notify("ana", &["push"], json!({})).await;
    world.until_for(&id, "push", "failed", "refused by the provider").await;
    let id = world.notify("ana", &["push"], json!({})).await;
    world.until_stands(&id, "push", "sent").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_says_nothing_is_none() {
    let world = World::start().await;
    world.person("ana", PHONE).await;
    world.on.twilio.answer(Reply::text(200, "<html>welcome to the hotel's network</html>"));
    let id = world.notify("ana", &["sms"], json!({})).await;
    until("an attempt", async || world.deliveries("ana", &id).await[0]["attempts"] == 1).await;
    assert_ne!(world.timeline(&id).await["channels"]["sms"]["state"], "sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_comes_back_when_an_admin_says_so() {
    let world = World::with(&[("LANDFALL_OUTBOX_ATTEMPTS_MAX", "2")]).await;
    world.person("ana", PHONE).await;
    for _ in 0..2 {
        world.on.twilio.answer(twilio_error(500, 20500, "down"));
    }
    let id = world.notify("ana", &["sms"], json!({})).await;
    until("an attempt", async || world.deliveries("ana", &id).await[0]["attempts"] == 1).await;
    world.go_to(60);
    world.until_for(&id, "sms", "failed", "attempts exhausted").await;
    world.go_to(7_200);
    world.until_quiet(&id, "ana").await;
    assert_eq!(world.on.twilio.requests(), 2, "a dead letter rests");
    let body = json!({ "ids": [world.deliveries("ana", &id).await[0]["id"]] });
    let admin = token("root", "admin");
    let path = "/api/v1/admin/deliveries/replay";
    let answer = world.landfall.call("POST", path, &admin, Some(body.clone())).await;
    assert_eq!(answer["replayed"], 1);
    world.until_stands(&id, "sms", "sent").await;
    let story = world.story(&id).await;
    assert!(story.iter().any(|line| line.starts_with("delivery_replayed sms")), "{story:#?}");
    let answer = world.landfall.call("POST", path, &admin, Some(body)).await;
    assert_eq!(answer["replayed"], 0, "what was sent is no dead letter");
    assert_eq!(world.on.twilio.requests(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_is_gone_is_forgotten() {
    let world = World::start().await;
    let browser = world.browser("ana").await;
    world.on.push.unsubscribe(&browser);
    let id = world.notify("ana", &["push"], json!({})).await;
    world.until_for(&id, "push", "failed", "address gone").await;
    let path = "/api/v1/notifications/subscriptions";
    until("it is removed", async || {
        world.get(path, &token("ana", "student")).await.1["items"] == json!([])
    })
    .await;
    let id = world.notify("ana", &["push"], json!({})).await;
    world.until_for(&id, "push", "skipped", "no address").await;
    assert_eq!(world.on.push.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_opted_out_at_the_provider_gets_nothing_more() {
    let world = World::start().await;
    world.person("ana", PHONE).await;
    world.on.twilio.opt_out(PHONE);
    let id = world.notify("ana", &["sms", "email"], json!({})).await;
    world.until_for(&id, "sms", "failed", "opted out").await;
    world.until_stands(&id, "email", "sent").await;
    let id = world.notify("ana", &["sms"], json!({ "priority": "critical" })).await;
    world.until_for(&id, "sms", "skipped", "opted out").await;
    assert_eq!(world.on.twilio.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_does_not_exist_gets_no_more_mail_and_is_listed() {
    let world = World::start().await;
    world.person("ana", PHONE).await;
    let listed = async || {
        let answer = world.get("/api/v1/admin/suppressions", &token("root", "admin")).await;
        answer.1["items"].as_array().unwrap().clone()
    };
    world.on.smtp.say(Step::Recipient, "550 relay not permitted");
    let id = world.notify("ana", &["email"], json!({})).await;
    world.until_for(&id, "email", "failed", "refused by the provider").await;
    assert_eq!(listed().await, Vec::<Value>::new(), "that says nothing of the mailbox");
    let id = world.notify("ana", &["email"], json!({})).await;
    world.until_stands(&id, "email", "sent").await;
    world.on.smtp.say(Step::Recipient, "550 5.1.1 No such user");
    let id = world.notify("ana", &["email"], json!({})).await;
    world.until_for(&id, "email", "failed", "address gone").await;
    let [gone] = &listed().await[..] else { panic!("one mailbox") };
    assert_eq!((&gone["channel"], &gone["source"]), (&json!("email"), &json!("provider")));
    assert!(gone["reason"].as_str().unwrap().contains("550 5.1.1"), "{gone}");
    let id = world.notify("ana", &["email"], json!({})).await;
    world.until_for(&id, "email", "skipped", "suppressed").await;
    assert_eq!(world.on.smtp.mails().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_cannot_prove_who_it_is_gets_nothing() {
    let world = World::with(&[("LANDFALL_OUTBOUND_ALLOW", "127.0.0.0/8,::1/128,localhost")]).await;
    world.person("ana", PHONE).await;
    let stranger = PushService::start_tls(|| NOON).await.unwrap();
    let body = subscription(&stranger.subscribe(None));
    let ana = token("ana", "student");
    world.landfall.call("POST", "/push/subscribe", &ana, Some(body)).await;
    let id = world.notify("ana", &["push"], json!({})).await;
    until("an attempt", async || world.deliveries("ana", &id).await[0]["attempts"] == 1).await;
    let code = world.deliveries("ana", &id).await[0]["code"].clone();
    assert_eq!(world.timeline(&id).await["channels"]["push"]["state"], "queued", "{code}");
    assert_eq!(stranger.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_refusals_is_not_answered_with_a_storm() {
    let world = World::start().await;
    let people: Vec<String> = (0..50).map(|number| format!("user-{number}")).collect();
    for user in &people {
        world.browser(user).await;
    }
    let busy = Pushed::Status(429, Some("2".into()));
    world.on.push.answer_always(Some(busy));
    let mut ids = Vec::new();
    for user in &people {
        ids.push((user, world.notify(user, &["push"], json!({})).await));
    }
    for second in 0..10 {
        world.go_to(second);
        for (user, id) in &ids {
            world.until_quiet(id, user).await;
        }
    }
    assert!(world.on.push.requests() <= 55, "{}", world.on.push.requests());
    let refused = world.on.push.requests();
    world.on.push.answer_always(None);
    let mut second = 10;
    let all_sent = async {
        while world.on.push.messages().len() < people.len() {
            second += 1;
            world.go_to(second);
            tokio::task::yield_now().await;
            for (user, id) in ids.iter().step_by(10) {
                world.deliveries(user, id).await;
            }
        }
    };
    soon("everybody gets theirs", all_sent).await;
    let requests = world.on.push.requests();
    assert!(requests <= people.len() + refused, "{requests} after {refused}");
    for (user, id) in &ids {
        world.until_stands(id, "push", "sent").await;
        let [one] = &world.deliveries(user, id).await[..] else { panic!("one delivery") };
        assert!(one["attempts"].as_u64().unwrap() <= 2, "{one}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_of_one_tenant_does_not_keep_another_waiting() {
    let paced = [("LANDFALL_SMS_SEGMENTS_PER_SECOND", "40")];
    let world = World::live(&paced).await;
    let lines: Vec<String> = (0..400).map(bulk_line).collect();
    let url = format!("http://{}/api/v1/notify/batch", world.landfall.address);
    let batch = world.client().post(url).bearer_auth(token("app", "service"));
    let batch = batch.header("content-type", "application/x-ndjson").body(lines.join("\n"));
    let answer = soon("the batch", batch.send()).await.unwrap().text().await.unwrap();
    assert_eq!(answer.matches("\"status\":202").count(), 400, "{answer}");
    let before = world.on.twilio.messages().len();
    assert!(before < 200, "{before} were too fast to prove anything");
    let body = json!({
        "user_id": "eva", "notification_type": "news", "message": "fire", "channels": ["sms"],
        "phone_number": "+15005550199", "priority": "critical",
    });
    let service = crate::harness::token_in("other", "app", "service");
    let path = "/api/v1/notify";
    let (status, answer) = world.try_call("POST", path, &service, body).await;
    assert_eq!(status, 202, "{answer}");
    let place = || world.on.twilio.messages().iter().position(|sms| sms.to == "+15005550199");
    until("the critical message", async || place().is_some()).await;
    let waited = place().unwrap() - before;
    assert!(waited <= 120, "{waited} of the bulk went first");
}

fn bulk_line(number: usize) -> String {
    json!({
        "user_id": format!("user-{number}"), "notification_type": "news", "message": "bulk",
        "channels": ["sms"], "phone_number": format!("+1500555{number:04}"),
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_waits_for_the_answers_that_are_under_way() {
    let world = World::with(&[("LANDFALL_SMS_TIMEOUT_SECONDS", "7")]).await;
    world.person("ana", PHONE).await;
    world.on.twilio.answer(Reply::Silence);
    let id = world.notify("ana", &["sms"], json!({})).await;
    until("the request", async || world.on.twilio.requests() == 1).await;
    let World { landfall, on, .. } = world;
    let settings = on.settings();
    let settings: Vec<_> = settings.iter().map(|(name, value)| (&**name, &**value)).collect();
    let clock = landfall.clock.clone();
    let landfall = Landfall::on(landfall.stop().await, &settings, clock).await;
    let path = format!("/api/v1/notifications/{id}/timeline?limit=500");
    let timeline = landfall.call("GET", &path, &token("root", "admin"), None).await;
    let sms: &Value = &timeline["channels"]["sms"];
    assert_eq!(sms["reason"], "no answer from the provider", "{timeline:#}");
    assert_eq!(on.twilio.requests(), 1);
}
