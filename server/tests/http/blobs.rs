//! The files of lessons, with real bytes: who gets them, in which parts, and when they go.

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use landfall_server::clock::now_ms;
use landfall_server::service::ClassSettings;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::harness::{Answer, Server, admin, finish, token, token_in};
use crate::s1_lessons::{LESSON, class, lesson, put, services_at, teacher};

const HOUR: i64 = 3_600_000;

pub fn name(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n % 253) as u8).collect()
}

pub fn path(bytes: &[u8]) -> String {
    format!("/api/v1/blobs/{}", name(bytes))
}

pub async fn upload(server: &Server, token: &str, path: &str, kind: &str, bytes: &[u8]) -> Answer {
    let request = server.request("PUT", path).bearer_auth(token).header("content-type", kind);
    finish(request.body(bytes.to_vec())).await
}

/// Uploads a picture as the teacher; gives its path.
async fn picture(server: &Server, bytes: &[u8]) -> String {
    let stored = upload(server, &teacher(), &path(bytes), "image/png", bytes).await;
    assert_eq!(stored.status, 201, "{}", stored.text);
    path(bytes)
}

pub async fn fetch(
    server: &Server,
    token: &str,
    path: &str,
    fields: &[(&str, &str)],
) -> (u16, HeaderMap, Bytes) {
    let mut request = server.request("GET", path).bearer_auth(token);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.headers().clone(), answer.bytes().await.unwrap())
}

async fn started() -> Server {
    let server = Server::start().await;
    class(&server, "c").await;
    server
}

/// Puts a lesson with these attachments.
async fn refer(server: &Server, blobs: &[&[u8]]) {
    let one = |bytes: &&[u8]| json!({ "sha256": name(bytes), "name": "p.png" });
    let mut body = lesson("c");
    body["attachments"] = blobs.iter().map(one).collect();
    let answer = put(server, &teacher(), body).await;
    assert!(answer.status < 300, "{}", answer.text);
}

/// Lists every file below the folder of blobs.
pub fn files(server: &Server) -> Vec<std::path::PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![server.blobs()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

#[tokio::test]
async fn a_blob_comes_back_as_it_went() {
    let server = started().await;
    let large = bytes(1_000_000);
    let path = picture(&server, &large).await;
    let (status, headers, body) = fetch(&server, &teacher(), &path, &[]).await;
    assert_eq!((status, body.as_ref()), (200, large.as_slice()));
    let tag = format!("\"{}\"", name(&large));
    for (field, value) in [
        ("content-type", "image/png"),
        ("content-length", "1000000"),
        ("etag", tag.as_str()),
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "private, no-cache"),
    ] {
        assert_eq!(headers[field], value);
    }
    assert!(!headers.contains_key("content-disposition"));
    let head = finish(server.request("HEAD", &path).bearer_auth(teacher())).await;
    assert_eq!((head.status, head.header("content-length")), (200, "1000000"));
    assert_eq!((head.header("etag"), head.text.len()), (tag.as_str(), 0));
    let known = [("if-none-match", tag.as_str())];
    let (status, _, body) = fetch(&server, &teacher(), &path, &known).await;
    assert_eq!((status, body.len()), (304, 0));
    let nothing = picture(&server, &[]).await;
    assert_eq!(fetch(&server, &teacher(), &nothing, &[]).await.2.len(), 0);
}

#[tokio::test]
async fn what_could_hold_a_script_is_offered_as_a_file() {
    let server = started().await;
    for (kind, is_offered) in [
        ("text/html", true),
        ("image/svg+xml", true),
        ("application/octet-stream", true),
        ("application/pdf", false),
        ("video/mp4", false),
    ] {
        let bytes = kind.as_bytes();
        upload(&server, &teacher(), &path(bytes), kind, bytes).await;
        let (_, headers, _) = fetch(&server, &teacher(), &path(bytes), &[]).await;
        assert_eq!(headers["content-type"], kind);
        assert_eq!(headers.contains_key("content-disposition"), is_offered, "{kind}");
    }
    let untyped = finish(server.request("PUT", &path(b"x")).bearer_auth(teacher()).body("x")).await;
    assert_eq!(untyped.json()["type"], "application/octet-stream");
    let bad = upload(&server, &teacher(), &path(b"y"), "png", b"y").await;
    assert_eq!(bad.pointers(), ["/header/Content-Type"]);
}

