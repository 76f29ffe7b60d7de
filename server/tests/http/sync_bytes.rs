//! How many bytes sync takes: packed bodies both ways, and the bars for what a device sends.

use std::io::{Read as _, Write as _};

use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Answer, Server, finish, service};
use crate::s1_sync::{PULL, PUSH, ann, operation, pull, push};
use crate::sync_backups::vouch;

/// The level that docs/sync.md advises. At 3, the usual one, what is as short as this takes more.
const ZSTD_LEVEL: i32 = 6;

fn packed(coding: &str, bytes: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        "zstd" => zstd::encode_all(bytes, ZSTD_LEVEL).unwrap(),
        _ => bytes.to_vec(),
    }
}

fn unpacked(coding: &str, bytes: &[u8]) -> String {
    let mut text = String::new();
    match coding {
        "gzip" => _ = flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap(),
        "zstd" => _ = zstd::Decoder::new(bytes).unwrap().read_to_string(&mut text).unwrap(),
        _ => text = String::from_utf8(bytes.to_vec()).unwrap(),
    }
    text
}

async fn send(server: &Server, path: &str, coding: &str, body: Vec<u8>) -> Answer {
    let request = server.request("POST", path).bearer_auth(ann());
    let request = request.header("content-type", "application/json").header("x-device-id", "a");
    finish(request.header("content-encoding", coding).body(body)).await
}

/// Pulls with an `Accept-Encoding`; gives the coding and the text.
async fn pulled(server: &Server, accepted: &str, accept: &str) -> (String, String) {
    let request = server.request("POST", PULL).bearer_auth(ann()).json(&json!({}));
    let request = request.header("accept-encoding", accepted).header("accept", accept);
    let response = request.send().await.unwrap();
    let vary = response.headers().get_all("vary").iter();
    assert!(vary.into_iter().any(|vary| vary == "Accept-Encoding"));
    let coding = response.headers().get("content-encoding");
    let coding = coding.map_or("", |coding| coding.to_str().unwrap()).to_owned();
    let bytes = response.bytes().await.unwrap();
    let text = unpacked(&coding, &bytes);
    assert!(coding.is_empty() || bytes.len() < text.len());
    (coding, text)
}

