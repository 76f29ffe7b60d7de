//! How many may connect.

use crate::harness::{Landfall, until};
use crate::raw::Raw;

#[tokio::test]
async fn a_user_has_so_many_connections_and_no_more() {
    let landfall = Landfall::with(&[("LANDFALL_LIMITS_CONNECTIONS_PER_USER", "2")]).await;
    let first = landfall.device("ada", "").await;
    let mut second = landfall.device("ada", "").await;
    landfall.until_connected(2).await;
    let closed = landfall.device("ada", "").await.closed().await;
    assert_eq!((closed.code, closed.reason.as_str()), (1013, "this user has too many connections"));
    let _other = landfall.device("bob", "").await;
    landfall.until_connected(3).await;
    first.close().await;
    landfall.until_connected(2).await;
    let mut third = landfall.device("ada", "").await;
    landfall.until_connected(3).await;
    landfall.notify("ada", "hello").await;
    assert_eq!(second.titles(1).await, ["hello"]);
    assert_eq!(third.titles(1).await, ["hello"]);
}

#[tokio::test]
async fn a_server_has_room_for_so_many_connections_and_no_more() {
    let settings =
        [("LANDFALL_LIMITS_CONNECTIONS_MAX", "3"), ("LANDFALL_LIMITS_CONNECTIONS_PER_USER", "3")];
    let landfall = Landfall::with(&settings).await;
    let mut devices = Vec::new();
    for user in ["ada", "bob", "cy"] {
        devices.push(landfall.device(user, "").await);
    }
    landfall.until_connected(3).await;
    assert!(is_full(&landfall).await);
    devices.pop().unwrap().close().await;
    until("a place is free", async || landfall.server.app.tasks.len() == 2).await;
    let _dan = landfall.device("dan", "").await;
    landfall.until_connected(3).await;
    assert!(is_full(&landfall).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_holds_when_all_come_at_once() {
    let settings =
        [("LANDFALL_LIMITS_CONNECTIONS_MAX", "64"), ("LANDFALL_LIMITS_CONNECTIONS_PER_USER", "8")];
    let landfall = Landfall::with(&settings).await;
    let come = (0..40).map(|_| landfall.device("ada", ""));
    let devices = futures_util::future::join_all(come).await;
    landfall.until_connected(8).await;
    let ends = devices.into_iter().map(|mut device| async move {
        device.say(serde_json::json!({ "type": "ping" })).await;
        // Who was let in stays, or one who comes late would take the place.
        (device.answer().await, device)
    });
    let answers = futures_util::future::join_all(ends).await;
    let turned_away = answers.iter().filter(|(answer, _)| answer.is_err()).count();
    assert_eq!(turned_away, 32);
}

#[tokio::test]
async fn sockets_that_have_not_said_who_they_are_are_counted_too() {
    let settings =
        [("LANDFALL_LIMITS_CONNECTIONS_MAX", "2"), ("LANDFALL_LIMITS_CONNECTIONS_PER_USER", "2")];
    let landfall = Landfall::with(&settings).await;
    let mut silent = Vec::new();
    for _ in 0..2 {
        silent.push(Raw::upgraded(landfall.address, "/ws").await);
    }
    until("HTTP has let go", async || landfall.server.app.tasks.len() == 2).await;
    assert!(is_full(&landfall).await);
    silent.pop();
    until("one left", async || landfall.server.app.tasks.len() == 1).await;
    let _known = landfall.device("ada", "").await;
    landfall.until_connected(1).await;
    assert!(is_full(&landfall).await);
}

/// Says whether a new connection is turned away before it has asked anything.
async fn is_full(landfall: &Landfall) -> bool {
    Raw::open(landfall.address).await.head().await.starts_with("HTTP/1.1 503")
}
