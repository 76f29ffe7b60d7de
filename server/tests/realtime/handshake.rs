//! The handshake: where a token may stand, what a bad one leads to, and what is no handshake.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::client::Device;
use crate::harness::{DEADLINE, Landfall, NOON, sign, soon, token};
use crate::raw::{CLOSE, PING, PONG, Raw, TEXT, frame, handshake};

#[tokio::test]
async fn a_token_may_come_by_query_header_or_subprotocol() {
    let landfall = Landfall::start().await;
    let url = format!("ws://{}/ws", landfall.address);
    let bearer = token("ada", "student");
    let by_query = Device::connect(format!("{url}?token={bearer}")).await;
    let by_alias = Device::connect(format!("{url}/notify?token={bearer}")).await;

    let mut request = url.as_str().into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {bearer}").parse().unwrap());
    let by_header = Device::connect(request).await;

    let mut request = url.as_str().into_client_request().unwrap();
    let offered = format!("bearer, {bearer}").parse().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", offered);
    let (_socket, answer) =
        soon("the handshake", tokio_tungstenite::connect_async(request)).await.unwrap();
    assert_eq!(answer.headers()["sec-websocket-protocol"], "bearer");

    landfall.until_connected(4).await;
    landfall.notify("ada", "hello").await;
    for mut device in [by_query, by_alias, by_header] {
        assert_eq!(device.next().await["title"], "hello");
    }
}

