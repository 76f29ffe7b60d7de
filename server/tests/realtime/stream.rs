//! The event stream: the same session as a socket's, over plain HTTP.

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::client::number;
use crate::events::{Event, Stream, request};
use crate::harness::{Landfall, NOON, sign, soon, token, token_in, until};
use crate::raw::Raw;

#[tokio::test]
async fn a_stream_brings_what_is_owed_and_then_every_change() {
    let landfall = Landfall::start().await;
    landfall.notify("ada", "owed").await;
    let mut stream = Stream::open(&landfall, "ada", "").await;
    let owed = stream.next().await;
    assert_eq!(
        (stream.comments, stream.retry_ms.is_some()),
        (1, true),
        "the head goes out at once"
    );
    assert_eq!((owed.name.as_str(), owed.id), ("notification", Some(1)));
    assert_eq!((&owed.data["title"], &owed.data["type"]), (&json!("owed"), &json!("news")));
    landfall.notify("ada", "live").await;
    assert_eq!(stream.titles(1).await, ["live"]);

    let bearer = token("ada", "student");
    let id = landfall.item("ada", "owed").await["id"].as_str().unwrap().to_owned();
    landfall.call("PATCH", &format!("/api/v1/notifications/{id}/mark-read"), &bearer, None).await;
    landfall.call("POST", "/api/v1/notifications/mark-all-read", &bearer, None).await;
    landfall.call("DELETE", &format!("/api/v1/notifications/{id}"), &bearer, None).await;
    let names = ["notification_read", "notifications_all_read", "notification_deleted"];
    for (name, number) in names.into_iter().zip(3..) {
        let event = stream.next().await;
        assert_eq!((event.name.as_str(), event.id), (name, Some(number)));
        assert_eq!(event.data["type"], name);
    }
}

#[tokio::test]
async fn a_stream_begins_after_the_last_event_id_wherever_it_stands() {
    let landfall = Landfall::start().await;
    landfall.notify_many("ada", 4).await;
    let mut by_header = Stream::again(&landfall, "ada", 2).await;
    assert_eq!(by_header.titles(2).await, ["3", "4"]);
    for query in ["?last_event_id=3", "?lastEventId=3&replay_from=1", "?replay_from=3"] {
        let mut stream = Stream::open(&landfall, "ada", query).await;
        assert_eq!(stream.titles(1).await, ["4"], "{query}");
    }
    // A browser repeats the query of its first call beside the header.
    let again = request(&landfall, "ada", "?replay_from=0").header("Last-Event-ID", "3");
    assert_eq!(Stream::send(again).await.titles(1).await, ["4"]);
}

#[tokio::test]
async fn what_is_left_out_is_named_and_its_end_is_the_number_to_keep() {
    let landfall = Landfall::with(&[("LANDFALL_REALTIME_REPLAY_MAX", "3")]).await;
    landfall.notify_many("ada", 8).await;
    let mut stream = Stream::again(&landfall, "ada", 1).await;
    let gap = stream.next().await;
    assert_eq!((gap.name.as_str(), gap.id), ("replay_gap", Some(5)));
    assert_eq!(gap.data, json!({ "type": "replay_gap", "from": "1", "to": "5" }));
    assert_eq!(stream.titles(3).await, ["6", "7", "8"]);

    let mut unknown = Stream::again(&landfall, "ada", 9_000).await;
    let gap = unknown.next().await;
    assert_eq!((gap.name.as_str(), gap.id), ("replay_gap", Some(5)));
    assert_eq!(unknown.titles(3).await, ["6", "7", "8"]);
    landfall.notify("ada", "then").await;
    assert_eq!(unknown.titles(1).await, ["then"]);
}

/// Without an id, a browser that lost its stream would come back as if for the first time, and
/// what another device had confirmed meanwhile would never reach it.
#[tokio::test]
async fn a_stream_without_news_gives_a_number_to_come_back_with() {
    let landfall = Landfall::start().await;
    landfall.notify_many("ada", 3).await;
    let bearer = token("ada", "student");
    let ack = |number: &str| Some(json!({ "replay_id": number }));
    landfall.call("POST", "/api/v1/notifications/ack", &bearer, ack("3")).await;
    let mut stream = Stream::open(&landfall, "ada", "").await;
    let beat = stream.settled().await;
    let data = json!({ "type": "heartbeat", "newest": "3" });
    assert_eq!(beat, Event { name: "heartbeat".into(), id: Some(3), data });
    drop(stream);
    landfall.until_connected(0).await;
    landfall.notify("ada", "missed").await;
    landfall.call("POST", "/api/v1/notifications/ack", &bearer, ack("4")).await;
    assert_eq!(Stream::again(&landfall, "ada", 3).await.titles(1).await, ["missed"]);
}

