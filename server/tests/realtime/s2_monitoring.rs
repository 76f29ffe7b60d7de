//! S2's "Analytics & Monitoring": `/health` and `/analytics` while people are really connected.

use serde_json::{Value, json};

use crate::call::get;
use crate::client::number;
use crate::harness::{Landfall, token, token_in, until};

/// Asks as S2's curl does, without a date: today is in it.
async fn analytics(landfall: &Landfall) -> Value {
    let answer = get(landfall, "/analytics", &token("root", "admin")).await;
    assert_eq!(answer.status, 200);
    answer.body
}

async fn until_stats(landfall: &Landfall, connections: u64, users: u64) {
    let expected = json!({ "total_connections": connections, "active_users": users });
    until("connections are counted", async || {
        analytics(landfall).await["connection_stats"] == expected
    })
    .await;
    let health = get(landfall, "/health", "").await.body;
    let told = json!({ "total_connections": health["total_connections"],
        "active_users": health["active_users"] });
    assert_eq!(told, expected, "/health says the same");
}

#[tokio::test]
async fn s2_connection_stats_count_devices_and_their_users() {
    let landfall = Landfall::start().await;
    until_stats(&landfall, 0, 0).await;
    let phone = landfall.device("ada", "device_id=phone").await;
    let tablet = landfall.device("ada", "device_id=tablet").await;
    let nameless = landfall.device("ada", "").await;
    until_stats(&landfall, 3, 1).await;
    let other = landfall.device("ben", "device_id=phone").await;
    until_stats(&landfall, 4, 2).await;
    let url =
        format!("http://{}/api/v1/stream?token={}", landfall.address, token("cid", "student"));
    let stream = reqwest::get(url).await.unwrap();
    until_stats(&landfall, 5, 3).await;
    counts_the_own_tenants_alone(&landfall).await;
    tablet.close().await;
    until_stats(&landfall, 4, 3).await;
    other.close().await;
    until_stats(&landfall, 3, 2).await;
    drop(stream);
    phone.close().await;
    nameless.close().await;
    until_stats(&landfall, 0, 0).await;
}

/// Another tenant has one device beside the five.
async fn counts_the_own_tenants_alone(landfall: &Landfall) {
    let theirs = landfall.device_with(&token_in("acme", "zoe", "student"), "").await;
    landfall.until_connected(6).await;
    for (tenant, connections, users) in [("acme", 1, 1), ("default", 5, 3), ("none", 0, 0)] {
        let answer = get(landfall, "/analytics", &token_in(tenant, "root", "admin")).await;
        let expected = json!({ "total_connections": connections, "active_users": users });
        assert_eq!(answer.body["connection_stats"], expected, "{tenant}");
    }
    theirs.close().await;
    landfall.until_connected(5).await;
}

#[tokio::test]
async fn s2_analytics_add_up_what_devices_confirmed() {
    let landfall = Landfall::start().await;
    let mut confirming = landfall.device("ada", "ack=1").await;
    let mut silent = landfall.device("ben", "ack=1").await;
    landfall.until_connected(2).await;
    for (user, kind) in [("ada", "iep_reminder"), ("ben", "iep_reminder"), ("cid", "meeting_alert")]
    {
        landfall.notify_with(user, "t", json!({ "notification_type": kind })).await;
    }
    let frame = confirming.next_of("iep_reminder").await;
    confirming.ack(number(&frame["replay_id"])).await;
    silent.next_of("iep_reminder").await;
    landfall.until_delivered("ada", "t").await;
    until("it is counted", async || {
        let sums = analytics(&landfall).await;
        sums["total_notifications"] == 3 && sums["delivery_stats"]["websocket"]["delivered"] == 1
    })
    .await;
    let sums = analytics(&landfall).await;
    let live = &sums["delivery_stats"]["websocket"];
    let told = ["sent", "delivered", "failed", "success_rate"].map(|field| live[field].clone());
    assert_eq!(told, [json!(3), json!(1), json!(0), json!(0.33)], "{sums}");
    for channel in ["push", "sms"] {
        let stats = &sums["delivery_stats"][channel];
        let told = ["sent", "delivered", "failed"].map(|field| stats[field].clone());
        assert_eq!(told, [json!(0), json!(0), json!(0)], "{channel}");
    }
    assert_eq!(sums["notification_types"], json!({ "iep_reminder": 2, "meeting_alert": 1 }));
    let times = ["average_ms", "p95_ms", "p99_ms"].map(|field| &sums["response_times"][field]);
    assert!(times.iter().all(|time| time.is_u64()), "{times:?}");
    let connections = json!({ "total_connections": 2, "active_users": 2 });
    assert_eq!(sums["connection_stats"], connections);
}

#[tokio::test]
async fn s2_health_check() {
    let landfall = Landfall::start().await;
    landfall.notify_many("ada", 3).await;
    let _device = landfall.device("ada", "").await;
    landfall.until_connected(1).await;
    let answer = get(&landfall, "/health", "").await;
    assert_eq!(answer.status, 200);
    let health = answer.body;
    for (field, expected) in [
        ("status", json!("healthy")),
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("total_connections", json!(1)),
        ("active_users", json!(1)),
        ("redis", json!("not configured")),
    ] {
        assert_eq!(health[field], expected, "{field}");
    }
    assert!(health["average_duration_seconds"].is_u64(), "{health}");
    assert!(health["replay_sequence"].is_u64(), "{health}");
    assert!(health["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{health}");
    let services = ["websocket", "push", "sms", "templates"];
    let services = services.map(|part| health["services"][part].as_str().unwrap().to_owned());
    assert_eq!(services, ["healthy", "healthy", "not configured", "healthy"]);
}
