//! Files that members send each other: uploaded, sent once, read by the topic alone, and gone when nobody needs them.

use futures_util::{StreamExt as _, stream};
use landfall_server::clock::now_ms;
use landfall_server::service::ClassSettings;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::blobs::{bytes, fetch, files, name, path, upload};
use crate::harness::{Server, admin, token};
use crate::s1_lessons::services_at;

const MESSAGES: &str = "/api/v1/topics/c/messages";
const HOUR: i64 = 3_600_000;

fn of(user: &str) -> String {
    token(user, &["student"])
}

/// Starts a server with the topic `c`, and `d` where only `dan` is.
async fn started() -> Server {
    let server = Server::start().await;
    server.topic("c", &[("ann", "member"), ("ben", "member"), ("tea", "teacher")]).await;
    server.topic("d", &[("dan", "member")]).await;
    server
}

async fn bring(server: &Server, user: &str, all: &[u8]) -> u16 {
    upload(server, &of(user), &path(all), "image/png", all).await.status
}

async fn read(server: &Server, user: &str, all: &[u8]) -> u16 {
    fetch(server, &of(user), &path(all), &[]).await.0
}

fn carrying(files: &[&[u8]]) -> Value {
    let one = |bytes: &&[u8]| json!({ "sha256": name(bytes), "name": "tree.png" });
    json!({ "attachments": files.iter().map(one).collect::<Vec<_>>(), "client_id": "1" })
}

async fn send(server: &Server, user: &str, body: Value) -> Value {
    Server::ok(server.call(&of(user), "POST", MESSAGES, body).await, StatusCode::CREATED)
}

#[tokio::test]
async fn a_member_sends_a_picture_that_the_topic_alone_can_see() {
    let server = started().await;
    let all = bytes(1_000);
    assert_eq!(bring(&server, "ann", &all).await, 201);
    assert_eq!((read(&server, "ann", &all).await, read(&server, "ben", &all).await), (200, 404));
    let sent = send(&server, "ann", carrying(&[&all])).await;
    let file =
        json!({ "sha256": name(&all), "name": "tree.png", "type": "image/png", "bytes": 1000 });
    assert_eq!((&sent["message"], &sent["attachments"]), (&json!(""), &json!([file])));
    let list = server.get(&of("ben"), MESSAGES).await.json();
    assert_eq!(list["items"][0], sent);
    assert_eq!((read(&server, "ben", &all).await, read(&server, "dan", &all).await), (200, 404));
    // Sent again under its name it is the same; with another file it is not.
    let again = server.call(&of("ann"), "POST", MESSAGES, carrying(&[&all])).await;
    assert_eq!(Server::ok(again, StatusCode::OK)["id"], sent["id"]);
    let other = server.call(&of("ann"), "POST", MESSAGES, carrying(&[&all, &all])).await;
    assert_eq!(other.code(), "conflict");
    // Words change, files stay.
    let message = format!("{MESSAGES}/{}", sent["id"].as_str().unwrap());
    let edit = json!({ "message": "my tree" });
    let edited = server.call(&of("ann"), "PATCH", &message, edit).await;
    assert_eq!(Server::ok(edited, StatusCode::OK)["attachments"], json!([file]));
    server.call(&of("ann"), "DELETE", &message, Value::Null).await;
    let left = server.get(&of("ben"), &format!("{MESSAGES}?after=0")).await.json();
    assert_eq!(left["items"][0]["attachments"], json!([]));
    assert_eq!(read(&server, "ben", &all).await, 404);
    let at = |hours: i64| services_at(&server, now_ms() + hours * HOUR, None);
    assert_eq!(at(23).forget_blobs(9).await.unwrap(), 0);
    assert_eq!(at(25).forget_blobs(9).await.unwrap(), 1);
    assert_eq!(files(&server).len(), 0);
}

#[tokio::test]
async fn a_files_name_opens_nothing() {
    let server = started().await;
    let all = bytes(1_000);
    bring(&server, "ann", &all).await;
    send(&server, "ann", carrying(&[&all])).await;
    // Neither by sending it on, nor by saying that one has it.
    let theirs = "/api/v1/topics/d/messages";
    let sent_on = server.call(&of("dan"), "POST", theirs, carrying(&[&all])).await;
    assert_eq!(sent_on.pointers(), ["/attachments/0/sha256"]);
    let nothing = upload(&server, &of("dan"), &path(&all), "image/png", b"").await;
    assert_eq!(nothing.pointers(), ["/path/sha256"]);
    assert_eq!(read(&server, "dan", &all).await, 404);
    // Whoever brings the bytes has them; there is still one file.
    assert_eq!(bring(&server, "dan", &all).await, 201);
    assert_eq!((read(&server, "dan", &all).await, files(&server).len()), (200, 1));
    // Who may read it need not bring it again.
    let known = upload(&server, &of("ben"), &path(&all), "image/png", b"").await;
    assert_eq!(known.status, 200);
}