#[tokio::test]
async fn a_part_is_what_the_range_says() {
    let server = started().await;
    let all = bytes(200_000);
    let path = picture(&server, &all).await;
    let tag = format!("\"{}\"", name(&all));
    for (range, first, last) in [
        ("bytes=0-0", 0, 0),
        ("bytes=0-65535", 0, 65_535),
        ("bytes=65535-65537", 65_535, 65_537),
        ("bytes=100000-", 100_000, 199_999),
        ("bytes=199999-500000", 199_999, 199_999),
        ("bytes=-5", 199_995, 199_999),
        ("bytes=-900000", 0, 199_999),
    ] {
        let fields = [("range", range), ("if-range", tag.as_str())];
        let (status, headers, body) = fetch(&server, &teacher(), &path, &fields).await;
        assert_eq!((status, body.as_ref()), (206, &all[first..=last]), "{range}");
        assert_eq!(headers["content-range"], format!("bytes {first}-{last}/200000"));
        assert_eq!(headers["content-length"], (last - first + 1).to_string());
    }
    for range in ["bytes=200000-", "bytes=-0"] {
        let request = server.request("GET", &path).bearer_auth(teacher()).header("range", range);
        let answer = finish(request).await;
        assert_eq!(answer.code(), "range_not_satisfiable", "{range}");
        assert_eq!((answer.status, answer.header("content-range")), (416, "bytes */200000"));
    }
    for whole in ["bytes=5-4", "bytes=0-1,5-6", "lines=1-2", "bytes=x"] {
        assert_eq!(fetch(&server, &teacher(), &path, &[("range", whole)]).await.0, 200, "{whole}");
    }
    for other in ["\"x\"", "W/\"x\"", "Sat, 21 Nov 2026 10:00:00 GMT"] {
        let fields = [("range", "bytes=0-1"), ("if-range", other)];
        let (status, _, body) = fetch(&server, &teacher(), &path, &fields).await;
        assert_eq!((status, body.len()), (200, 200_000), "{other}");
    }
}

#[tokio::test]
async fn a_download_that_was_cut_is_resumed_where_it_ended() {
    let server = started().await;
    let all = bytes(3_000_000);
    let path = picture(&server, &all).await;
    let mut answer = server.request("GET", &path).bearer_auth(teacher()).send().await.unwrap();
    let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
    let mut kept = Vec::new();
    while kept.len() < 500_000 {
        kept.extend_from_slice(&answer.chunk().await.unwrap().unwrap());
    }
    drop(answer);
    let rest = format!("bytes={}-", kept.len());
    let fields = [("range", rest.as_str()), ("if-range", tag.as_str())];
    let (status, _, body) = fetch(&server, &teacher(), &path, &fields).await;
    kept.extend_from_slice(&body);
    assert_eq!((status, name(&kept)), (206, name(&all)));
}

#[tokio::test]
async fn other_bytes_than_the_name_says_leave_nothing() {
    let server = started().await;
    let large = bytes(700_000);
    let wrong = upload(&server, &teacher(), &path(b"other"), "image/png", &large).await;
    assert_eq!(wrong.pointers(), ["/path/sha256"]);
    assert_eq!(files(&server), Vec::<std::path::PathBuf>::new());
    let (status, ..) = fetch(&server, &teacher(), &path(b"other"), &[]).await;
    assert_eq!(status, 404);
    for bad in ["x", &"A".repeat(64), &"0".repeat(63)] {
        let answer = server.get(&teacher(), &format!("/api/v1/blobs/{bad}")).await;
        assert_eq!(answer.pointers(), ["/path/sha256"]);
    }
}

#[tokio::test]
async fn only_members_bring_blobs() {
    let server = started().await;
    for caller in [token("x", &["student"]), token("x", &["teacher"])] {
        let refused = upload(&server, &caller, &path(b"x"), "image/png", b"x").await;
        assert_eq!(refused.code(), "forbidden");
    }
    let by_admin = upload(&server, &admin(), &path(b"x"), "image/png", b"x").await;
    assert_eq!(by_admin.status, 201, "{}", by_admin.text);
}

