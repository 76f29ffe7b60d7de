//! Messages of topics: sent once, kept in order, changed and deleted; what is unread (S3).

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Server, admin, token};

const MESSAGES: &str = "/api/v1/topics/c/messages";
const READ: &str = "/api/v1/topics/c/read";

async fn class() -> Server {
    let server = Server::start().await;
    server.topic("c", &[("ann", "member"), ("ben", "member"), ("tea", "teacher")]).await;
    server
}

fn of(user: &str) -> String {
    token(user, &["student"])
}

async fn send(server: &Server, user: &str, body: Value) -> Value {
    Server::ok(server.call(&of(user), "POST", MESSAGES, body).await, StatusCode::CREATED)
}

async fn say(server: &Server, user: &str, text: &str) -> Value {
    send(server, user, json!({ "message": text })).await
}

async fn listed(server: &Server, query: &str) -> Value {
    let path = format!("{MESSAGES}{query}");
    Server::ok(server.get(&of("ann"), &path).await, StatusCode::OK)
}

fn texts(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap();
    items.iter().map(|one| one["message"].as_str().unwrap()).collect()
}

fn path(message: &Value) -> String {
    format!("{MESSAGES}/{}", message["id"].as_str().unwrap())
}

async fn unread(server: &Server, user: &str) -> Value {
    Server::ok(server.get(&of(user), "/api/v1/topics/c").await, StatusCode::OK)["unread_count"]
        .clone()
}

#[tokio::test]
async fn members_write_and_read_in_one_order() {
    let server = class().await;
    let body = json!({
        "message": "häy\n😀", "client_id": 7, "mentions": ["ben", "ben", 12], "room_id": "r",
        "reply_to": "0199a1b2-0000-7000-8000-0000000000a1",
    });
    let first = send(&server, "ann", body).await;
    assert_eq!((&first["number"], &first["changed"]), (&json!("5"), &json!("5")));
    assert_eq!((&first["sender_id"], &first["client_id"]), (&json!("ann"), &json!("7")));
    assert_eq!(first["mentions"], json!(["ben", "12"]));
    assert_eq!((&first["edited_at"], &first["deleted"]), (&Value::Null, &json!(false)));
    for n in 2..=5 {
        say(&server, "ben", &n.to_string()).await;
    }
    let newest = listed(&server, "?limit=2").await;
    assert_eq!(texts(&newest), ["5", "4"]);
    let cursor = newest["next_cursor"].as_str().unwrap();
    let older = listed(&server, &format!("?limit=2&cursor={cursor}")).await;
    assert_eq!(texts(&older), ["3", "2"]);
    let before = listed(&server, "?before=6").await;
    assert_eq!(before, json!({"items": [first.clone()], "next_cursor": null}));
    let after = listed(&server, "?after=7&limit=1").await;
    assert_eq!(texts(&after), ["4"]);
    let cursor = after["next_cursor"].as_str().unwrap();
    assert_eq!(texts(&listed(&server, &format!("?after=7&cursor={cursor}")).await), ["5"]);
    let shown = Server::ok(server.get(&of("ben"), &path(&first)).await, StatusCode::OK);
    assert_eq!(shown, first);
}

