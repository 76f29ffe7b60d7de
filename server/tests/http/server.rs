//! What every answer carries, and what the server says of itself.

use serde_json::{Value, json};

use crate::harness::{Server, admin, finish, service, sign, token};

#[tokio::test]
async fn every_answer_is_named_and_guarded() {
    let server = Server::start().await;
    for path in ["/health", "/nowhere", "/api/v1/topics", "/docs"] {
        let answer = finish(server.request("GET", path)).await;
        assert!(answer.header("x-request-id").len() >= 32, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let named = |id: &str| finish(server.request("GET", "/health").header("x-request-id", id));
    assert_eq!(named("abc_DEF-1").await.header("x-request-id"), "abc_DEF-1");
    for bad in ["a.b", "a b", "", &"x".repeat(65)] {
        assert_ne!(named(bad).await.header("x-request-id"), bad);
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    let server = Server::start().await;
    let paths = [
        "/",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/notify/",
        "/api/v1/notify/",
        "/api/v1/api/notify",
        "/health/",
        "/API/v1/notify",
    ];
    for path in paths {
        let answer = finish(server.request("POST", path)).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
    }
    let answer = finish(server.request("GET", "/notify")).await;
    assert_eq!((answer.status, answer.code().as_str()), (405, "method_not_allowed"));
    assert_eq!(answer.header("allow"), "POST");
}

#[tokio::test]
async fn health_says_how_the_parts_are() {
    let server = Server::start().await;
    server.notify(&admin(), "u1").await;
    let health = finish(server.request("GET", "/health")).await.json();
    assert_eq!((&health["status"], &health["store"]), (&json!("healthy"), &json!("healthy")));
    assert_eq!(
        (&health["redis"], &health["replay_sequence"]),
        (&json!("not configured"), &json!(1))
    );
    assert_eq!(health["services"]["websocket"], "healthy");
    assert_eq!(health["services"]["sms"], "not configured");
    let ready = finish(server.request("GET", "/health/ready")).await;
    assert_eq!((ready.status, ready.json()), (200, json!({ "status": "ready" })));
}

#[tokio::test]
async fn a_server_that_drains_or_has_no_store_is_not_ready() {
    let server = Server::start().await;
    server.app.drain.cancel();
    let ready = finish(server.request("GET", "/health/ready")).await;
    assert_eq!((ready.status, ready.code().as_str()), (503, "unavailable"));
    assert_eq!(ready.header("retry-after"), "1");

    let server = Server::start().await;
    server.store.close();
    let health = finish(server.request("GET", "/health")).await;
    assert_eq!((health.status, &health.json()["status"]), (200, &json!("degraded")));
    assert_eq!(finish(server.request("GET", "/health/ready")).await.status, 503);
    let body = json!({ "user_id": "u", "notification_type": "n", "message": "m" });
    let answer = server.call(&service(), "POST", "/notify", body).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"));
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn metrics_are_for_whoever_may_read_them() {
    let server = Server::start().await;
    server.notify(&admin(), "u1").await;
    server.call(&service(), "POST", "/notify", json!({})).await;
    server.get("bad", "/api/v1/topics/planted-topic").await;
    assert_eq!(finish(server.request("GET", "/metrics")).await.status, 401);
    assert_eq!(server.get(&token("u", &[]), "/metrics").await.status, 403);
    let exp = 4_000_000_000_u64;
    let reader = sign(&json!({ "sub": "prometheus", "scope": "metrics:read", "exp": exp }));
    let answer = server.get(&reader, "/metrics").await;
    assert!(answer.header("content-type").starts_with("application/openmetrics-text"));
    for line in [
        "landfall_notifications_accepted_total 1",
        r#"landfall_http_refused_total{reason="invalid"} 1"#,
        r#"landfall_tokens_refused_total{reason="malformed"} 1"#,
        r#"landfall_http_request_duration_seconds_count{route="/api/v1/notify",status="2xx"} 1"#,
        "landfall_connections 0",
        "landfall_frames_sent_total 5",
        "# EOF",
    ] {
        assert!(answer.text.lines().any(|l| l == line), "{line} in\n{}", answer.text);
    }
    assert!(!answer.text.contains("planted-topic"));
    for line in answer.text.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.starts_with("landfall_"), "{line}");
    }
}

#[tokio::test]
async fn metrics_show_the_outbox_and_the_lag_of_analytics() {
    use landfall_channels::Outcome;
    use landfall_core::channel::Channel;
    use landfall_core::time::Timestamp;
    use landfall_store::Backlog;
    let server = Server::start().await;
    let (now, outbox) = (Timestamp::from_ms(100_000), &server.app.metrics.outbox);
    let since = Some(now.plus_ms(-42_000));
    outbox.backlog(Backlog { due: 3, waiting: 5, oldest_due: since, ..Backlog::default() }, now);
    outbox.counted_until(now.plus_ms(-7_500), now);
    let sent = Outcome::Sent { reference: Some("planted".into()), code: "planted".into() };
    outbox.attempt(Channel::Sms, &sent);
    outbox.attempt(Channel::Push, &Outcome::Gone { code: "410".into() });
    let text = server.get(&admin(), "/metrics").await.text;
    for line in [
        "landfall_deliveries_due 3",
        "landfall_deliveries_waiting 5",
        "landfall_deliveries_oldest_due_seconds 42",
        "landfall_analytics_lag_seconds 7",
        r#"landfall_delivery_attempts_total{channel="sms",outcome="sent"} 1"#,
        r#"landfall_delivery_attempts_total{channel="push",outcome="gone"} 1"#,
    ] {
        assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
    }
    assert!(!text.contains("planted"));
}

#[tokio::test]
async fn metrics_show_what_is_told_and_how_late() {
    use landfall_core::time::Timestamp;
    use landfall_server::service::schedule::Fired;
    use landfall_store::Backlog;
    let server = Server::start().await;
    let (now, schedule) = (Timestamp::from_ms(100_000), &server.app.metrics.schedule);
    schedule.fired(Fired { sent: 4, missed: 2, pieces: 9 });
    schedule.done_up_to(now.plus_ms(-61_000), now);
    let since = |seconds: i64| Some(now.plus_ms(-seconds * 1_000));
    let (oldest_later, oldest_digest) = (since(3), since(5));
    schedule.backlog(Backlog { oldest_later, oldest_digest, ..Backlog::default() }, now);
    let text = server.get(&admin(), "/metrics").await.text;
    for line in [
        r#"landfall_moments_total{outcome="sent"} 4"#,
        r#"landfall_moments_total{outcome="missed"} 2"#,
        "landfall_schedule_behind_seconds 61",
        "landfall_later_oldest_due_seconds 3",
        "landfall_digests_oldest_due_seconds 5",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
    }
}

#[tokio::test]
async fn a_panic_is_one_failed_request() {
    let router = axum::Router::new().route(
        "/panics",
        axum::routing::get(|| async {
            if true {
                panic!("planted")
            }
        }),
    );
    let server = Server::with(router).await;
    let answer = finish(server.request("GET", "/panics")).await;
    assert_eq!((answer.status, answer.code().as_str()), (500, "internal"));
    assert!(!answer.text.contains("planted"));
    let next = server.get(&admin(), "/api/v1/topics").await;
    assert_eq!(next.json()["items"], Value::Array(vec![]));
}

#[tokio::test]
async fn pages_of_any_origin_may_call_but_never_with_credentials() {
    let server = Server::start().await;
    let called = server.request("GET", "/api/v1/topics").header("origin", "https://a.example.org");
    let called = finish(called).await;
    let asked = server.request("OPTIONS", "/notify").header("origin", "https://a.example.org");
    let asked = finish(asked.header("access-control-request-method", "POST")).await;
    assert_eq!((called.status, asked.status), (401, 204));
    assert!(asked.header("access-control-allow-headers").contains("Authorization"));
    for answer in [called, asked] {
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
    assert_eq!(finish(server.request("OPTIONS", "/notify")).await.status, 405);
}
