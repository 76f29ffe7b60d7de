//! Sends by hand with what they cost, and a test of one's own channels (S0; S4 sends so, too).

use std::sync::Arc;

use landfall_channels::scripted::Scripted;
use landfall_channels::{Load, LoadKind, Outcome, Registry};
use landfall_core::channel::Channel;
use landfall_core::sms::segments;
use serde_json::{Value, json};

use crate::harness::{Answer, Server, admin, finish, service, token};

const SEND: &str = "/api/notifications/send";
const ADMIN_SEND: &str = "/api/admin/notifications/send";
const TEST: &str = "/api/v1/notifications/test";

fn texts() -> Arc<Scripted> {
    Arc::new(Scripted::new("twilio", Channel::Sms, |kind| kind == LoadKind::Sms))
}

fn pushes() -> Arc<Scripted> {
    Arc::new(Scripted::new("fcm", Channel::Push, |kind| kind == LoadKind::Fcm))
}

async fn profile(server: &Server, user: &str, fields: Value) {
    let put = server.call(&admin(), "PUT", &format!("/api/v1/users/{user}"), fields).await;
    assert!(put.status < 300, "{}", put.text);
}

/// A server that can send text messages, with a class of a teacher and two pupils: Sarah, who has
/// a phone and reads Spanish, and Tom, who has none.
async fn school(texts: &Arc<Scripted>) -> Server {
    let server = Server::reaching(Registry::new(vec![Arc::clone(texts) as _])).await;
    server.topic("7b", &[("ada", "teacher"), ("sarah", "member"), ("tom", "member")]).await;
    profile(&server, "sarah", json!({ "phone": "+15550001111", "locale": "es" })).await;
    profile(&server, "ada", json!({ "phone": "+15550002222", "locale": "en" })).await;
    server
}

async fn keyed(server: &Server, key: &str, path: &str, body: &Value) -> Answer {
    let request = server.request("POST", path).bearer_auth(admin()).json(body);
    finish(request.header("Idempotency-Key", key)).await
}

