//! Apps behind Firebase: named by a token or an installation id, paused by their user, unregistered by
//! Firebase's word.

use landfall_fixtures::fcm_error;
use serde_json::{Value, json};

use crate::harness::{token, until};
use crate::world::World;

const TOKENS: &str = "/api/v1/notifications/tokens";

async fn register(world: &World, user: &str, device: Value) -> Value {
    world.landfall.call("POST", TOKENS, &token(user, "student"), Some(device)).await
}

/// Waits until these are the devices of somebody's apps: what is gone is removed a moment after its
/// delivery has ended.
async fn until_devices(world: &World, user: &str, expected: &[Value]) {
    until("the devices", async || devices(world, user).await == expected).await;
}

/// Lists the devices of somebody's apps.
async fn devices(world: &World, user: &str) -> Vec<Value> {
    let (_, list) = world.get(TOKENS, &token(user, "student")).await;
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| json!([item["device_id"], item["is_active"]])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_id_is_sent_to_as_one_and_removed_at_firebase_s_word() {
    let world = World::start().await;
    let (fid, token) = ("an_installation_id_7", "an_app_token_of_ana_1");
    register(&world, "ana", json!({ "fid": fid, "platform": "ios", "device_id": "phone" })).await;
    let tablet = json!({ "token": token, "platform": "android", "device_id": "tablet" });
    register(&world, "ana", tablet).await;
    let id = world.notify("ana", &["push"], json!({})).await;
    world.until_stands(&id, "push", "sent").await;
    world.until_quiet(&id, "ana").await;
    let messages = world.on.fcm.messages();
    let to = |field: &str| {
        let values = messages.iter().map(|message| message[field].clone());
        values.filter(|value| !value.is_null()).collect::<Vec<_>>()
    };
    assert_eq!((to("fid"), to("token")), (vec![json!(fid)], vec![json!(token)]));

    world.on.fcm.unregister(fid);
    let id = world.notify("ana", &["push"], json!({})).await;
    world.until_stands(&id, "push", "sent").await;
    world.until_quiet(&id, "ana").await;
    until_devices(&world, "ana", &[json!(["tablet", true])]).await;
    let gone = "delivery_failed push failed: address gone".to_owned();
    assert!(world.story(&id).await.contains(&gone), "{:#?}", world.story(&id).await);
    let requests = world.on.fcm.requests();
    let id = world.notify("ana", &["push"], json!({})).await;
    world.until_stands(&id, "push", "sent").await;
    assert_eq!(world.on.fcm.requests(), requests + 1, "nobody asks for it again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_app_is_left_alone_until_it_is_registered_as_active() {
    let world = World::start().await;
    let device = |is_active: bool| {
        json!({ "token": "an_app_token_of_ana_1", "platform": "android", "device_id": "phone",
            "is_active": is_active })
    };
    register(&world, "ana", device(true)).await;
    register(&world, "ana", device(false)).await;
    assert_eq!(devices(&world, "ana").await, [json!(["phone", false])]);
    let id = world.notify("ana", &["push"], json!({ "priority": "critical" })).await;
    world.until_for(&id, "push", "skipped", "no address").await;
    assert_eq!(world.on.fcm.requests(), 0);
    register(&world, "ana", device(true)).await;
    let id = world.notify("ana", &["push"], json!({})).await;
    world.until_stands(&id, "push", "sent").await;
    assert_eq!(world.on.fcm.messages()[0]["token"], "an_app_token_of_ana_1");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_paused_while_its_message_waits_does_not_get_it() {
    let world = World::start().await;
    let device = json!({ "token": "an_app_token_of_ana_1", "platform": "android",
        "device_id": "phone" });
    register(&world, "ana", device.clone()).await;
    world.on.fcm.answer(fcm_error(503, "UNAVAILABLE", ""));
    let id = world.notify("ana", &["push"], json!({})).await;
    world.until_for(&id, "push", "queued", "tried again later").await;
    let mut paused = device;
    paused["is_active"] = json!(false);
    register(&world, "ana", paused).await;
    world.go_to(120);
    world.until_for(&id, "push", "skipped", "no address").await;
    assert_eq!(world.on.fcm.requests(), 1);
    assert_eq!(devices(&world, "ana").await, [json!(["phone", false])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_firebase_calls_malformed_goes_and_a_refused_message_costs_no_device() {
    let world = World::start().await;
    world.app("ana", "an_app_token_of_ana_1").await;
    let ours = "Invalid value at 'message.android.ttl'";
    world.on.fcm.answer(fcm_error(400, "INVALID_ARGUMENT", ours));
    let id = world.notify("ana", &["push"], json!({})).await;
    world.until_for(&id, "push", "failed", "refused by the provider").await;
    assert_eq!(devices(&world, "ana").await.len(), 1);
    let theirs = "The registration token is not a valid FCM registration token";
    world.on.fcm.answer(fcm_error(400, "INVALID_ARGUMENT", theirs));
    let id = world.notify("ana", &["push"], json!({})).await;
    world.until_for(&id, "push", "failed", "address gone").await;
    until_devices(&world, "ana", &[]).await;
}