#[tokio::test]
async fn a_blob_is_read_by_who_is_in_a_class_that_needs_it() {
    let server = started().await;
    class(&server, "d").await;
    let all = bytes(1_000);
    let path = picture(&server, &all).await;
    let ann = token("ann", &["student"]);
    let status = async |token: &str| fetch(&server, token, &path, &[]).await.0;
    assert_eq!((status(&ann).await, status(&teacher()).await), (404, 200));
    refer(&server, &[&all]).await;
    let read = server.get(&ann, LESSON).await.json();
    let expected =
        json!({ "sha256": name(&all), "name": "p.png", "type": "image/png", "bytes": 1000 });
    assert_eq!(read["attachments"], json!([expected]));
    let bob = token("bob", &["student"]);
    assert_eq!((status(&ann).await, status(&bob).await, status(&admin()).await), (200, 404, 200));
    let member = "/api/v1/topics/c/members/ann";
    server.call(&admin(), "DELETE", member, Value::Null).await;
    assert_eq!(status(&ann).await, 404);
    server.call(&admin(), "PUT", member, json!({})).await;
    assert_eq!(status(&ann).await, 200);
    refer(&server, &[]).await;
    assert_eq!(status(&ann).await, 404);
    let wrong = json!([{ "sha256": name(&all), "name": "p", "bytes": 5 }]);
    let mut body = lesson("c");
    body["attachments"] = wrong;
    assert_eq!(put(&server, &teacher(), body).await.pointers(), ["/attachments/0/bytes"]);
}

#[tokio::test]
async fn the_same_bytes_of_two_tenants_are_two_blobs() {
    let server = started().await;
    let all = bytes(1_000);
    let path = picture(&server, &all).await;
    let stranger = token_in("acme", "root", &["admin"]);
    assert_eq!(fetch(&server, &stranger, &path, &[]).await.0, 404);
    // Without the bytes nothing tells that another tenant has them.
    let guess = upload(&server, &stranger, &path, "image/png", b"guess").await;
    assert_eq!(guess.pointers(), ["/path/sha256"]);
    let theirs = upload(&server, &stranger, &path, "text/plain", &all).await;
    assert_eq!(theirs.status, 201);
    assert_eq!(files(&server).len(), 2);
    assert_eq!(fetch(&server, &stranger, &path, &[]).await.1["content-type"], "text/plain");
    assert_eq!(fetch(&server, &teacher(), &path, &[]).await.1["content-type"], "image/png");
}

#[tokio::test]
async fn what_is_there_is_not_read_again() {
    let server = started().await;
    let path = picture(&server, &bytes(1_000)).await;
    let again = upload(&server, &teacher(), &path, "text/plain", b"").await;
    assert_eq!((again.status, again.json()["type"].clone()), (200, json!("image/png")));
    assert_eq!(files(&server).len(), 1);
    let by_admin = upload(&server, &admin(), &path, "image/png", b"").await;
    assert_eq!(by_admin.status, 200);
}

#[tokio::test]
async fn of_many_who_bring_the_same_one_is_kept() {
    let server = started().await;
    let all = bytes(300_000);
    let (path, teacher) = (path(&all), teacher());
    let uploads = (0..8).map(|_| upload(&server, &teacher, &path, "image/png", &all));
    for answer in futures_util::future::join_all(uploads).await {
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
    }
    assert_eq!(files(&server).len(), 1);
    assert_eq!(fetch(&server, &teacher, &path, &[]).await.2.as_ref(), all.as_slice());
    let tenant = landfall_core::id::Tenant::parse("default").unwrap();
    assert_eq!(server.store.blob_total(&tenant).await.unwrap(), 300_000);
}

#[tokio::test]
async fn a_blob_and_all_of_a_tenants_have_a_bound() {
    let server = started().await;
    let ClassSettings { blob_bytes, tenant_bytes, .. } = server.app.services.settings.classes;
    let large = bytes(blob_bytes as usize + 1);
    let refused = upload(&server, &teacher(), &path(&large), "image/png", &large).await;
    assert_eq!(refused.code(), "too_large");
    // Nor when nobody says how many bytes come.
    let chunks = large.chunks(100_000).map(|part| Ok::<_, std::io::Error>(part.to_vec()));
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks.collect::<Vec<_>>()));
    let request = server.request("PUT", &path(&large)).bearer_auth(teacher()).body(body);
    assert_eq!(finish(request).await.code(), "too_large");
    assert_eq!(files(&server).len(), 0);
    let part = blob_bytes as usize - 100;
    for n in 0..tenant_bytes / blob_bytes {
        let mut one = bytes(part);
        one[0] = n as u8;
        picture(&server, &one).await;
    }
    let last = bytes(1_000);
    let full = upload(&server, &teacher(), &path(&last), "image/png", &last).await;
    assert_eq!(full.code(), "conflict");
    assert!(full.text.contains("All blobs together"), "{}", full.text);
    let elsewhere = token_in("acme", "root", &["admin"]);
    assert_eq!(upload(&server, &elsewhere, &path(&last), "image/png", &last).await.status, 201);
}

