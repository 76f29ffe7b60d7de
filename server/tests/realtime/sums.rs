//! A running server adds up what became of notifications by itself.

use landfall_server::clock::Clock;
use serde_json::Value;

use crate::call::get;
use crate::harness::{Landfall, token, until};

async fn analytics(landfall: &Landfall) -> Value {
    get(landfall, "/analytics", &token("root", "admin")).await.body
}

#[tokio::test]
async fn a_server_counts_by_itself_and_goes_on_where_it_was_stopped() {
    let landfall = Landfall::start().await;
    landfall.notify_many("ada", 300).await;
    until("it began to count", async || {
        analytics(&landfall).await["total_notifications"].as_u64() > Some(0)
    })
    .await;
    landfall.notify_many("ada", 200).await;
    let landfall = Landfall::on(landfall.stop().await, &[], Clock::system()).await;
    landfall.notify_many("ada", 5).await;
    until("all of it is counted", async || {
        analytics(&landfall).await["total_notifications"].as_u64() >= Some(505)
    })
    .await;
    let sums = analytics(&landfall).await;
    assert_eq!(sums["total_notifications"], 505);
    assert_eq!(sums["delivery_stats"]["websocket"]["sent"], 505);
}
