//! Revocations and open sockets, on this node and as heard from others.

use landfall_core::auth::Revoked;
use landfall_core::id::{Tenant, UserId};
use landfall_core::time::Timestamp;
use landfall_server::clock::{Clock, now_ms};
use landfall_store::{Unit, Write};
use serde_json::{Value, json};

use crate::client::{Closed, Device};
use crate::harness::{Landfall, sign, soon, token};

fn with(user: &str, jti: &str, issued_at: Option<i64>) -> String {
    sign(&json!({ "sub": user, "jti": jti, "iat": issued_at, "exp": 4_102_444_800u64 }))
}

async fn revoke(landfall: &Landfall, body: Value) {
    let root = token("root", "admin");
    landfall.call("POST", "/api/v1/admin/revocations", &root, Some(body)).await;
}

fn revoked() -> Closed {
    Closed { code: 1008, reason: "the token was revoked".to_owned() }
}

/// Shows that a socket is open: it still answers.
async fn is_open(device: &mut Device) {
    device.say(json!({ "type": "ping" })).await;
    device.next_of("pong").await;
}

#[tokio::test]
async fn sockets_and_streams_of_a_revoked_user_are_closed_at_once() {
    let landfall = Landfall::start().await;
    let later = now_ms() / 1_000 + 600;
    let mut old = landfall.device_with(&with("ada", "1", None), "").await;
    let mut fresh = landfall.device_with(&with("ada", "2", Some(later)), "").await;
    let mut other = landfall.device_with(&with("bob", "3", None), "").await;
    let url = format!("http://{}/api/v1/stream", landfall.address);
    let stream = reqwest::Client::new().get(url).bearer_auth(with("ada", "4", None));
    let stream = soon("the stream", stream.send()).await.unwrap();
    landfall.until_connected(4).await;
    revoke(&landfall, json!({ "user_id": "ada" })).await;
    assert_eq!(old.closed().await, revoked());
    soon("the stream's end", stream.bytes()).await.unwrap();
    is_open(&mut fresh).await;
    is_open(&mut other).await;
    let again = landfall.device_with(&with("ada", "1", None), "").await.closed().await;
    assert_eq!((again.code, again.reason.as_str()), (1008, "The token was revoked."));
}

#[tokio::test]
async fn the_socket_of_one_token_is_closed_and_no_other() {
    let landfall = Landfall::start().await;
    let mut one = landfall.device_with(&with("ada", "1", None), "").await;
    let mut two = landfall.device_with(&with("ada", "2", None), "").await;
    landfall.until_connected(2).await;
    revoke(&landfall, json!({ "jti": "1" })).await;
    assert_eq!(one.closed().await, revoked());
    is_open(&mut two).await;
}

#[tokio::test]
async fn a_fresh_token_replaces_the_one_that_is_revoked() {
    let landfall = Landfall::start().await;
    let mut device = landfall.device_with(&with("ada", "1", None), "").await;
    device.say(json!({ "type": "auth", "token": with("ada", "2", None) })).await;
    assert_eq!(device.next().await["type"], "authenticated");
    revoke(&landfall, json!({ "jti": "1" })).await;
    is_open(&mut device).await;
    revoke(&landfall, json!({ "jti": "2" })).await;
    assert_eq!(device.closed().await, revoked());
}

#[tokio::test]
async fn a_revoked_token_on_an_open_socket_closes_it() {
    let landfall = Landfall::start().await;
    let mut device = landfall.device_with(&with("ada", "1", None), "").await;
    revoke(&landfall, json!({ "jti": "2" })).await;
    device.say(json!({ "type": "auth", "token": with("ada", "2", None) })).await;
    assert_eq!(device.closed().await, revoked());
}

#[tokio::test]
async fn what_another_node_revoked_is_heard_within_moments() {
    let landfall = Landfall::start().await;
    let mut user = landfall.device_with(&with("ada", "1", None), "").await;
    let mut one = landfall.device_with(&with("bob", "2", None), "").await;
    landfall.until_connected(2).await;
    let by = UserId::parse("root").unwrap();
    for of in [Revoked::User(UserId::parse("ada").unwrap()), Revoked::Token("2".to_owned())] {
        let at = Timestamp::from_ms(now_ms());
        let writes = vec![Write::Revoke { of, at, reason: None, by: by.clone() }];
        let unit = Unit { writes, ..Unit::new(&Tenant::parse("default").unwrap()) };
        landfall.server.app.services.store.commit(unit).await.unwrap();
    }
    assert_eq!(user.closed().await, revoked());
    assert_eq!(one.closed().await, revoked());
}

#[tokio::test]
async fn a_restart_forgets_no_revocation() {
    let landfall = Landfall::start().await;
    revoke(&landfall, json!({ "jti": "1" })).await;
    let landfall = Landfall::on(landfall.stop().await, &[], Clock::system()).await;
    let closed = landfall.device_with(&with("ada", "1", None), "").await.closed().await;
    assert_eq!(closed.code, 1008);
    let url = format!("http://{}/api/v1/notifications", landfall.address);
    let request = reqwest::Client::new().get(url).bearer_auth(with("ada", "1", None));
    assert_eq!(soon("a request", request.send()).await.unwrap().status(), 401);
}