async fn count(server: &Server, list: &str) -> usize {
    let answer = server.get(&admin(), list).await.json();
    answer["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn s0_send_says_what_it_does() {
    let server = school(&texts()).await;
    let ada = token("ada", &["teacher"]);
    let body = json!({ "class_id": "7b", "title": "Trip", "body": "a".repeat(200),
        "channels": ["websocket", "sms"], "priority": "high" });
    let answer = server.call(&ada, "POST", SEND, body).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let answer = answer.json();
    assert_eq!([&answer["dry_run"], &answer["accepted"]], [&json!(false), &json!(3)]);
    assert!(answer["send_id"].is_string());
    let tried = |planned: u64| json!({ "planned": planned, "held": 0, "skipped": {} });
    let sms = json!({ "planned": 2, "held": 0, "skipped": { "no address": 1 } });
    let expected = json!({ "recipients": 3, "capped": false,
        "channels": { "websocket": tried(3), "push": tried(0), "sms": sms, "email": tried(0) },
        "sms": { "messages": 2, "segments": 4, "seconds": 4 } });
    assert_eq!(answer["forecast"], expected);
}

#[tokio::test]
async fn s0_send_is_for_teachers_of_the_class_and_for_who_may_send() {
    let server = school(&texts()).await;
    let post = async |token: &str, body: Value| {
        let mut answers = Vec::new();
        for dry_run in [true, false] {
            let mut body = body.clone();
            body["dry_run"] = json!(dry_run);
            answers.push(server.call(token, "POST", SEND, body).await.status);
        }
        answers
    };
    let class = json!({ "class_id": "7b", "message": "m" });
    let stranger = json!({ "user_id": "nobody", "message": "m" });
    let (ada, other) = (token("ada", &["teacher"]), token("bob", &["teacher"]));
    assert_eq!(post(&ada, class.clone()).await, [200, 202]);
    assert_eq!(post(&service(), class.clone()).await, [200, 202]);
    assert_eq!(post(&token("sarah", &["student"]), class.clone()).await, [403, 403]);
    assert_eq!(post(&other, class).await, [404, 404]);
    assert_eq!(post(&ada, stranger).await, [403, 403]);
    let some = json!({ "user_ids": ["sarah", "nobody"], "message": "m", "dry_run": true });
    let some = server.call(&ada, "POST", SEND, some).await.json();
    assert_eq!(some["rejected"][0]["user_id"], "nobody");
    assert_eq!(some["forecast"]["recipients"], 1);
}

#[tokio::test]
async fn a_dry_run_stores_nothing() {
    let texts = texts();
    let server = school(&texts).await;
    let trail = "/api/v1/admin/audit?limit=500";
    let before = count(&server, trail).await;
    for to in [json!({ "user_id": "sarah" }), json!({ "class_id": "7b" })] {
        for path in [SEND, ADMIN_SEND] {
            let mut body = to.clone();
            body["message"] = json!("m");
            body["channels"] = json!(["sms"]);
            body["dry_run"] = json!(true);
            let answer = keyed(&server, "k", path, &body).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let answer = answer.json();
            let names: Vec<&String> = answer.as_object().unwrap().keys().collect();
            assert_eq!(names, ["dry_run", "forecast", "rejected"]);
            assert!(answer["forecast"]["sms"]["messages"].as_u64() > Some(0));
        }
    }
    assert_eq!(count(&server, trail).await, before);
    assert_eq!(count(&server, "/api/v1/admin/notifications").await, 0);
    assert_eq!(texts.begun(), 0);
    let body = json!({ "user_id": "sarah", "message": "m" });
    assert_eq!(keyed(&server, "k", SEND, &body).await.status, 202, "the key was not used up");
}

#[tokio::test]
async fn a_forecast_counts_the_texts_that_go_out() {
    let texts = texts();
    let server = school(&texts).await;
    let data = json!({ "student_name": "Sarah", "action_required": "¿Informe? 𝛑".repeat(9),
        "deadline_date": "2025-09-15T14:00:00Z", "days_remaining": 3, "iep_id": "i" });
    let body = json!({ "user_ids": ["sarah", "ada", "tom"], "data": data,
        "template_id": "iep_deadline_warning", "channels": ["sms"], "strategy": "all" });
    let answer = server.call(&admin(), "POST", ADMIN_SEND, body).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let forecast = answer.json()["forecast"]["sms"].clone();
    while server.app.services.expand_sends().await.unwrap() > 0 {}
    server.app.services.outbox.woken.notify_one();
    texts.until_begun(2).await;
    let sent: Vec<String> = texts.parcels().iter().map(|parcel| text(&parcel.load)).collect();
    let total: u32 = sent.iter().map(|text| segments(text).count).sum();
    assert_ne!(sent[0], sent[1], "one is Spanish");
    assert_eq!([&forecast["messages"], &forecast["segments"]], [&json!(2), &json!(total)]);
}

fn text(load: &Load) -> String {
    match load {
        Load::Sms(sms) => sms.text.clone(),
        _ => String::new(),
    }
}

#[tokio::test]
async fn a_manual_send_that_is_repeated_gets_its_first_answer() {
    let server = school(&texts()).await;
    for to in [json!({ "user_id": "sarah" }), json!({ "class_id": "7b" })] {
        let mut body = to.clone();
        body["message"] = json!("m");
        body["channels"] = json!(["sms"]);
        let key = to.to_string().len().to_string();
        let first = keyed(&server, &key, SEND, &body).await;
        assert_eq!(first.status, 202, "{}", first.text);
        // A forecast of now would say otherwise.
        profile(&server, "sarah", json!({})).await;
        let again = keyed(&server, &key, SEND, &body).await;
        assert_eq!((again.status, again.text), (202, first.text));
        profile(&server, "sarah", json!({ "phone": "+15550001111" })).await;
    }
}

#[tokio::test]
async fn what_would_not_be_dry_is_refused() {
    let server = Server::start().await;
    let body = json!({ "user_id": "u", "type": "t", "message": "m", "dry_run": true });
    let refused = server.call(&admin(), "POST", "/notify", body.clone()).await;
    assert_eq!(refused.pointers(), ["/dry_run"]);
    let lines = server.request("POST", "/api/v1/notify/batch").bearer_auth(admin());
    let lines = lines.header("content-type", "application/x-ndjson").body(body.to_string());
    assert_eq!(finish(lines).await.json()["status"], 422);
    assert_eq!(count(&server, "/api/v1/admin/notifications").await, 0);
    for (body, pointer) in [
        (json!({ "user_id": "u" }), "/message"),
        (json!({ "message": "m" }), "/user_id"),
        (json!({ "user_id": "u", "message": "m", "dry_run": "yes" }), "/dry_run"),
        (json!({ "user_id": "u", "message": "m", "channels": ["fax"] }), "/channels/0"),
    ] {
        let answer = server.call(&admin(), "POST", SEND, body.clone()).await;
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
}

#[tokio::test]
async fn who_sends_everywhere_at_once_cannot_escalate() {
    let server = Server::start().await;
    let post = async |more: Value| {
        let mut body = json!({ "user_id": "u", "type": "t", "message": "m", "escalate_after": 60 });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server.call(&admin(), "POST", "/notify", body).await
    };
    for refused in [json!({ "strategy": "all" }), json!({ "priority": "high" })] {
        assert_eq!(post(refused).await.pointers(), ["/escalate_after"]);
    }
    for taken in [json!({}), json!({ "priority": "high", "strategy": "fallback" })] {
        assert_eq!(post(taken).await.status, 202);
    }
}

#[tokio::test]
async fn s0_test_tries_each_own_channel_and_says_how_it_ended() {
    let (texts, pushes) = (texts(), pushes());
    texts.answers([Outcome::Refused { code: "400 21211".into() }]);
    let registry = Registry::new(vec![Arc::clone(&texts) as _, Arc::clone(&pushes) as _]);
    let server = Server::reaching(registry).await;
    profile(&server, "sarah", json!({ "phone": "+15550001111" })).await;
    let sarah = token("sarah", &["student"]);
    let device = json!({ "token": "sarah-phone-token-1", "platform": "android" });
    let made = server.call(&sarah, "POST", "/api/v1/notifications/tokens", device).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let words = json!({ "title": "Hi", "body": "there" });
    // Nobody has checked that the number is hers.
    let refused = server.call(&sarah, "POST", TEST, words.clone()).await;
    assert_eq!(refused.code(), "forbidden");
    let sarah = token("sarah", &["service"]);
    let answer = server.call(&sarah, "POST", TEST, words).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let answer = answer.json();
    let (provider, code) = (Value::Null, Value::Null);
    let expected = json!({
        "websocket": { "state": "queued", "reason": "requested", "provider": provider, "code": code },
        "push": { "state": "sent", "reason": "taken by the provider", "provider": "fcm",
            "code": "scripted" },
        "sms": { "state": "failed", "reason": "refused by the provider", "provider": "twilio",
            "code": "400 21211" },
        "email": { "state": "skipped", "reason": "not configured", "provider": provider,
            "code": code },
    });
    assert_eq!(answer["channels"], expected);
    let mine = server.get(&sarah, "/api/v1/notifications").await.json()["items"][0].clone();
    assert_eq!([&mine["notification_type"], &mine["title"]], ["test", "Hi"]);
    assert_eq!(mine["id"], answer["notification_id"]);
    assert!(texts.parcels().iter().any(|parcel| text(&parcel.load) == "Hi: there"));
}

#[tokio::test]
async fn tests_are_few() {
    let server = Server::start().await;
    let test = async |name: &str| server.call(&token(name, &[]), "POST", TEST, Value::Null).await;
    for _ in 0..3 {
        assert_eq!(test("sarah").await.status, 202);
    }
    let refused = test("sarah").await;
    assert_eq!(refused.code(), "rate_limited");
    assert!((15..=20).contains(&refused.header("retry-after").parse::<u64>().unwrap()));
    assert_eq!(test("tom").await.status, 202);
}

#[tokio::test]
async fn words_of_a_test_are_bounded() {
    let server = Server::start().await;
    let long = "x".repeat(4_001);
    for (body, pointer) in [
        (json!({ "title": "a\u{0}b" }), "/title"),
        (json!({ "message": long }), "/message"),
        (json!({ "body": 7 }), "/body"),
        (json!({ "title": "", "message": " " }), "/message"),
    ] {
        let answer = server.call(&token(pointer, &["service"]), "POST", TEST, body).await;
        assert_eq!(answer.pointers(), [pointer]);
    }
    assert_eq!(count(&server, "/api/v1/admin/notifications").await, 0);
}

#[tokio::test]
async fn the_trail_keeps_the_plan_as_it_was_made() {
    let texts = texts();
    let server = school(&texts).await;
    let body =
        json!({ "user_id": "sarah", "message": "m", "channels": ["websocket", "sms", "email"] });
    let request = server.request("POST", "/notify").bearer_auth(admin());
    let mut typed = body.clone();
    typed["type"] = json!("news");
    let sent = finish(request.header("Prefer", "wait=10").json(&typed)).await.json();
    assert_eq!(sent["channels"]["sms"], "sent");
    let id = sent["notification_id"].as_str().unwrap();
    let trail = format!("/api/v1/admin/audit?action=notification_created&entity_id={id}");
    let entry = server.get(&admin(), &trail).await.json()["items"][0].clone();
    let step = |channel: &str, state: &str, reason: &str, rule: u8| json!({ "channel": channel, "state": state, "reason": reason, "rule": rule });
    let plan = [
        step("websocket", "queued", "requested", 2),
        step("sms", "queued", "requested", 2),
        step("email", "skipped", "not configured", 4),
    ];
    assert_eq!(entry["metadata"]["plan"], json!(plan));
    let timeline = format!("/api/v1/notifications/{id}/timeline");
    let told = server.get(&admin(), &timeline).await.json();
    let told = told["items"].as_array().unwrap().iter();
    let planned: Vec<Value> = told
        .filter(|item| item["event"] == "planned")
        .map(|item| json!({ "channel": item["channel"], "state": item["state"], "reason": item["reason"], "rule": item["rule"] }))
        .collect();
    assert_eq!(planned, plan);
}