#[tokio::test]
async fn who_leaves_takes_no_file_along_by_naming_it() {
    let server = started().await;
    let all = bytes(1_000);
    bring(&server, "ann", &all).await;
    send(&server, "ann", carrying(&[&all])).await;
    let known = upload(&server, &of("ben"), &path(&all), "image/png", b"").await;
    assert_eq!((known.status, read(&server, "ben", &all).await), (200, 200));
    server.call(&admin(), "DELETE", "/api/v1/topics/c/members/ben", Value::Null).await;
    assert_eq!(read(&server, "ben", &all).await, 404);
}

#[tokio::test]
async fn what_arrives_counts_before_it_is_there() {
    let server = started().await;
    let mut under_way = JoinSet::new();
    for n in 0..4_usize {
        // Its first part comes, and then nothing.
        let first = stream::iter([Ok::<_, std::io::Error>(bytes(1_000 + n))]);
        let body = reqwest::Body::wrap_stream(first.chain(stream::pending()));
        let path = path(&[n as u8]);
        under_way.spawn(server.request("PUT", &path).bearer_auth(of("ann")).body(body).send());
    }
    until_files(&server, 4).await;
    // As much as may come of them is kept free.
    let refused = upload(&server, &of("ann"), &path(b"x"), "image/png", b"x").await;
    assert_eq!(refused.code(), "conflict");
    assert!(refused.text.contains("Your blobs together"), "{}", refused.text);
    assert_eq!(bring(&server, "ben", b"x").await, 201);
    under_way.shutdown().await;
    until_files(&server, 1).await;
    assert_eq!(bring(&server, "ann", b"y").await, 201);
}

#[tokio::test]
async fn a_user_brings_a_few_at_the_same_time() {
    let server = started().await;
    let mut under_way = JoinSet::new();
    for n in 0..8_u8 {
        let bytes = vec![n; 1_000];
        let first = stream::iter([Ok::<_, std::io::Error>(bytes[..999].to_vec())]);
        let body = reqwest::Body::wrap_stream(first.chain(stream::pending()));
        let request = server.request("PUT", &path(&bytes)).bearer_auth(admin());
        under_way.spawn(request.header("content-length", "1000").body(body).send());
    }
    until_files(&server, 8).await;
    let refused = upload(&server, &admin(), &path(b"x"), "image/png", b"x").await;
    assert_eq!(refused.code(), "conflict");
    assert!(refused.text.contains("at the same time"), "{}", refused.text);
}

async fn until_files(server: &Server, count: usize) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while files(server).len() != count {
        assert!(std::time::Instant::now() < deadline, "{} files", files(server).len());
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_wrong_with_files_is_told() {
    let server = started().await;
    let all = bytes(1_000);
    let refused = async |attachments: Value| {
        let body = json!({ "message": "m", "attachments": attachments });
        let answer = server.call(&of("ann"), "POST", MESSAGES, body).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        answer.pointers()
    };
    let unknown = json!({ "sha256": name(&all), "name": "a" });
    assert_eq!(refused(json!([unknown])).await, ["/attachments/0/sha256"]);
    let bad = json!({ "sha256": "x", "name": "", "type": "png" });
    let faults = ["/attachments/0/name", "/attachments/0/type", "/attachments/0/sha256"];
    assert_eq!(refused(json!([bad])).await, faults);
    assert_eq!(refused(json!(vec![unknown; 11])).await, ["/attachments"]);
    bring(&server, "ann", &all).await;
    let wrong = json!({ "sha256": name(&all), "name": "a", "bytes": 999 });
    assert_eq!(refused(json!([wrong])).await, ["/attachments/0/bytes"]);
    let empty = server.call(&of("ann"), "POST", MESSAGES, json!({ "attachments": [] })).await;
    assert_eq!(empty.pointers(), ["/message"]);
}

#[tokio::test]
async fn a_members_files_have_bounds_of_their_own() {
    let server = started().await;
    let ClassSettings { member_blob_bytes, member_bytes, .. } =
        server.app.services.settings.classes;
    let large = bytes(member_blob_bytes as usize + 1);
    let refused = upload(&server, &of("ann"), &path(&large), "image/png", &large).await;
    assert_eq!(refused.code(), "too_large");
    for n in 0..member_bytes / member_blob_bytes {
        let mut one = bytes(member_blob_bytes as usize);
        one[0] = n as u8;
        assert_eq!(bring(&server, "ann", &one).await, 201);
    }
    let refused = upload(&server, &of("ann"), &path(b"x"), "image/png", b"x").await;
    assert_eq!(refused.code(), "conflict");
    assert!(refused.text.contains("Your blobs together"), "{}", refused.text);
    // Nobody else's are fewer for it, and who writes lessons has other bounds.
    assert_eq!(bring(&server, "ben", b"x").await, 201);
    let class = json!({ "kind": "class" });
    server.call(&admin(), "PUT", "/api/v1/topics/k", class).await;
    let member = "/api/v1/topics/k/members/tea";
    server.call(&admin(), "PUT", member, json!({ "role": "teacher" })).await;
    let teacher = token("tea", &["teacher"]);
    let by_teacher = upload(&server, &teacher, &path(&large), "image/png", &large).await;
    assert_eq!(by_teacher.status, 201, "{}", by_teacher.text);
}
