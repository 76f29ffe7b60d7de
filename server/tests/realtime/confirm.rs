//! Written is not delivered: a device confirms by the answer to a ping, or by `ack`.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Landfall, token, until};
use crate::raw::{PING, PONG, Raw, frame};

async fn mute(landfall: &Landfall, query: &str) -> Raw {
    let path = format!("/ws?token={}&{query}", token("ada", "student"));
    Raw::upgraded(landfall.address, &path).await
}

#[tokio::test]
async fn a_device_that_answers_no_ping_confirms_nothing() {
    let landfall = Landfall::start().await;
    landfall.notify("ada", "hello").await;
    for attempts in 1..=2 {
        let mut socket = mute(&landfall, "device_id=mute").await;
        assert_eq!(socket.text().await.unwrap()["title"], "hello");
        assert_eq!(socket.frame().await.unwrap(), (PING, b"1".to_vec()));
        drop(socket);
        until("the attempt is counted", async || {
            landfall.item("ada", "hello").await["delivery_attempts"] == attempts
        })
        .await;
        assert_eq!(landfall.item("ada", "hello").await["delivered"], false);
        let failed = landfall.audit("notification_failed").await;
        assert_eq!(failed.len(), 1, "a device that comes and goes does not fill the trail");
        assert_eq!(failed[0]["metadata"]["device_id"], "mute");
    }
    // Whoever answers gets it and has it delivered.
    let mut socket = mute(&landfall, "device_id=polite").await;
    assert_eq!(socket.text().await.unwrap()["title"], "hello");
    assert_eq!(socket.frame().await.unwrap(), (PING, b"1".to_vec()));
    socket.send(&frame(PONG, b"nonsense")).await;
    socket.send(&frame(PONG, b"2")).await;
    socket.send(&frame(PONG, b"1")).await;
    landfall.until_delivered("ada", "hello").await;
    let delivered = landfall.audit("notification_delivered").await;
    assert_eq!(delivered.len(), 1);
    assert_eq!(delivered[0]["metadata"]["device_id"], "polite");
}

#[tokio::test]
async fn a_pong_confirms_only_what_was_sent_before_its_ping() {
    let landfall = Landfall::start().await;
    let mut socket = mute(&landfall, "").await;
    landfall.until_connected(1).await;
    landfall.notify("ada", "one").await;
    assert_eq!(socket.text().await.unwrap()["title"], "one");
    assert_eq!(socket.frame().await.unwrap(), (PING, b"1".to_vec()));
    landfall.notify("ada", "two").await;
    assert_eq!(socket.text().await.unwrap()["title"], "two");
    // Neither an answer to a ping that was not sent nor one to the first confirms the second.
    socket.send(&frame(PONG, b"2")).await;
    socket.send(&frame(PONG, b"1")).await;
    assert_eq!(socket.frame().await.unwrap(), (PING, b"2".to_vec()));
    landfall.until_delivered("ada", "one").await;
    drop(socket);
    until("the attempt is counted", async || {
        landfall.item("ada", "two").await["delivery_attempts"] == 1
    })
    .await;
    assert_eq!(landfall.item("ada", "two").await["delivered"], false);
}

#[tokio::test]
async fn with_acks_nothing_else_confirms_and_none_covers_what_is_not_sent() {
    let landfall = Landfall::start().await;
    let mut device = landfall.device("ada", "ack=1").await;
    landfall.until_connected(1).await;
    landfall.notify("ada", "one").await;
    device.titles(1).await;
    device.send(Message::Pong("1".into())).await;
    device.close().await;
    until("the attempt is counted", async || {
        landfall.item("ada", "one").await["delivery_attempts"] == 1
    })
    .await;
    assert_eq!(landfall.item("ada", "one").await["delivered"], false);

    let mut device = landfall.device("ada", "ack=1").await;
    assert_eq!(device.titles(1).await, ["one"]);
    device.ack(1_000).await;
    landfall.until_delivered("ada", "one").await;
    landfall.notify("ada", "two").await;
    assert_eq!(device.titles(1).await, ["two"]);
    device.close().await;
    until("the attempt is counted", async || {
        landfall.item("ada", "two").await["delivery_attempts"] == 1
    })
    .await;
    assert_eq!(landfall.item("ada", "two").await["delivered"], false);
}

#[tokio::test]
async fn one_of_several_devices_is_enough() {
    let landfall = Landfall::start().await;
    let mut mute = mute(&landfall, "").await;
    let mut polite = landfall.device("ada", "ack=1").await;
    landfall.until_connected(2).await;
    landfall.notify("ada", "hello").await;
    assert_eq!(mute.text().await.unwrap()["title"], "hello");
    polite.titles(1).await;
    polite.ack(1).await;
    landfall.until_delivered("ada", "hello").await;
    drop(mute);
    landfall.until_connected(1).await;
    landfall.notify("ada", "then").await;
    polite.titles(1).await;
    polite.ack(2).await;
    // Stored after the loss of the device that went away, which is none: it was delivered.
    landfall.until_delivered("ada", "then").await;
    assert!(landfall.audit("notification_failed").await.is_empty());
}

#[tokio::test]
async fn an_acknowledgement_may_come_without_a_socket() {
    let landfall = Landfall::start().await;
    landfall.notify_many("ada", 3).await;
    let bearer = token("ada", "student");
    let path = "/api/v1/notifications/ack";
    let body = json!({ "replay_id": "2", "device_id": "poller" });
    let answer = landfall.call("POST", path, &bearer, Some(body.clone())).await;
    assert_eq!(answer["confirmed"], 2);
    let answer = landfall.call("POST", path, &bearer, Some(body)).await;
    assert_eq!(answer["confirmed"], 0);
    let mut device = landfall.device("ada", "").await;
    assert_eq!(device.titles(1).await, ["3"]);
}
