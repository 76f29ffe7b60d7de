//! Revoking tokens: who may, what it covers, and that the commit has the last word.

use landfall_core::auth::Revoked;
use landfall_core::id::{Tenant, UserId};
use landfall_core::time::Timestamp;
use landfall_server::clock::now_ms;
use landfall_store::{Unit, Write};
use serde_json::{Value, json};

use crate::harness::{Answer, Server, admin, finish, service, sign, token, token_in};

const REVOCATIONS: &str = "/api/v1/admin/revocations";

fn with(user: &str, jti: Option<&str>, issued_at: Option<i64>) -> String {
    let exp = now_ms() / 1_000 + 3_600;
    sign(&json!({ "sub": user, "roles": ["service"], "exp": exp, "jti": jti, "iat": issued_at }))
}

async fn revoke(server: &Server, body: Value) -> Value {
    let answer = server.call(&admin(), "POST", REVOCATIONS, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()
}

async fn inbox(server: &Server, token: &str) -> Answer {
    server.get(token, "/api/v1/notifications").await
}

#[track_caller]
fn is_revoked(answer: &Answer) {
    assert_eq!((answer.status, answer.code().as_str()), (401, "token_revoked"));
    assert!(answer.header("www-authenticate").contains("invalid_token"));
}

#[tokio::test]
async fn a_users_tokens_until_now_are_refused_at_once_and_later_ones_are_not() {
    let server = Server::start().await;
    let now = now_ms() / 1_000;
    let old = [with("ada", None, None), with("ada", Some("1"), Some(now - 60))];
    let made = revoke(&server, json!({ "user_id": "ada", "reason": "phone stolen" })).await;
    assert_eq!((&made["user_id"], &made["revoked_by"]), (&json!("ada"), &json!("root")));
    for token in &old {
        is_revoked(&inbox(&server, token).await);
    }
    let fresh = with("ada", None, Some(now + 5));
    assert_eq!(inbox(&server, &fresh).await.status, 200);
    assert_eq!(inbox(&server, &with("bob", None, None)).await.status, 200);
    assert_eq!(inbox(&server, &token_in("acme", "ada", &[])).await.status, 200);
}

#[tokio::test]
async fn one_token_is_refused_and_can_be_let_in_again() {
    let server = Server::start().await;
    let (one, two) = (with("ada", Some("1"), None), with("ada", Some("2"), None));
    let made = revoke(&server, json!({ "jti": "1" })).await;
    is_revoked(&inbox(&server, &one).await);
    assert_eq!(inbox(&server, &two).await.status, 200);
    let path = format!("{REVOCATIONS}/{}", made["id"].as_str().unwrap());
    let stranger = token_in("acme", "root", &["admin"]);
    assert_eq!(server.call(&stranger, "DELETE", &path, Value::Null).await.status, 404);
    assert_eq!(server.call(&admin(), "DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(inbox(&server, &one).await.status, 200);
    assert_eq!(server.call(&admin(), "DELETE", &path, Value::Null).await.status, 404);
}

#[tokio::test]
async fn the_list_pages_and_the_trail_tells_who_and_why() {
    let server = Server::start().await;
    for n in 0..5 {
        revoke(&server, json!({ "jti": format!("t{n}"), "reason": "leaked" })).await;
    }
    let first = server.get(&admin(), &format!("{REVOCATIONS}?limit=3")).await.json();
    let ids = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap();
        items.iter().map(|item| item["jti"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&first), ["t4", "t3", "t2"]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let next = server.get(&admin(), &format!("{REVOCATIONS}?limit=3&cursor={cursor}")).await.json();
    assert_eq!(ids(&next), ["t1", "t0"]);
    let strangers = server.get(&token_in("acme", "root", &["admin"]), REVOCATIONS).await.json();
    assert_eq!(strangers["items"], json!([]));

    revoke(&server, json!({ "userId": "ada", "reason": "left the school" })).await;
    let path = "/api/v1/admin/audit?action=tokens_revoked&target_user_id=ada";
    let trail = server.get(&admin(), path).await.json();
    let entry = &trail["items"][0];
    assert_eq!((&entry["user_id"], &entry["entity_id"]), (&json!("root"), &json!("ada")));
    assert_eq!(entry["metadata"]["reason"], "left the school");
}

#[tokio::test]
async fn it_takes_an_admin_and_names_what_is_wrong() {
    let server = Server::start().await;
    for caller in [service(), token("u", &["teacher"])] {
        for (method, path) in [("POST", REVOCATIONS), ("GET", REVOCATIONS)] {
            let body = if method == "POST" { json!({ "jti": "1" }) } else { Value::Null };
            assert_eq!(server.call(&caller, method, path, body).await.status, 403);
        }
        let path = format!("{REVOCATIONS}/1");
        assert_eq!(server.call(&caller, "DELETE", &path, Value::Null).await.status, 403);
    }
    for (body, pointer) in [
        (json!({}), "/user_id"),
        (json!({ "user_id": "" }), "/user_id"),
        (json!({ "user_id": "a", "jti": "b" }), "/jti"),
        (json!({ "jti": "" }), "/jti"),
        (json!({ "jti": "x".repeat(257) }), "/jti"),
        (json!({ "jti": "a\u{1}" }), "/jti"),
        (json!({ "jti": "a", "reason": "x".repeat(501) }), "/reason"),
        (json!({ "jti": 5 }), "/jti"),
    ] {
        let answer = server.call(&admin(), "POST", REVOCATIONS, body.clone()).await;
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
    let answer = server.call(&admin(), "DELETE", &format!("{REVOCATIONS}/x"), Value::Null).await;
    assert_eq!(answer.pointers(), ["/path/id"]);
}

/// Revokes as another node would: this one has not heard of it yet.
async fn revoke_elsewhere(server: &Server, user: &str) {
    let write = Write::Revoke {
        of: Revoked::User(UserId::parse(user).unwrap()),
        at: Timestamp::from_ms(now_ms()),
        reason: None,
        by: UserId::parse("root").unwrap(),
    };
    let unit = Unit { writes: vec![write], ..Unit::new(&Tenant::parse("default").unwrap()) };
    server.store.commit(unit).await.unwrap();
}

async fn keyed(server: &Server, token: &str, key: &str) -> Answer {
    let body = json!({ "user_id": "u", "notification_type": "n", "message": "m" });
    let request = server.request("POST", "/notify").bearer_auth(token);
    finish(request.header("idempotency-key", key).json(&body)).await
}

#[tokio::test]
async fn nothing_is_done_for_who_was_revoked_while_the_request_was_under_way() {
    let server = Server::start().await;
    let ada = with("ada", None, None);
    let read =
        format!("/api/v1/notifications/{}/mark-read", server.notify(&service(), "ada").await);
    assert_eq!(keyed(&server, &ada, "before").await.status, 202);
    revoke_elsewhere(&server, "ada").await;

    assert_eq!(inbox(&server, &ada).await.status, 200, "this node has not heard of it");
    is_revoked(&keyed(&server, &ada, "before").await);
    is_revoked(&keyed(&server, &ada, "after").await);
    is_revoked(&server.call(&ada, "PATCH", &read, Value::Null).await);
    let theirs = server.get(&token("u", &[]), "/api/v1/notifications").await.json();
    assert_eq!(theirs["items"].as_array().unwrap().len(), 1);
    let own = inbox(&server, &ada).await.json();
    assert_eq!(own["items"][0]["read"], false);

    server.app.services.hear_revocations().await.unwrap();
    is_revoked(&inbox(&server, &ada).await);
}

#[tokio::test]
async fn whatever_a_caller_causes_is_checked_at_its_commit() {
    let server = Server::start().await;
    let ada = with("ada", None, None);
    server.topic("class", &[("ada", "owner")]).await;
    let id = server.notify(&service(), "ada").await;
    let sent = server.notify(&ada, "u").await;
    revoke_elsewhere(&server, "ada").await;
    let many = json!({ "user_ids": ["u", "v"], "notification_type": "n", "message": "m" });
    let delete = format!("/api/v1/notifications/{id}");
    let cancel = format!("/api/v1/notify/{sent}");
    let one = json!({ "user_id": "u", "notification_type": "n", "message": "m" });
    let device = json!({ "token": "a-token-of-some-length", "platform": "android" });
    let rule = json!({ "notification_type": "news", "is_enabled": false });
    let rules = json!({ "preferences": [rule.clone()] });
    for (method, path, body) in [
        ("POST", "/notify", many),
        ("POST", "/api/v1/notifications/send", one),
        ("POST", "/api/v1/notifications/test", Value::Null),
        ("DELETE", &*cancel, Value::Null),
        ("PUT", "/api/v1/users/u", json!({ "name": "U" })),
        ("PATCH", "/api/v1/users/me", json!({ "name": "Ada" })),
        ("POST", "/api/v1/notifications/tokens", device),
        ("POST", "/api/v1/notifications/preferences", rule),
        ("PUT", "/api/v1/admin/preferences", rules),
        ("DELETE", &*delete, Value::Null),
        ("POST", "/api/v1/notifications/mark-all-read", Value::Null),
        ("POST", "/api/v1/notifications/ack", json!({ "replay_id": 9 })),
        ("PUT", "/api/v1/topics/class", json!({ "title": "mine" })),
        ("PUT", "/api/v1/topics/class/members/u", json!({ "role": "member" })),
        ("DELETE", "/api/v1/topics/class/members/ada", Value::Null),
        ("DELETE", "/api/v1/topics/class", Value::Null),
    ] {
        let answer = server.call(&ada, method, path, body).await;
        assert_eq!(answer.code(), "token_revoked", "{method} {path}");
    }
    let line = json!({ "user_id": "u", "notification_type": "n", "message": "m" });
    let batch = server.request("POST", "/api/v1/notify/batch").bearer_auth(&ada);
    let batch = batch.header("content-type", "application/x-ndjson").body(format!("{line}\n"));
    let batch = finish(batch).await;
    assert!(batch.text.contains("token_revoked"), "{}", batch.text);
}

#[tokio::test]
async fn an_admin_who_was_revoked_revokes_nobody() {
    let server = Server::start().await;
    revoke_elsewhere(&server, "root").await;
    let answer = server.call(&admin(), "POST", REVOCATIONS, json!({ "user_id": "ada" })).await;
    is_revoked(&answer);
    assert_eq!(inbox(&server, &with("ada", None, None)).await.status, 200);
}
