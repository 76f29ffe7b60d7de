//! S3's five routes of browsers' subscriptions, and S2's `/push/subscribe`.

use serde_json::{Value, json};

use crate::harness::{Answer, Server, finish, token};

/// RFC 8291, section 5.
const P256DH: &str =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";
const ENDPOINT: &str = "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV";

fn flat(endpoint: &str) -> Value {
    json!({ "endpoint": endpoint, "p256dh": P256DH, "auth": AUTH })
}

async fn subscribe(server: &Server, user: &str, body: Value) -> Answer {
    server.call(&token(user, &[]), "POST", "/api/notifications/subscribe", body).await
}

async fn listed(server: &Server, user: &str) -> Vec<Value> {
    let list = server.get(&token(user, &[]), "/api/notifications/subscriptions").await;
    assert_eq!(list.status, 200);
    list.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn s3_the_public_key_is_open_and_a_point() {
    use base64::Engine as _;
    let server = Server::start().await;
    let answer = finish(server.request("GET", "/api/notifications/vapid-public-key")).await;
    assert_eq!(answer.status, 200);
    let key = answer.json()["public_key"].as_str().unwrap().to_owned();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(key).unwrap();
    assert_eq!((bytes.len(), bytes[0]), (65, 4));
}

#[tokio::test]
async fn s2_a_page_posts_its_subscription_as_the_browser_gives_it() {
    let server = Server::start().await;
    let keys = json!({ "p256dh": P256DH, "auth": AUTH });
    let body = json!({ "endpoint": ENDPOINT, "expirationTime": null, "keys": keys });
    let made = server.call(&token("sarah", &[]), "POST", "/push/subscribe", body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let again = server.call(&token("sarah", &[]), "POST", "/push/subscribe", body).await;
    assert_eq!((again.status, again.json()["id"].clone()), (200, made.json()["id"].clone()));
}

#[tokio::test]
async fn s3_a_subscription_is_registered_listed_masked_and_removed() {
    let server = Server::start().await;
    let made = subscribe(&server, "sarah", flat(ENDPOINT)).await.json();
    let list = listed(&server, "sarah").await;
    assert_eq!(list, std::slice::from_ref(&made));
    assert_eq!(made["endpoint"], "https://push.example.net/…JUsV");
    assert_eq!((&made["p256dh"], &made["auth"]), (&json!("…Aiw4"), &json!("…")));
    assert!(listed(&server, "michael").await.is_empty());

    let by_id = format!("/api/notifications/unsubscribe/{}", made["id"].as_str().unwrap());
    let delete = async |user: &str, path: &str, body: Value| {
        server.call(&token(user, &[]), "DELETE", path, body).await.status
    };
    assert_eq!(delete("michael", &by_id, Value::Null).await, 404);
    assert_eq!(delete("sarah", &by_id, Value::Null).await, 204);
    assert_eq!(delete("sarah", &by_id, Value::Null).await, 404);

    let by_endpoint = "/api/notifications/unsubscribe-by-endpoint";
    let named = json!({ "endpoint": ENDPOINT });
    subscribe(&server, "sarah", flat(ENDPOINT)).await;
    assert_eq!(delete("michael", by_endpoint, named.clone()).await, 404);
    assert_eq!(delete("sarah", by_endpoint, named.clone()).await, 204);
    subscribe(&server, "sarah", flat(ENDPOINT)).await;
    let query = format!("{by_endpoint}?endpoint={}", ENDPOINT.replace("://", "%3A%2F%2F"));
    let other = json!({ "endpoint": "x" });
    let both = server.call(&token("sarah", &[]), "DELETE", &query, other).await;
    assert_eq!(both.pointers(), ["/endpoint"]);
    assert_eq!(delete("sarah", &query, Value::Null).await, 204);
    let neither = server.call(&token("sarah", &[]), "DELETE", by_endpoint, Value::Null).await;
    assert_eq!(neither.pointers(), ["/endpoint"]);
    assert!(listed(&server, "sarah").await.is_empty());
}

#[tokio::test]
async fn s3_a_user_has_many_browsers_and_a_browser_one_user() {
    let server = Server::start().await;
    for number in 0..3 {
        let endpoint = format!("{ENDPOINT}{number}");
        assert_eq!(subscribe(&server, "sarah", flat(&endpoint)).await.status, 201);
    }
    assert_eq!(listed(&server, "sarah").await.len(), 3);
    assert_eq!(subscribe(&server, "michael", flat(&format!("{ENDPOINT}0"))).await.status, 201);
    assert_eq!(
        (listed(&server, "sarah").await.len(), listed(&server, "michael").await.len()),
        (2, 1)
    );
}

#[tokio::test]
async fn the_twenty_first_address_takes_the_place_of_the_oldest() {
    let server = Server::start().await;
    for number in 0..21 {
        subscribe(&server, "sarah", flat(&format!("{ENDPOINT}{number:04}"))).await;
    }
    let list = listed(&server, "sarah").await;
    assert_eq!(list.len(), 20);
    assert!(list.iter().all(|one| one["endpoint"] != "https://push.example.net/…0000"));
}

#[tokio::test]
async fn malformed_subscriptions_and_private_endpoints_are_refused_by_name() {
    let server = Server::start().await;
    let with = |field: &str, value: Value| {
        let mut body = flat(ENDPOINT);
        body[field] = value;
        body
    };
    let off_the_curve = format!("B{}", "A".repeat(86));
    let nested = json!({ "p256dh": off_the_curve, "auth": AUTH });
    let keys = json!({ "p256dh": P256DH, "auth": AUTH });
    let cases = [
        (json!({}), "/endpoint"),
        (json!({ "endpoint": ENDPOINT }), "/keys"),
        (json!({ "endpoint": ENDPOINT, "p256dh": P256DH }), "/auth"),
        (json!({ "endpoint": ENDPOINT, "auth": AUTH }), "/p256dh"),
        (with("keys", keys), "/keys"),
        (json!({ "endpoint": ENDPOINT, "keys": nested }), "/keys/p256dh"),
        (json!({ "endpoint": ENDPOINT, "keys": { "p256dh": P256DH } }), "/keys/auth"),
        (with("p256dh", json!(off_the_curve)), "/p256dh"),
        (with("p256dh", json!("!")), "/p256dh"),
        (with("p256dh", json!(&P256DH[..80])), "/p256dh"),
        (with("auth", json!("AAAA")), "/auth"),
        (with("auth", json!(5)), "/auth"),
        (with("endpoint", json!("")), "/endpoint"),
        (with("endpoint", json!("http://push.example.net/x")), "/endpoint"),
        (with("endpoint", json!("javascript:alert(1)")), "/endpoint"),
        (with("endpoint", json!("https://127.0.0.1/x")), "/endpoint"),
        (with("endpoint", json!("https://169.254.169.254/latest")), "/endpoint"),
        (with("endpoint", json!("https://[::1]/x")), "/endpoint"),
        (with("endpoint", json!("https://10.1.2.3/x")), "/endpoint"),
        (with("endpoint", json!("https://user:pass@push.example.net/x")), "/endpoint"),
        (with("endpoint", json!(format!("{ENDPOINT}{}", "a".repeat(2_048)))), "/endpoint"),
    ];
    for (body, pointer) in cases {
        let answer = subscribe(&server, "sarah", body.clone()).await;
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
    assert!(listed(&server, "sarah").await.is_empty());
}
