//! TLS on the server's port: requests, sockets and streams over it, and whoever does not speak it.

use std::process::Stdio;

use futures_util::StreamExt as _;
use landfall_server::tls::{Certificate, Renewal};
use rustls::version::{TLS12, TLS13};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::harness::{Landfall, soon, token, until};
use crate::secured::{FIRST, Files, SECOND, Socket, certificate_of, connect, https, leaf};

fn url(landfall: &Landfall, path: &str) -> String {
    format!("https://localhost:{}{path}", landfall.address.port())
}

async fn notify(landfall: &Landfall, title: &str, filler: usize) {
    let body = json!({ "user_id": "ada", "notification_type": "news", "title": title,
        "message": "m", "data": { "filler": "x".repeat(filler) } });
    let request = https().post(url(landfall, "/api/v1/notify")).json(&body);
    let answer = soon("notify", request.bearer_auth(token("app", "service")).send()).await.unwrap();
    assert_eq!(answer.status(), 202);
}

#[tokio::test]
async fn requests_sockets_and_streams_work_over_it() {
    let files = Files::new(FIRST);
    let landfall = files.serve(&[]).await;
    let ada = token("ada", "student");
    let answer = soon("health", https().get(url(&landfall, "/health")).send()).await.unwrap();
    assert!(answer.headers().contains_key("strict-transport-security"));
    assert_eq!(answer.status(), 200);
    assert!(answer.headers()["strict-transport-security"].to_str().unwrap().contains("max-age"));

    let mut socket = Socket::open(&landfall, &ada, "ack=1").await;
    let request = https().get(url(&landfall, "/api/v1/stream")).bearer_auth(&ada);
    let mut events = soon("the stream", request.send()).await.unwrap().bytes_stream();
    notify(&landfall, "hello", 10).await;
    assert_eq!(socket.next().await.unwrap()["title"], "hello");
    let mut text = String::new();
    while !text.contains("hello") {
        let piece = soon("an event", events.next()).await.unwrap().unwrap();
        text.push_str(std::str::from_utf8(&piece).unwrap());
    }
    socket.say(&json!({ "type": "ack", "replay_id": "1" })).await;
    let is_delivered = async || {
        let request = https().get(url(&landfall, "/api/v1/notifications")).bearer_auth(&ada);
        let list: Value = request.send().await.unwrap().json().await.unwrap();
        list["items"][0]["delivered"] == true
    };
    until("it is delivered", is_delivered).await;
    drop(socket);
    drop(events);
    landfall.until_connected(0).await;
    until("every task has ended", async || landfall.server.app.tasks.is_empty()).await;
}

#[tokio::test]
async fn a_long_replay_arrives_whole_and_in_order() {
    let files = Files::new(FIRST);
    let landfall = files.serve(&[]).await;
    for title in 1..=60 {
        notify(&landfall, &title.to_string(), 20_000).await;
    }
    let mut socket = Socket::open(&landfall, &token("ada", "student"), "replay_from=0").await;
    for title in 1..=60 {
        assert_eq!(socket.next().await.unwrap()["title"], title.to_string());
    }
}

#[tokio::test]
async fn older_versions_are_refused() {
    let files = Files::new(FIRST);
    let landfall = files.serve(&[]).await;
    assert!(connect(landfall.address, &[&TLS13]).await.is_ok());
    let refused = connect(landfall.address, &[&TLS12]).await.unwrap_err();
    assert!(refused.to_string().contains("ProtocolVersion"), "{refused}");
}