#[tokio::test]
async fn a_quiet_stream_is_kept_awake_and_lives() {
    let quick =
        [("LANDFALL_REALTIME_HEARTBEAT_SECONDS", "1"), ("LANDFALL_REALTIME_SILENCE_SECONDS", "2")];
    let landfall = Landfall::with(&quick).await;
    let mut stream = Stream::open(&landfall, "ada", "").await;
    for _ in 0..5 {
        assert_eq!(stream.settled().await.data["newest"], "0");
    }
    landfall.notify("ada", "hello").await;
    assert_eq!(stream.titles(1).await, ["hello"]);
}

#[tokio::test]
async fn streams_and_sockets_of_a_user_share_one_inbox_and_one_bound() {
    let landfall = Landfall::with(&[("LANDFALL_LIMITS_CONNECTIONS_PER_USER", "3")]).await;
    let mut streams =
        [Stream::open(&landfall, "ada", "").await, Stream::open(&landfall, "ada", "").await];
    let mut socket = landfall.device("ada", "").await;
    landfall.until_connected(3).await;
    let answer = landfall.notify("ada", "to all").await;
    assert_eq!(answer["websocket_connections"], 3);
    for stream in &mut streams {
        assert_eq!(stream.titles(1).await, ["to all"]);
    }
    assert_eq!(socket.titles(1).await, ["to all"]);
    let refused = soon("an answer", request(&landfall, "ada", "").send()).await.unwrap();
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(landfall.device("ada", "").await.closed().await.code, 1013);
    let [first, _second] = streams;
    drop(first);
    landfall.until_connected(2).await;
    let _third = Stream::open(&landfall, "ada", "").await;
}

#[tokio::test]
async fn a_stream_is_of_its_tenant_alone() {
    let landfall = Landfall::start().await;
    landfall.notify("ada", "owed here").await;
    let url = format!("http://{}/api/v1/stream", landfall.address);
    let theirs = Client::new().get(url).bearer_auth(token_in("acme", "ada", "student"));
    let mut theirs = Stream::send(theirs).await;
    assert_eq!(theirs.event().await.unwrap().data["newest"], "0");
    landfall.notify("ada", "here").await;
    let sender = token_in("acme", "app", "service");
    landfall.notify_as(&sender, "ada", "there", json!({})).await;
    assert_eq!(theirs.titles(1).await, ["there"]);
}

#[tokio::test]
async fn only_an_acknowledgement_delivers_what_a_stream_was_sent() {
    let landfall = Landfall::start().await;
    let mut stream = Stream::open(&landfall, "ada", "?device_id=tablet").await;
    for title in ["received", "lost"] {
        landfall.notify("ada", title).await;
    }
    assert_eq!(stream.titles(2).await, ["received", "lost"]);
    assert_eq!(landfall.item("ada", "received").await["delivered"], false);
    let body = json!({ "replay_id": "1", "device_id": "tablet" });
    let bearer = token("ada", "student");
    let answer = landfall.call("POST", "/api/v1/notifications/ack", &bearer, Some(body)).await;
    assert_eq!(answer["confirmed"], 1);
    assert_eq!(landfall.item("ada", "received").await["delivered"], true);
    drop(stream);
    // The device went away with one confirmed and one not: only that one is said to be lost.
    until("the loss is written", async || landfall.audit("notification_failed").await.len() == 1)
        .await;
    assert_eq!(landfall.item("ada", "lost").await["delivery_attempts"], 1);
    assert_eq!(landfall.item("ada", "received").await["delivered"], true);
    assert_eq!(Stream::open(&landfall, "ada", "").await.titles(1).await, ["lost"]);
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let landfall = Landfall::at_noon(&[("LANDFALL_REALTIME_HEARTBEAT_SECONDS", "1")]).await;
    let short = sign(&json!({ "sub": "ada", "exp": NOON + 100 }));
    let url = format!("http://{}/api/v1/stream?token={short}", landfall.address);
    let mut stream = Stream::send(Client::new().get(&url)).await;
    landfall.until_connected(1).await;
    landfall.set_clock(160);
    let last = stream.end().await.unwrap();
    let data =
        json!({ "type": "error", "code": "unauthenticated", "detail": "the token has expired" });
    assert_eq!(last, Event { name: "error".into(), id: None, data });
    landfall.until_connected(0).await;
    // A browser that comes back by itself is refused, which ends its attempts.
    assert_eq!(soon("an answer", Client::new().get(&url).send()).await.unwrap().status(), 401);
}

