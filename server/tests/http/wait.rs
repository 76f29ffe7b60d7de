//! `Prefer: wait=N`: the answer comes after the outcome (RFC 7240, contract 3).

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use landfall_channels::scripted::Scripted;
use landfall_channels::{LoadKind, Outcome, Registry};
use landfall_core::channel::Channel;
use serde_json::{Value, json};

use crate::harness::{Answer, Server, admin, finish};

const APPLIED: &str = "preference-applied";

/// A server with text messages and mail, and a user who has both.
async fn server() -> (Server, Arc<Scripted>, Arc<Scripted>) {
    let texts = Arc::new(Scripted::new("twilio", Channel::Sms, |kind| kind == LoadKind::Sms));
    let mails = Arc::new(Scripted::new("smtp", Channel::Email, |kind| kind == LoadKind::Email));
    let registry = Registry::new(vec![Arc::clone(&texts) as _, Arc::clone(&mails) as _]);
    let server = Server::reaching(registry).await;
    let profile = json!({ "phone": "+15550001111", "email": "u@example.org" });
    let put = server.call(&admin(), "PUT", "/api/v1/users/u", profile).await;
    assert!(put.status < 300, "{}", put.text);
    (server, texts, mails)
}

async fn send(server: &Server, prefer: &str, more: Value) -> Answer {
    let mut body = json!({ "user_id": "u", "type": "t", "message": "m",
        "channels": ["websocket", "sms", "email"] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let request = server.request("POST", "/notify").bearer_auth(admin()).json(&body);
    finish(request.header("Prefer", prefer)).await
}

#[tokio::test]
async fn the_answer_comes_when_every_channel_has_an_outcome() {
    let (server, texts, mails) = server().await;
    texts.hold();
    mails.answers([Outcome::Refused { code: "550".into() }]);
    let release = async {
        texts.until_begun(1).await;
        mails.until_begun(1).await;
        texts.release(1);
    };
    let begun = Instant::now();
    let sent = send(&server, "wait=10", json!({ "strategy": "all" }));
    let (answer, ()) = tokio::join!(sent, release);
    assert!(begun.elapsed() < Duration::from_secs(9), "nobody is waited for in vain");
    assert_eq!((answer.status, answer.header(APPLIED)), (202, "wait=10"));
    let answer = answer.json();
    assert_eq!(
        answer["channels"],
        json!({ "websocket": "queued", "sms": "sent", "email": "failed" })
    );
    let reasons = json!({ "sms": "taken by the provider", "email": "refused by the provider" });
    assert_eq!(answer["reasons"], reasons);
}

#[tokio::test]
async fn a_fallback_has_its_outcome_when_one_channel_took_it() {
    let (server, texts, mails) = server().await;
    texts.answers([Outcome::Refused { code: "400".into() }]);
    let answer = send(&server, "wait=100", json!({})).await;
    assert_eq!(answer.header(APPLIED), "wait=10");
    let answer = answer.json();
    assert_eq!(
        [&answer["channels"]["sms"], &answer["channels"]["email"]],
        ["failed", "sent"],
        "{answer}"
    );
    let begun = Instant::now();
    let later = send(&server, "wait=10", json!({ "escalate_after": 600 })).await.json();
    assert!(begun.elapsed() < Duration::from_secs(9), "what is due later is not waited for");
    assert_eq!([&later["channels"]["sms"], &later["channels"]["email"]], ["sent", "queued"]);
    assert_eq!((texts.begun(), mails.begun()), (2, 1));
}

#[tokio::test]
async fn who_waits_in_vain_is_answered_in_time() {
    let (server, texts, _) = server().await;
    texts.hold();
    let begun = Instant::now();
    let answer = send(&server, "wait=1", json!({ "channels": ["sms"] })).await;
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!((answer.status, answer.header(APPLIED)), (202, "wait=1"));
    assert_eq!(answer.json()["channels"]["sms"], "queued");
}

#[tokio::test]
async fn what_is_no_wait_waits_for_nothing() {
    let (server, texts, _) = server().await;
    texts.hold();
    for prefer in ["wait=x", "wait", "wait=0", "respond-async", "wait=x, wait=5"] {
        let answer = send(&server, prefer, json!({ "channels": ["sms"] })).await;
        assert_eq!((answer.status, answer.header(APPLIED)), (202, ""), "{prefer}");
        assert_eq!(answer.json()["channels"]["sms"], "queued");
    }
    let many = send(&server, "wait=10", json!({ "user_id": null, "user_ids": ["u"] })).await;
    assert_eq!((many.status, many.header(APPLIED)), (202, ""), "{}", many.text);
}

#[tokio::test]
async fn a_repetition_is_answered_as_it_was_stored() {
    let (server, texts, _) = server().await;
    let body = json!({ "user_id": "u", "type": "t", "message": "m", "channels": ["sms"] });
    let post = async || {
        let request = server.request("POST", "/notify").bearer_auth(admin()).json(&body);
        let request = request.header("Idempotency-Key", "k").header("Prefer", "wait=10");
        finish(request).await
    };
    let (first, again) = (post().await, post().await);
    assert_eq!((first.header(APPLIED), again.header(APPLIED)), ("wait=10", ""));
    assert_eq!(first.json()["notification_id"], again.json()["notification_id"]);
    assert_eq!(first.json()["channels"]["sms"], "sent");
    assert_eq!(again.json()["channels"]["sms"], "queued");
    assert_eq!(texts.begun(), 1);
}

#[tokio::test]
async fn who_comes_when_256_wait_is_answered_at_once() {
    let (server, texts, _) = server().await;
    texts.hold();
    let body = || json!({ "channels": ["sms"] });
    let sends = (0..260).map(|_| send(&server, "wait=10", body()));
    let mut answers = futures_util::stream::FuturesUnordered::from_iter(sends);
    for _ in 0..4 {
        let answer = answers.next().await.unwrap();
        assert_eq!((answer.status, answer.header(APPLIED)), (202, ""));
    }
    server.app.drain.cancel();
    let waited: Vec<String> =
        answers.map(|answer| answer.header(APPLIED).to_owned()).collect().await;
    assert_eq!(waited, ["wait=10"; 256]);
}

#[tokio::test]
async fn a_server_that_drains_waits_for_nobody() {
    let (server, texts, _) = server().await;
    texts.hold();
    let begun = Instant::now();
    let drain = async {
        texts.until_begun(1).await;
        server.app.drain.cancel();
    };
    let sent = send(&server, "wait=10", json!({ "channels": ["sms"] }));
    let (answer, ()) = tokio::join!(sent, drain);
    assert!(begun.elapsed() < Duration::from_secs(9));
    assert_eq!((answer.status, &answer.json()["channels"]["sms"]), (202, &json!("queued")));
}
