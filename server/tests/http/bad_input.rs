//! Bad input is answered with a documented problem, and never with a 500.

use landfall_server::clock::now_ms;
use serde_json::{Value, json};

use crate::harness::{Server, admin, finish, service, sign, token};

const NOTIFY: &str = "/api/v1/notify";

fn good() -> Value {
    json!({ "user_id": "u1", "notification_type": "news", "message": "m" })
}

async fn post(server: &Server, kind: &str, body: Vec<u8>) -> (u16, String) {
    let request = server.request("POST", NOTIFY).bearer_auth(service());
    let answer = finish(request.header("content-type", kind).body(body)).await;
    (answer.status, answer.code())
}

#[tokio::test]
async fn a_body_that_is_no_json_is_unreadable() {
    let server = Server::start().await;
    let deep = "[".repeat(200) + &"]".repeat(200);
    let bodies: [&[u8]; 7] = [
        b"",
        b"{",
        b"{\"user_id\":}",
        b"\xff\xfe{}",
        b"{\"message\":\"\xff\"}",
        br#"{"message":"m"} x"#,
        deep.as_bytes(),
    ];
    for body in bodies {
        let (status, code) = post(&server, "application/json", body.to_vec()).await;
        assert_eq!((status, code.as_str()), (400, "unreadable"), "{body:?}");
    }
}

#[tokio::test]
async fn a_body_has_a_type_and_a_size() {
    let server = Server::start().await;
    let body = good().to_string().into_bytes();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json"] {
        let refused = post(&server, kind, body.clone()).await;
        assert_eq!(refused, (415, "unsupported_type".into()), "{kind}");
    }
    let untyped = server.request("POST", NOTIFY).bearer_auth(service()).body(body.clone());
    assert_eq!(finish(untyped).await.code(), "unsupported_type");
    let zipped = server.request("POST", NOTIFY).bearer_auth(service()).json(&good());
    let zipped = finish(zipped.header("content-encoding", "br")).await;
    assert_eq!(zipped.code(), "unsupported_type");
    let huge = vec![b' '; server.app.limits.body_kib.bytes() + 1];
    assert_eq!(post(&server, "application/json", huge).await, (413, "too_large".into()));
    for kind in ["application/json; charset=utf-8", "Application/JSON", "application/a+json"] {
        let request = server.request("POST", NOTIFY).bearer_auth(service());
        let answer = finish(request.header("content-type", kind).body(body.clone())).await;
        assert_eq!(answer.status, 202, "{kind}");
    }
}

