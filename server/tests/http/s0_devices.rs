//! S0's calls of device tokens are answered as S0 documents them.

use serde_json::{Value, json};

use crate::harness::{Answer, Server, admin, finish, token};

const TOKENS: &str = "/api/v1/notifications/tokens";
const TOKEN: &str = "firebase_token_here";

fn device(token: &str, device: &str) -> Value {
    json!({ "token": token, "platform": "android", "device_id": device })
}

async fn register(server: &Server, user: &str, body: Value) -> Answer {
    server.call(&token(user, &[]), "POST", TOKENS, body).await
}

async fn listed(server: &Server, user: &str) -> Vec<Value> {
    let list = server.get(&token(user, &[]), TOKENS).await.json();
    assert_eq!(list["next_cursor"], Value::Null);
    list["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn s0_a_page_registers_a_device_as_its_javascript_does() {
    let server = Server::start().await;
    // `fetch` calls a string `text/plain` where the page names no type.
    let request = server.request("POST", TOKENS).bearer_auth(token("sarah", &[]));
    let request = request.header("content-type", "text/plain;charset=UTF-8");
    let body = device(TOKEN, "unique_device_id").to_string();
    let made = finish(request.body(body)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    assert_eq!(made["platform"], "android");
    assert_eq!(made["device_id"], "unique_device_id");
    assert_eq!(made["is_active"], true);
    assert_eq!(made["token"], "…here");
    assert_eq!(listed(&server, "sarah").await, [made]);
}

#[tokio::test]
async fn s0_a_device_has_one_token_and_a_token_one_user() {
    let server = Server::start().await;
    let first = register(&server, "sarah", device(TOKEN, "phone")).await.json();
    let again = register(&server, "sarah", device(TOKEN, "phone")).await;
    assert_eq!((again.status, again.json()["id"].clone()), (200, first["id"].clone()));
    let newer = "another_firebase_token_0001";
    assert_eq!(register(&server, "sarah", device(newer, "phone")).await.status, 201);
    let tablet = "another_firebase_token_0002";
    assert_eq!(register(&server, "sarah", device(tablet, "tablet")).await.status, 201);
    let ends: Vec<Value> =
        listed(&server, "sarah").await.into_iter().map(|one| one["token"].clone()).collect();
    assert_eq!(ends, ["…0002", "…0001"]);

    // Somebody else has the phone now.
    assert_eq!(register(&server, "michael", device(newer, "phone")).await.status, 201);
    assert_eq!(listed(&server, "sarah").await.len(), 1);
    assert_eq!(listed(&server, "michael").await.len(), 1);
}

#[tokio::test]
async fn s0_a_token_is_removed_by_itself_or_by_its_id_and_by_its_owner_alone() {
    let server = Server::start().await;
    let odd = "dGVzdA:APA91b/with+signs%and=more";
    let encoded = "dGVzdA:APA91b%2Fwith%2Bsigns%25and%3Dmore";
    register(&server, "sarah", device(odd, "phone")).await;
    let path = format!("{TOKENS}/{encoded}");
    let by = async |user: &str, path: &str| {
        server.call(&token(user, &[]), "DELETE", path, Value::Null).await.status
    };
    assert_eq!(by("michael", &path).await, 404);
    assert_eq!(by("sarah", &path).await, 204);
    assert_eq!(by("sarah", &path).await, 404);
    let made = register(&server, "sarah", device(odd, "phone")).await.json();
    let path = format!("{TOKENS}/{}", made["id"].as_str().unwrap());
    assert_eq!(by("michael", &path).await, 404);
    assert_eq!(by("sarah", &path).await, 204);
    assert!(listed(&server, "sarah").await.is_empty());
}

#[tokio::test]
async fn what_is_no_device_is_refused_by_name() {
    let server = Server::start().await;
    let cases = [
        (json!({ "platform": "android" }), "/token"),
        (json!({ "token": "t", "fid": "f", "platform": "android" }), "/fid"),
        (json!({ "token": "t" }), "/platform"),
        (json!({ "token": "t", "platform": "symbian" }), "/platform"),
        (json!({ "token": "a b", "platform": "ios" }), "/token"),
        (json!({ "token": "", "platform": "ios" }), "/token"),
        (json!({ "token": "t".repeat(4_097), "platform": "ios" }), "/token"),
        (json!({ "fid": "é", "platform": "ios" }), "/fid"),
        (json!({ "token": 5, "platform": "ios" }), "/token"),
        (device("t", ""), "/device_id"),
        (device("t", "a\nb"), "/device_id"),
    ];
    for (body, pointer) in cases {
        let answer = register(&server, "sarah", body.clone()).await;
        assert_eq!(answer.pointers(), [pointer], "{body}");
        assert!(!answer.text.contains("a b"), "{}", answer.text);
    }
    let request = server.request("POST", TOKENS).bearer_auth(token("sarah", &[]));
    let request = request.header("x-device-id", "other").json(&device("t", "phone"));
    assert_eq!(finish(request).await.pointers(), ["/device_id"]);
    let form = server.request("POST", TOKENS).bearer_auth(token("sarah", &[]));
    let form = form.header("content-type", "application/x-www-form-urlencoded").body("token=t");
    assert_eq!(finish(form).await.status, 415);
    let nobody = finish(server.request("GET", TOKENS)).await;
    assert_eq!(nobody.status, 401);
}

#[tokio::test]
async fn a_device_is_named_by_the_header_and_may_be_paused() {
    let server = Server::start().await;
    let body = json!({ "fid": "an_installation_id_7", "platform": "web", "is_active": false });
    let request = server.request("POST", TOKENS).bearer_auth(token("sarah", &[]));
    let made = finish(request.header("x-device-id", "laptop").json(&body)).await.json();
    assert_eq!((&made["device_id"], &made["is_active"]), (&json!("laptop"), &json!(false)));
    let path = format!("{TOKENS}/an_installation_id_7");
    let removed = server.call(&token("sarah", &[]), "DELETE", &path, Value::Null).await;
    assert_eq!(removed.status, 204);
}

#[tokio::test]
async fn the_trail_tells_of_addresses_and_of_no_token() {
    let server = Server::start().await;
    register(&server, "sarah", device(TOKEN, "phone")).await;
    register(&server, "sarah", device(TOKEN, "phone")).await;
    let path = format!("{TOKENS}/{TOKEN}");
    server.call(&token("sarah", &[]), "DELETE", &path, Value::Null).await;
    let trail = server.get(&admin(), "/api/v1/admin/audit").await;
    let actions: Vec<Value> = trail.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].clone())
        .collect();
    assert_eq!(actions, ["address_removed", "address_added"]);
    assert!(!trail.text.contains(TOKEN), "{}", trail.text);
    assert!(trail.text.contains(r#""platform":"android""#), "{}", trail.text);
}
