//! Many coming and going at once leave nothing behind.

use futures_util::future::join_all;

use crate::harness::{Landfall, token, until};
use crate::raw::{Raw, handshake};

/// Connects and goes in one of several ways.
async fn come_and_go(landfall: &Landfall, index: usize) {
    let user = if index.is_multiple_of(2) { "ada".to_owned() } else { format!("user-{index}") };
    let path = format!("/ws?token={}", token(&user, "student"));
    match index % 6 {
        0 => landfall.device(&user, "").await.close().await,
        1 => drop(landfall.device(&user, "replay_from=0").await),
        2 => drop(Raw::upgraded(landfall.address, &path).await),
        3 => {
            // Gone before the handshake is answered.
            let mut socket = Raw::open(landfall.address).await;
            socket.send(format!("{}\r\n", handshake(&path)).as_bytes()).await;
        }
        4 => {
            // A stream, whose client goes before or after its first events.
            let mut stream = Raw::open(landfall.address).await;
            let path = format!("/api/v1/stream?token={}", token(&user, "student"));
            stream.send(format!("GET {path} HTTP/1.1\r\nHost: l\r\n\r\n").as_bytes()).await;
            if index.is_multiple_of(4) {
                stream.head().await;
            }
        }
        _ => {
            let mut socket = Raw::upgraded(landfall.address, "/ws").await;
            socket.send(&[0x81]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_come_and_go_leave_nothing_behind() {
    let settings = [
        ("LANDFALL_LIMITS_CONNECTIONS_PER_USER", "1000"),
        ("LANDFALL_LIMITS_USER_REQUESTS_PER_SECOND", "0"),
    ];
    let landfall = Landfall::with(&settings).await;
    landfall.notify("ada", "for everybody who is ada").await;
    for _ in 0..3 {
        join_all((0..200).map(|index| come_and_go(&landfall, index))).await;
    }
    landfall.until_connected(0).await;
    let health = landfall.call("GET", "/health", "", None).await;
    assert_eq!(health["total_connections"], 0);
    assert_eq!(health["active_users"], 0);
    assert_eq!(health["average_duration_seconds"], 0);
    // One is left: the kept connection of this test's own HTTP client.
    until("every task has ended", async || landfall.server.app.tasks.len() <= 1).await;
    landfall.stop().await;
}