#[tokio::test]
async fn a_packed_body_is_read_as_the_plain_one() {
    let server = Server::start().await;
    for (id, coding) in ["identity", "gzip", "x-gzip", "zstd", "Zstd"].into_iter().enumerate() {
        let id = id.to_string();
        let create = operation(&id, "notes", &id, "CREATE", json!({"text": coding}), 1);
        let body = json!({"operations": [create]}).to_string();
        let name = coding.trim_start_matches("x-").to_lowercase();
        let answer = send(&server, PUSH, coding, packed(&name, body.as_bytes())).await;
        let answer = Server::ok(answer, StatusCode::OK);
        assert_eq!(answer["results"][0]["status"], "applied", "{coding}");
    }
    assert_eq!(pull(&server, json!({})).await["changes"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn a_request_is_the_same_however_it_is_packed() {
    let server = Server::start().await;
    let body = json!({"user_id": "u", "notification_type": "news", "message": "m"}).to_string();
    let mut first = None;
    for coding in ["identity", "gzip", "zstd"] {
        let request = server.request("POST", "/notify").bearer_auth(service());
        let request = request.header("idempotency-key", "once").header("content-encoding", coding);
        let request = request.header("content-type", "application/json");
        let answer = finish(request.body(packed(coding, body.as_bytes()))).await;
        let id = Server::ok(answer, StatusCode::ACCEPTED)["notification_id"].clone();
        assert_eq!(*first.get_or_insert(id.clone()), id, "{coding}");
    }
}

#[tokio::test]
async fn what_cannot_be_unpacked_is_refused_and_says_why() {
    let server = Server::start().await;
    let body = br#"{"operations": []}"#;
    for coding in ["gzip", "zstd"] {
        let whole = packed(coding, body);
        let cut = whole[..whole.len() - 1].to_vec();
        let more = [&whole[..], b"x"].concat();
        for bad in [cut, more, body.to_vec()] {
            let answer = send(&server, PUSH, coding, bad).await;
            assert_eq!((answer.status, answer.code()), (400, "unreadable".into()));
            assert!(answer.json()["detail"].as_str().unwrap().contains(coding), "{}", answer.text);
        }
        let bomb = vec![b' '; server.app.limits.sync_body_kib.bytes() + 1];
        let bomb = packed(coding, &bomb);
        assert!(bomb.len() < 1 << 16);
        let answer = send(&server, PUSH, coding, bomb).await;
        assert_eq!((answer.status, answer.code()), (413, "too_large".into()));
    }
    for coding in ["br", "deflate", "gzip, zstd", "identity, gzip", ""] {
        let answer = send(&server, PUSH, coding, body.to_vec()).await;
        if coding.is_empty() {
            assert_eq!(answer.status, 200);
            continue;
        }
        assert_eq!(answer.code(), "unsupported_type", "{coding}");
        assert_eq!(answer.header("accept-encoding"), "zstd, gzip");
        assert!(answer.json()["detail"].as_str().unwrap().contains("zstd or gzip"));
    }
    // What is wrong here is not the coding.
    let typed = server.request("POST", PUSH).bearer_auth(ann()).body("{}");
    let typed = finish(typed.header("content-encoding", "gzip")).await;
    assert_eq!((typed.code(), typed.header("accept-encoding")), ("unsupported_type".into(), ""));
    let batch = server.request("POST", "/api/v1/notify/batch").bearer_auth(service());
    let batch = batch.header("content-type", "application/x-ndjson").body(packed("gzip", b"{}"));
    let batch = finish(batch.header("content-encoding", "gzip")).await;
    assert_eq!((batch.status, batch.header("accept-encoding")), (415, "identity"));
}

#[tokio::test]
async fn answers_of_sync_are_packed_as_the_client_asks() {
    let server = Server::start().await;
    let json = "application/json";
    assert_eq!(pulled(&server, "gzip, zstd", json).await.0, "", "too short");
    let one =
        |n: u64| operation(&n.to_string(), "notes", &n.to_string(), "CREATE", json!({"n": n}), 1);
    push(&server, "a", (0..200).map(one).collect::<Vec<_>>().into()).await;
    let (plain, whole) = pulled(&server, "identity", json).await;
    assert_eq!(plain, "");
    let changes = |text: &str| serde_json::from_str::<Value>(text).unwrap()["changes"].clone();
    for (accepted, coding) in [
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0.1, gzip", "gzip"),
        ("br", ""),
        ("*;q=0", ""),
    ] {
        let (chosen, text) = pulled(&server, accepted, json).await;
        assert_eq!(chosen, coding, "{accepted}");
        assert_eq!(changes(&text), changes(&whole));
        let (chosen, lines) = pulled(&server, accepted, "application/x-ndjson").await;
        assert_eq!((chosen.as_str(), lines.lines().count()), (coding, 201), "{accepted}");
    }
}

#[tokio::test]
async fn nothing_else_is_packed() {
    let server = Server::start().await;
    for _ in 0..10 {
        server.notify(&service(), "ann").await;
    }
    for path in ["/api/v1/notifications", "/openapi.json", "/api/v1/sync/conflicts?limit=none"] {
        let request = server.request("GET", path).bearer_auth(ann());
        let answer = finish(request.header("accept-encoding", "gzip, zstd")).await;
        assert_eq!(answer.header("content-encoding"), "", "{path}");
        assert!(answer.text.starts_with('{'), "{path}");
    }
}

/// The ids that one device makes, and the times at which it does.
struct Device {
    at_ms: u64,
    state: u64,
}

impl Device {
    fn random(&mut self) -> u64 {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn up_to(&mut self, bound: u64) -> u64 {
        self.random() % bound
    }

    fn id(&mut self, at_ms: u64) -> String {
        let (high, low) = (self.random().to_be_bytes(), self.random().to_be_bytes());
        let random: [u8; 10] = [&high[..], &low[..2]].concat().try_into().unwrap();
        uuid::Builder::from_unix_timestamp_millis(at_ms, &random).into_uuid().to_string()
    }

    /// A pupil goes on in one of their lessons, as a client sends it that names its base exactly.
    fn progress(&mut self) -> Value {
        self.at_ms += 20_000 + self.up_to(70_000);
        let began = self.at_ms - 1_000_000 - self.up_to(100_000_000);
        let (version, done, time) = (1 + self.up_to(7), self.up_to(40), 30 + self.up_to(4_000));
        let at = landfall_core::time::Timestamp::from_ms(self.at_ms as i64);
        json!({
            "id": self.id(self.at_ms), "entityType": "progress", "entityId": self.id(began),
            "operation": "UPDATE",
            "data": {"lessonsCompleted": done + 1, "totalTimeSpent": time + 20 + self.up_to(280)},
            "timestamp": at.to_string(), "clientVersion": version + 1, "baseVersion": version,
            "baseData": {"lessonsCompleted": done, "totalTimeSpent": time},
        })
    }
}

#[tokio::test]
async fn a_progress_change_takes_at_most_60_bytes() {
    let server = Server::start().await;
    for seed in 0..20 {
        // Ids begin with the time, which makes a few bytes of difference: always the same one.
        let mut device = Device { at_ms: 1_768_473_600_000, state: seed };
        let operations: Vec<Value> = (0..100).map(|_| device.progress()).collect();
        let plain = operations.iter().map(|one| one.to_string().len()).sum::<usize>();
        assert!(plain > 310 * 100, "{plain}");
        let body = packed("zstd", json!({"operations": operations}).to_string().as_bytes());
        assert!(body.len() <= 60 * 100, "{} of {plain}", body.len());
        let answer = Server::ok(send(&server, PUSH, "zstd", body).await, StatusCode::OK);
        assert_eq!(answer["results"].as_array().unwrap().len(), 100);
    }
}

#[tokio::test]
async fn an_idle_sync_takes_at_most_300_bytes() {
    let server = Server::start().await;
    server.topic("class-7b", &[("ann", "member")]).await;
    let create = operation("1", "notes", "n", "CREATE", json!({"text": "x"}), 1);
    push(&server, "a", json!([create])).await;
    let sync = async |cursor: Value| {
        let body = json!({"operations": [], "pull": {"cursor": cursor}}).to_string();
        let request = server.request("POST", PUSH).bearer_auth(ann());
        let request = request.header("content-type", "application/json");
        let request = request.header("x-device-id", Uuid::from_u128(7).to_string());
        let answer = finish(request.body(body.clone())).await;
        let bytes = body.len() + answer.text.len();
        (Server::ok(answer, StatusCode::OK), bytes)
    };
    let (first, _) = sync(Value::Null).await;
    let (idle, bytes) = sync(first["pull"]["cursor"].clone()).await;
    assert_eq!((&idle["pull"]["changes"], &idle["results"]), (&json!([]), &json!([])));
    assert!(bytes <= 300, "{bytes}");
    assert_eq!(idle["pull"]["cursor"], first["pull"]["cursor"]);
    vouch(&server).await;
    server.app.services.look_for_backup().await.unwrap();
    let (_, with_backup) = sync(first["pull"]["cursor"].clone()).await;
    assert_eq!(with_backup, bytes);
}
