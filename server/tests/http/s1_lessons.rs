//! Lessons that devices keep offline (S1, contract 6).

use std::sync::Arc;

use landfall_core::auth::{Caller, Role, Scope};
use landfall_core::feed::FeedKey;
use landfall_core::id::{LessonId, Tenant, TopicId, UserId};
use landfall_core::notification::JsonText;
use landfall_core::time::Timestamp;
use landfall_server::clock::{Clock, now_ms};
use landfall_server::service::lessons::{BasedOn, LessonDraft};
use landfall_server::service::{ClassSettings, Parts, Services, Settings};
use serde_json::{Value, json};

use crate::harness::{Answer, Server, admin, finish, parts_in, token, token_in};

pub const LESSON: &str = "/api/v1/lessons/water";

pub fn teacher() -> String {
    token("ms-t", &["teacher"])
}

/// Makes a class with a teacher `ms-t` and a pupil `ann`.
pub async fn class(server: &Server, id: &str) {
    let path = format!("/api/v1/topics/{id}");
    let made = server.call(&admin(), "PUT", &path, json!({ "kind": "class" })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    for (user, role) in [("ms-t", "teacher"), ("ann", "member")] {
        let path = format!("{path}/members/{user}");
        let put = server.call(&admin(), "PUT", &path, json!({ "role": role })).await;
        assert_eq!(put.status, 201, "{}", put.text);
    }
}

pub fn lesson(class: &str) -> Value {
    json!({ "class_id": class, "title": "Water", "data": { "blocks": [1, 2] } })
}

fn with(changes: Value) -> Value {
    let mut body = lesson("c");
    body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    body
}

pub async fn put(server: &Server, token: &str, body: Value) -> Answer {
    server.call(token, "PUT", LESSON, body).await
}

/// A caller as the server knows them by such a token.
pub fn caller(sub: &str, role: Role) -> Caller {
    let scopes = [Scope::LessonsManage].into_iter().filter(|_| role.as_str() == "teacher");
    Caller {
        tenant: Tenant::parse("default").unwrap(),
        user: UserId::parse(sub).unwrap(),
        name: None,
        locale: None,
        tz: None,
        scopes: scopes.collect(),
        roles: vec![role],
        expires_at: Timestamp::from_ms(i64::MAX),
        token_id: None,
        issued_at: None,
    }
}

async fn started() -> Server {
    let server = Server::start().await;
    class(&server, "c").await;
    server
}

/// Services over the server's store and folder, at a time and with these settings.
pub fn services_at(server: &Server, now: i64, classes: Option<ClassSettings>) -> Services {
    let parts = parts_in(Arc::clone(&server.store), server.folder());
    let classes = classes.unwrap_or(parts.settings.classes);
    let settings = Settings { classes, ..parts.settings.clone() };
    let clock = Clock::fixed(Timestamp::from_ms(now));
    Services::new(Parts { clock, settings, ..parts })
}

async fn feed_of(server: &Server) -> u64 {
    let (tenant, class) = (Tenant::parse("default").unwrap(), TopicId::parse("c").unwrap());
    let feed = Arc::new(FeedKey::topic(&tenant, &class));
    server.store.heads(vec![feed]).await.unwrap()[0].newest.0
}

#[tokio::test]
async fn a_lesson_is_written_by_teachers_and_read_by_members() {
    let server = started().await;
    let before = feed_of(&server).await;
    let made = put(&server, &teacher(), lesson("c")).await;
    assert_eq!((made.status, made.header("etag")), (201, "\"1\""), "{}", made.text);
    assert_eq!(feed_of(&server).await, before + 1);
    let read = server.get(&token("ann", &["student"]), LESSON).await;
    assert_eq!((read.status, read.json()), (200, made.json()));
    assert_eq!(read.json()["data"], json!({ "blocks": [1, 2] }));
    let pupil = put(&server, &token("ann", &["student"]), lesson("c")).await;
    assert_eq!(pupil.code(), "forbidden");
    let scopeless = put(&server, &token("ms-t", &["student"]), lesson("c")).await;
    assert_eq!(scopeless.code(), "forbidden");
    let roleless = put(&server, &token("ann", &["teacher"]), lesson("c")).await;
    assert_eq!(roleless.code(), "forbidden");
    for stranger in [token("bob", &["teacher"]), token_in("acme", "root", &["admin"])] {
        assert_eq!(put(&server, &stranger, lesson("c")).await.code(), "not_found");
        assert_eq!(server.get(&stranger, LESSON).await.code(), "not_found");
        let list = server.get(&stranger, "/api/v1/lessons?class_id=c").await;
        assert_eq!(list.code(), "not_found");
        let gone = server.call(&stranger, "DELETE", LESSON, Value::Null).await;
        assert_eq!(gone.code(), "not_found");
    }
    let refused = server.call(&token("ann", &["student"]), "DELETE", LESSON, Value::Null).await;
    assert_eq!(refused.code(), "forbidden");
    assert_eq!(put(&server, &admin(), lesson("c")).await.status, 200);
}

#[tokio::test]
async fn versions_guard_against_lost_updates() {
    let server = started().await;
    let put = async |fields: &[(&str, &str)], body: Value| {
        let mut request = server.request("PUT", LESSON).bearer_auth(teacher()).json(&body);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        finish(request).await
    };
    assert_eq!(put(&[("If-Match", "*")], lesson("c")).await.code(), "conflict");
    assert_eq!(put(&[("If-Match", "\"1\"")], lesson("c")).await.code(), "conflict");
    assert_eq!(put(&[], with(json!({ "version": 0 }))).await.status, 201);
    assert_eq!(put(&[], with(json!({ "version": 0 }))).await.code(), "conflict");
    assert_eq!(put(&[("If-None-Match", "*")], lesson("c")).await.code(), "conflict");
    let second = put(&[("If-Match", "\"1\"")], with(json!({ "title": "Rain" }))).await;
    assert_eq!((second.status, second.json()["version"].clone()), (200, json!(2)));
    let late = put(&[], with(json!({ "version": 1, "title": "lost" }))).await;
    assert_eq!(late.code(), "conflict");
    assert!(late.text.contains("version 2"), "{}", late.text);
    let mixed = put(&[("If-Match", "\"2\"")], with(json!({ "version": 1 }))).await;
    assert_eq!(mixed.pointers(), ["/version"]);
    assert_eq!(put(&[], with(json!({ "version": 2 }))).await.json()["version"], 3);
    let delete = async |tag: &str| {
        let request = server.request("DELETE", LESSON).bearer_auth(teacher());
        finish(request.header("If-Match", tag)).await.status
    };
    assert_eq!((delete("\"2\"").await, delete("\"3\"").await, delete("*").await), (409, 204, 404));
    // Devices that have version 3 are never told of a version that they have.
    assert_eq!(put(&[], lesson("c")).await.json()["version"], 5);
}

#[tokio::test]
async fn of_writers_at_once_each_version_has_one() {
    let server = started().await;
    put(&server, &teacher(), lesson("c")).await;
    let body = with(json!({ "version": 1 }));
    let teacher = teacher();
    let writers = (0..8).map(|_| put(&server, &teacher, body.clone()));
    let answers = futures_util::future::join_all(writers).await;
    let taken = answers.iter().filter(|answer| answer.status == 200).count();
    let refused = answers.iter().filter(|answer| answer.status == 409).count();
    assert_eq!((taken, refused), (1, 7));
}

#[tokio::test]
async fn a_repeated_request_is_answered_as_the_first_time() {
    let server = started().await;
    let call = async |method: &str, key: &str, body: Value| {
        let request = server.request(method, LESSON).bearer_auth(teacher());
        let request = request.header("Idempotency-Key", key);
        finish(if body.is_null() { request } else { request.json(&body) }).await
    };
    let first = call("PUT", "k", with(json!({ "version": 0 }))).await;
    let again = call("PUT", "k", with(json!({ "version": 0 }))).await;
    assert_eq!((again.status, &again.text), (201, &first.text));
    assert_eq!(call("PUT", "k", lesson("c")).await.code(), "idempotency_mismatch");
    assert_eq!(call("DELETE", "d", Value::Null).await.status, 204);
    assert_eq!(call("DELETE", "d", Value::Null).await.status, 204);
    assert_eq!(call("DELETE", "e", Value::Null).await.status, 404);
    let trail = server.get(&admin(), "/api/v1/admin/audit?entity_type=lesson").await.json();
    let actions: Vec<&Value> =
        trail["items"].as_array().unwrap().iter().map(|item| &item["action"]).collect();
    assert_eq!(actions, ["lesson_deleted", "lesson_changed"]);
}

#[tokio::test]
async fn wrong_fields_are_named() {
    let server = started().await;
    server.topic("club", &[("ms-t", "owner")]).await;
    let limits = &server.app.limits;
    let long = "x".repeat(limits.lesson_data_kib.bytes());
    let sha = "0".repeat(64);
    let one = json!({ "sha256": sha, "name": "a.png" });
    let many = vec![one.clone(); limits.lesson_attachments_max + 1];
    let cases = [
        (json!({ "title": "" }), "/title"),
        (json!({ "title": "a\u{0}" }), "/title"),
        (json!({ "title": "x".repeat(limits.title_chars + 1) }), "/title"),
        (json!({ "class_id": "" }), "/class_id"),
        (json!({ "class_id": "club" }), "/class_id"),
        (json!({ "data": [] }), "/data"),
        (json!({ "data": { "a": long } }), "/data"),
        (json!({ "expires_at": "soon" }), "/expires_at"),
        (json!({ "expires_at": "2020-01-01T00:00:00Z" }), "/expires_at"),
        (json!({ "version": -1 }), "/version"),
        (json!({ "attachments": many }), "/attachments"),
        (json!({ "attachments": [one] }), "/attachments/0/sha256"),
        (json!({ "attachments": [{ "sha256": "x", "name": "a" }] }), "/attachments/0/sha256"),
        (json!({ "attachments": [{ "sha256": sha, "name": "" }] }), "/attachments/0/name"),
        (
            json!({ "attachments": [{ "sha256": sha, "name": "a", "type": "png" }] }),
            "/attachments/0/type",
        ),
    ];
    for (changes, pointer) in cases {
        let answer = put(&server, &teacher(), with(changes.clone())).await;
        assert_eq!(answer.pointers(), [pointer], "{changes}");
    }
    for query in ["", "?class_id=", "?class_id=c&limit=0"] {
        let answer = server.get(&teacher(), &format!("/api/v1/lessons{query}")).await;
        assert_eq!(answer.pointers().len(), 1, "{query}");
    }
}

#[tokio::test]
async fn a_lesson_stays_in_its_class() {
    let server = started().await;
    class(&server, "d").await;
    put(&server, &teacher(), lesson("c")).await;
    assert_eq!(put(&server, &teacher(), lesson("d")).await.pointers(), ["/class_id"]);
    let leave = server.call(&admin(), "DELETE", "/api/v1/topics/c/members/ms-t", Value::Null).await;
    assert_eq!(leave.status, 204);
    // Whoever does not know the class does not hear that there is such a lesson.
    assert_eq!(put(&server, &teacher(), lesson("d")).await.code(), "not_found");
}

#[tokio::test]
async fn lists_page_by_class_and_leave_the_data_out() {
    let server = started().await;
    class(&server, "d").await;
    for id in ["b", "a", "ä", "c"] {
        let path = format!("/api/v1/lessons/{id}");
        server.call(&teacher(), "PUT", &path, lesson("c")).await;
    }
    server.call(&teacher(), "PUT", "/api/v1/lessons/other", lesson("d")).await;
    server.call(&teacher(), "DELETE", "/api/v1/lessons/b", Value::Null).await;
    let ann = token("ann", &["student"]);
    let (mut ids, mut path) = (Vec::new(), "/api/v1/lessons?class_id=c&limit=2".to_owned());
    loop {
        let page = server.get(&ann, &path).await.json();
        for item in page["items"].as_array().unwrap() {
            ids.push(item["id"].as_str().unwrap().to_owned());
            assert!(item["data"].is_null());
        }
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        let elsewhere = format!("/api/v1/lessons?class_id=d&cursor={cursor}");
        assert_eq!(server.get(&ann, &elsewhere).await.pointers(), ["/query/cursor"]);
        path = format!("/api/v1/lessons?class_id=c&limit=2&cursor={cursor}");
    }
    assert_eq!(ids, ["a", "c", "ä"]);
}

#[tokio::test]
async fn a_lesson_is_gone_when_its_time_is_over_and_devices_can_hear_of_it() {
    let server = started().await;
    let now = now_ms();
    let expires_at = Timestamp::from_ms(now + 60_000).to_string();
    put(&server, &teacher(), with(json!({ "expires_at": expires_at }))).await;
    let kept = server.get(&teacher(), LESSON).await;
    assert_eq!((kept.status, kept.json()["expires_at"].clone()), (200, json!(expires_at)));
    let later = services_at(&server, now + 60_000, None);
    let teacher_then = caller("ms-t", Role::parse("teacher").unwrap());
    let id = LessonId::parse("water").unwrap();
    assert!(later.lesson(&teacher_then, &id).await.is_err());
    let class = TopicId::parse("c").unwrap();
    assert!(later.lessons(&teacher_then, class, None, 9).await.unwrap().is_empty());
    let before = feed_of(&server).await;
    assert_eq!(services_at(&server, now, None).end_lessons(9).await.unwrap(), 0);
    assert_eq!(later.end_lessons(9).await.unwrap(), 1);
    assert_eq!(later.end_lessons(9).await.unwrap(), 0);
    assert_eq!(feed_of(&server).await, before + 1);
    assert_eq!(server.get(&teacher(), LESSON).await.code(), "not_found");
    let trail = server.get(&admin(), "/api/v1/admin/audit?action=lesson_expired").await.json();
    assert_eq!(trail["items"][0]["entity_id"], "water");
}

#[tokio::test]
async fn a_class_has_so_many_lessons_and_goes_with_them() {
    let server = started().await;
    put(&server, &teacher(), lesson("c")).await;
    let classes = ClassSettings { lessons_max: 1, ..server.app.services.settings.classes };
    let full = services_at(&server, now_ms(), Some(classes));
    let teacher_then = caller("ms-t", Role::parse("teacher").unwrap());
    let draft = LessonDraft {
        class: TopicId::parse("c").unwrap(),
        title: "t".into(),
        data: JsonText::trusted("{}"),
        attachments: vec![],
        expires_at: None,
    };
    let id = |name| LessonId::parse(name).unwrap();
    let refused =
        full.put_lesson(&teacher_then, &id("second"), &draft, BasedOn::Anything, None).await;
    assert!(refused.unwrap_err().to_string().contains("1 at most"));
    full.put_lesson(&teacher_then, &id("water"), &draft, BasedOn::Anything, None).await.unwrap();
    server.call(&admin(), "DELETE", "/api/v1/topics/c", Value::Null).await;
    class(&server, "c").await;
    assert_eq!(server.get(&teacher(), LESSON).await.code(), "not_found");
    let list = server.get(&teacher(), "/api/v1/lessons?class_id=c").await.json();
    assert_eq!(list["items"], json!([]));
}
