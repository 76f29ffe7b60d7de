//! Live delivery: to every device of the user and to nobody else, each frame with its place.

use serde_json::json;

use crate::client::number;
use crate::harness::{Landfall, token, token_in, until};

#[tokio::test]
async fn every_device_of_the_user_gets_it_and_nobody_else() {
    let landfall = Landfall::start().await;
    let mut devices = Vec::new();
    for name in ["phone", "tablet", "laptop"] {
        devices.push(landfall.device("ada", &format!("device_id={name}")).await);
    }
    let mut other = landfall.device("bob", "").await;
    let mut namesake = landfall.device_with(&token_in("school", "ada", "student"), "").await;
    landfall.until_connected(5).await;

    let answer = landfall.notify_with("ada", "for ada", json!({ "data": { "n": 7 } })).await;
    assert_eq!(answer["websocket_connections"], 3);
    landfall.notify("bob", "for bob").await;
    let service = token_in("school", "app", "service");
    landfall.notify_as(&service, "ada", "for the other ada", json!({})).await;

    for device in &mut devices {
        let frame = device.next().await;
        assert_eq!(frame["title"], "for ada");
        assert_eq!(frame["data"], json!({ "n": 7 }));
        assert_eq!(frame["type"], "news");
        assert_eq!(frame["id"], answer["notification_id"]);
        assert_eq!((&frame["replay_id"], &frame["prev"]), (&json!("1"), &json!("0")));
    }
    // The first frame that each of these gets is its own.
    assert_eq!(other.next().await["title"], "for bob");
    let frame = namesake.next().await;
    assert_eq!((&frame["title"], &frame["replay_id"]), (&json!("for the other ada"), &json!("1")));
}

#[tokio::test]
async fn the_trail_names_devices() {
    let landfall = Landfall::start().await;
    let mut phone = landfall.device("ada", "device_id=phone-1").await;
    landfall.notify("ada", "hello").await;
    phone.next().await;
    let served = tokio::spawn(async move { phone.closed().await });
    landfall.until_delivered("ada", "hello").await;
    let delivered = landfall.audit("notification_delivered").await;
    assert_eq!(delivered.len(), 1);
    assert_eq!(delivered[0]["metadata"]["device_id"], "phone-1");
    until("the connection is in the trail", async || {
        let connected = landfall.audit("connected").await;
        connected.iter().any(|entry| entry["metadata"]["device_id"] == "phone-1")
    })
    .await;
    served.abort();
}

#[tokio::test]
async fn each_change_reaches_the_other_devices_in_one_chain() {
    let landfall = Landfall::start().await;
    let mut device = landfall.device("ada", "").await;
    landfall.until_connected(1).await;
    let bearer = token("ada", "student");
    let mut ids = Vec::new();
    for title in ["one", "two", "three"] {
        let answer = landfall.notify("ada", title).await;
        ids.push(answer["notification_id"].as_str().unwrap().to_owned());
    }
    let path = format!("/api/v1/notifications/{}", ids[0]);
    landfall.call("PATCH", &format!("{path}/mark-read"), &bearer, None).await;
    // What changes nothing is no change.
    landfall.call("PATCH", &format!("{path}/mark-read"), &bearer, None).await;
    let path = format!("/api/v1/notifications/{}", ids[1]);
    landfall.call("DELETE", &path, &bearer, None).await;
    landfall.call("POST", "/api/v1/notifications/mark-all-read", &bearer, None).await;
    landfall.call("POST", "/api/v1/notifications/mark-all-read", &bearer, None).await;
    landfall.notify("ada", "four").await;

    let mut last = 0;
    let mut frames = Vec::new();
    for _ in 0..7 {
        let frame = device.next().await;
        assert_eq!(number(&frame["prev"]), last, "{frame}");
        last = number(&frame["replay_id"]);
        frames.push(frame);
    }
    let kinds: Vec<_> = frames.iter().map(|frame| frame["type"].as_str().unwrap()).collect();
    let changes = ["notification_read", "notification_deleted", "notifications_all_read"];
    assert_eq!(kinds[..3], ["news"; 3]);
    assert_eq!(kinds[3..6], changes);
    assert_eq!(frames[3]["id"], ids[0].as_str());
    assert!(frames[3]["read_at"].is_string());
    assert_eq!(frames[4]["id"], ids[1].as_str());
    assert_eq!(frames[5]["up_to"], "5");
    assert_eq!(frames[6]["title"], "four");
    assert_eq!(last, 7);
}