#[tokio::test]
async fn a_blob_that_nobody_needs_goes_after_a_while() {
    let server = started().await;
    let (needed, unneeded) = (bytes(1_000), bytes(2_000));
    picture(&server, &needed).await;
    picture(&server, &unneeded).await;
    refer(&server, &[&needed]).await;
    let at = |hours: i64| services_at(&server, now_ms() + hours * HOUR, None);
    assert_eq!(at(23).forget_blobs(9).await.unwrap(), 0);
    assert_eq!(at(25).forget_blobs(9).await.unwrap(), 1);
    assert_eq!(at(25).forget_blobs(9).await.unwrap(), 0);
    assert_eq!(files(&server).len(), 1);
    assert_eq!(fetch(&server, &teacher(), &path(&unneeded), &[]).await.0, 404);
    assert_eq!(fetch(&server, &teacher(), &path(&needed), &[]).await.0, 200);
    server.call(&teacher(), "DELETE", LESSON, Value::Null).await;
    assert_eq!(at(25).forget_blobs(9).await.unwrap(), 1);
    assert_eq!(files(&server).len(), 0);
    let tenant = landfall_core::id::Tenant::parse("default").unwrap();
    assert_eq!(server.store.blob_total(&tenant).await.unwrap(), 0);
    picture(&server, &needed).await;
}

#[tokio::test]
async fn what_a_crash_left_is_swept_up_and_nothing_else() {
    let server = started().await;
    let all = bytes(1_000);
    let path = picture(&server, &all).await;
    let kept = files(&server);
    let file = uuid::Uuid::from_u128(7).simple().to_string();
    // Written and not yet named; named, and the store does not know it.
    std::fs::write(server.blobs().join("incoming").join(&file), b"half").unwrap();
    let named = kept[0].with_file_name(format!("{}.{file}", name(b"other")));
    std::fs::write(named, b"other").unwrap();
    let swept = async |hours: i64| {
        let services = services_at(&server, now_ms() + hours * HOUR, None);
        let mut removed = 0;
        for _ in 0..9 {
            removed += services.sweep_blobs().await.unwrap();
        }
        removed
    };
    // An upload may still be at it.
    assert_eq!(swept(0).await, 0);
    assert_eq!(swept(2).await, 1);
    // The store that knows the other may still be put back.
    assert_eq!(swept(29 * 24).await, 0);
    assert_eq!(swept(31 * 24).await, 1);
    assert_eq!(files(&server), kept);
    assert_eq!(fetch(&server, &teacher(), &path, &[]).await.2.as_ref(), all.as_slice());
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let server = started().await;
    let broken = futures_util::stream::iter([
        Ok(bytes(400_000)),
        Err(std::io::Error::other("the network went away")),
    ]);
    let body = reqwest::Body::wrap_stream(broken);
    let request = server.request("PUT", &path(b"x")).bearer_auth(teacher()).body(body);
    assert!(request.send().await.is_err());
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !files(&server).is_empty() {
        assert!(std::time::Instant::now() < deadline, "something of it is left");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_file_that_a_restore_did_not_bring_back_is_told_and_can_be_sent_again() {
    let server = started().await;
    let all = bytes(1_000);
    let path = picture(&server, &all).await;
    refer(&server, &[&all]).await;
    std::fs::remove_dir_all(server.blobs()).unwrap();
    let answer = server.get(&teacher(), &path).await;
    assert_eq!(answer.code(), "not_found");
    assert!(answer.text.contains("its file is missing"), "{}", answer.text);
    let again = upload(&server, &teacher(), &path, "image/png", &all).await;
    assert_eq!(again.status, 201, "{}", again.text);
    let ann = token("ann", &["student"]);
    assert_eq!(fetch(&server, &ann, &path, &[]).await.2.as_ref(), all.as_slice());
    let tenant = landfall_core::id::Tenant::parse("default").unwrap();
    assert_eq!(server.store.blob_total(&tenant).await.unwrap(), 1_000);
}