#[tokio::test]
async fn a_message_that_is_sent_again_is_the_same() {
    let server = class().await;
    let body = json!({"message": "hi", "client_id": "c1"});
    let first = send(&server, "ann", body.clone()).await;
    let again = server.call(&of("ann"), "POST", MESSAGES, body.clone()).await;
    assert_eq!(Server::ok(again, StatusCode::OK), first);
    let other = json!({"message": "ho", "client_id": "c1"});
    let refused = server.call(&of("ann"), "POST", MESSAGES, other).await;
    assert_eq!((refused.status, &refused.json()["type"]), (409, &json!("/problems/conflict")));
    // Another user's device may call its own so.
    send(&server, "ben", body.clone()).await;
    let gone = server.call(&of("ann"), "DELETE", &path(&first), Value::Null).await;
    assert_eq!(gone.status, 204);
    let again = Server::ok(server.call(&of("ann"), "POST", MESSAGES, body).await, StatusCode::OK);
    assert_eq!((&again["deleted"], &again["message"]), (&json!(true), &json!("")));
    assert_eq!(listed(&server, "").await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn many_at_once_under_one_name_send_once() {
    let server = class().await;
    let body = json!({"message": "hi", "client_id": "c1"});
    let sender = of("ann");
    let calls = (0..8).map(|_| server.call(&sender, "POST", MESSAGES, body.clone()));
    let mut answers = futures_util::future::join_all(calls).await;
    answers.sort_by_key(|answer| answer.status);
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [[200; 7].as_slice(), &[201]].concat());
    assert!(answers.iter().all(|answer| answer.json()["id"] == answers[0].json()["id"]));
}

#[tokio::test]
async fn a_message_is_changed_by_its_sender_and_keeps_its_place() {
    let server = class().await;
    let first = send(&server, "ann", json!({"message": "a", "room_id": "r"})).await;
    say(&server, "ben", "b").await;
    let edit = json!({"message": "A", "mentions": ["ben"]});
    let edited = Server::ok(
        server.call(&of("ann"), "PATCH", &path(&first), edit.clone()).await,
        StatusCode::OK,
    );
    assert_eq!((&edited["number"], &edited["changed"]), (&json!("5"), &json!("7")));
    assert_eq!((&edited["message"], &edited["room_id"]), (&json!("A"), &json!("r")));
    assert!(edited["edited_at"].is_string());
    // The same once more takes no number.
    let same = server.call(&of("ann"), "PATCH", &path(&first), edit.clone()).await;
    assert_eq!(Server::ok(same, StatusCode::OK), edited);
    for (user, status) in [("ben", 403), ("tea", 403)] {
        let refused = server.call(&of(user), "PATCH", &path(&first), edit.clone()).await;
        assert_eq!(refused.status, status, "{user}");
    }
    assert_eq!(texts(&listed(&server, "").await), ["b", "A"]);
    assert_eq!(texts(&listed(&server, "?after=5").await), ["b", "A"]);
}

#[tokio::test]
async fn a_message_is_deleted_by_its_sender_or_a_teacher() {
    let server = class().await;
    let (first, second) = (say(&server, "ann", "a").await, say(&server, "ann", "b").await);
    let delete = async |user: &str, message: &Value| {
        server.call(&of(user), "DELETE", &path(message), Value::Null).await.status
    };
    assert_eq!(delete("ben", &first).await, 403);
    assert_eq!(delete("ann", &first).await, 204);
    assert_eq!(delete("ann", &first).await, 404);
    assert_eq!(delete("tea", &second).await, 204);
    assert_eq!(server.get(&of("ann"), &path(&first)).await.status, 404);
    assert_eq!(texts(&listed(&server, "").await), [""; 0]);
    let left = listed(&server, "?after=4").await;
    let left: Vec<_> = left["items"].as_array().unwrap().iter().collect();
    assert!(left.iter().all(|one| one["deleted"] == true && one["message"] == ""), "{left:?}");
    let trail = server.get(&admin(), "/api/v1/admin/audit?action=message_deleted").await;
    let trail = Server::ok(trail, StatusCode::OK);
    let actors: Vec<_> = trail["items"].as_array().unwrap().iter().map(|e| &e["user_id"]).collect();
    assert_eq!(actors, ["tea", "ann"]);
}

#[tokio::test]
async fn who_is_not_in_a_topic_reads_and_writes_nothing() {
    let server = class().await;
    let first = say(&server, "ann", "secret").await;
    let admin = admin();
    let left = server.call(&admin, "DELETE", "/api/v1/topics/c/members/ben", Value::Null).await;
    assert_eq!(left.status, 204);
    let calls = [
        ("GET", MESSAGES.to_owned(), Value::Null),
        ("POST", MESSAGES.to_owned(), json!({"message": "x"})),
        ("GET", path(&first), Value::Null),
        ("PATCH", path(&first), json!({"message": "x"})),
        ("DELETE", path(&first), Value::Null),
        ("POST", READ.to_owned(), json!({})),
        ("GET", "/api/v1/topics/c/participation".to_owned(), Value::Null),
    ];
    let public = json!({"visibility": "public"});
    for (expected, visibility) in [(404, json!({})), (403, public)] {
        server.call(&admin, "PUT", "/api/v1/topics/c", visibility).await;
        for user in ["ben", "zoe"] {
            for (method, path, body) in &calls {
                let answer = server.call(&of(user), method, path, body.clone()).await;
                assert_eq!(answer.status, expected, "{user} {method} {path}");
                assert!(!answer.text.contains("secret"));
            }
        }
    }
    // An admin reads along, and writes nothing in nobody's name.
    assert_eq!(server.get(&admin, MESSAGES).await.status, 200);
    let refused = server.call(&admin, "POST", MESSAGES, json!({"message": "x"})).await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn what_is_wrong_with_a_message_is_named() {
    let server = class().await;
    let long = "x".repeat(4_001);
    let many: Vec<String> = (0..51).map(|n| format!("u{n}")).collect();
    for (body, pointer) in [
        (json!({}), "/message"),
        (json!({"message": " \n"}), "/message"),
        (json!({"message": long}), "/message"),
        (json!({"message": "a\u{0}"}), "/message"),
        (json!({"message": "a", "mentions": many}), "/mentions"),
        (json!({"message": "a", "mentions": ["ok", " "]}), "/mentions/1"),
        (json!({"message": "a", "client_id": ""}), "/client_id"),
        (json!({"message": "a", "room_id": "x".repeat(129)}), "/room_id"),
        (json!({"message": "a", "reply_to": "1"}), "/reply_to"),
    ] {
        let refused = server.call(&of("ann"), "POST", MESSAGES, body.clone()).await;
        assert_eq!(refused.status, 422, "{body}");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{}", refused.text);
    }
    let half = server.request("POST", MESSAGES).bearer_auth(of("ann"));
    let half = half.header("content-type", "application/json").body(r#"{"message":"\ud83d"}"#);
    assert_eq!(crate::harness::finish(half).await.status, 400);
    for (query, pointer) in [
        ("?after=1&before=2", "/query/before"),
        ("?after=x", "/query/after"),
        ("?limit=0", "/query/limit"),
    ] {
        let refused = server.get(&of("ann"), &format!("{MESSAGES}{query}")).await;
        assert_eq!(
            (refused.status, &refused.json()["errors"][0]["pointer"]),
            (422, &json!(pointer))
        );
    }
}

#[tokio::test]
async fn unread_counts_are_the_same_from_every_device() {
    let server = class().await;
    assert_eq!(unread(&server, "ben").await, 0);
    let sent = [say(&server, "ann", "1").await, say(&server, "ann", "2").await];
    say(&server, "ann", "3").await;
    assert_eq!((unread(&server, "ben").await, unread(&server, "ann").await), (json!(3), json!(0)));
    let all = Server::ok(server.get(&of("ben"), "/api/v1/topics").await, StatusCode::OK);
    assert_eq!(
        (&all["items"][0]["unread_count"], &all["items"][0]["capped"]),
        (&json!(3), &json!(false))
    );
    let read = async |body: Value| {
        Server::ok(server.call(&of("ben"), "POST", READ, body).await, StatusCode::OK)
    };
    // The device that read less comes later.
    let ids: Vec<_> = sent.iter().map(|one| one["id"].clone()).collect();
    let left = json!({"unread_count": 1, "capped": false, "read_up_to": "6"});
    assert_eq!(read(json!({"message_ids": ids})).await, left);
    assert_eq!(read(json!({"up_to": 5})).await, left);
    assert_eq!(unread(&server, "ben").await, 1);
    // What nobody has sent yet is not read.
    let all = json!({"unread_count": 0, "capped": false, "read_up_to": "7"});
    assert_eq!(read(json!({"up_to": "900"})).await, all);
    say(&server, "ann", "4").await;
    assert_eq!(unread(&server, "ben").await, 1);
    assert_eq!(read(json!({})).await["unread_count"], 0);
    // Who writes has read what is there.
    say(&server, "ann", "5").await;
    say(&server, "ben", "6").await;
    assert_eq!((unread(&server, "ben").await, unread(&server, "ann").await), (json!(0), json!(1)));
    // A teacher sees how they take part; a member does not.
    let path = "/api/v1/topics/c/participation";
    assert_eq!(server.get(&of("ben"), path).await.status, 403);
    let part = Server::ok(server.get(&of("tea"), path).await, StatusCode::OK);
    let brief: Vec<_> = part["items"].as_array().unwrap().iter().collect();
    assert_eq!((&brief[0]["user_id"], &brief[0]["messages"]), (&json!("ann"), &json!(5)));
    assert_eq!((&brief[2]["messages"], &brief[2]["unread_count"]), (&json!(0), &json!(6)));
}

#[tokio::test]
async fn what_was_read_is_named_by_messages_of_the_topic() {
    let server = class().await;
    let unknown = json!({"message_ids": ["0199a1b2-0000-7000-8000-0000000000a1"]});
    let many = vec!["0199a1b2-0000-7000-8000-0000000000a1"; 201];
    for (body, pointer) in [
        (unknown, "/message_ids"),
        (json!({"message_ids": many}), "/message_ids"),
        (json!({"message_ids": ["7"]}), "/message_ids/0"),
        (json!({"up_to": "x"}), "/up_to"),
    ] {
        let refused = server.call(&of("ben"), "POST", READ, body).await;
        assert_eq!(
            (refused.status, &refused.json()["errors"][0]["pointer"]),
            (422, &json!(pointer))
        );
    }
}
