//! The table of limits: what it says is set, and what it says comes past each limit comes.

use std::collections::BTreeMap;

use landfall_server::config::DEFAULT_FILE;
use serde_json::{Value, json};

use crate::call::{Answer, call, get, send, told};
use crate::harness::{Landfall, token, until};
use crate::raw::{CONTINUATION, Raw, TEXT, frame, part};

const PAGE: &str = include_str!("../../../docs/limits.md");

/// A row of the table: the default, and the first quoted word of the last column.
struct Row {
    default: String,
    answer: String,
}

fn table() -> BTreeMap<String, Row> {
    let section = PAGE.split("## Settings of `[limits]`").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [setting, default, _, past] = cells[..] else { panic!("{line}") };
        let answer = past.split('`').nth(1).unwrap().to_owned();
        (setting.trim_matches('`').to_owned(), Row { default: default.to_owned(), answer })
    };
    rows.map(row).collect()
}

#[test]
fn the_table_has_every_limit_with_its_default() {
    let file: toml::Table = DEFAULT_FILE.parse().unwrap();
    let limits = file["limits"].as_table().unwrap().iter();
    let set: BTreeMap<String, String> =
        limits.map(|(name, value)| (name.clone(), value.to_string())).collect();
    let rows = table().into_iter();
    let told: BTreeMap<String, String> = rows.map(|(name, row)| (name, row.default)).collect();
    assert_eq!(told, set);
}

#[tokio::test]
async fn past_each_limit_comes_what_the_table_says() {
    for (setting, Row { answer, .. }) in table() {
        let (small, expected) = small(&setting);
        let name = format!("LANDFALL_LIMITS_{}", setting.to_uppercase());
        let mut settings = vec![("LANDFALL_LIMITS_BURST_SECONDS", "1")];
        settings.extend(small.map(|value| (name.as_str(), value)));
        settings.extend(expected.iter().copied());
        // Paces are not passed by a test that is slow.
        let landfall = Landfall::at_noon(&settings).await;
        assert_eq!(past(&landfall, &setting).await, answer, "{setting}");
        landfall.stop().await;
    }
}

/// A value that is quickly passed, and other settings that go with it.
fn small(setting: &str) -> (Option<&'static str>, &'static [(&'static str, &'static str)]) {
    const ONE_A_SECOND: &[(&str, &str)] = &[("LANDFALL_LIMITS_USER_REQUESTS_PER_SECOND", "1")];
    const ONE_USER_ONE: &[(&str, &str)] = &[("LANDFALL_LIMITS_CONNECTIONS_PER_USER", "1")];
    match setting {
        "recipients_max" | "members_bulk_max" | "page_default" => (Some("3"), &[]),
        "lessons_per_class_max" => (Some("1"), &[]),
        "sync_body_kib" => (Some("64"), &[]),
        "connections_max" => (Some("1"), ONE_USER_ONE),
        "connections_per_user" | "header_seconds" | "body_seconds" | "frame_seconds" => {
            (Some("1"), &[])
        }
        "dead_peer_seconds" => (Some("2"), &[]),
        "body_kib_per_second" => (None, &[("LANDFALL_LIMITS_BODY_SECONDS", "1")]),
        "burst_seconds" => (None, ONE_A_SECOND),
        pace if pace.ends_with("_per_second") => (Some("1"), &[]),
        _ => (None, &[]),
    }
}

/// Passes a limit and says what came.
async fn past(landfall: &Landfall, setting: &str) -> String {
    match setting {
        "body_kib" | "title_chars" | "message_chars" | "data_kib" | "recipients_max"
        | "json_depth" => past_a_notification(landfall, setting).await,
        "batch_line_kib" | "members_bulk_max" | "page_default" | "page_max" => {
            past_a_call(landfall, setting).await
        }
        "sync_body_kib" | "sync_operations_max" | "pull_max" => {
            past_a_sync(landfall, setting).await
        }
        lesson if lesson.starts_with("lesson") => past_a_lesson(landfall, setting).await,
        pace if pace.starts_with("user_") || pace.starts_with("tenant_") => {
            past_a_pace(landfall, setting).await
        }
        "burst_seconds" => past_a_pace(landfall, "user_requests_per_second").await,
        "refused_tokens_per_second" => past_a_pace(landfall, setting).await,
        "frame_seconds" | "frames_per_second" => past_a_frame(landfall, setting).await,
        "frame_kib" | "connections_max" | "connections_per_user" => {
            past_a_socket(landfall, setting).await
        }
        _ => past_the_wire(landfall, setting).await,
    }
}

