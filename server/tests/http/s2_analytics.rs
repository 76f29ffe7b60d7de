//! Analytics as S2 documents them: who may ask, for which days, and what is told.

use landfall_core::audit::Action;
use landfall_core::channel::Channel;
use landfall_core::time::Timestamp;
use serde_json::{Value, json};

use crate::harness::{Answer, Server, admin, service, sign, token, token_in};
use crate::reach::Letter;

async fn count(server: &Server) {
    while server.app.services.count_trail(100).await.unwrap() > 0 {}
}

/// One second after the beginning of a day of September 2025.
fn september(day: i64) -> Timestamp {
    Timestamp::parse("2025-09-01T00:00:01Z").unwrap().plus_ms((day - 1) * 86_400_000)
}

/// Stores a notification of a day that push delivered after so many milliseconds.
async fn pushed(server: &Server, day: i64, kind: &str, after_ms: i64) {
    let (created_at, kind) = (september(day), kind.to_owned());
    let letter =
        Letter { created_at, kind, ..Letter::to("u1", &[Channel::Websocket, Channel::Push]) };
    let mut unit = letter.unit(server);
    unit.writes.push(letter.enqueue(Channel::Push).1);
    let push = |action, after_ms| {
        let metadata = json!({ "channel": "push", "attempt": 1, "provider": "fcm" });
        letter.entry(server, created_at.plus_ms(after_ms), (action, metadata))
    };
    unit.audit.push(push(Action::DeliverySent, 1));
    unit.audit.push(push(Action::DeliveryConfirmed, after_ms));
    unit.audit.push(push(Action::ReceiptShown, after_ms));
    server.store.commit(unit).await.unwrap();
}

#[tokio::test]
async fn s2_get_analytics() {
    let server = Server::start().await;
    pushed(&server, 1, "iep_reminder", 200).await;
    pushed(&server, 11, "meeting_alert", 400).await;
    pushed(&server, 12, "meeting_alert", 400).await;
    count(&server).await;
    let path = "/analytics?start_date=2025-09-01&end_date=2025-09-11";
    let answer = server.get(&admin(), path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut answer = answer.json();
    assert!(answer.as_object_mut().unwrap().remove("counted_until").unwrap().is_string());
    let none =
        json!({ "sent": 0, "accepted": 0, "delivered": 0, "failed": 0, "success_rate": 0.0 });
    let expected = json!({
        "total_notifications": 2,
        "delivery_stats": {
            "websocket":
                { "sent": 2, "accepted": 0, "delivered": 0, "failed": 0, "success_rate": 0.0 },
            "push": { "sent": 2, "accepted": 2, "delivered": 2, "failed": 0, "success_rate": 1.0 },
            "sms": none,
            "email": none,
        },
        "notification_types": { "iep_reminder": 1, "meeting_alert": 1 },
        "response_times": { "average_ms": 300, "p95_ms": 408, "p99_ms": 408 },
        "connection_stats": { "total_connections": 0, "active_users": 0 },
        "reads": 0,
        "receipts": { "shown": 2, "clicked": 0 },
        "start_date": "2025-09-01",
        "end_date": "2025-09-11",
        "class_id": null,
    });
    assert_eq!(answer, expected);
    let longer = server.get(&admin(), &path.replace("09-11", "09-12")).await.json();
    assert_eq!(longer["notification_types"]["meeting_alert"], 2);
}

#[tokio::test]
async fn what_is_sent_today_is_in_the_answer_without_dates() {
    let server = Server::start().await;
    server.notify(&admin(), "u1").await;
    count(&server).await;
    let ack = json!({ "replay_id": 1 });
    server.call(&token("u1", &[]), "POST", "/api/v1/notifications/ack", ack).await;
    count(&server).await;
    for path in ["/analytics", "/api/analytics", "/api/v1/analytics"] {
        let answer = server.get(&admin(), path).await.json();
        let live = &answer["delivery_stats"]["websocket"];
        assert_eq!([&live["sent"], &live["delivered"]], [1, 1], "{path}");
        assert_eq!(answer["delivery_stats"]["push"]["sent"], 0);
    }
}

#[tokio::test]
async fn a_class_is_for_who_teaches_it() {
    let server = Server::start().await;
    server.topic("hers", &[("ada", "teacher"), ("pupil", "member")]).await;
    server.topic("other", &[("else", "teacher"), ("pupil", "member")]).await;
    let body = json!({ "class_id": "hers", "notification_type": "news", "message": "m" });
    assert_eq!(server.call(&service(), "POST", "/notify", body).await.status, 202);
    server.app.services.expand_sends().await.unwrap();
    server.notify(&admin(), "pupil").await;
    count(&server).await;
    let ask = async |token: &str, query: &str| -> Answer {
        server.get(token, &format!("/api/v1/analytics?{query}")).await
    };
    let total = async |token: &str, query: &str| -> Value {
        ask(token, query).await.json()["total_notifications"].clone()
    };
    let ada = token("ada", &["teacher"]);
    assert_eq!(total(&ada, "class_id=hers").await, 2);
    assert_eq!(total(&admin(), "classId=hers").await, 2);
    assert_eq!(total(&admin(), "class_id=other").await, 0);
    assert_eq!(total(&admin(), "").await, 3);
    let reader = json!({ "sub": "p", "scope": "metrics:read", "exp": 4_000_000_000_u64 });
    assert_eq!(total(&sign(&reader), "").await, 3);
    assert_eq!(total(&token_in("acme", "root", &["admin"]), "").await, 0);
    assert_eq!(total(&token_in("acme", "root", &["admin"]), "class_id=hers").await, 0);
    for (caller, query, status) in [
        (&ada, "", 403),
        (&ada, "class_id=other", 404),
        (&ada, "class_id=nowhere", 404),
        (&token("pupil", &["student"]), "class_id=hers", 403),
        (&token("pupil", &["teacher"]), "class_id=hers", 403),
        (&token_in("acme", "ada", &["teacher"]), "class_id=hers", 404),
    ] {
        assert_eq!(ask(caller, query).await.status, status, "{query}");
    }
}

#[tokio::test]
async fn days_that_are_none_are_named() {
    let server = Server::start().await;
    for (query, pointer) in [
        ("start_date=yesterday", "/query/start_date"),
        ("start_date=2025-02-30", "/query/start_date"),
        ("end_date=2025-09-01T00:00:00Z", "/query/end_date"),
        ("start_date=2025-09-02&end_date=2025-09-01", "/query/end_date"),
        ("start_date=2024-01-01&end_date=2025-01-01", "/query/end_date"),
        ("class_id=", "/query/class_id"),
    ] {
        let answer = server.get(&admin(), &format!("/analytics?{query}")).await;
        assert_eq!(answer.pointers(), [pointer], "{query}");
    }
    let year = "/analytics?start_date=2024-01-01&end_date=2024-12-31";
    assert_eq!(server.get(&admin(), year).await.status, 200);
}

#[tokio::test]
async fn health_says_until_when_is_counted_and_how_the_providers_are() {
    let server = Server::start().await;
    server.notify(&admin(), "u1").await;
    let health = async || server.get("", "/health").await.json();
    let before = health().await["analytics_counted_until"].clone();
    count(&server).await;
    let after = health().await["analytics_counted_until"].clone();
    assert!(after.as_str() > before.as_str(), "{after} after {before}");
    let health = health().await;
    let services = ["websocket", "push", "sms", "email", "templates"];
    let services = services.map(|part| health["services"][part].as_str().unwrap().to_owned());
    let none = "not configured";
    assert_eq!(services, ["healthy", none, none, none, "healthy"]);
}
