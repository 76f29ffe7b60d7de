//! A change of the server's VAPID pair, and browsers that subscribed before it.

use landfall_server::keys::generate_vapid;
use serde_json::json;

use crate::harness::token;
use crate::world::{World, subscription};

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_changes_hands_after_a_change_of_keys_is_signed_for_with_its_own() {
    let (old, new) = (generate_vapid().unwrap(), generate_vapid().unwrap());
    let pair = [
        ("VAPID_PUBLIC_KEY", old.public_key.as_str()),
        ("VAPID_PRIVATE_KEY", old.private_key.expose()),
    ];
    let world = World::with(&pair).await;
    let browser = world.browser("ana").await;
    let changed = [
        ("VAPID_PUBLIC_KEY", new.public_key.as_str()),
        ("VAPID_PRIVATE_KEY", new.private_key.expose()),
        ("LANDFALL_VAPID_FORMER_PRIVATE_KEYS", old.private_key.expose()),
    ];
    let world = world.restart_with(0, &changed).await;
    // The page posts what its browser has had all along, now for somebody else.
    let (ben, posted) = (token("ben", "student"), subscription(&browser));
    world.landfall.call("POST", "/push/subscribe", &ben, Some(posted)).await;
    let id = world.notify("ben", &["push"], json!({})).await;
    world.until_quiet(&id, "ben").await;
    assert_eq!(world.timeline(&id).await["channels"]["push"]["state"], "sent");
    let [message] = &world.on.push.messages()[..] else { panic!("one push") };
    assert_eq!(message.server_key, old.public_bytes());
    let id = world.notify("ana", &["push"], json!({})).await;
    world.until_for(&id, "push", "skipped", "no address").await;
}