async fn past_a_sync(landfall: &Landfall, setting: &str) -> String {
    let limits = &landfall.server.app.limits;
    let (name, body) = match setting {
        "sync_body_kib" => ("pull", json!({ "unknown": "x".repeat(limits.sync_body_kib.bytes()) })),
        "pull_max" => ("pull", json!({ "limit": limits.pull_max + 1 })),
        _ => ("push", {
            let operations = vec![json!({}); limits.sync_operations_max + 1];
            json!({ "deviceId": "phone", "operations": operations })
        }),
    };
    let path = format!("/api/v1/sync/{name}");
    let root = token("root", "admin");
    call(landfall, ("POST", &path), &root, &[], body.to_string()).await.told()
}

async fn past_a_notification(landfall: &Landfall, setting: &str) -> String {
    let limits = &landfall.server.app.limits;
    let kib = |count: usize| "x".repeat(1_024 * count);
    let (field, value) = match setting {
        "body_kib" => ("unknown", json!(kib(limits.body_kib.0 as usize))),
        "title_chars" => ("title", json!("ü".repeat(limits.title_chars + 1))),
        "message_chars" => ("message", json!("ü".repeat(limits.message_chars + 1))),
        "data_kib" => ("data", json!({ "a": kib(limits.data_kib.0 as usize) })),
        "recipients_max" => {
            ("user_ids", (0..=limits.recipients_max).map(|n| json!(n.to_string())).collect())
        }
        _ => ("unknown", (0..limits.json_depth).fold(json!(1), |inside, _| json!([inside]))),
    };
    let answer = send(landfall, &token("app", "service"), field, value).await;
    if answer.status == 422 {
        assert_eq!(answer.body["errors"][0]["pointer"], format!("/{field}"));
    }
    answer.told()
}

async fn past_a_call(landfall: &Landfall, setting: &str) -> String {
    let (admin, limits) = (token("root", "admin"), &landfall.server.app.limits);
    match setting {
        "batch_line_kib" => {
            let line = "x".repeat(limits.batch_line_kib.bytes() + 1);
            let answer = batch(landfall, &admin, line).await;
            told(answer.body["status"].as_u64().unwrap() as u16, &answer.body["error"])
        }
        "members_bulk_max" => {
            landfall.call("PUT", "/api/v1/topics/t", &admin, Some(json!({}))).await;
            let members =
                (0..=limits.members_bulk_max).map(|n| json!({ "user_id": n.to_string() }));
            let body = json!({ "members": members.collect::<Vec<Value>>() }).to_string();
            call(landfall, ("POST", "/api/v1/topics/t/members"), &admin, &[], body).await.told()
        }
        "page_default" => {
            landfall.notify_many("u", limits.page_default + 1).await;
            let answer = get(landfall, "/api/v1/notifications", &token("u", "student")).await;
            let items = answer.body["items"].as_array().unwrap();
            assert_eq!(items.len(), limits.page_default as usize);
            answer.told()
        }
        _ => {
            let path = format!("/api/v1/notifications?limit={}", limits.page_max + 1);
            get(landfall, &path, &admin).await.told()
        }
    }
}

async fn past_a_lesson(landfall: &Landfall, setting: &str) -> String {
    let (admin, limits) = (token("root", "admin"), &landfall.server.app.limits);
    landfall.call("PUT", "/api/v1/topics/c", &admin, Some(json!({ "kind": "class" }))).await;
    let mut body = json!({ "class_id": "c", "title": "t" });
    match setting {
        "lessons_per_class_max" => {
            call(landfall, ("PUT", "/api/v1/lessons/a"), &admin, &[], body.to_string()).await;
        }
        "lesson_data_kib" => {
            body["data"] = json!({ "a": "x".repeat(limits.lesson_data_kib.bytes()) });
        }
        _ => {
            let one = json!({ "sha256": "0".repeat(64), "name": "a" });
            body["attachments"] = vec![one; limits.lesson_attachments_max + 1].into();
        }
    }
    call(landfall, ("PUT", "/api/v1/lessons/b"), &admin, &[], body.to_string()).await.told()
}

