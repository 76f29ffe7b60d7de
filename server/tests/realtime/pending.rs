//! A device that names no number: what nobody has confirmed comes first, oldest first, then live.

use serde_json::json;

use crate::client::number;
use crate::harness::{Landfall, token, until};

fn titles(range: std::ops::RangeInclusive<u32>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

#[tokio::test]
async fn what_is_undelivered_comes_once_in_order_and_then_what_is_new() {
    let landfall = Landfall::start().await;
    landfall.notify_many("ada", 120).await;
    let mut device = landfall.device("ada", "").await;
    let mut last = 0;
    for title in titles(1..=120) {
        let frame = device.next().await;
        assert_eq!(frame["title"], title.as_str());
        assert_eq!(number(&frame["prev"]), last);
        last = number(&frame["replay_id"]);
    }
    landfall.notify("ada", "live").await;
    let frame = device.next().await;
    assert_eq!(frame["title"], "live");
    assert_eq!(number(&frame["prev"]), 120);

    // The library answers pings while it reads.
    let reading = tokio::spawn(async move { device.closed().await });
    until("everything is delivered", async || {
        let path = "/api/v1/admin/notifications?delivered=false";
        let list = landfall.call("GET", path, &token("root", "admin"), None).await;
        list["items"].as_array().unwrap().is_empty()
    })
    .await;
    reading.abort();
    let mut next = landfall.device("ada", "").await;
    landfall.until_connected(1).await;
    landfall.notify("ada", "news").await;
    assert_eq!(next.titles(1).await, ["news"], "what was confirmed does not come again");
}

#[tokio::test]
async fn what_comes_while_the_undelivered_are_sent_comes_once_and_after_them() {
    let landfall = Landfall::with(&[("LANDFALL_REALTIME_PENDING_PAGE", "3")]).await;
    landfall.notify_many("ada", 40).await;
    let mut device = landfall.device("ada", "ack=1").await;
    let sending = async {
        for title in 41..=80 {
            landfall.notify("ada", &title.to_string()).await;
        }
    };
    let (got, ()) = tokio::join!(device.titles(80), sending);
    assert_eq!(got, titles(1..=80));
}

#[tokio::test]
async fn what_is_read_deleted_or_expired_is_owed_to_nobody() {
    let landfall = Landfall::at_noon(&[]).await;
    let bearer =
        crate::harness::sign(&json!({ "sub": "ada", "exp": crate::harness::NOON + 3_600 }));
    for (title, ttl) in [("read", 600), ("deleted", 600), ("expired", 10), ("kept", 600)] {
        landfall.notify_with("ada", title, json!({ "ttl": ttl })).await;
    }
    let id = |item: serde_json::Value| item["id"].as_str().unwrap().to_owned();
    let read = id(landfall.item("ada", "read").await);
    let path = format!("/api/v1/notifications/{read}/mark-read");
    landfall.call("PATCH", &path, &bearer, None).await;
    let deleted = id(landfall.item("ada", "deleted").await);
    landfall.call("DELETE", &format!("/api/v1/notifications/{deleted}"), &bearer, None).await;
    landfall.set_clock(11);
    let mut device = landfall.device_with(&bearer, "").await;
    assert_eq!(device.titles(1).await, ["kept"]);
    landfall.notify("ada", "new").await;
    assert_eq!(device.titles(1).await, ["new"]);
}
