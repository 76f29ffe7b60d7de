//! Generations: a copy of a device that pushes under its name is found out, and who only lost an answer is not.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Answer, Server};
use crate::s1_sync::{PUSH, ann, operation};

/// Pushes notes of a device that counts its pushes.
async fn push(server: &Server, generation: u64, ids: &[&str]) -> Answer {
    let note = |id: &&str| operation(id, "notes", id, "CREATE", json!({"text": id}), 1);
    let operations: Vec<Value> = ids.iter().map(note).collect();
    let body = json!({"deviceId": "phone", "generation": generation, "operations": operations});
    server.call(&ann(), "POST", PUSH, body).await
}

async fn pushed(server: &Server, generation: u64, ids: &[&str]) -> u64 {
    let answer = Server::ok(push(server, generation, ids).await, StatusCode::OK);
    assert_eq!(answer["results"].as_array().unwrap().len(), ids.len());
    answer["generation"].as_u64().unwrap()
}

fn expect_forked(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
    assert_eq!(answer.json()["type"], "/problems/device_forked");
}

#[tokio::test]
async fn a_copy_of_a_device_is_told_to_take_another_name() {
    let server = Server::start().await;
    let mut generation = 0;
    for id in ["a", "b", "c"] {
        let next = pushed(&server, generation, &[id]).await;
        assert!(next > generation);
        generation = next;
    }
    // It was set up from a backup that was made after the first push.
    expect_forked(&push(&server, 1, &["of-the-copy"]).await);
    // It lost its storage.
    expect_forked(&push(&server, 0, &["of-the-copy"]).await);
    generation = pushed(&server, generation, &["d"]).await;
    // Whichever of two comes second is the copy.
    let copy = pushed(&server, generation, &["of-the-copy"]).await;
    expect_forked(&push(&server, generation, &["e"]).await);
    pushed(&server, copy, &["f"]).await;
    let pulled = crate::s1_sync::pull(&server, json!({"limit": 100})).await;
    let ids = pulled["changes"].as_array().unwrap().iter().map(|change| &change["entityId"]);
    assert_eq!(ids.collect::<Vec<_>>(), ["a", "b", "c", "d", "of-the-copy", "f"]);
}

#[tokio::test]
async fn who_lost_an_answer_is_no_copy() {
    let server = Server::start().await;
    let generation = pushed(&server, 0, &["a"]).await;
    // This answer does not arrive, twice.
    pushed(&server, generation, &["b", "c"]).await;
    pushed(&server, generation, &["b", "c"]).await;
    let generation = pushed(&server, generation, &["b", "c", "d"]).await;
    pushed(&server, generation, &["e"]).await;
}

#[tokio::test]
async fn a_device_that_is_ahead_of_a_restored_server_is_no_copy() {
    let server = Server::start().await;
    let generation = pushed(&server, 40, &["a"]).await;
    assert_eq!(generation, 41);
    pushed(&server, generation, &["b"]).await;
}

#[tokio::test]
async fn a_generation_that_no_answer_gave_is_refused_and_spoils_nothing() {
    let server = Server::start().await;
    for made_up in [(1 << 52) + 1, u64::MAX] {
        let answer = push(&server, made_up, &["a"]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.json()["errors"][0]["pointer"], "/generation");
    }
    pushed(&server, 0, &["a"]).await;
}

#[tokio::test]
async fn who_counts_no_pushes_is_not_asked() {
    let server = Server::start().await;
    let generation = pushed(&server, 0, &["a"]).await;
    let note = operation("b", "notes", "b", "CREATE", json!({}), 1);
    let body = json!({"deviceId": "phone", "operations": [note]});
    let answer = Server::ok(server.call(&ann(), "POST", PUSH, body).await, StatusCode::OK);
    assert_eq!(answer.get("generation"), None);
    // An empty push moves nothing.
    let empty = Server::ok(push(&server, generation, &[]).await, StatusCode::OK);
    assert_eq!(empty.get("generation"), None);
    pushed(&server, generation, &["c"]).await;
}
