//! A request that is sent again takes no second effect (contract 1).

use serde_json::{Value, json};

use crate::harness::{Answer, Server, finish, service, token};

async fn send(server: &Server, token: &str, path: &str, key: &str, body: &Value) -> Answer {
    let request = server.request("POST", path).bearer_auth(token).json(body);
    finish(request.header("Idempotency-Key", key)).await
}

fn body() -> Value {
    json!({ "user_id": "u1", "notification_type": "news", "message": "hello" })
}

async fn inbox(server: &Server) -> usize {
    let list = server.get(&token("u1", &[]), "/api/v1/notifications").await.json();
    list["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn the_same_request_gets_the_first_answer_byte_for_byte() {
    let server = Server::start().await;
    let first = send(&server, &service(), "/notify", "k1", &body()).await;
    assert_eq!(first.status, 202, "{}", first.text);
    for path in ["/notify", "/api/notify", "/api/v1/notify"] {
        let again = send(&server, &service(), path, "k1", &body()).await;
        assert_eq!((again.status, &again.text), (202, &first.text));
    }
    assert_eq!(inbox(&server).await, 1);

    let mut other = body();
    other["message"] = json!("another");
    let refused = send(&server, &service(), "/notify", "k1", &other).await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "idempotency_mismatch"));
}

#[tokio::test]
async fn a_send_to_many_is_answered_again_too() {
    let server = Server::start().await;
    let body = json!({ "user_ids": ["a", "b"], "notification_type": "news", "message": "m" });
    let first = send(&server, &service(), "/notify", "k", &body).await;
    assert_eq!(first.status, 202, "{}", first.text);
    assert_eq!(send(&server, &service(), "/notify", "k", &body).await.text, first.text);
}

#[tokio::test]
async fn a_key_belongs_to_its_caller() {
    let server = Server::start().await;
    let first = send(&server, &service(), "/notify", "k", &body()).await;
    let other = send(&server, &token("other", &["service"]), "/notify", "k", &body()).await;
    assert_eq!(other.status, 202);
    assert_ne!(other.text, first.text);
    assert_eq!(inbox(&server).await, 2);
}

#[tokio::test]
async fn twenty_at_once_take_one_effect() {
    let server = Server::start().await;
    let (token, body) = (service(), body());
    let sends = (0..20).map(|_| send(&server, &token, "/notify", "same", &body));
    let answers = futures_util::future::join_all(sends).await;
    let (stored, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == 202);
    assert!(!stored.is_empty());
    assert!(stored.iter().all(|answer| answer.text == stored[0].text));
    assert!(refused.iter().all(|answer| answer.status == 409 && answer.code() == "conflict"));
    assert_eq!(inbox(&server).await, 1);
}

#[tokio::test]
async fn what_was_refused_holds_no_key() {
    let server = Server::start().await;
    let bad = json!({ "user_id": "u1" });
    assert_eq!(send(&server, &service(), "/notify", "k", &bad).await.status, 422);
    assert_eq!(send(&server, &service(), "/notify", "k", &body()).await.status, 202);
}

#[tokio::test]
async fn a_key_is_visible_ascii_of_bounded_length() {
    let server = Server::start().await;
    for key in ["", "a b", "é", &"k".repeat(256)] {
        let answer = send(&server, &service(), "/notify", key, &body()).await;
        assert_eq!(answer.pointers(), ["/header/Idempotency-Key"], "{key}");
    }
    assert_eq!(send(&server, &service(), "/notify", &"k".repeat(255), &body()).await.status, 202);
}
