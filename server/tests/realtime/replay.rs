//! A device that names its last number: what came after it, bounded, and a gap where it is not all.

use serde_json::{Value, json};

use crate::client::number;
use crate::harness::{Landfall, token};

/// Lists what an inbox has above `from` up to `to`, page by page.
pub async fn listed(landfall: &Landfall, user: &str, from: u64, to: u64) -> Vec<u64> {
    let (mut cursor, mut found) = (String::new(), Vec::new());
    while found.last() < Some(&to) {
        let page = landfall.inbox(user, &format!("after={from}&limit=7{cursor}")).await;
        let items = page["items"].as_array().unwrap();
        found.extend(items.iter().map(|item| number(&item["change_id"])));
        cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap());
    }
    found.retain(|at| *at <= to);
    found
}

#[tokio::test]
async fn what_came_after_the_number_comes_once_and_then_what_is_new() {
    let landfall = Landfall::start().await;
    landfall.notify_many("ada", 5).await;
    let mut device = landfall.device("ada", "replay_from=2").await;
    assert_eq!(device.titles(3).await, ["3", "4", "5"]);
    landfall.notify("ada", "live").await;
    let frame = device.next().await;
    assert_eq!((number(&frame["prev"]), number(&frame["replay_id"])), (5, 6));

    let mut device = landfall.device("ada", "replay_from=6").await;
    landfall.until_connected(2).await;
    landfall.notify("ada", "newer").await;
    let frame = device.next().await;
    assert_eq!((number(&frame["prev"]), number(&frame["replay_id"])), (6, 7));
}

#[tokio::test]
async fn the_inbox_has_exactly_what_a_gap_left_out() {
    let landfall = Landfall::start().await;
    landfall.notify_many("ada", 150).await;
    let mut device = landfall.device("ada", "replay_from=20").await;
    let gap = device.next().await;
    assert_eq!(gap, json!({ "type": "replay_gap", "from": "20", "to": "50" }));
    let first = device.next().await;
    assert_eq!((number(&first["prev"]), number(&first["replay_id"])), (50, 51));
    for expected in 52..=150 {
        assert_eq!(number(&device.next().await["replay_id"]), expected);
    }
    landfall.notify("ada", "live").await;
    assert_eq!(number(&device.next().await["replay_id"]), 151);

    assert_eq!(listed(&landfall, "ada", 20, 50).await, (21..=50).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_number_that_the_feed_never_gave_out_is_answered_by_a_gap() {
    let landfall = Landfall::start().await;
    landfall.notify_many("ada", 3).await;
    let mut device = landfall.device("ada", "replay_from=1000").await;
    assert_eq!(device.next().await, json!({ "type": "replay_gap", "from": "0", "to": "0" }));
    assert_eq!(device.titles(3).await, ["1", "2", "3"]);
    landfall.notify("ada", "live").await;
    assert_eq!(number(&device.next().await["replay_id"]), 4);

    let mut device = landfall.device("nobody", "replay_from=5").await;
    assert_eq!(device.next().await, json!({ "type": "replay_gap", "from": "0", "to": "0" }));
    landfall.notify("nobody", "first").await;
    assert_eq!(number(&device.next().await["replay_id"]), 1);
}

#[tokio::test]
async fn a_row_comes_once_as_it_is_now() {
    let landfall = Landfall::start().await;
    landfall.notify_many("ada", 5).await;
    let bearer = token("ada", "student");
    let id = |item: Value| item["id"].as_str().unwrap().to_owned();
    let read = id(landfall.item("ada", "2").await);
    let path = format!("/api/v1/notifications/{read}/mark-read");
    landfall.call("PATCH", &path, &bearer, None).await;
    let deleted = id(landfall.item("ada", "3").await);
    landfall.call("DELETE", &format!("/api/v1/notifications/{deleted}"), &bearer, None).await;
    let place = |frame: &Value| (number(&frame["prev"]), number(&frame["replay_id"]));

    let mut fresh = landfall.device("ada", "replay_from=0").await;
    assert_eq!(fresh.titles(3).await, ["1", "4", "5"]);
    let frame = fresh.next().await;
    assert_eq!((&frame["title"], &frame["read"]), (&json!("2"), &json!(true)));
    assert_eq!(place(&frame), (5, 6));

    let mut knowing = landfall.device("ada", "replay_from=3").await;
    assert_eq!(knowing.titles(2).await, ["4", "5"]);
    let frame = knowing.next().await;
    assert_eq!((&frame["type"], &frame["id"]), (&json!("notification_read"), &json!(read)));
    assert_eq!(place(&frame), (5, 6));
    let frame = knowing.next().await;
    assert_eq!((&frame["type"], &frame["id"]), (&json!("notification_deleted"), &json!(deleted)));

    landfall.notify("ada", "live").await;
    assert_eq!(place(&fresh.next().await), (6, 8), "the deleted one was no news to it");
    assert_eq!(place(&knowing.next().await), (7, 8));
}
