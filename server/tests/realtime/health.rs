//! What `/health` says while the store has no room, and when it has room again.

use landfall_core::id::Tenant;
use landfall_core::time::Timestamp;
use landfall_store::{IdempotencyKey, Unit};
use serde_json::{Value, json};

use crate::call::{get, send};
use crate::harness::{Landfall, token, until};

async fn health(landfall: &Landfall) -> (Value, Value, Value) {
    let health = get(landfall, "/health", "").await.body;
    (health["status"].clone(), health["store"].clone(), health["store_trouble"].clone())
}

/// A unit that takes 20 KB.
fn key(number: usize, at: Timestamp) -> Unit {
    let key = IdempotencyKey {
        scope: "s".to_owned(),
        key: number.to_string(),
        digest: [0; 32],
        memo: "m".repeat(20_000),
        at,
    };
    Unit { idempotency: Some(key), ..Unit::new(&Tenant::parse("t").unwrap()) }
}

#[tokio::test]
async fn a_full_disk_is_told_until_there_is_room() {
    let landfall = Landfall::with(&[("LANDFALL_STORE_MAX_MIB", "1")]).await;
    let well = (json!("healthy"), json!("healthy"), Value::Null);
    assert_eq!(health(&landfall).await, well);

    let store = &landfall.server.app.services.store;
    let mut keys = 0;
    // Keys that take space, to be freed later.
    while store.commit(key(keys, landfall.clock.now())).await.is_ok() {
        keys += 1;
    }
    let service = token("app", "service");
    let large = json!({ "a": "x".repeat(20_000) });
    let refused = send(&landfall, &service, "data", large.clone()).await;
    assert_eq!((refused.told().as_str(), refused.header("retry-after")), ("503 unavailable", "1"));
    let full = (json!("degraded"), json!("degraded"), json!("disk full"));
    assert_eq!(health(&landfall).await, full);
    assert_eq!(get(&landfall, "/health/ready", "").await.status, 200);
    assert_eq!(get(&landfall, "/api/v1/notifications", &token("u", "student")).await.status, 200);

    assert_eq!(store.forget_keys(landfall.clock.now().plus_ms(1_000), keys).await.unwrap(), keys);
    until("there is room", async || health(&landfall).await == well).await;
    assert_eq!(send(&landfall, &service, "data", large).await.status, 202);
}
