//! Draining: every device is told to come back, what is under way ends, and nothing is lost.

use serde_json::json;
use tokio::task::JoinSet;

use crate::client::number;
use crate::harness::{Landfall, soon, token};
use crate::raw::{Raw, TEXT, frame};
use crate::socketio::{Client, Socket, heard, joined, say};
use landfall_server::clock::Clock;

#[tokio::test]
async fn devices_are_told_to_come_back_and_resume() {
    let landfall = Landfall::start().await;
    let mut devices = Vec::new();
    for index in 0..10 {
        devices.push(landfall.device(&format!("user-{index}"), "replay_from=0").await);
    }
    for (index, device) in devices.iter_mut().enumerate() {
        landfall.notify(&format!("user-{index}"), "before").await;
        assert_eq!(device.titles(1).await, ["before"]);
    }
    let mut ending = JoinSet::new();
    for mut device in devices {
        ending.spawn(async move {
            let frame = device.next_of("reconnect").await;
            (frame["after_ms"].as_u64().unwrap(), device.closed().await)
        });
    }
    let folder = landfall.stop().await;
    let ended = soon("the devices' ends", ending.join_all()).await;
    assert!(ended.iter().all(|(_, closed)| closed.code == 1012), "{ended:?}");
    let mut waits: Vec<u64> = ended.iter().map(|(after, _)| *after).collect();
    waits.sort_unstable();
    waits.dedup();
    assert_eq!(waits.len(), 10, "spread, so that not all come back at once");
    assert!(waits[9] < 20_000);

    let landfall = Landfall::on(folder, &[], Clock::system()).await;
    landfall.notify("user-3", "after").await;
    let mut device = landfall.device("user-3", "replay_from=1").await;
    let frame = device.next().await;
    assert_eq!(frame["title"], "after");
    assert_eq!((number(&frame["prev"]), number(&frame["replay_id"])), (1, 2));
}

#[tokio::test]
async fn what_is_queued_is_written_before_the_close() {
    let landfall = Landfall::start().await;
    landfall.notify_many("ada", 30).await;
    let mut device = landfall.device("ada", "").await;
    device.titles(1).await;
    let reading = tokio::spawn(async move {
        let titles = device.titles(29).await;
        (titles, device.next().await, device.closed().await)
    });
    landfall.stop().await;
    let (titles, told, closed) = soon("the device's end", reading).await.unwrap();
    assert_eq!(titles.last().unwrap(), "30");
    assert_eq!((&told["type"], closed.code), (&json!("reconnect"), 1012));
}

#[tokio::test]
async fn a_request_under_way_is_answered() {
    let landfall = Landfall::start().await;
    let body =
        json!({ "user_id": "ada", "notification_type": "news", "title": "t", "message": "m" });
    let body = body.to_string();
    let (first, second) = body.split_at(10);
    let mut socket = Raw::open(landfall.address).await;
    let head = format!(
        "POST /api/v1/notify HTTP/1.1\r\nHost: landfall\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        token("app", "service"),
        body.len()
    );
    socket.send(head.as_bytes()).await;
    // Says that the request is being served.
    assert!(socket.head().await.starts_with("HTTP/1.1 100"));
    socket.send(first.as_bytes()).await;
    let drain = landfall.server.app.drain.clone();
    let stopping = tokio::spawn(landfall.stop());
    soon("the drain begins", drain.cancelled()).await;
    socket.send(second.as_bytes()).await;
    let head = socket.head().await;
    assert!(head.starts_with("HTTP/1.1 202"), "{head}");
    let folder = soon("the stop", stopping).await.unwrap();
    let landfall = Landfall::on(folder, &[], Clock::system()).await;
    assert_eq!(landfall.device("ada", "").await.titles(1).await, ["t"]);
}

