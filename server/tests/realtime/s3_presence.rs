//! S3's presence: who is told that somebody came or went, who may know of it, and what a crash leaves.

use landfall_core::id::{NodeId, Tenant, UserId};
use landfall_store::Attended;
use serde_json::{Value, json};

use crate::client::Device;
use crate::harness::{Landfall, token, token_in, until};

const AT_ONCE: (&str, &str) = ("LANDFALL_REALTIME_PRESENCE_GRACE_SECONDS", "0");
const SHORT_LEASE: (&str, &str) = ("LANDFALL_REALTIME_PRESENCE_LEASE_SECONDS", "3");
const AMONG_TOPICS: (&str, &str) = ("LANDFALL_REALTIME_PRESENCE_AUDIENCE", "topic");

/// Connects a device that hears who comes and goes.
async fn listener(landfall: &Landfall, user: &str) -> Device {
    landfall.device(user, "presence=1").await
}

async fn status(landfall: &Landfall, asker: &str, user: &str) -> Value {
    let path = format!("/api/v1/users/{user}/presence");
    landfall.call("GET", &path, &token(asker, "student"), None).await
}

async fn hears(device: &mut Device, user: &str, what: &str) {
    let frame = device.next().await;
    assert_eq!(frame["type"], "user_status_change", "{frame}");
    let payload = &frame["payload"];
    let is_online = what == "came";
    assert_eq!((&payload["user_id"], &payload["is_online"]), (&json!(user), &json!(is_online)));
    assert!(payload["last_seen_at"].is_string(), "{frame}");
}

/// What was on its way would have come before the end.
async fn hears_nothing(landfall: &Landfall, device: &mut Device, user: &str) {
    landfall.notify(user, "the end").await;
    let frame = device.next().await;
    assert_eq!(frame["type"], "news", "{frame}");
}

/// Connects, is noted as being there, and goes.
async fn come_and_go(landfall: &Landfall, device: &mut Device, user: &str) {
    let theirs = landfall.device(user, "").await;
    hears(device, user, "came").await;
    theirs.close().await;
    hears(device, user, "went").await;
}

#[tokio::test]
async fn s3_several_clients_see_each_others_status() {
    let landfall = Landfall::with(&[AT_ONCE]).await;
    let mut ada = listener(&landfall, "ada").await;
    let mut deaf = landfall.device("eve", "").await;
    hears(&mut ada, "eve", "came").await;
    let stranger = token_in("other", "zoe", "student");
    let mut stranger = landfall.device_with(&stranger, "presence=1").await;
    let mut ben = listener(&landfall, "ben").await;
    hears(&mut ada, "ben", "came").await;
    let tablet = landfall.device("ben", "").await;
    ben.close().await;
    come_and_go(&landfall, &mut ada, "kim").await;
    let seen = status(&landfall, "ada", "ben").await;
    assert_eq!(seen["is_online"], true, "one of several devices is left");
    tablet.close().await;
    hears(&mut ada, "ben", "went").await;
    let many = json!({ "user_ids": ["ben", "eve", "nobody"] });
    let token = token("ada", "student");
    let many = landfall.call("POST", "/api/v1/users/presence", &token, Some(many)).await;
    let online = |place: usize| many["items"][place]["is_online"].clone();
    assert_eq!([online(0), online(1), online(2)], [false, true, false]);
    assert!(many["items"][0]["last_seen_at"].is_string());
    assert_eq!(many["items"][2]["last_seen_at"], Value::Null);
    hears_nothing(&landfall, &mut deaf, "eve").await;
    ben = listener(&landfall, "ben").await;
    hears(&mut ada, "ben", "came").await;
    hears_nothing(&landfall, &mut ben, "ben").await;
    stranger.say(json!({ "type": "ping" })).await;
    assert_eq!(stranger.next().await["type"], "pong", "nothing crosses to another tenant");
}

#[tokio::test]
async fn s3_whoever_is_back_within_the_grace_period_was_never_gone() {
    let landfall = Landfall::with(&[("LANDFALL_REALTIME_PRESENCE_GRACE_SECONDS", "60")]).await;
    let mut ada = listener(&landfall, "ada").await;
    let ben = landfall.device("ben", "").await;
    hears(&mut ada, "ben", "came").await;
    ben.close().await;
    landfall.until_connected(1).await;
    let _kim = landfall.device("kim", "").await;
    // By then it was looked who is there twice: when ben went, and when kim came.
    hears(&mut ada, "kim", "came").await;
    let _ben = landfall.device("ben", "").await;
    let _eve = landfall.device("eve", "").await;
    hears(&mut ada, "eve", "came").await;
    assert_eq!(status(&landfall, "ada", "ben").await["is_online"], true);
}