fn with(changes: Value) -> Value {
    let mut body = good();
    for (key, value) in changes.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

#[tokio::test]
async fn wrong_fields_are_named() {
    let server = Server::start().await;
    let cases = [
        (json!([]), ""),
        (json!("text"), ""),
        (json!({}), "/user_id"),
        (with(json!({ "user_ids": ["a"] })), "/user_id"),
        (with(json!({ "user_id": "" })), "/user_id"),
        (with(json!({ "user_id": true })), "/user_id"),
        (with(json!({ "user_id": "x".repeat(129) })), "/user_id"),
        (with(json!({ "userId": "u1" })), "/user_id"),
        (with(json!({ "notification_type": "heartbeat" })), "/notification_type"),
        (with(json!({ "notification_type": "a b" })), "/notification_type"),
        (with(json!({ "notification_type": 7 })), "/notification_type"),
        (with(json!({ "priority": "urgent" })), "/priority"),
        (with(json!({ "channels": ["fax"] })), "/channels/0"),
        (with(json!({ "channels": "push" })), "/channels"),
        (with(json!({ "data": [] })), "/data"),
        (with(json!({ "data": { "x": "y".repeat(40_000) } })), "/data"),
        (with(json!({ "actions": {} })), "/actions"),
        (with(json!({ "title": "t".repeat(201) })), "/title"),
        (with(json!({ "message": "a\u{0}b" })), "/message"),
        (with(json!({ "link": "javascript:alert(1)" })), "/link"),
        (with(json!({ "phone_number": "12" })), "/phone_number"),
        (with(json!({ "ttl": -1 })), "/ttl"),
        (with(json!({ "ttl": 1.5 })), "/ttl"),
        (with(json!({ "ttl": 0 })), "/ttl"),
        (with(json!({ "ttl": u64::MAX })), "/ttl"),
        (with(json!({ "ttl": 1e99 })), "/ttl"),
    ];
    for (body, pointer) in cases {
        let answer = server.call(&service(), "POST", NOTIFY, body.clone()).await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.text);
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
}

#[tokio::test]
async fn both_spellings_and_numbers_as_ids_are_taken() {
    let server = Server::start().await;
    let bodies = [
        json!({ "userId": 42, "notificationType": "news", "message": "m" }),
        json!({ "user_id": "42", "type": "news", "message": "m", "unknown": [1] }),
    ];
    for body in bodies {
        assert_eq!(server.call(&service(), "POST", NOTIFY, body).await.status, 202);
    }
    let unread = server.get(&token("42", &[]), "/api/v1/notifications/unread-count").await;
    assert_eq!(unread.json()["unread_count"], 2);
}

#[tokio::test]
async fn wrong_queries_are_named() {
    let server = Server::start().await;
    let cases = [
        ("notifications?limit=0", "/query/limit"),
        ("notifications?limit=501", "/query/limit"),
        ("notifications?limit=x", "/query/limit"),
        ("notifications?limit=1&limit=2", "/query/limit"),
        ("notifications?offset=-1", "/query/offset"),
        ("notifications?offset=18446744073709551616", "/query/offset"),
        ("notifications?after=x", "/query/after"),
        ("notifications?read=maybe", "/query/read"),
        ("notifications?cursor=x", "/query/cursor"),
        ("notifications?cursor=%ff%00", "/query/cursor"),
        ("notifications?user_id=u1", "/query/user_id"),
        ("notifications?type=a&notificationType=b", "/query/notification_type"),
        ("admin/notifications?read=true", "/query/read"),
        ("admin/notifications?since=yesterday", "/query/since"),
        ("admin/notifications?channel=fax", "/query/channel"),
        ("admin/audit?action=x", "/query/action"),
        ("admin/audit?offset=10001", "/query/offset"),
        ("admin/audit?entity_id=a%0Ab", "/query/entity_id"),
        ("topics?limit=-1", "/query/limit"),
        ("topics?cursor=AAAA", "/query/cursor"),
    ];
    for (path, pointer) in cases {
        let answer = server.get(&admin(), &format!("/api/v1/{path}")).await;
        assert_eq!(answer.status, 422, "{path}: {}", answer.text);
        assert_eq!(answer.pointers(), [pointer], "{path}");
    }
    let unknown = server.get(&admin(), "/api/v1/notifications?page=1&page=x").await;
    assert_eq!(unknown.status, 200, "what a call does not know is ignored");
    let far = server.get(&admin(), "/api/v1/admin/audit?offset=10000").await;
    assert_eq!(far.status, 200, "{}", far.text);
    let both = server.get(&admin(), "/api/v1/notifications?cursor=x&offset=1").await;
    assert_eq!(both.pointers(), ["/query/cursor"]);
}

#[tokio::test]
async fn wrong_paths_and_bodies_of_other_calls_are_named() {
    let server = Server::start().await;
    server.topic("t", &[]).await;
    let long = "x".repeat(129);
    let cases = [
        ("DELETE", "notifications/12".to_owned(), json!(null), "/path/id"),
        ("PATCH", "notifications/12/mark-read".to_owned(), json!(null), "/path/id"),
        ("GET", format!("topics/{long}"), json!(null), "/path/id"),
        ("PUT", "topics/%00".to_owned(), json!({}), "/path/id"),
        ("GET", "topics/%ff".to_owned(), json!(null), "/path"),
        ("PUT", "topics/n".to_owned(), json!({ "kind": "club" }), "/kind"),
        ("PUT", "topics/n".to_owned(), json!({ "title": long.repeat(2) }), "/title"),
        ("PUT", "topics/n".to_owned(), json!({ "name": "a", "title": "b" }), "/title"),
        ("PUT", "topics/t/members/u".to_owned(), json!({ "role": "king" }), "/role"),
        ("PUT", format!("topics/t/members/{long}"), json!({}), "/path/user_id"),
        ("POST", "topics/t/members".to_owned(), json!({ "members": [] }), "/members"),
        ("POST", "topics/t/members".to_owned(), json!({}), "/members"),
        ("POST", "notifications/ack".to_owned(), json!({ "replay_id": "x" }), "/replay_id"),
        ("POST", "notifications/ack".to_owned(), json!({}), "/replay_id"),
        ("POST", "notifications/ack".to_owned(), json!({ "replay_id": 1e19 }), "/replay_id"),
    ];
    for (method, path, body, pointer) in cases {
        let answer = server.call(&admin(), method, &format!("/api/v1/{path}"), body).await;
        assert_eq!(answer.status, 422, "{method} {path}: {}", answer.text);
        assert_eq!(answer.pointers(), [pointer], "{method} {path}");
    }
}

#[tokio::test]
async fn devices_must_agree() {
    let server = Server::start().await;
    let ack = |path: &str, device: &str, body: Value| {
        let request = server.request("POST", &format!("/api/v1/notifications/ack{path}"));
        let request = request.bearer_auth(token("u", &[])).json(&body);
        finish(request.header("X-Device-ID", device))
    };
    let body = json!({ "replay_id": 0, "deviceId": "d1" });
    assert_eq!(ack("", "d1", body.clone()).await.status, 200);
    assert_eq!(ack("", "d2", body.clone()).await.pointers(), ["/device_id"]);
    assert_eq!(ack("?device_id=d2", "d1", body.clone()).await.pointers(), ["/query/device_id"]);
    assert_eq!(ack("", "", body).await.pointers(), ["/header/X-Device-ID"]);
}

#[tokio::test]
async fn only_a_token_that_holds_opens_anything() {
    let server = Server::start().await;
    let now = now_ms() / 1_000;
    let claims = json!({ "sub": "u", "exp": now + 60, "roles": ["admin"] });
    let changed = |key: &str, value: Value| {
        let mut claims = claims.clone();
        claims[key] = value;
        sign(&claims)
    };
    let other = jsonwebtoken::EncodingKey::from_secret(b"another-secret-of-at-least-32-bytes");
    let foreign = jsonwebtoken::encode(&Default::default(), &claims, &other).unwrap();
    let tokens = [
        changed("exp", json!(now - 61)),
        changed("nbf", json!(now + 120)),
        changed("sub", json!("")),
        changed("tenant", json!([1])),
        foreign,
        "a.b.c".into(),
        "x".repeat(9_000),
    ];
    for token in tokens {
        let answer = server.get(&token, "/api/v1/admin/audit").await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "unauthenticated"));
        assert_eq!(answer.header("www-authenticate"), r#"Bearer error="invalid_token""#);
    }
    for header in [None, Some("Basic dTpw"), Some("Bearer"), Some("Bearer ")] {
        let mut request = server.request("GET", "/api/v1/topics");
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        let answer = finish(request).await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, "Bearer"));
        assert_eq!(answer.code(), "unauthenticated");
    }
    let in_query = format!("/api/v1/topics?token={}", admin());
    assert_eq!(finish(server.request("GET", &in_query)).await.status, 401);
    let twice = server.request("GET", "/api/v1/topics").bearer_auth(admin()).bearer_auth(admin());
    assert_eq!(finish(twice).await.status, 401);
    assert_eq!(server.get(&sign(&claims), "/api/v1/admin/audit").await.status, 200);
}

