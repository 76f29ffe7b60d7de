//! No secret reaches a log, however it came in (contract 1).
//!
//! Alone in its binary and in one test: whether a line is written is decided once per process, and
//! tests beside it that write none would race for that decision.

#![allow(clippy::unwrap_used)]

#[path = "../harness/mod.rs"]
mod harness;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use landfall_server::config::{LogFormat, LogLevel, LogSettings};
use landfall_server::logs;
use serde_json::{Value, json};

use harness::{SECRET, Server, finish, service, token};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn exercise(server: &Server, bearer: &str) {
    let body = json!({
        "user_id": "planted-user", "notification_type": "news", "title": "planted-title",
        "message": "planted-message", "data": { "k": "planted-data" },
        "phone_number": "+15550001234"
    });
    let path = format!("/notify?token={bearer}&x=planted-query");
    let request = server.request("POST", &path).bearer_auth(bearer).json(&body);
    let request =
        request.header("Idempotency-Key", "planted-key").header("X-Device-ID", "planted-device");
    assert_eq!(finish(request).await.status, 202);
    let bad = json!({ "user_id": "planted-user", "phone_number": "+15550001234", "title": 5 });
    assert_eq!(server.call(bearer, "POST", "/notify", bad).await.status, 422);
    for path in
        ["/api/v1/topics/planted-topic", "/planted-path", "/api/v1/topics?cursor=planted-cursor"]
    {
        server.get(bearer, path).await;
    }
    server.get(&format!("{bearer}planted-tail"), "/api/v1/topics").await;
    let student = token("planted-student", &[]);
    server
        .call(
            &student,
            "POST",
            "/notify",
            json!({"user_id":"planted-user","type":"t","message":"planted-message"}),
        )
        .await;
    let line = json!({ "user_id": "planted-user", "type": "t", "message": "planted-message", "idempotency_key": "planted-key" });
    let batch = server.request("POST", "/api/v1/notify/batch").bearer_auth(bearer);
    let batch =
        batch.header("content-type", "application/x-ndjson").body(format!("{line}\nplanted-junk"));
    assert_eq!(finish(batch).await.status, 200);
}

/// Calls that carry what leads to a person: in bodies, in a path, in a query.
async fn exercise_people(server: &Server, bearer: &str) {
    let endpoint = "https://push.example.net/planted-endpoint";
    let profile = json!({ "email": "planted@example.org", "phone": "+15550001234" });
    let device = json!({ "token": "planted-firebase-token", "platform": "ios" });
    let subscription = json!({
        "endpoint": endpoint,
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    });
    let wrong = json!({ "email": "planted", "phone": "planted" });
    let by_endpoint = format!("/api/v1/notifications/unsubscribe-by-endpoint?endpoint={endpoint}");
    for (method, path, body, status) in [
        ("PUT", "/api/v1/users/planted-user", profile, 201),
        ("PUT", "/api/v1/users/planted-user", wrong, 422),
        ("POST", "/api/v1/notifications/tokens", device, 201),
        ("DELETE", "/api/v1/notifications/tokens/planted-firebase-token", Value::Null, 204),
        ("POST", "/push/subscribe", subscription, 201),
        ("DELETE", &*by_endpoint, Value::Null, 204),
    ] {
        assert_eq!(server.call(bearer, method, path, body).await.status, status, "{method} {path}");
    }
    server.app.services.store_strangers(10).await.unwrap();
}

async fn logged(format: LogFormat) -> (String, Vec<String>) {
    let captured = Captured::default();
    let writer = captured.clone();
    let settings = LogSettings { format, level: LogLevel::Trace };
    let guard =
        tracing::subscriber::set_default(logs::subscriber(&settings, move || writer.clone()));
    let server = Server::start().await;
    let token = service();
    exercise(&server, &token).await;
    exercise_people(&server, &token).await;
    server.app.tasks.close();
    server.app.tasks.wait().await;
    drop(guard);
    let parts: Vec<String> = token.split('.').skip(1).map(str::to_owned).collect();
    let bytes = captured.0.lock().unwrap().clone();
    (String::from_utf8(bytes).unwrap(), parts)
}

#[tokio::test]
async fn a_request_is_one_line_and_no_line_holds_a_secret() {
    for format in [LogFormat::Text, LogFormat::Json] {
        let (text, token_parts) = logged(format).await;
        assert!(text.contains("/api/v1/topics/{id}"), "{text}");
        for secret in ["planted", "15550001234", "BTBZMqHH6r4Tts7J", SECRET] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        for part in token_parts {
            assert!(!text.contains(&part), "{part} in {text}");
        }
        if format == LogFormat::Json {
            check_lines(&text);
        }
    }
}

fn check_lines(text: &str) {
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let requests: Vec<&Value> = lines.iter().filter(|line| line["message"] == "request").collect();
    assert_eq!(requests.len(), 14);
    let first = requests[0];
    assert_eq!((&first["method"], &first["route"]), (&json!("POST"), &json!("/api/v1/notify")));
    assert_eq!((&first["status"], &first["tenant"]), (&json!(202), &json!("default")));
    assert!(first["duration_ms"].is_number() && first["request_id"].is_string());
    assert_eq!(requests[3]["route"], "none");
}