/// A socket that has not said who it is has nothing under way: it must not hold up the end.
#[tokio::test]
async fn a_socket_that_has_not_said_who_it_is_is_sent_away_too() {
    let settings =
        [("LANDFALL_AUTH_FIRST_MESSAGE_SECONDS", "120"), ("LANDFALL_SERVER_DRAIN_SECONDS", "3600")];
    let landfall = Landfall::with(&settings).await;
    let mut silent = Raw::upgraded(landfall.address, "/ws").await;
    let mut late = Raw::upgraded(landfall.address, "/ws").await;
    let auth = json!({ "type": "auth", "token": token("ada", "student") }).to_string();
    let auth = frame(TEXT, auth.as_bytes());
    late.send(&auth[..20]).await;
    let drain = landfall.server.app.drain.clone();
    let stopping = tokio::spawn(landfall.stop());
    soon("the drain begins", drain.cancelled()).await;
    late.send(&auth[20..]).await;
    assert_eq!(silent.closed().await.0, 1012);
    assert_eq!(late.closed().await.0, 1012);
    drop((silent, late));
    soon("the stop", stopping).await.unwrap();
}

#[tokio::test]
async fn a_device_that_never_closes_does_not_hold_up_the_end() {
    let landfall = Landfall::with(&[("LANDFALL_SERVER_DRAIN_SECONDS", "3600")]).await;
    let path = format!("/ws?token={}", token("ada", "student"));
    let mut stubborn = Raw::upgraded(landfall.address, &path).await;
    landfall.until_connected(1).await;
    let stopping = tokio::spawn(landfall.stop());
    assert_eq!(stubborn.closed().await.0, 1012);
    soon("the stop", stopping).await.unwrap();
}

/// Joins as two users by Socket.IO.
async fn socketio(landfall: &Landfall) -> [Socket; 2] {
    let both = [joined(landfall, "ada", json!({})).await, joined(landfall, "ben", json!({})).await];
    landfall.until_connected(2).await;
    both
}

/// Hears a client out; gives the last thing it was told.
async fn last_word(socket: &mut Socket) -> Option<String> {
    let mut last = None;
    while let Some(text) = heard(socket).await {
        last = Some(text);
    }
    last
}

const SENT_AWAY: &str = r#"42["reconnect",{"type":"reconnect","after_ms":0}]"#;

/// Socket.IO's clients take no moment to come back from the server, so each is let go at its own, and served until then.
#[tokio::test]
async fn socketio_clients_are_let_go_one_by_one() {
    let landfall = Landfall::with(&[("LANDFALL_SERVER_DRAIN_SECONDS", "3600")]).await;
    let [mut ada, mut ben] = socketio(&landfall).await;
    let stopping = tokio::spawn(landfall.stop());
    let (told, mut stays) = tokio::select! {
        told = last_word(&mut ada) => (told, ben),
        told = last_word(&mut ben) => (told, ada),
    };
    assert_eq!(told.unwrap(), SENT_AWAY);
    say(&mut stays, r#"427["ping"]"#).await;
    assert!(heard(&mut stays).await.unwrap().starts_with("437["));
    // It does not hold up the end once it is gone by itself.
    drop(stays);
    soon("the stop", stopping).await.unwrap();
}

#[tokio::test]
async fn socketio_clients_are_all_let_go_in_time() {
    let landfall = Landfall::with(&[("LANDFALL_SERVER_DRAIN_SECONDS", "4")]).await;
    let [mut ada, mut ben] = socketio(&landfall).await;
    let stopping = tokio::spawn(landfall.stop());
    let both = tokio::join!(last_word(&mut ada), last_word(&mut ben));
    assert_eq!(both, (Some(SENT_AWAY.into()), Some(SENT_AWAY.into())));
    soon("the stop", stopping).await.unwrap();
}

/// Nor does one that came from polls, whose socket is carried.
#[tokio::test]
async fn a_session_that_moved_and_never_closes_does_not_hold_up_the_end() {
    let landfall = Landfall::with(&[("LANDFALL_SERVER_DRAIN_SECONDS", "3600")]).await;
    let sid = Client::joined(&landfall, "ada").await.sid;
    let path = format!("/socket.io/?EIO=4&transport=websocket&sid={sid}");
    let mut stubborn = Raw::upgraded(landfall.address, &path).await;
    let said = [&b"2probe"[..], b"5", br#"427["ping"]"#].map(|text| frame(TEXT, text));
    stubborn.send(&said.concat()).await;
    assert_eq!(stubborn.frame().await.unwrap(), (TEXT, b"3probe".to_vec()));
    assert!(stubborn.frame().await.unwrap().1.starts_with(b"437["), "it has moved");
    let stopping = tokio::spawn(landfall.stop());
    assert_eq!(stubborn.closed().await.0, 1012);
    soon("the stop", stopping).await.unwrap();
}