#[tokio::test]
async fn junk_on_any_route_is_never_a_fault_of_the_server() {
    check_junk(&Server::start().await).await;
}

/// PostgreSQL takes less than SQLite: no text with U+0000, no number beyond its column.
#[tokio::test(flavor = "multi_thread")]
async fn junk_is_never_a_fault_of_a_server_on_postgres() {
    check_junk(&Server::on_postgres().await).await;
}

async fn check_junk(server: &Server) {
    let bodies: [&[u8]; 8] = [
        b"\x00\xff\xfe",
        b"{}",
        b"[[[[",
        b"null",
        br#"{"replay_id":1e999,"members":[{"user_id":"\ud800"}],"title":"\u0000","ttl":1e99}"#,
        br#"{"members":[{"user_id":"a"},{"user_id":"a"}],"replay_id":-1,"user_id":1.5}"#,
        br#"{"replay_id":99999999999999999999,"user_id":18446744073709551616,"title":"\u0000"}"#,
        br#"{"user_id":"u","message":"m","notification_type":"t","data":{"a":{"a":1,"a":2}}}"#,
    ];
    let queries = [
        "",
        "?%00=%ff&limit=%31&cursor=",
        "?offset=9223372036854775807",
        "?after=9223372036854775807&before=0&read=0&unread=1",
        "?since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59.999Z",
        "?user_id=%F0%9F%98%80&entity_id='%22--&target_user_id=%25",
    ];
    for (method, template) in landfall_server::http::table() {
        for segment in ["%F0%9F%98%80", "..", "'--", "00000000-0000-0000-0000-000000000000"] {
            let path = template.replace("{id}", segment).replace("{user_id}", segment);
            for (query, body) in queries.iter().flat_map(|q| bodies.iter().map(move |b| (q, b))) {
                let kind = if path.ends_with("batch") { "x-ndjson" } else { "json" };
                let request = server.request(method, &format!("{path}{query}"));
                let request = request.bearer_auth(admin()).body(body.to_vec());
                let kind = format!("application/{kind}");
                let answer = finish(request.header("content-type", kind)).await;
                assert!(answer.status < 500, "{method} {path}{query}: {}", answer.text);
            }
        }
    }
}