async fn batch(landfall: &Landfall, token: &str, lines: String) -> Answer {
    let kind = [("content-type", "application/x-ndjson")];
    call(landfall, ("POST", "/api/v1/notify/batch"), token, &kind, lines).await
}

async fn past_a_pace(landfall: &Landfall, setting: &str) -> String {
    let ask = async || match setting {
        "user_requests_per_second" => {
            get(landfall, "/api/v1/notifications", &token("u", "student")).await
        }
        "tenant_requests_per_second" => get(landfall, "/api/v1/topics", &token("u", "admin")).await,
        "refused_tokens_per_second" => get(landfall, "/api/v1/topics", "a.b.c").await,
        _ => send(landfall, &token("app", "service"), "title", json!("t")).await,
    };
    assert_ne!(ask().await.status, 429);
    let refused = ask().await;
    assert_eq!(refused.header("retry-after"), "1");
    assert!(refused.body["detail"].as_str().unwrap().ends_with("Try again in 1 second."));
    landfall.set_clock(1);
    assert_ne!(ask().await.status, 429);
    refused.told()
}

async fn past_a_socket(landfall: &Landfall, setting: &str) -> String {
    if setting == "frame_kib" {
        let mut raw = Raw::upgraded(landfall.address, "/ws").await;
        let half = vec![b'x'; landfall.server.app.limits.frame_kib.bytes() / 2 + 1];
        raw.send(&part(TEXT, &half)).await;
        raw.send(&part(0x80 | CONTINUATION, &half)).await;
        return raw.closed().await.0.to_string();
    }
    if setting == "connections_max" {
        let mut first = Raw::open(landfall.address).await;
        first.send(b"GET /health HTTP/1.1\r\nHost: l\r\n\r\n").await;
        first.head().await;
        return status(&Raw::open(landfall.address).await.head().await);
    }
    let _first = landfall.device("ada", "").await;
    landfall.until_connected(1).await;
    landfall.device("ada", "").await.closed().await.code.to_string()
}

async fn past_a_frame(landfall: &Landfall, setting: &str) -> String {
    let path = format!("/ws?token={}", token("ada", "student"));
    let mut raw = Raw::upgraded(landfall.address, &path).await;
    let ping = frame(TEXT, br#"{"type":"ping"}"#);
    match setting {
        "frame_seconds" => raw.send(&ping[..5]).await,
        _ => raw.send(&ping.repeat(3)).await,
    }
    raw.closed().await.0.to_string()
}

fn status(head: &str) -> String {
    head.split(' ').nth(1).unwrap().to_owned()
}

/// Asks for much and reads nothing of it.
async fn past_patience(landfall: &Landfall) -> String {
    let mut raw = Raw::open_small(landfall.address).await;
    raw.send("GET /openapi.json HTTP/1.1\r\nHost: l\r\n\r\n".repeat(100).as_bytes()).await;
    until("it is served", async || landfall.server.app.tasks.len() == 1).await;
    until("it is given up", async || landfall.server.app.tasks.is_empty()).await;
    "closed".to_owned()
}

async fn past_the_wire(landfall: &Landfall, setting: &str) -> String {
    let mut raw = Raw::open(landfall.address).await;
    match setting {
        "header_kib" => {
            let long = "x".repeat(landfall.server.app.limits.header_kib.bytes());
            raw.send(format!("GET /health?{long} HTTP/1.1\r\nHost: l\r\n\r\n").as_bytes()).await;
            return status(&raw.head().await);
        }
        "header_seconds" => {
            raw.send(b"GET /health HTTP/1.1\r\nHost:").await;
            assert!(raw.ends().await, "it was answered");
            return "closed".to_owned();
        }
        "dead_peer_seconds" => return past_patience(landfall).await,
        "body_seconds" | "body_kib_per_second" => {}
        other => panic!("{other} has no check"),
    }
    let head = format!(
        "POST /notify HTTP/1.1\r\nHost: l\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n",
        token("app", "service")
    );
    raw.send(head.as_bytes()).await;
    let answered = match setting {
        "body_seconds" => raw.head().await,
        // A byte at a time is never late and yet too slow.
        _ => raw.head_while_sending(b" ").await,
    };
    let body = raw.body(&answered).await;
    told(status(&answered).parse().unwrap(), &body)
}
