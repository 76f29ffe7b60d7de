//! How fast tenants, users and addresses may go, and whom another's hurry does not concern.

use serde_json::{Value, json};

use crate::call::{call, get, send};
use crate::harness::{Landfall, token, token_in, until};
use crate::raw::{CLOSE, Raw, TEXT, frame};

const TENANT: (&str, &str) = ("LANDFALL_LIMITS_TENANT_REQUESTS_PER_SECOND", "4");
const SENDS: (&str, &str) = ("LANDFALL_LIMITS_TENANT_NOTIFICATIONS_PER_SECOND", "4");
const USER: (&str, &str) = ("LANDFALL_LIMITS_USER_REQUESTS_PER_SECOND", "4");
const TOKENS: (&str, &str) = ("LANDFALL_LIMITS_REFUSED_TOKENS_PER_SECOND", "4");
const BURST: (&str, &str) = ("LANDFALL_LIMITS_BURST_SECONDS", "1");

const LIST: &str = "/api/v1/notifications";

async fn spend(landfall: &Landfall, token: &str) {
    for _ in 0..4 {
        assert_eq!(get(landfall, LIST, token).await.status, 200);
    }
    assert_eq!(get(landfall, LIST, token).await.told(), "429 rate_limited");
}

#[tokio::test]
async fn a_tenants_hurry_is_no_other_tenants_concern() {
    let landfall = Landfall::at_noon(&[TENANT, BURST]).await;
    spend(&landfall, &token_in("a", "u1", "service")).await;
    let refused = get(&landfall, LIST, &token_in("a", "u2", "service")).await;
    assert_eq!(refused.told(), "429 rate_limited");
    spend(&landfall, &token_in("b", "u1", "service")).await;
    for path in ["/health", "/health/ready", "/metrics", "/openapi.json", "/docs"] {
        let answer = get(&landfall, path, &token_in("a", "root", "admin")).await;
        assert_eq!(answer.status, 200, "{path}");
    }
    landfall.set_clock(1);
    spend(&landfall, &token_in("a", "u1", "service")).await;
}

#[tokio::test]
async fn a_users_hurry_is_no_other_users_concern_and_senders_have_none() {
    let landfall = Landfall::at_noon(&[USER, BURST]).await;
    spend(&landfall, &token("u1", "student")).await;
    spend(&landfall, &token_in("b", "u1", "student")).await;
    spend(&landfall, &token("u2", "student")).await;
    for _ in 0..20 {
        assert_eq!(get(&landfall, LIST, &token("t", "teacher")).await.status, 200);
    }
}

#[tokio::test]
async fn opening_sockets_counts() {
    let landfall = Landfall::at_noon(&[USER, BURST]).await;
    for _ in 0..4 {
        landfall.device("ada", "").await.close().await;
    }
    let path = format!("/ws?token={}", token("ada", "student"));
    let handshake = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let refused = call(&landfall, ("GET", &path), "", &handshake, String::new()).await;
    assert_eq!((refused.told().as_str(), refused.header("retry-after")), ("429 rate_limited", "1"));
}

#[tokio::test]
async fn pushes_over_a_socket_count_and_one_too_many_does_not_close_it() {
    let landfall = Landfall::at_noon(&[USER, BURST]).await;
    let mut device = landfall.device("ada", "device_id=phone").await;
    let mut pushes = async |said: &str| {
        let push = json!({ "type": "push_change", "payload": { "operations": [] }, "ref": 1 });
        device.say(push).await;
        let answer = device.next().await;
        assert_eq!(answer["type"], said, "{answer}");
        answer["code"].clone()
    };
    // To open it was the first.
    for _ in 0..3 {
        pushes("sync_complete").await;
    }
    assert_eq!(pushes("error").await, "rate_limited");
    landfall.set_clock(1);
    pushes("sync_complete").await;
}

