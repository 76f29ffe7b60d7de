//! Many notifications in one call, streamed both ways (contract 3).

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::harness::{Answer, Server, finish, service, token};

const PATH: &str = "/api/v1/notify/batch";

async fn batch(server: &Server, body: impl Into<reqwest::Body>) -> Answer {
    let request = server.request("POST", PATH).bearer_auth(service());
    finish(request.header("content-type", "application/x-ndjson").body(body)).await
}

fn results(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn line(user: &str) -> String {
    json!({ "user_id": user, "notification_type": "news", "message": "m" }).to_string()
}

#[tokio::test]
async fn two_thousand_lines_are_answered_in_order_and_bad_ones_fail_alone() {
    let server = Server::start().await;
    let bad = |number: usize| match number % 100 {
        7 => Some(("{", 400)),
        8 => Some((r#"{"user_id":"","notification_type":"n","message":"m"}"#, 422)),
        9 => Some((r#"{"user_id":"u","notification_type":"heartbeat","message":"m"}"#, 422)),
        10 => Some(("[]", 422)),
        _ => None,
    };
    let line = |n: usize| bad(n).map_or_else(|| line(&format!("u{}", n % 50)), |(l, _)| l.into());
    let body: String = (1..=2_000).map(|n| line(n) + "\n").collect();
    let answer = batch(&server, body).await;
    let results = results(&answer);
    assert_eq!(results.len(), 2_000);
    for (result, number) in results.iter().zip(1..) {
        assert_eq!(result["line"], number);
        assert_eq!(result["status"], bad(number).map_or(202, |(_, status)| status), "{result}");
    }
    let unread = server.get(&token("u1", &[]), "/api/v1/notifications/unread-count").await.json();
    assert_eq!(unread["unread_count"], 40);
}

#[tokio::test]
async fn results_come_while_lines_are_still_being_sent() {
    let server = Server::start().await;
    let (lines, body) = tokio::sync::mpsc::channel::<Bytes>(1);
    let body = stream::unfold(body, |mut lines| async {
        let line = lines.recv().await?;
        Some((Ok::<Bytes, std::io::Error>(line), lines))
    });
    let request = server.request("POST", PATH).bearer_auth(service());
    let request = request.header("content-type", "application/x-ndjson");
    let sent = tokio::spawn(request.body(reqwest::Body::wrap_stream(body)).send());
    lines.send(Bytes::from(line("u1") + "\n")).await.unwrap();
    let mut answer = sent.await.unwrap().unwrap().bytes_stream();
    let first = answer.next().await.unwrap().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&first).unwrap()["line"], 1);
    lines.send(Bytes::from(line("u1"))).await.unwrap();
    drop(lines);
    let second = answer.next().await.unwrap().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&second).unwrap()["line"], 2);
    assert!(answer.next().await.is_none());
}

#[tokio::test]
async fn empty_lines_count_and_are_left_out_and_the_last_needs_no_break() {
    let server = Server::start().await;
    let answer = batch(&server, format!("\n{}\r\n  \n{}", line("a"), line("b"))).await;
    let numbers: Vec<Value> = results(&answer).iter().map(|r| r["line"].clone()).collect();
    assert_eq!(numbers, [2, 4]);
    assert_eq!(results(&batch(&server, "").await), Vec::<Value>::new());
}

#[tokio::test]
async fn a_line_that_is_too_long_fails_alone() {
    let server = Server::start().await;
    let max = server.app.limits.batch_line_kib.bytes();
    let long = "x".repeat(max * 3);
    let exact = format!("{}{}", line("a"), " ".repeat(max - line("a").len()));
    let body = format!("{}\n{long}\n{exact}\n{exact} \n{}", line("a"), line("b"));
    let statuses: Vec<Value> =
        results(&batch(&server, body).await).iter().map(|r| r["status"].clone()).collect();
    assert_eq!(statuses, [202, 413, 202, 413, 202]);
}

#[tokio::test]
async fn lines_beyond_the_limit_are_refused_once() {
    let server = Server::start().await;
    let max = server.app.batch_max_lines;
    let body = "x\n".repeat(max + 3);
    let results = results(&batch(&server, body).await);
    assert_eq!(results.len(), max + 1);
    assert_eq!(results[max]["status"], 413);
    assert_eq!(results[max]["line"], max + 1);
}

#[tokio::test]
async fn a_line_is_idempotent_by_its_own_key() {
    let server = Server::start().await;
    let keyed = |message: &str| {
        json!({ "user_id": "u1", "notification_type": "news", "message": message,
            "idempotency_key": "line-1" })
        .to_string()
    };
    let first = batch(&server, keyed("m")).await;
    assert_eq!(batch(&server, keyed("m")).await.text, first.text);
    let other = results(&batch(&server, keyed("other")).await);
    assert_eq!(other[0]["error"]["type"], "/problems/idempotency_mismatch");
    let bad = json!({ "idempotency_key": "a b" }).to_string();
    let bad = results(&batch(&server, bad).await);
    assert_eq!(bad[0]["error"]["errors"][0]["pointer"], "/idempotency_key");
    let unread = server.get(&token("u1", &[]), "/api/v1/notifications/unread-count").await.json();
    assert_eq!(unread["unread_count"], 1);
}

#[tokio::test]
async fn a_batch_needs_a_token_and_its_own_type() {
    let server = Server::start().await;
    let request = server.request("POST", PATH).bearer_auth(service()).json(&json!({}));
    assert_eq!(finish(request).await.code(), "unsupported_type");
    let request = server.request("POST", PATH).header("content-type", "application/x-ndjson");
    assert_eq!(finish(request).await.code(), "unauthenticated");
}
