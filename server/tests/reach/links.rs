//! What comes back without a token: reports, answers, receipts, the end of a kind of e-mail.

use std::sync::atomic::{AtomicU64, Ordering};

use landfall_core::id::{Tenant, UserId};
use landfall_fixtures::{Callback, TakenSms};
use serde_json::{Value, json};

use crate::harness::{soon, token, until};
use crate::world::{PUBLIC, TWILIO_TOKEN, World};

const PHONE: &str = "+15005550112";

async fn texted(world: &World) -> (String, TakenSms) {
    world.person("ana", PHONE).await;
    let id = world.notify("ana", &["sms"], json!({})).await;
    world.until_stands(&id, "sms", "sent").await;
    let sms = world.on.twilio.messages().pop().unwrap();
    (id, sms)
}

fn answer(number: &str, word: &str) -> Callback {
    // Whoever answers once more sends another message.
    static SENT: AtomicU64 = AtomicU64::new(1);
    let url = format!("{PUBLIC}/api/v1/callbacks/sms/replies/default");
    let parameters = vec![
        ("Body", word.to_owned()),
        ("From", number.to_owned()),
        ("MessageSid", format!("SM{:032x}", SENT.fetch_add(1, Ordering::Relaxed))),
        ("OptOutType", word.to_owned()),
        ("To", "+15005550006".to_owned()),
    ];
    Callback::signed(url, parameters, TWILIO_TOKEN)
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_reports_count_once_in_whatever_order_they_come() {
    let world = World::start().await;
    let (id, sms) = texted(&world).await;
    let delivered = world.on.twilio.callback(&sms, "delivered", None);
    assert_eq!(world.call_back(&delivered).await, 204);
    world.until_stands(&id, "sms", "delivered").await;
    let told = world.story(&id).await.len();
    assert_eq!(world.call_back(&delivered).await, 204, "a repetition is taken");
    assert_eq!(world.story(&id).await.len(), told, "and is no news");
    for late in ["queued", "sent"] {
        assert_eq!(world.call_back(&world.on.twilio.callback(&sms, late, None)).await, 204);
    }
    assert_eq!(world.timeline(&id).await["channels"]["sms"]["state"], "delivered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_message_that_did_not_arrive_makes_the_next_channel_due() {
    let world = World::start().await;
    world.person("ana", PHONE).await;
    let id = world.notify("ana", &["sms", "email"], json!({})).await;
    world.until_stands(&id, "sms", "sent").await;
    let sms = world.on.twilio.messages().pop().unwrap();
    assert_eq!(world.on.smtp.mails().len(), 0, "it may still arrive");
    let lost = world.on.twilio.callback(&sms, "undelivered", Some(30003));
    assert_eq!(world.call_back(&lost).await, 204);
    world.until_stands(&id, "email", "sent").await;
    assert_eq!(world.timeline(&id).await["channels"]["sms"]["state"], "failed");
    assert_eq!(world.call_back(&lost).await, 204);
    assert_eq!(world.on.smtp.mails().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_signature_is_refused_and_remembered() {
    let world = World::start().await;
    let (id, sms) = texted(&world).await;
    let mut forged = world.on.twilio.callback(&sms, "delivered", None);
    forged.parameters.push(("Forged".into(), "1".into()));
    assert_eq!(world.call_back(&forged).await, 403);
    let mut stranger = answer(PHONE, "STOP");
    stranger.signature = "AAAAAAAAAAAAAAAAAAAAAAAAAAA=".into();
    assert_eq!(world.call_back(&stranger).await, 403);
    let unsigned = world.open("POST", sms.callback_url.as_deref().unwrap());
    let unsigned = unsigned.form(&[("MessageStatus", "delivered")]).send().await.unwrap();
    assert_eq!(unsigned.status(), 403);
    until("the trail tells", async || world.landfall.audit("refused").await.len() == 3).await;
    assert_eq!(world.timeline(&id).await["channels"]["sms"]["state"], "sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_signature_makes_no_trail_and_counts_against_its_address() {
    let world = World::with(&[
        ("LANDFALL_LIMITS_REFUSED_TOKENS_PER_SECOND", "1"),
        ("LANDFALL_LIMITS_BURST_SECONDS", "3"),
    ])
    .await;
    let services = &world.landfall.server.app.services;
    texted(&world).await;
    let good = answer(PHONE, "STOP");
    let forged = |tenant: &str| {
        let url = good.url.replace("/default", &format!("/{tenant}"));
        Callback { url, ..good.clone() }
    };
    assert_eq!(world.call_back(&forged("nobody")).await, 403);
    let mut known = forged("default");
    known.signature = "AAAAAAAAAAAAAAAAAAAAAAAAAAA=".into();
    assert_eq!(world.call_back(&known).await, 403);
    until("the trail tells", async || world.landfall.audit("refused").await.len() == 1).await;
    assert_eq!(world.call_back(&forged("nobody")).await, 403);
    assert_eq!(world.call_back(&forged("nobody")).await, 429);
    assert_eq!(world.call_back(&good).await, 429, "nothing more is looked at from there");
    // Entries are written in the background: this one for certain.
    let nobody = Tenant::parse("nobody").unwrap();
    services.record_refused(&nobody, None, "POST", "The signature is wrong.").await.unwrap();
    assert!(!services.store.has_trail(&nobody).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_holds_even_for_what_is_critical_until_start_lifts_it() {
    let world = World::start().await;
    texted(&world).await;
    assert_eq!(world.call_back(&answer(PHONE, "STOP")).await, 204);
    let critical = json!({ "priority": "critical" });
    let id = world.notify("ana", &["sms"], critical.clone()).await;
    world.until_for(&id, "sms", "skipped", "opted out").await;
    let brought = json!({ "priority": "critical", "phone_number": PHONE });
    let id = world.notify("ben", &["sms"], brought).await;
    world.until_for(&id, "sms", "skipped", "opted out").await;
    assert_eq!(world.on.twilio.requests(), 1);
    assert_eq!(world.call_back(&answer(PHONE, "START")).await, 204);
    let id = world.notify("ana", &["sms"], critical).await;
    world.until_stands(&id, "sms", "sent").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_opted_out_is_known_before_anything_is_sent() {
    let world = World::start().await;
    texted(&world).await;
    assert_eq!(world.call_back(&answer(PHONE, "STOP")).await, 204);
    let fields = |more: Value| {
        let mut body = json!({ "user_id": "ben", "notification_type": "news", "message": "m",
            "channels": ["sms"] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let post = async |path: &str, more: Value| {
        let service = token("app", "service");
        world.landfall.call("POST", path, &service, Some(fields(more))).await
    };
    let hers = post("/api/v1/notify", json!({ "phone_number": PHONE })).await;
    assert_eq!([&hers["channels"]["sms"], &hers["reasons"]["sms"]], ["skipped", "opted out"]);
    let id = hers["notification_id"].as_str().unwrap();
    assert_eq!(world.deliveries("ben", id).await, Vec::<Value>::new(), "it is not even tried");
    let other = post("/api/v1/notify", json!({ "phone_number": "+15005550199" })).await;
    assert_eq!(other["channels"]["sms"], "queued", "{other}");
    let send = "/api/v1/notifications/send";
    let dry = json!({ "phone_number": PHONE, "dry_run": true });
    let forecast = &post(send, dry).await["forecast"];
    assert_eq!(forecast["channels"]["sms"]["skipped"], json!({ "opted out": 1 }), "{forecast:#}");
    assert_eq!([&forecast["channels"]["sms"]["planned"], &forecast["sms"]["messages"]], [0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_opts_out_while_its_message_waits_gets_none() {
    let world = World::start().await;
    texted(&world).await;
    world.prefer("ben", json!({ "do_not_disturb_until": "2027-01-15T08:01:00Z" })).await;
    let id = world.notify("ben", &["sms"], json!({ "phone_number": PHONE })).await;
    world.until_stands(&id, "sms", "held").await;
    assert_eq!(world.call_back(&answer(PHONE, "STOP")).await, 204);
    world.go_to(61);
    world.until_for(&id, "sms", "skipped", "opted out").await;
    assert_eq!(world.on.twilio.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_the_number_of_all_tenants_holds_in_every_one_that_knows_it() {
    let world = World::start().await;
    texted(&world).await;
    let services = &world.landfall.server.app.services;
    // Another tenant with a trail, which does not know the number.
    let third = Tenant::parse("third").unwrap();
    let admin = UserId::parse("root").unwrap();
    services.record_refused(&third, Some(admin), "GET", "no").await.unwrap();
    let elsewhere = |word: &str| {
        let answer = answer(PHONE, word);
        let url = answer.url.replace("/default", "/elsewhere");
        let parameters = answer.parameters.iter().map(|(name, value)| (&**name, value.clone()));
        Callback::signed(url, parameters.collect(), TWILIO_TOKEN)
    };
    let (early, stop, start) = (elsewhere("START"), elsewhere("STOP"), elsewhere("START"));
    assert_eq!(world.call_back(&early).await, 204, "nothing is lifted by it yet");
    world.go_to(30);
    assert_eq!(world.call_back(&stop).await, 204);
    assert_eq!(world.call_back(&early).await, 204, "and nothing later, either");
    let id = world.notify("ana", &["sms"], json!({})).await;
    world.until_for(&id, "sms", "skipped", "opted out").await;
    assert_eq!(world.call_back(&start).await, 204);
    let id = world.notify("ana", &["sms"], json!({})).await;
    world.until_stands(&id, "sms", "sent").await;
    // What came before START says nothing new after it.
    assert_eq!(world.call_back(&stop).await, 204);
    let id = world.notify("ana", &["sms"], json!({})).await;
    world.until_stands(&id, "sms", "sent").await;
    // And an old START lifts no newer STOP.
    world.go_to(60);
    assert_eq!(world.call_back(&answer(PHONE, "STOP")).await, 204);
    assert_eq!(world.call_back(&start).await, 204);
    let id = world.notify("ana", &["sms"], json!({})).await;
    world.until_for(&id, "sms", "skipped", "opted out").await;
    let filter = landfall_store::AuditFilter { limit: 9, ..Default::default() };
    assert_eq!(services.store.audit(&third, filter).await.unwrap().len(), 1);
    for (action, entries) in [("opted_out", 2), ("opted_in", 1)] {
        assert_eq!(world.landfall.audit(action).await.len(), entries, "{action}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_repeated_says_nothing_new() {
    let world = World::start().await;
    texted(&world).await;
    let (stop, start) = (answer(PHONE, "STOP"), answer(PHONE, "START"));
    assert_eq!(world.call_back(&stop).await, 204);
    assert_eq!(world.call_back(&start).await, 204);
    assert_eq!(world.call_back(&stop).await, 204, "a repetition is taken");
    world.go_to(2 * 86_400);
    world.landfall.server.app.services.forget_keys(1_000).await.unwrap();
    assert_eq!(world.call_back(&stop).await, 204, "also days later");
    for action in ["opted_out", "opted_in"] {
        assert_eq!(world.landfall.audit(action).await.len(), 1, "{action}");
    }
    let id = world.notify("ana", &["sms"], json!({})).await;
    world.until_stands(&id, "sms", "sent").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_may_come_by_an_alias() {
    let world = World::start().await;
    let (id, sms) = texted(&world).await;
    let delivered = world.on.twilio.callback(&sms, "delivered", None);
    let alias = delivered.url.replace("/api/v1/", "/api/");
    let parameters = delivered.parameters.iter().map(|(name, value)| (&**name, value.clone()));
    let by_alias = Callback::signed(alias.clone(), parameters.collect(), TWILIO_TOKEN);
    let elsewhere = Callback { url: alias, ..delivered };
    assert_eq!(world.call_back(&elsewhere).await, 403, "it was signed for another URL");
    assert_eq!(world.call_back(&by_alias).await, 204);
    world.until_stands(&id, "sms", "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opt_out_that_is_reported_later_is_kept() {
    let world = World::start().await;
    let (id, sms) = texted(&world).await;
    let refused = world.on.twilio.callback(&sms, "failed", Some(21610));
    assert_eq!(world.call_back(&refused).await, 204);
    world.until_for(&id, "sms", "failed", "opted out").await;
    let id = world.notify("ana", &["sms"], json!({ "priority": "critical" })).await;
    world.until_for(&id, "sms", "skipped", "opted out").await;
    assert_eq!(world.on.twilio.requests(), 1);
    assert_eq!(world.call_back(&answer(PHONE, "START")).await, 204);
    assert_eq!(world.call_back(&refused).await, 204, "a repetition is taken");
    let id = world.notify("ana", &["sms"], json!({})).await;
    world.until_stands(&id, "sms", "sent").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_says_that_a_push_arrived() {
    let world = World::start().await;
    world.browser("ana").await;
    let id = world.notify("ana", &["push"], json!({})).await;
    world.until_stands(&id, "push", "sent").await;
    let text: Value = serde_json::from_slice(&world.on.push.messages()[0].plaintext).unwrap();
    let found = find_link(&text, "/api/v1/receipts/").unwrap_or_else(|| panic!("no link: {text}"));
    let shown = world.open("POST", &found).json(&json!({ "event": "shown" }));
    assert_eq!(soon("a receipt", shown.send()).await.unwrap().status(), 204);
    world.until_stands(&id, "push", "delivered").await;
    for forged in [format!("{found}A"), found.replacen("receipts/", "receipts/A", 1)] {
        let shown = world.open("POST", &forged).json(&json!({ "event": "clicked" }));
        assert_eq!(soon("a receipt", shown.send()).await.unwrap().status(), 404, "{forged}");
    }
    let other = found.replace("/receipts/", "/unsubscribe/");
    assert_eq!(world.open("POST", &other).send().await.unwrap().status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_receipt_is_taken_and_counts_once() {
    let world = World::start().await;
    world.browser("ana").await;
    let id = world.notify("ana", &["push"], json!({})).await;
    world.until_stands(&id, "push", "sent").await;
    let text: Value = serde_json::from_slice(&world.on.push.messages()[0].plaintext).unwrap();
    let link = find_link(&text, "/api/v1/receipts/").unwrap();
    let before = world.story(&id).await.len();
    for (event, known) in ["delivered", "shown", "clicked", "dismissed"].into_iter().zip(1..) {
        for repeated in 0..2 {
            let receipt = world.open("POST", &link).json(&json!({ "event": event }));
            let status = soon("a receipt", receipt.send()).await.unwrap().status();
            assert_eq!(status, 204, "{event}, {repeated}");
            let story = world.story(&id).await;
            assert_eq!(story.len(), before + known, "{event}, {repeated}: {story:#?}");
            let told = format!("receipt_{event} push");
            assert!(story[before + known - 1].starts_with(&told), "{story:#?}");
        }
        assert_eq!(world.timeline(&id).await["channels"]["push"]["state"], "delivered");
    }
    let expected = json!({ "shown": 1, "clicked": 1 });
    until("they are counted", async || {
        world.landfall.server.app.services.count_trail(100).await.unwrap();
        let (_, sums) = world.get("/api/v1/analytics", &token("root", "admin")).await;
        let push = &sums["delivery_stats"]["push"];
        sums["receipts"] == expected && push["sent"] == 1 && push["delivered"] == 1
    })
    .await;
}

fn find_link(value: &Value, part: &str) -> Option<String> {
    match value {
        Value::String(text) if text.contains(part) => Some(text.clone()),
        Value::Object(fields) => fields.values().find_map(|value| find_link(value, part)),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_click_ends_a_kind_of_mail_but_not_what_is_critical() {
    let world = World::start().await;
    world.person("ana", PHONE).await;
    let id = world.notify("ana", &["email"], json!({})).await;
    world.until_stands(&id, "email", "sent").await;
    let mail = world.on.smtp.mails().pop().unwrap();
    let click = mail.header("list-unsubscribe-post").unwrap();
    assert_eq!(click, "List-Unsubscribe=One-Click");
    let link = mail.header("list-unsubscribe").unwrap();
    let link = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
    assert!(link.starts_with(PUBLIC), "{link}");

    let page = world.open("GET", &link).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.headers().get("set-cookie").is_none());
    let id = world.notify("ana", &["email"], json!({})).await;
    world.until_stands(&id, "email", "sent").await;

    let ended = world.open("POST", &link).form(&[("List-Unsubscribe", "One-Click")]);
    assert_eq!(ended.send().await.unwrap().status(), 200);
    let id = world.notify("ana", &["email"], json!({})).await;
    world.until_for(&id, "email", "skipped", "switched off in preferences").await;
    let id = world.notify("ana", &["email"], json!({ "notification_type": "trips" })).await;
    world.until_stands(&id, "email", "sent").await;
    let id = world.notify("ana", &["email"], json!({ "priority": "critical" })).await;
    world.until_stands(&id, "email", "sent").await;
    let critical = world.on.smtp.mails().pop().unwrap();
    assert!(critical.header("list-unsubscribe").is_none());
    let path = "/api/v1/notifications/preferences";
    let (_, preferences) = world.get(path, &token("ana", "student")).await;
    assert!(preferences.to_string().contains("\"email\""), "{preferences}");
}