#[tokio::test]
async fn plain_http_is_told_and_sent_away() {
    let files = Files::new(FIRST);
    let landfall = files.serve(&[]).await;
    let mut stream = TcpStream::connect(landfall.address).await.unwrap();
    let request = format!("GET /health HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(3_000));
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon("the answer", stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("https"), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{answer}");
}

#[tokio::test]
async fn who_does_not_finish_the_handshake_is_let_go() {
    let files = Files::new(FIRST);
    let landfall = files.serve(&[("LANDFALL_LIMITS_HEADER_SECONDS", "1")]).await;
    for said in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01", b"\x16\x03\x01\xff\xffjunk"] {
        let mut stream = TcpStream::connect(landfall.address).await.unwrap();
        stream.write_all(said).await.unwrap();
        let mut rest = Vec::new();
        let _ = soon("the end", stream.read_to_end(&mut rest)).await;
    }
    until("every task has ended", async || landfall.server.app.tasks.is_empty()).await;
}

#[tokio::test]
async fn a_drain_ends_sockets_and_does_not_wait_for_handshakes() {
    let files = Files::new(FIRST);
    let landfall = files.serve(&[("LANDFALL_SERVER_DRAIN_SECONDS", "600")]).await;
    let mut silent = TcpStream::connect(landfall.address).await.unwrap();
    let mut socket = Socket::open(&landfall, &token("ada", "student"), "").await;
    landfall.until_connected(1).await;
    let stopping = tokio::spawn(landfall.stop());
    assert_eq!(socket.next().await.unwrap()["type"], "reconnect");
    assert_eq!(socket.next().await, Err(1012));
    socket.ended().await;
    let mut rest = Vec::new();
    soon("the silent one", silent.read_to_end(&mut rest)).await.unwrap();
    soon("the stop", stopping).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_stops_reading_is_closed_and_leaves_nothing_behind() {
    let files = Files::new(FIRST);
    let small =
        [("LANDFALL_REALTIME_QUEUE_MAX_KIB", "64"), ("LANDFALL_REALTIME_SEND_BUFFER_KIB", "8")];
    let landfall = files.serve(&small).await;
    let slow = Socket::open(&landfall, &token("ada", "student"), "").await;
    landfall.until_connected(1).await;
    let is_closed = || landfall.server.app.live.counters().slow_closed == 1;
    for title in 0..200 {
        if is_closed() {
            break;
        }
        notify(&landfall, &title.to_string(), 20_000).await;
    }
    until("it is closed", async || is_closed()).await;
    until("every task has ended", async || landfall.server.app.tasks.is_empty()).await;
    drop(slow);
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_without_a_restart() {
    let files = Files::new(FIRST);
    let landfall = files.serve(&[("LANDFALL_TLS_RELOAD_SECONDS", "1")]).await;
    let mut socket = Socket::open(&landfall, &token("ada", "student"), "").await;
    assert_eq!(certificate_of(landfall.address).await, leaf(FIRST));
    files.put(SECOND);
    until("the second", async || certificate_of(landfall.address).await == leaf(SECOND)).await;
    notify(&landfall, "still there", 10).await;
    assert_eq!(socket.next().await.unwrap()["title"], "still there");
}

#[test]
fn a_pair_that_does_not_belong_together_leaves_the_old_one_in_use() {
    let files = Files::new(FIRST);
    let certificate = Certificate::read(files.names()).unwrap();
    for bad in [(FIRST.0, SECOND.1), (SECOND.0, FIRST.1), (FIRST.0, ""), ("", FIRST.1)] {
        files.put(bad);
        certificate.renew().unwrap_err();
        files.put(FIRST);
        assert_eq!(certificate.renew(), Ok(Renewal::Unchanged));
    }
    files.put(SECOND);
    assert_eq!(certificate.renew(), Ok(Renewal::Taken));
    assert_eq!(certificate.renew(), Ok(Renewal::Unchanged));
}

/// A server process that ends with its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.start_kill();
    }
}

#[tokio::test]
async fn a_hangup_makes_it_look_at_once() {
    let files = Files::new(FIRST);
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir", &files.path("data")]);
    command.env_clear().env("LANDFALL_TLS_RELOAD_SECONDS", "86400");
    command.env("LANDFALL_TLS_CERT", files.path("cert.pem"));
    command.env("LANDFALL_TLS_KEY", files.path("key.pem"));
    let mut process = Process(command.stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap());
    let mut said = BufReader::new(process.0.stderr.take().unwrap()).lines();
    let mut until_said = async |what: &str| loop {
        let line = soon(what, said.next_line()).await.unwrap().expect("it runs");
        if line.contains(what) {
            return line;
        }
    };
    let line = until_said("listening").await;
    let address = line.split("addr=").nth(1).and_then(|rest| rest.split_whitespace().next());
    let address = address.unwrap().parse().unwrap();
    assert_eq!(certificate_of(address).await, leaf(FIRST));
    files.put(SECOND);
    let id = process.0.id().unwrap().to_string();
    let hangup = Command::new("kill").args(["-HUP", &id]).status().await.unwrap();
    assert!(hangup.success());
    until_said("a renewed certificate is in use").await;
    assert_eq!(certificate_of(address).await, leaf(SECOND));
}