#[tokio::test]
async fn draining_sends_streams_away_one_after_the_other() {
    let landfall = Landfall::start().await;
    let mut ends = tokio::task::JoinSet::new();
    for user in ["ada", "bob", "cy", "dan"] {
        let mut stream = Stream::open(&landfall, user, "").await;
        ends.spawn(async move {
            let last = stream.end().await.unwrap();
            (last, stream.retry_ms.unwrap())
        });
    }
    landfall.until_connected(4).await;
    landfall.stop().await;
    let mut waits = Vec::new();
    for (last, retry_ms) in soon("the streams' ends", ends.join_all()).await {
        assert_eq!(last.name, "reconnect");
        assert_eq!(last.data["after_ms"], retry_ms);
        waits.push(retry_ms);
    }
    waits.sort_unstable();
    assert_eq!(waits, [0, 5_000, 10_000, 15_000]);
}

#[tokio::test]
async fn what_is_no_stream_is_a_problem() {
    let landfall = Landfall::start().await;
    let url = format!("http://{}/api/v1/stream", landfall.address);
    let problem = async |request: reqwest::RequestBuilder, status: u16| -> Value {
        let answer = soon("an answer", request.send()).await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        soon("the problem", answer.json()).await.unwrap()
    };
    problem(Client::new().get(&url), 401).await;
    problem(Client::new().get(format!("{url}?token=nonsense")), 401).await;
    let good = token("ada", "student");
    let bad_header = Client::new().get(format!("{url}?token={good}")).bearer_auth("nonsense");
    problem(bad_header, 401).await;
    for (query, pointer) in [
        ("?replay_from=x", "/query/replay_from"),
        ("?lastEventId=-1", "/query/last_event_id"),
        ("?device_id=", "/query/device_id"),
    ] {
        let said = problem(request(&landfall, "ada", query), 422).await;
        assert_eq!(said["errors"][0]["pointer"], pointer);
    }
    let said = problem(request(&landfall, "ada", "").header("Last-Event-ID", "x"), 422).await;
    assert_eq!(said["errors"][0]["pointer"], "/header/Last-Event-ID");

    for method in [Method::POST, Method::PUT, Method::DELETE, Method::HEAD] {
        let request = Client::new().request(method.clone(), &url).bearer_auth(&good);
        let answer = soon("an answer", request.send()).await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["allow"]),
            (405, &"GET".parse().unwrap())
        );
    }
    assert_eq!(landfall.server.app.live.total_connections(), 0);

    let mut alias = Client::new().get(url.replace("/v1", "")).bearer_auth(&good);
    alias = alias.header("X-Device-ID", "phone");
    let _stream = Stream::send(alias).await;
    landfall.until_connected(1).await;
}

#[tokio::test]
async fn a_draining_server_begins_no_stream() {
    let landfall = Landfall::start().await;
    let mut early = Raw::open(landfall.address).await;
    let head = format!("GET /api/v1/stream?token={} HTTP/1.1\r\n", token("ada", "student"));
    early.send(head.as_bytes()).await;
    // Answered after the server has met the first, whose head is half there.
    landfall.inbox("ada", "").await;
    landfall.server.app.drain.cancel();
    early.send(b"Host: landfall\r\n\r\n").await;
    let head = early.head().await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 503") && head.contains("retry-after"), "{head}");
}

/// Nothing is missed and nothing comes twice, however often a stream breaks while others publish.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_seam_holds_over_forced_reconnects() {
    const COUNT: u64 = 300;
    let landfall = Landfall::with(&[("LANDFALL_REALTIME_REPLAY_MAX", "1000")]).await;
    let reading = async {
        let mut seen: Vec<u64> = Vec::new();
        let mut breaks = 0_u64;
        while seen.last().copied().unwrap_or(0) < COUNT {
            let last = seen.last().copied().unwrap_or(0);
            let mut stream = Stream::again(&landfall, "ada", last).await;
            // Breaks after a few events, each time after another number of them.
            for _ in 0..=breaks % 7 {
                if seen.last() == Some(&COUNT) {
                    break;
                }
                let event = stream.next().await;
                assert_eq!(event.name, "notification", "{event:?}");
                let previous = seen.last().copied().unwrap_or(0);
                assert_eq!(number(&event.data["prev"]), previous);
                seen.push(number(&event.data["replay_id"]));
            }
            breaks += 1;
        }
        (seen, breaks)
    };
    let publishing = async {
        for _ in 0..COUNT / 10 {
            futures_util::future::join_all((0..10).map(|_| landfall.notify("ada", "one"))).await;
        }
    };
    let ((seen, breaks), ()) = tokio::join!(reading, publishing);
    assert_eq!(seen, (1..=COUNT).collect::<Vec<u64>>());
    assert!(breaks > 20, "{breaks}");
}