#[tokio::test]
async fn a_send_is_a_debt_of_its_recipients() {
    let landfall = Landfall::at_noon(&[SENDS, BURST]).await;
    let service = token("app", "service");
    let users = json!((0..13).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(send(&landfall, &service, "user_ids", users).await.status, 202);
    let refused = send(&landfall, &service, "title", json!("t")).await;
    // 13 of 4 a second leave 9 to pay, and one more to come.
    assert_eq!((refused.told().as_str(), refused.header("retry-after")), ("429 rate_limited", "3"));
    assert_eq!(get(&landfall, LIST, &service).await.status, 200);
    let other = token_in("b", "app", "service");
    assert_eq!(send(&landfall, &other, "title", json!("t")).await.status, 202);
    landfall.set_clock(3);
    assert_eq!(send(&landfall, &service, "title", json!("t")).await.status, 202);
}

#[tokio::test]
async fn a_repeated_send_counts_once() {
    let landfall = Landfall::at_noon(&[SENDS, BURST]).await;
    let service = token("app", "service");
    let body = json!({ "user_ids": ["a", "b"], "notification_type": "news", "message": "m" });
    for _ in 0..3 {
        let key = [("idempotency-key", "k")];
        let to = ("POST", "/api/v1/notify");
        assert_eq!(call(&landfall, to, &service, &key, body.to_string()).await.status, 202);
    }
    assert_eq!(send(&landfall, &service, "title", json!("t")).await.status, 429);
}

#[tokio::test]
async fn a_batch_waits_for_its_tenants_pace() {
    let no_pace = ("LANDFALL_LIMITS_USER_REQUESTS_PER_SECOND", "0");
    let landfall = Landfall::at_noon(&[SENDS, BURST, no_pace]).await;
    let line = r#"{"user_id":"u","notification_type":"news","message":"m"}"#;
    let lines = format!("{line}\n").repeat(10);
    let service = token("app", "service");
    let kind = [("content-type", "application/x-ndjson")];
    let batch = call(&landfall, ("POST", "/api/v1/notify/batch"), &service, &kind, lines);
    let stored = async || {
        let list = landfall.inbox("u", "").await;
        list["items"].as_array().unwrap().len()
    };
    let watch = async {
        until("a burst is stored", async || stored().await == 4).await;
        landfall.set_clock(1);
        until("the pace goes on", async || stored().await == 8).await;
        landfall.set_clock(2);
    };
    let (batch, ()) = tokio::join!(batch, watch);
    assert_eq!((batch.status, stored().await), (200, 10));
}

#[tokio::test]
async fn tokens_that_do_not_hold_are_bounded_by_address() {
    let landfall =
        Landfall::at_noon(&[TOKENS, BURST, ("LANDFALL_SERVER_TRUSTED_PROXIES", "127.0.0.0/8")])
            .await;
    let from = |address: &'static str, token: String| {
        let headers = [("x-forwarded-for", address)];
        let landfall = &landfall;
        async move { call(landfall, ("GET", LIST), &token, &headers, String::new()).await.told() }
    };
    for _ in 0..4 {
        assert_eq!(from("192.0.2.1", "bad".into()).await, "401 unauthenticated");
        assert_eq!(from("192.0.2.1", String::new()).await, "401 unauthenticated");
    }
    assert_eq!(from("192.0.2.1", "bad".into()).await, "429 rate_limited");
    assert_eq!(from("203.0.113.9, 192.0.2.1", "bad".into()).await, "429 rate_limited");
    assert_eq!(from("192.0.2.2", "bad".into()).await, "401 unauthenticated");
    assert_eq!(from("192.0.2.2", token("u", "student")).await, "200");
    landfall.set_clock(1);
    assert_eq!(from("192.0.2.1", token("u", "student")).await, "200");
}

/// Says a first message on a socket of its own; gives what comes, and how the socket is closed.
async fn greeted(landfall: &Landfall, token: &str) -> (Option<Value>, u16) {
    let mut raw = Raw::upgraded(landfall.address, "/ws").await;
    let message = json!({ "type": "auth", "token": token }).to_string();
    raw.send(&frame(TEXT, message.as_bytes())).await;
    let mut error = None;
    loop {
        match raw.frame().await.expect("a close comes before the end") {
            (TEXT, text) => error = Some(serde_json::from_slice(&text).unwrap()),
            (CLOSE, payload) => return (error, u16::from_be_bytes([payload[0], payload[1]])),
            _ => {}
        }
    }
}

#[tokio::test]
async fn first_messages_with_tokens_that_do_not_hold_are_bounded_by_address() {
    let landfall = Landfall::at_noon(&[TOKENS, BURST]).await;
    for _ in 0..4 {
        assert_eq!(greeted(&landfall, "junk").await, (None, 1008));
    }
    let (error, code) = greeted(&landfall, &token("ada", "student")).await;
    let error = error.unwrap();
    assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!("rate_limited")));
    assert_eq!(code, 1013);
    assert_eq!(get(&landfall, LIST, "junk").await.told(), "429 rate_limited");
    landfall.set_clock(1);
    assert_eq!(get(&landfall, LIST, &token("u", "student")).await.told(), "200");
}

#[tokio::test]
async fn fresh_tokens_that_do_not_hold_are_bounded_by_address() {
    let landfall = Landfall::at_noon(&[TOKENS, BURST]).await;
    let path = format!("/ws?token={}", token("ada", "student"));
    let mut raw = Raw::upgraded(landfall.address, &path).await;
    let message = frame(TEXT, json!({ "type": "auth", "token": "junk" }).to_string().as_bytes());
    for count in 1..=5 {
        raw.send(&message).await;
        let expected = if count < 5 { "unauthenticated" } else { "rate_limited" };
        assert_eq!(error_code(&mut raw).await, expected, "{count}");
    }
    assert_eq!(raw.closed().await.0, 1013);
    assert_eq!(get(&landfall, LIST, "junk").await.told(), "429 rate_limited");
}

async fn error_code(raw: &mut Raw) -> Value {
    loop {
        let frame = raw.text().await.expect("an error comes before the end");
        if frame["type"] == "error" {
            return frame["code"].clone();
        }
    }
}

#[tokio::test]
async fn a_first_message_counts_as_a_request() {
    let landfall = Landfall::at_noon(&[USER, BURST]).await;
    spend(&landfall, &token("ada", "student")).await;
    assert_eq!(greeted(&landfall, &token("ada", "student")).await.1, 1013);
}

#[tokio::test]
async fn behind_a_proxy_that_nobody_named_no_client_locks_out_the_others() {
    let landfall = Landfall::at_noon(&[TOKENS, BURST]).await;
    let mut answers: Vec<Value> = Vec::new();
    for last in 1..=9 {
        let address = format!("192.0.2.{last}");
        let headers = [("x-forwarded-for", address.as_str())];
        let answer = call(&landfall, ("GET", LIST), "bad", &headers, String::new()).await;
        answers.push(json!(answer.status));
    }
    assert_eq!(answers, [401; 9]);
    // It is not believed either: what comes without its word is the peer's own.
    for _ in 0..4 {
        assert_eq!(get(&landfall, LIST, "bad").await.status, 401);
    }
    assert_eq!(get(&landfall, LIST, "bad").await.status, 429);
}