#[tokio::test]
async fn s3_only_those_who_share_a_topic_know_where_it_is_set_so() {
    let landfall = Landfall::with(&[AT_ONCE, AMONG_TOPICS]).await;
    let admin = token("root", "admin");
    landfall.call("PUT", "/api/v1/topics/c", &admin, Some(json!({}))).await;
    for member in ["ada", "ben", "kim"] {
        let path = format!("/api/v1/topics/c/members/{member}");
        landfall.call("PUT", &path, &admin, Some(json!({}))).await;
    }
    let (mut ada, mut eve) = (listener(&landfall, "ada").await, listener(&landfall, "eve").await);
    let _ben = landfall.device("ben", "").await;
    hears(&mut ada, "ben", "came").await;
    come_and_go(&landfall, &mut ada, "kim").await;
    hears_nothing(&landfall, &mut eve, "eve").await;
    let never = json!({ "user_id": "ben", "is_online": false, "last_seen_at": null });
    assert_eq!(status(&landfall, "eve", "ben").await, never);
    assert_eq!(status(&landfall, "ada", "ben").await["is_online"], true);
    assert_eq!(status(&landfall, "eve", "eve").await["is_online"], true);
    let path = "/api/v1/users/ben/presence";
    assert_eq!(landfall.call("GET", path, &admin, None).await["is_online"], true);
}

#[tokio::test]
async fn s3_a_storm_of_reconnects_is_one_word_to_each() {
    let landfall = Landfall::with(&[AT_ONCE]).await;
    let mut ada = listener(&landfall, "ada").await;
    let storm = async || {
        let names = (0..60).map(|n| format!("u{n}"));
        let all = names.map(|name| {
            let landfall = &landfall;
            async move { landfall.device(&name, "").await }
        });
        futures_util::future::join_all(all).await
    };
    let all = storm().await;
    let mut heard = Vec::new();
    // Whatever the pace of this machine: not one word for each.
    loop {
        let frame = ada.next().await;
        heard.push(frame["type"].as_str().unwrap().to_owned());
        if frame["type"] == "presence_reset" {
            assert_eq!(frame["payload"]["within_ms"], 5_000);
            break;
        }
    }
    drop(all);
    let all = storm().await;
    until("all are there", async || status(&landfall, "ada", "u59").await["is_online"] == true)
        .await;
    landfall.notify("ada", "the end").await;
    loop {
        let frame = ada.next().await;
        if frame["type"] == "news" {
            break;
        }
        heard.push(frame["type"].as_str().unwrap().to_owned());
    }
    assert!(heard.len() <= 60, "180 came or went: {heard:?}");
    assert!(heard.iter().filter(|kind| *kind == "presence_reset").count() <= 2, "{heard:?}");
    drop(all);
}

#[tokio::test]
async fn s3_who_was_at_a_node_that_died_is_gone_with_its_lease() {
    let landfall = Landfall::with(&[SHORT_LEASE]).await;
    let mut ada = listener(&landfall, "ada").await;
    let other = landfall.another_hand().await;
    let (node, now) = (NodeId(uuid::Uuid::from_u128(7)), landfall.clock.now());
    other.begin_node(node, now).await.unwrap();
    let tenant = Tenant::parse("default").unwrap();
    let user = |name: &str| UserId::parse(name).unwrap();
    let came = |name| Attended { tenant: tenant.clone(), user: user(name), went_at: None };
    other.attend(node, vec![came("ghost"), came("ada")], now).await.unwrap();
    let seen = status(&landfall, "ada", "ghost").await;
    assert_eq!(seen["is_online"], true, "until the lease ends");
    hears(&mut ada, "ghost", "went").await;
    let seen = status(&landfall, "ada", "ghost").await;
    assert_eq!(
        (&seen["is_online"], &seen["last_seen_at"]),
        (&json!(false), &json!(now.to_string()))
    );
    assert_eq!(status(&landfall, "ada", "ada").await["is_online"], true, "she is here");
}

#[tokio::test]
async fn s3_a_restart_is_no_going_for_those_who_come_back() {
    let landfall = Landfall::with(&[SHORT_LEASE]).await;
    let _ada = landfall.device("ada", "").await;
    let _ben = landfall.device("ben", "").await;
    for name in ["ada", "ben"] {
        until("noted", async || status(&landfall, "eve", name).await["is_online"] == true).await;
    }
    let clock = landfall.clock.clone();
    let folder = landfall.stop().await;
    let landfall = Landfall::on(folder, &[SHORT_LEASE], clock).await;
    let mut eve = listener(&landfall, "eve").await;
    let _ada = landfall.device("ada", "").await;
    hears(&mut eve, "ben", "went").await;
    assert_eq!(status(&landfall, "eve", "ada").await["is_online"], true);
}

#[tokio::test]
async fn s3_what_asks_for_presence_is_checked() {
    let landfall = Landfall::start().await;
    let url = format!("http://{}/api/v1/users/presence", landfall.address);
    let ask = async |body: Value| {
        let request = landfall.http.post(&url).bearer_auth(token("ada", "student")).json(&body);
        let answer = request.send().await.unwrap();
        let (status, body) = (answer.status().as_u16(), answer.json::<Value>().await.unwrap());
        (status, body["errors"][0]["pointer"].clone())
    };
    assert_eq!(ask(json!({ "user_ids": ["a", ""] })).await, (422, json!("/user_ids/1")));
    assert_eq!(ask(json!({ "user_ids": vec!["a"; 501] })).await, (422, json!("/user_ids")));
    assert_eq!(ask(json!({})).await.0, 422);
    assert_eq!(ask(json!({ "user_ids": [] })).await.0, 200);
}
