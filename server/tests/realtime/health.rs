//! What `/health` says while the store has no room, and when it has room again.

use serde_json::{Value, json};

use crate::call::{get, send};
use crate::harness::{Landfall, token, until};

async fn health(landfall: &Landfall) -> (Value, Value, Value) {
    let health = get(landfall, "/health", "").await.body;
    (health["status"].clone(), health["store"].clone(), health["store_trouble"].clone())
}

#[tokio::test]
async fn a_full_disk_is_told_until_there_is_room() {
    let landfall = Landfall::with(&[("LANDFALL_STORE_MAX_MIB", "1")]).await;
    let well = (json!("healthy"), json!("healthy"), Value::Null);
    assert_eq!(health(&landfall).await, well);

    let service = token("app", "service");
    let large = json!({ "a": "x".repeat(20_000) });
    until("the disk is full", async || {
        send(&landfall, &service, "data", large.clone()).await.told() == "503 unavailable"
    })
    .await;
    let full = (json!("degraded"), json!("degraded"), json!("disk full"));
    assert_eq!(health(&landfall).await, full);
    assert_eq!(get(&landfall, "/health/ready", "").await.status, 200);
    assert_eq!(get(&landfall, "/api/v1/notifications", &token("u", "student")).await.status, 200);

    let database = rusqlite::Connection::open(landfall.folder.path().join("landfall.db")).unwrap();
    database.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    database.execute_batch("delete from notification").unwrap();
    until("there is room", async || health(&landfall).await == well).await;
    assert_eq!(send(&landfall, &service, "data", large).await.status, 202);
}
