//! A changed VAPID key: what was subscribed with the former one is reached with it, as long as the
//! settings name it.

use landfall_fixtures::push_service::Browser;
use landfall_server::config::VapidPair;
use landfall_server::keys::generate_vapid;
use serde_json::json;

use crate::harness::token;
use crate::world::{World, subscription};

/// Names a key pair, and the former private keys.
fn keys<'a>(pair: &'a VapidPair, former: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("VAPID_PUBLIC_KEY", &pair.public_key),
        ("VAPID_PRIVATE_KEY", pair.private_key.expose()),
        ("LANDFALL_VAPID_FORMER_PRIVATE_KEYS", former),
    ]
}

/// Pushes to somebody and gives who got it, signed with which key.
async fn pushed(world: &World, user: &str, browsers: usize) -> Vec<(String, Vec<u8>)> {
    let before = world.on.push.messages().len();
    let id = world.notify(user, &["push"], json!({})).await;
    world.until_stands(&id, "push", "sent").await;
    world.until_quiet(&id, user).await;
    let messages = world.on.push.messages().split_off(before);
    assert_eq!(messages.len(), browsers, "{:?}", world.on.push.breaches());
    messages.into_iter().map(|message| (message.endpoint, message.server_key)).collect()
}

/// Posts a subscription, as a page does at every start.
async fn post(world: &World, user: &str, browser: &Browser) {
    let body = Some(subscription(browser));
    world.landfall.call("POST", "/push/subscribe", &token(user, "student"), body).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_former_key_signs_for_what_was_subscribed_with_it_and_the_new_one_for_the_rest() {
    let (former, new) = (generate_vapid().unwrap(), generate_vapid().unwrap());
    let (former_key, new_key) = (former.public_bytes(), new.public_bytes());
    let world = World::with(&keys(&former, "")).await;
    let early = world.browser("ana").await;
    let reached_by_former = [(early.endpoint.clone(), former_key.clone())];
    assert_eq!(pushed(&world, "ana", 1).await, reached_by_former);

    let private = former.private_key.expose();
    let world = world.restart_with(60, &keys(&new, private)).await;
    assert_eq!(pushed(&world, "ana", 1).await, reached_by_former);
    // The page posts what its browser has had since before the change.
    post(&world, "ana", &early).await;
    assert_eq!(pushed(&world, "ana", 1).await, reached_by_former);

    let late = world.browser("ben").await;
    assert_eq!(pushed(&world, "ben", 1).await, [(late.endpoint, new_key.clone())]);
    let anew = world.browser("ana").await;
    let mut both = pushed(&world, "ana", 2).await;
    both.sort();
    let mut expected = vec![(early.endpoint, former_key), (anew.endpoint, new_key)];
    expected.sort();
    assert_eq!(both, expected);
    assert_eq!(world.on.push.breaches(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_former_key_its_subscriptions_fail_by_themselves_and_stay() {
    let (former, new) = (generate_vapid().unwrap(), generate_vapid().unwrap());
    let world = World::with(&keys(&former, "")).await;
    let early = world.browser("ana").await;
    let world = world.restart_with(60, &keys(&new, "")).await;
    let late = world.browser("ben").await;
    let id = world.notify("ana", &["push"], json!({})).await;
    world.until_for(&id, "push", "failed", "refused by the provider").await;
    let [refused] = &world.deliveries("ana", &id).await[..] else { panic!("one delivery") };
    assert_eq!(refused["code"], "unknown server key");
    assert_eq!(world.on.push.requests(), 0, "nothing is sent that would be refused");
    assert_eq!(pushed(&world, "ben", 1).await, [(late.endpoint, new.public_bytes())]);

    let world = world.restart_with(120, &keys(&new, former.private_key.expose())).await;
    let path = "/api/v1/admin/deliveries/replay";
    let body = json!({ "ids": [refused["id"]] });
    world.landfall.call("POST", path, &token("root", "admin"), Some(body)).await;
    world.until_stands(&id, "push", "sent").await;
    let last = world.on.push.messages().pop().unwrap();
    assert_eq!((last.endpoint, last.server_key), (early.endpoint, former.public_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_changes_hands_keeps_the_key_that_it_subscribed_with() {
    let (former, new) = (generate_vapid().unwrap(), generate_vapid().unwrap());
    let world = World::with(&keys(&former, "")).await;
    let shared = world.browser("ana").await;
    let world = world.restart_with(60, &keys(&new, former.private_key.expose())).await;
    post(&world, "ben", &shared).await;
    let reached_by_former = [(shared.endpoint, former.public_bytes())];
    assert_eq!(pushed(&world, "ben", 1).await, reached_by_former);
    let id = world.notify("ana", &["push"], json!({})).await;
    world.until_for(&id, "push", "skipped", "no address").await;
}
