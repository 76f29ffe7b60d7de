//! A client that stops reading delays nobody, is closed, and loses nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::client::number;
use crate::events::Stream;
use crate::harness::{Landfall, token, until};
use crate::raw::{self, Raw};
use crate::replay::listed;

/// Notifications of about 30 KB: far more than the buffers between the server and the client.
const COUNT: u32 = 80;

const SMALL: [(&str, &str); 4] = [
    ("LANDFALL_LIMITS_FRAMES_PER_SECOND", "0"),
    ("LANDFALL_REALTIME_QUEUE_MAX_KIB", "64"),
    ("LANDFALL_REALTIME_SEND_BUFFER_KIB", "8"),
    ("LANDFALL_LIMITS_CONNECTIONS_PER_USER", "10"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_is_closed_and_ends_with_everything_once() {
    let landfall = Landfall::with(&SMALL).await;
    let path = format!("/ws?token={}&replay_from=", token("ada", "student"));
    let mut slow = Raw::open_small(landfall.address).await.upgrade(&format!("{path}0")).await;
    let mut quick = [landfall.device("ada", "").await, landfall.device("ada", "ack=1").await];
    landfall.until_connected(3).await;
    let data = json!({ "data": { "filler": "x".repeat(30_000) } });
    for title in 1..=COUNT {
        landfall.notify_with("ada", &title.to_string(), data.clone()).await;
        // Whoever reads has each before the next is sent.
        for device in &mut quick {
            assert_eq!(device.titles(1).await, [title.to_string()]);
        }
    }
    let closed = || landfall.server.app.live.counters().slow_closed;
    until("the slow reader is closed", async || closed() == 1).await;
    until("it is let go", async || landfall.server.app.live.total_connections() == 2).await;

    let mut seen = BTreeMap::<u64, u32>::new();
    while let Some(frame) = slow.text().await {
        *seen.entry(number(&frame["replay_id"])).or_default() += 1;
    }
    let last = seen.keys().next_back().copied().unwrap_or(0);
    assert!(last < u64::from(COUNT), "it was not slow");
    let mut back = Raw::upgraded(landfall.address, &format!("{path}{last}")).await;
    while seen.len() < COUNT as usize {
        let frame = back.text().await.unwrap();
        *seen.entry(number(&frame["replay_id"])).or_default() += 1;
    }
    landfall.notify("ada", "live").await;
    assert_eq!(back.text().await.unwrap()["title"], "live");
    assert_eq!(seen, (1..=u64::from(COUNT)).map(|at| (at, 1)).collect());
    assert_eq!(closed(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_that_reads_again_is_told_why_it_was_closed() {
    let mut settings = SMALL.to_vec();
    settings.push(("LANDFALL_REALTIME_QUEUE_MAX_FRAMES", "50"));
    let landfall = Landfall::with(&settings).await;
    let path = format!("/ws?token={}&ack=1", token("ada", "student"));
    let mut slow = Raw::open_small(landfall.address).await.upgrade(&path).await;
    landfall.until_connected(1).await;
    let data = json!({ "data": { "filler": "x".repeat(30_000) } });
    let mut sent = 0;
    let counters = || landfall.server.app.live.counters();
    while landfall.server.app.live.total_connections() == 1 && sent < COUNT {
        sent += 1;
        landfall.notify_with("ada", &sent.to_string(), data.clone()).await;
        if sent == COUNT / 2 {
            let (code, reason) = slow.closed().await;
            assert_eq!(code, 1013);
            assert!(reason.contains("replay_id"), "{reason}");
        }
    }
    until("it is counted", async || counters().slow_closed == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_that_missed_more_than_a_replay_finds_the_rest_in_its_inbox() {
    const MISSED: u64 = 130;
    let landfall = Landfall::with(&SMALL).await;
    let path = format!("/ws?token={}&ack=1&replay_from=", token("ada", "student"));
    let mut slow = Raw::open_small(landfall.address).await.upgrade(&format!("{path}0")).await;
    landfall.until_connected(1).await;
    let data = json!({ "data": { "filler": "x".repeat(30_000) } });
    let (counters, mut sent) = (|| landfall.server.app.live.counters(), 0u64);
    while sent < 40 {
        sent += 1;
        landfall.notify_with("ada", &sent.to_string(), data.clone()).await;
    }
    let (mut last, mut code) = (0, None);
    while let Some((opcode, payload)) = slow.frame().await {
        match opcode {
            raw::TEXT => {
                last = number(&serde_json::from_slice::<Value>(&payload).unwrap()["replay_id"])
            }
            raw::CLOSE => code = Some(u16::from_be_bytes([payload[0], payload[1]])),
            _ => {}
        }
    }
    assert_eq!(code, Some(1013));
    until("it is counted", async || counters().slow_closed == 1).await;
    assert!(last < sent, "it was not slow");

    for title in 1..=MISSED {
        landfall.notify("ada", &title.to_string()).await;
    }
    let (newest, gap_end) = (sent + MISSED, sent + MISSED - 100);
    let mut back = Raw::upgraded(landfall.address, &format!("{path}{last}")).await;
    let gap = json!({ "type": "replay_gap", "from": last.to_string(), "to": gap_end.to_string() });
    assert_eq!(back.text().await.unwrap(), gap);
    for expected in gap_end + 1..=newest {
        assert_eq!(number(&back.text().await.unwrap()["replay_id"]), expected);
    }
    let whole: Vec<u64> = (last + 1..=gap_end).collect();
    assert_eq!(listed(&landfall, "ada", last, gap_end).await, whole);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_stream_is_ended_and_comes_back_with_nothing_lost() {
    let landfall = Landfall::with(&SMALL).await;
    let bearer = token("ada", "student");
    let mut slow = Raw::open_small(landfall.address).await;
    let head = format!("GET /api/v1/stream?token={bearer} HTTP/1.1\r\nHost: landfall\r\n");
    slow.send(format!("{head}Connection: close\r\n\r\n").as_bytes()).await;
    landfall.until_connected(1).await;
    let data = json!({ "data": { "filler": "x".repeat(30_000) } });
    for title in 1..=COUNT {
        landfall.notify_with("ada", &title.to_string(), data.clone()).await;
    }
    let counters = || landfall.server.app.live.counters();
    until("the slow stream is ended", async || counters().slow_closed == 1).await;
    landfall.until_connected(0).await;

    let text = slow.chunks_to_end().await;
    let whole: Vec<&str> = text.split("\n\n").collect();
    let (_cut, whole) = whole.split_last().unwrap();
    let ids = whole.iter().flat_map(|event| event.lines());
    let ids = ids.filter_map(|line| line.strip_prefix("id: ")?.parse().ok());
    let mut seen: Vec<u64> = ids.filter(|id| *id > 0).collect();
    let last = seen.last().copied().unwrap_or(0);
    assert!(last < u64::from(COUNT), "it was not slow");
    let mut back = Stream::again(&landfall, "ada", last).await;
    while seen.len() < COUNT as usize {
        seen.push(back.next().await.id.unwrap());
    }
    assert_eq!(seen, (1..=u64::from(COUNT)).collect::<Vec<u64>>());
    assert_eq!(counters().slow_closed, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_asks_and_never_reads_is_closed_too() {
    let landfall = Landfall::with(&SMALL).await;
    let path = format!("/ws?token={}", token("ada", "student"));
    let mut greedy = Raw::open_small(landfall.address).await.upgrade(&path).await;
    landfall.until_connected(1).await;
    let pings = crate::raw::frame(crate::raw::TEXT, br#"{"type":"ping"}"#).repeat(1_000);
    // The server stops reading once it closes, so a send may fail or never end.
    let asking = async { while greedy.try_send(&pings).await {} };
    let closing = until("the greedy one is let go", async || {
        landfall.server.app.live.counters().slow_closed == 1
    });
    tokio::select! { () = asking => {}, () = closing => {} }
    landfall.until_connected(0).await;
    assert_eq!(landfall.server.app.live.counters().slow_closed, 1);
}
