//! Who may send to whom, and what a topic lets whom do (contract 1, 3, 4).

use serde_json::{Value, json};

use crate::harness::{Answer, Server, admin, service, sign, token};

fn teacher() -> String {
    token("ada", &["teacher"])
}

async fn send(server: &Server, token: &str, to: Value) -> Answer {
    let mut body = json!({ "notification_type": "news", "message": "m" });
    for (key, value) in to.as_object().unwrap() {
        body[key] = value.clone();
    }
    server.call(token, "POST", "/notify", body).await
}

async fn school() -> Server {
    let server = Server::start().await;
    server.topic("hers", &[("ada", "teacher"), ("pupil", "member")]).await;
    server.topic("joined", &[("ada", "member"), ("other", "member")]).await;
    server.topic("foreign", &[("else", "member")]).await;
    server
}

#[tokio::test]
async fn a_teacher_reaches_only_whom_they_teach() {
    let server = school().await;
    let cases = [
        (json!({ "user_id": "pupil" }), 202),
        (json!({ "user_id": "ada" }), 202),
        (json!({ "user_id": "other" }), 403),
        (json!({ "user_id": "else" }), 403),
        (json!({ "class_id": "hers" }), 202),
        (json!({ "topic_id": "joined" }), 403),
        (json!({ "topic_id": "foreign" }), 404),
        (json!({ "topic_id": "nowhere" }), 404),
        (json!({ "user_ids": ["else"] }), 403),
    ];
    for (to, status) in cases {
        let answer = send(&server, &teacher(), to.clone()).await;
        assert_eq!(answer.status, status, "{to}: {}", answer.text);
    }
    let many = send(&server, &teacher(), json!({ "user_ids": ["pupil", "else"] })).await.json();
    assert_eq!((&many["accepted"], &many["rejected"][0]["user_id"]), (&json!(1), &json!("else")));
}

#[tokio::test]
async fn whoever_holds_no_scope_sends_nothing() {
    let server = school().await;
    let to = json!({ "user_id": "pupil" });
    let refused = send(&server, &token("pupil", &["student"]), to.clone()).await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "forbidden"));
    assert!(refused.json()["detail"].as_str().unwrap().contains("notify:send"));
    let exp = 4_000_000_000_u64;
    let one_type = sign(&json!({ "sub": "s", "scope": "notify:send:news", "exp": exp }));
    assert_eq!(send(&server, &one_type, to.clone()).await.status, 202);
    let critical = json!({ "user_id": "pupil", "priority": "critical" });
    assert_eq!(send(&server, &teacher(), critical.clone()).await.status, 403);
    assert_eq!(send(&server, &service(), critical).await.status, 202);
    let phone = json!({ "user_id": "pupil", "phone_number": "+1234567" });
    assert_eq!(send(&server, &teacher(), phone.clone()).await.status, 403);
    assert_eq!(send(&server, &service(), phone).await.status, 202);
}

#[tokio::test]
async fn a_refusal_stands_in_the_trail() {
    let server = school().await;
    assert_eq!(send(&server, &teacher(), json!({ "user_id": "else" })).await.status, 403);
    server.app.tasks.close();
    server.app.tasks.wait().await;
    let trail = server.get(&admin(), "/api/v1/admin/audit?action=refused").await.json();
    let entry = &trail["items"][0];
    assert_eq!(entry["user_id"], "ada");
    assert_eq!(entry["entity_id"], "POST /api/v1/notify");
    assert!(entry["metadata"]["reason"].as_str().unwrap().contains("classes you teach"));
}

#[tokio::test]
async fn roles_in_a_topic_decide() {
    let server = school().await;
    let (pupil, owner) = (token("pupil", &[]), token("olga", &[]));
    let path = "/api/v1/topics/hers/members";
    let put = server.call(&admin(), "PUT", &format!("{path}/olga"), json!({"role":"owner"})).await;
    assert_eq!(put.status, 201);
    let cases = [
        (&pupil, "PUT", "/members/x", json!({}), 403),
        (&pupil, "DELETE", "/members/ada", json!(null), 403),
        (&pupil, "PUT", "", json!({ "title": "t" }), 403),
        (&pupil, "DELETE", "", json!(null), 403),
        (&teacher(), "PUT", "/members/x", json!({}), 201),
        (&teacher(), "PUT", "/members/x", json!({}), 200),
        (&teacher(), "PUT", "/members/x", json!({ "role": "owner" }), 403),
        (&teacher(), "DELETE", "/members/x", json!(null), 204),
        (&teacher(), "DELETE", "/members/x", json!(null), 404),
        (&pupil, "DELETE", "/members/pupil", json!(null), 204),
        (&pupil, "GET", "", json!(null), 404),
        (&owner, "PUT", "", json!({ "visibility": "public" }), 200),
        (&pupil, "PUT", "/members/pupil", json!(null), 201),
        (&owner, "DELETE", "", json!(null), 204),
        (&owner, "GET", "", json!(null), 404),
    ];
    for (token, method, path, body, status) in cases {
        let path = format!("/api/v1/topics/hers{path}");
        let answer = server.call(token, method, &path, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
    }
    let made = server.call(&owner, "PUT", "/api/v1/topics/own", json!({})).await;
    assert_eq!(made.status, 403);
}

#[tokio::test]
async fn a_change_leaves_what_it_does_not_name() {
    let server = Server::start().await;
    let path = "/api/v1/topics/t";
    let first = json!({ "kind": "class", "visibility": "public", "room_id": 7, "name": "T" });
    assert_eq!(server.call(&admin(), "PUT", path, first).await.status, 201);
    let changed = server.call(&admin(), "PUT", path, json!({ "title": "U" })).await;
    assert_eq!(changed.status, 200);
    let changed = changed.json();
    assert_eq!(
        [&changed["kind"], &changed["visibility"], &changed["room_id"], &changed["title"]],
        ["class", "public", "7", "U"]
    );
}