#[tokio::test]
async fn a_token_may_come_first_and_what_follows_it_is_not_lost() {
    let landfall = Landfall::start().await;
    let auth = json!({ "type": "auth", "token": token("ada", "student") }).to_string();
    let auth = frame(TEXT, auth.as_bytes());
    let ping = frame(TEXT, br#"{"type":"ping"}"#);

    let mut socket = Raw::upgraded(landfall.address, "/ws").await;
    socket.send(&[&auth[..], &ping, &ping[..3]].concat()).await;
    authenticated_then_pong(&mut socket).await;
    socket.send(&ping[3..]).await;
    assert_eq!(socket.text().await.unwrap(), json!({ "type": "pong", "payload": {} }));

    // All in the packet of the handshake, which the HTTP part reads ahead.
    let mut socket = Raw::open(landfall.address).await;
    let head = format!("{}\r\n", handshake("/ws"));
    socket.send(&[head.as_bytes(), &auth, &ping].concat()).await;
    assert!(socket.head().await.starts_with("HTTP/1.1 101"));
    authenticated_then_pong(&mut socket).await;

    // Byte by byte, as a hostile network may cut it.
    let mut socket = Raw::upgraded(landfall.address, "/ws").await;
    for byte in [&auth[..], &ping].concat() {
        socket.send(&[byte]).await;
    }
    authenticated_then_pong(&mut socket).await;
}

async fn authenticated_then_pong(socket: &mut Raw) {
    let answer = socket.text().await.unwrap();
    assert_eq!(answer["type"], "authenticated");
    assert_eq!(answer["user_id"], "ada");
    assert!(answer["expires_at"].is_string());
    assert_eq!(socket.text().await.unwrap(), json!({ "type": "pong", "payload": {} }));
}

#[tokio::test]
async fn a_control_frame_may_come_before_the_first_message() {
    let landfall = Landfall::start().await;
    let mut socket = Raw::upgraded(landfall.address, "/ws").await;
    socket.send(&frame(PONG, b"")).await;
    socket.send(&frame(PING, b"are you there")).await;
    let auth = json!({ "type": "auth", "token": token("ada", "student") }).to_string();
    socket.send(&frame(TEXT, auth.as_bytes())).await;
    assert_eq!(socket.frame().await.unwrap(), (PONG, b"are you there".to_vec()));
    assert_eq!(socket.text().await.unwrap()["type"], "authenticated");
}

#[tokio::test]
async fn a_bad_token_is_told_after_the_handshake() {
    let landfall = Landfall::at_noon(&[]).await;
    let expired = sign(&json!({ "sub": "ada", "exp": NOON - 61 }));
    let no_end = sign(&json!({ "sub": "ada" }));
    let good = sign(&json!({ "sub": "ada", "exp": NOON + 600 }));
    let (head, signature) = good.rsplit_once('.').unwrap();
    let mut turned = signature.to_owned();
    turned.replace_range(..1, if signature.starts_with('A') { "B" } else { "A" });
    let forged = format!("{head}.{turned}");
    for bad in ["nonsense", &expired, &no_end, &forged] {
        let closed = landfall.device_with(bad, "").await.closed().await;
        assert_eq!(closed.code, 1008, "{bad}");
        assert!(!closed.reason.is_empty());
        let mut socket = Raw::upgraded(landfall.address, "/ws").await;
        let auth = json!({ "type": "auth", "token": bad }).to_string();
        socket.send(&frame(TEXT, auth.as_bytes())).await;
        assert_eq!(socket.closed().await, (1008, closed.reason));
    }
    landfall.until_connected(0).await;
}

#[tokio::test]
async fn a_key_speaks_only_for_its_tenants() {
    let keys = "[{ id = 'school', alg = 'HS256', tenants = ['school'], \
        secret = 'another secret of more than thirty-two bytes, theirs' }]";
    let landfall = Landfall::with(&[("LANDFALL_AUTH_KEYS", keys)]).await;
    let key = jsonwebtoken::EncodingKey::from_secret(
        b"another secret of more than thirty-two bytes, theirs",
    );
    let sign = |tenant: &str| {
        let claims = json!({ "sub": "ada", "tenant": tenant, "exp": 4_102_444_800u64 });
        jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
    };
    let _theirs = landfall.device_with(&sign("school"), "").await;
    landfall.until_connected(1).await;
    let closed = landfall.device_with(&sign("default"), "").await.closed().await;
    assert_eq!(closed.code, 1008);
    assert!(closed.reason.contains("tenant"), "{closed:?}");
}

#[tokio::test]
async fn a_socket_that_does_not_say_who_it_is_is_closed() {
    let landfall = Landfall::with(&[("LANDFALL_AUTH_FIRST_MESSAGE_SECONDS", "1")]).await;
    let silent = async {
        let mut socket = Raw::upgraded(landfall.address, "/ws").await;
        socket.closed().await
    };
    let chatty = async {
        let mut socket = Raw::upgraded(landfall.address, "/ws").await;
        socket.send(&frame(TEXT, br#"{"type":"ping"}"#)).await;
        socket.closed().await
    };
    for closed in [silent.await, chatty.await] {
        assert_eq!(closed.0, 1008);
        assert!(closed.1.contains("token"), "{closed:?}");
    }
    landfall.until_connected(0).await;
}

#[tokio::test]
async fn a_broken_first_frame_ends_a_socket_with_its_code() {
    let landfall = Landfall::start().await;
    let large = frame(TEXT, &[b' '; 17_000]);
    let cases = [(vec![0x81, 1, b'x'], 1002), (frame(TEXT, b"\xFF"), 1007), (large, 1009)];
    for (bytes, code) in cases {
        let mut socket = Raw::upgraded(landfall.address, "/ws").await;
        socket.send(&bytes).await;
        assert_eq!(socket.closed().await.0, code);
    }
    let mut leaving = Raw::upgraded(landfall.address, "/ws").await;
    leaving.send(&frame(CLOSE, b"")).await;
    assert_eq!(leaving.closed().await.0, 1000);
}

#[tokio::test]
async fn a_bad_query_is_a_problem() {
    let landfall = Landfall::start().await;
    let bearer = token("ada", "student");
    let too_long = format!("device_id={}", "x".repeat(300));
    let cases = [
        ("replay_from=x", "/query/replay_from"),
        ("replay_from=-1", "/query/replay_from"),
        ("replay_from=99999999999999999999", "/query/replay_from"),
        ("replay_from=1&replay_from=2", "/query/replay_from"),
        (too_long.as_str(), "/query/device_id"),
    ];
    for (query, pointer) in cases {
        let mut socket = Raw::open(landfall.address).await;
        let path = format!("/ws?token={bearer}&{query}");
        socket.send(format!("{}\r\n", handshake(&path)).as_bytes()).await;
        let problem = refused(&mut socket, 422).await;
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{query}: {problem}");
    }
    let mut socket = Raw::open(landfall.address).await;
    let path = format!("/ws?token={bearer}&device_id=one");
    socket.send(format!("{}X-Device-ID: two\r\n\r\n", handshake(&path)).as_bytes()).await;
    assert_eq!(refused(&mut socket, 422).await["errors"][0]["pointer"], "/query/device_id");
    // Letters beyond ASCII are taken as UTF-8; what is none is refused, not overlooked.
    for (name, expected) in [(&b"t\xC3\xA4blet"[..], 101), (&b"t\xE4blet"[..], 422)] {
        let mut socket = Raw::open(landfall.address).await;
        let head = handshake(&format!("/ws?token={bearer}"));
        socket.send(&[head.as_bytes(), b"X-Device-ID: ", name, b"\r\n\r\n"].concat()).await;
        let answer = socket.head().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{answer}");
    }
}

/// Reads an answer that is a problem.
async fn refused(socket: &mut Raw, status: u16) -> Value {
    let head = socket.head().await;
    assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
    assert!(head.to_ascii_lowercase().contains("content-type: application/problem+json"), "{head}");
    let problem = socket.body(&head).await;
    assert_eq!(problem["status"], status);
    problem
}

#[tokio::test]
async fn what_is_no_handshake_is_told_what_would_be_one() {
    let landfall = Landfall::start().await;
    let whole = handshake("/ws");
    let without = |name: &str| {
        whole.split_inclusive("\r\n").filter(|line| !line.starts_with(name)).collect::<String>()
    };
    let old = whole.replace("Version: 13", "Version: 8");
    for head in [without("Upgrade"), without("Connection"), without("Sec-WebSocket-Version"), old] {
        let mut socket = Raw::open(landfall.address).await;
        socket.send(format!("{head}\r\n").as_bytes()).await;
        let answer = socket.head().await.to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 426"), "{answer}");
        // RFC 9110, 15.5.22 and RFC 6455, 4.4: the answer says what would be taken.
        assert!(answer.contains("upgrade: websocket"), "{answer}");
        assert!(answer.contains("sec-websocket-version: 13"), "{answer}");
        assert_eq!(socket.body(&answer).await["status"], 426);
    }
    let short = whole.replace("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ==");
    for head in [without("Sec-WebSocket-Key"), short] {
        let mut socket = Raw::open(landfall.address).await;
        socket.send(format!("{head}\r\n").as_bytes()).await;
        refused(&mut socket, 400).await;
    }
}

#[tokio::test]
async fn a_draining_server_takes_no_new_sockets() {
    let landfall = Landfall::start().await;
    let mut early = Raw::open(landfall.address).await;
    early.send(handshake("/ws").as_bytes()).await;
    // Answered after the server has met the first, whose head is half there.
    landfall.inbox("ada", "").await;
    landfall.server.app.drain.cancel();
    early.send(b"\r\n").await;
    let head = early.head().await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    assert!(head.to_ascii_lowercase().contains("retry-after"), "{head}");
    let stopped = tokio::time::timeout(DEADLINE, landfall.stop()).await;
    assert!(stopped.is_ok());
}
