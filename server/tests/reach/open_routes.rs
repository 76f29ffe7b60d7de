//! Routes that need no token, and bodies without an end: what is too large is refused, and nobody
//! reads on.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::soon;
use crate::world::{PUBLIC, World};

const PHONE: &str = "+15005550126";
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
/// What the system's buffers of both ends may hold beside what the server read.
const BUFFERS: usize = 16 * 1_024 * 1_024;

/// A route, the type of its body, and what it answers to a body that is too large.
struct Open {
    method: &'static str,
    path: String,
    kind: &'static str,
    status: u16,
}

impl Open {
    fn new(method: &'static str, link: &str, kind: &'static str, status: u16) -> Self {
        let path = link.strip_prefix(PUBLIC).unwrap_or(link).to_owned();
        Self { method, path, kind, status }
    }

    /// Opens a connection of its own and sends the head of a request.
    async fn begin(&self, world: &World, length: &str) -> TcpStream {
        let mut stream = TcpStream::connect(world.landfall.address).await.unwrap();
        let Self { method, path, kind, .. } = self;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: reach.example\r\ncontent-type: {kind}\r\n\
             x-twilio-signature: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n{length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }
}

/// Reads the status of the answer.
async fn status(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> u16 {
    let mut line = [0; 12];
    soon("an answer", stream.read_exact(&mut line)).await.unwrap();
    std::str::from_utf8(&line[9..]).unwrap().parse().unwrap()
}

/// Finds a text that holds this.
fn find<'a>(value: &'a Value, part: &str) -> Option<&'a str> {
    match value {
        Value::String(text) if text.contains(part) => Some(text),
        Value::Object(fields) => fields.values().find_map(|value| find(value, part)),
        _ => None,
    }
}

/// Lists every route that is open, with links that the server gave out.
async fn open_routes(world: &World) -> Vec<Open> {
    world.person("ana", PHONE).await;
    world.browser("ana").await;
    let everywhere = json!({ "strategy": "all" });
    let id = world.notify("ana", &["push", "sms", "email"], everywhere).await;
    for channel in ["push", "sms", "email"] {
        world.until_stands(&id, channel, "sent").await;
    }
    let push: Value = serde_json::from_slice(&world.on.push.messages()[0].plaintext).unwrap();
    let receipt = find(&push, "/api/v1/receipts/").unwrap();
    let report = world.on.twilio.messages()[0].callback_url.clone().unwrap();
    let mail = world.on.smtp.mails().pop().unwrap();
    let end = mail.header("list-unsubscribe").unwrap().trim_matches(['<', '>']).to_owned();
    let replies = "/api/v1/callbacks/sms/replies/default";
    let get = |path| Open::new("GET", path, JSON, 200);
    vec![
        Open::new("POST", receipt, JSON, 413),
        Open::new("POST", "/api/v1/receipts/forged", JSON, 413),
        Open::new("POST", &report, FORM, 413),
        Open::new("POST", &report, JSON, 413),
        Open::new("POST", "/api/v1/callbacks/sms/forged", FORM, 404),
        Open::new("POST", replies, FORM, 413),
        Open::new("POST", replies, JSON, 413),
        // What has no use for a body does not look at it.
        Open::new("POST", &end, FORM, 200),
        Open::new("POST", "/api/v1/unsubscribe/forged", FORM, 404),
        get(&end),
        get("/api/v1/notifications/vapid-public-key"),
        get("/health"),
        get("/health/ready"),
        get("/docs"),
        get("/openapi.json"),
        // Without a token, the others do not look at it either.
        Open::new("GET", "/metrics", JSON, 401),
        Open::new("POST", "/api/v1/templates/iep_review_due/preview", JSON, 401),
        Open::new("POST", "/api/v1/notify", JSON, 401),
        Open::new("POST", "/api/v1/notify/batch", "application/x-ndjson", 401),
        Open::new("POST", "/push/subscribe", JSON, 401),
        Open::new("POST", "/nowhere", JSON, 404),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_says_it_is_too_large_is_refused_before_it_comes() {
    let world = World::start().await;
    for route in open_routes(&world).await {
        let mut stream = route.begin(&world, "content-length: 10000000000").await;
        assert_eq!(status(&mut stream).await, route.status, "{} {}", route.method, route.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_an_end_is_not_read_to_it() {
    let world = World::start().await;
    for route in open_routes(&world).await {
        let stream = route.begin(&world, "transfer-encoding: chunked").await;
        let (mut reading, writing) = stream.into_split();
        let pouring = tokio::spawn(pour(writing));
        let what = format!("{} {}", route.method, route.path);
        assert_eq!(status(&mut reading).await, route.status, "{what}");
        // An answer that is larger than what the system holds for both has to be read.
        let draining =
            tokio::spawn(
                async move { tokio::io::copy(&mut reading, &mut tokio::io::sink()).await },
            );
        let taken = soon(&what, pouring).await.unwrap();
        draining.abort();
        assert!(taken < BUFFERS, "{what} took {taken} bytes");
    }
    let health = world.open("GET", "/health").send().await.unwrap();
    assert_eq!(health.status(), 200);
}

/// Writes chunks until the other side has had enough; gives how many bytes went out.
async fn pour(mut writing: tokio::net::tcp::OwnedWriteHalf) -> usize {
    let mut chunk = b"10000\r\n".to_vec();
    chunk.resize(chunk.len() + 0x10000, b' ');
    chunk.extend_from_slice(b"\r\n");
    let mut taken = 0;
    while taken < 2 * BUFFERS && writing.write_all(&chunk).await.is_ok() {
        taken += chunk.len();
    }
    taken
}
