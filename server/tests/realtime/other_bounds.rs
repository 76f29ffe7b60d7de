//! Bounds of the second table of the limits that need a whole server.

use std::path::Path;

use serde_json::{Value, json};

use crate::call::{Answer, call, send};
use crate::harness::{Landfall, token, until};
use crate::raw::Raw;

#[tokio::test]
async fn a_request_has_a_hundred_header_fields_at_most() {
    let landfall = Landfall::start().await;
    for (count, expected) in [(100, "200"), (101, "431")] {
        let mut raw = Raw::open(landfall.address).await;
        let fields: String = (1..count).map(|n| format!("X-{n}: y\r\n")).collect();
        let head = format!("GET /health HTTP/1.1\r\nHost: l\r\n{fields}\r\n");
        raw.send(head.as_bytes()).await;
        let head = raw.head().await;
        assert_eq!(head.split(' ').nth(1), Some(expected), "{count}");
        if expected == "431" {
            assert!(raw.ends().await, "nothing follows");
        }
    }
}

#[tokio::test]
async fn a_forecast_of_a_large_topic_is_capped() {
    let landfall = Landfall::with(&[("LANDFALL_LIMITS_RECIPIENTS_MAX", "3")]).await;
    let admin = token("root", "admin");
    landfall.call("PUT", "/api/v1/topics/t", &admin, Some(json!({}))).await;
    for (members, capped) in [(3, false), (4, true)] {
        let users: Vec<Value> = (0..members).map(|n| json!({ "user_id": n.to_string() })).collect();
        let body = json!({ "members": users });
        landfall.call("POST", "/api/v1/topics/t/members", &admin, Some(body)).await;
        let body = json!({ "class_id": "t", "message": "m", "dry_run": true });
        let path = "/api/v1/notifications/send";
        let forecast = &landfall.call("POST", path, &admin, Some(body)).await["forecast"];
        assert_eq!(
            (&forecast["recipients"], &forecast["capped"]),
            (&json!(3), &json!(capped)),
            "{forecast}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_beyond_those_that_may_wait_are_refused_and_not_done() {
    let settings =
        [("LANDFALL_STORE_QUEUE_MAX_UNITS", "2"), ("LANDFALL_STORE_GROUP_MAX_UNITS", "1")];
    let landfall = Landfall::with(&settings).await;
    let service = token("app", "service");
    let (mut stored, mut refused) = (0, 0);
    until("a write is refused", async || {
        let sends = (0..32).map(|_| send(&landfall, &service, "title", json!("t")));
        for answer in futures_util::future::join_all(sends).await {
            match answer.told().as_str() {
                "202" => stored += 1,
                told => {
                    assert_eq!((told, answer.header("retry-after")), ("503 unavailable", "1"));
                    refused += 1;
                }
            }
        }
        refused > 0
    })
    .await;
    let path = "/api/v1/notifications/unread-count";
    let unread = landfall.call("GET", path, &token("u", "student"), None).await;
    assert_eq!(unread["unread_count"], stored);
}

/// A template that takes a hundred thousand steps to fill in with a list of fifty.
const ENDLESS: &str = "{% block title %}x{% endblock %}{% block message %}\
    {% for x in items %}{% for y in items %}{% for z in items %}{% set w = x %}\
    {% endfor %}{% endfor %}{% endfor %}z{% endblock %}";
const MANIFEST: &str =
    "description = \"d\"\nchannels = []\npriority = \"low\"\n[required]\nitems = \"list\"\n";

#[tokio::test]
async fn a_template_that_runs_away_is_the_templates_fault() {
    let templates = Path::new(env!("CARGO_TARGET_TMPDIR")).join("other-bounds-templates");
    std::fs::create_dir_all(templates.join("endless")).unwrap();
    std::fs::write(templates.join("endless/en.j2"), ENDLESS).unwrap();
    std::fs::write(templates.join("endless/template.toml"), MANIFEST).unwrap();
    let landfall = Landfall::with(&[("LANDFALL_TEMPLATES_DIR", templates.to_str().unwrap())]).await;
    let post = async |items: usize| -> Answer {
        let body = json!({
            "user_id": "u", "notification_type": "news", "template_id": "endless",
            "data": { "items": vec!["x"; items] },
        });
        let service = token("app", "service");
        call(&landfall, ("POST", "/notify"), &service, &[], body.to_string()).await
    };
    assert_eq!(post(5).await.told(), "202");
    let refused = post(50).await;
    assert_eq!(refused.told(), "422 invalid", "{}", refused.body);
    assert_eq!(refused.body["errors"][0]["pointer"], "/template_id", "{}", refused.body);
}
