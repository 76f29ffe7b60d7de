//! Socket.IO as its clients meet it: handshake, socket, polls and posts, the move from one to the other. What official
//! clients make of it is tried by `scripts/socketio_clients.py`.

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::harness::{Landfall, soon, token, until};

const POLLING: &str = "EIO=4&transport=polling";

/// A client's side of one address.
pub struct Client<'a> {
    landfall: &'a Landfall,
    pub sid: String,
}

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

fn url(landfall: &Landfall, scheme: &str, query: &str) -> String {
    format!("{scheme}://{}/socket.io/?{query}", landfall.address)
}

async fn get(landfall: &Landfall, query: &str) -> (StatusCode, String) {
    let request = landfall.http.get(url(landfall, "http", query));
    let answer = soon("a poll", request.send()).await.unwrap();
    (answer.status(), soon("its body", answer.text()).await.unwrap())
}

impl<'a> Client<'a> {
    /// Opens a session that polls.
    async fn open(landfall: &'a Landfall) -> Self {
        let (status, body) = get(landfall, POLLING).await;
        assert_eq!(status, 200, "{body}");
        let open: Value = serde_json::from_str(body.strip_prefix('0').unwrap()).unwrap();
        let sid = open["sid"].as_str().unwrap().to_owned();
        let expected = json!({ "sid": sid, "upgrades": ["websocket"], "pingInterval": 30_000,
            "pingTimeout": 20_000, "maxPayload": 65_536 });
        assert_eq!(open, expected);
        Self { landfall, sid }
    }

    /// Opens one and joins as a user.
    pub async fn joined(landfall: &'a Landfall, user: &str) -> Self {
        let client = Self::open(landfall).await;
        let auth = auth(&token(user, "student"));
        assert_eq!(client.post(format!("40{auth}")).await, (StatusCode::OK, "ok".into()));
        let (_, joined) = client.poll().await;
        assert!(joined.starts_with(r#"40{"sid":""#), "{joined}");
        client
    }

    fn query(&self) -> String {
        format!("{POLLING}&sid={}", self.sid)
    }

    async fn poll(&self) -> (StatusCode, String) {
        get(self.landfall, &self.query()).await
    }

    pub async fn post(&self, body: impl Into<reqwest::Body>) -> (StatusCode, String) {
        let url = url(self.landfall, "http", &self.query());
        let request = self.landfall.http.post(url).header("content-type", "text/plain");
        let answer = soon("a post", request.body(body).send()).await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// Asks something; gives the packets of the polls up to the answer, and the answer.
    async fn ask(&self, id: u32, event: Value) -> (Vec<String>, Value) {
        assert_eq!(self.post(format!("42{id}{event}")).await.0, 200);
        let mut before = Vec::new();
        loop {
            let (status, body) = self.poll().await;
            assert_eq!(status, 200, "{body}");
            let mut found = None;
            for packet in body.split('\u{1e}') {
                match packet.strip_prefix(&format!("43{id}")) {
                    Some(answer) => found = Some(serde_json::from_str(answer).unwrap()),
                    None => before.push(packet.to_owned()),
                }
            }
            if let Some(answer) = found {
                return (before, answer);
            }
        }
    }
}

/// Opens a socket.
async fn socket(landfall: &Landfall, query: &str) -> Socket {
    soon("the handshake", connect_async(url(landfall, "ws", query))).await.unwrap().0
}

/// Waits for the next text; nothing once it is closed.
pub async fn heard(socket: &mut Socket) -> Option<String> {
    loop {
        match soon("a message", socket.next()).await {
            Some(Ok(Message::Text(text))) => return Some(text.to_string()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(_)) => {}
        }
    }
}

pub async fn say(socket: &mut Socket, text: impl Into<String>) {
    soon("sending", socket.send(Message::text(text.into()))).await.unwrap();
}

/// What a client shows that hears nothing of others.
fn auth(token: &str) -> Value {
    json!({ "token": token, "presence": false, "alerts": false })
}

/// Opens a socket and joins as a user.
pub async fn joined(landfall: &Landfall, user: &str, more: Value) -> Socket {
    let mut socket = socket(landfall, "EIO=4&transport=websocket").await;
    let open = heard(&mut socket).await.unwrap();
    assert!(open.starts_with(r#"0{"sid":""#) && open.contains(r#""upgrades":[]"#), "{open}");
    let mut auth = auth(&token(user, "student"));
    auth.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    say(&mut socket, format!("40{auth}")).await;
    assert!(heard(&mut socket).await.unwrap().starts_with(r#"40{"sid":""#));
    socket
}

pub async fn class(landfall: &Landfall, members: &[&str]) {
    let admin = token("root", "admin");
    landfall.call("PUT", "/api/v1/topics/c", &admin, Some(json!({}))).await;
    for member in members {
        let path = format!("/api/v1/topics/c/members/{member}");
        landfall.call("PUT", &path, &admin, Some(json!({}))).await;
    }
}

fn error(code: u8, message: &str) -> (StatusCode, String) {
    let body = format!(r#"{{"code":{code},"message":"{message}"}}"#);
    (StatusCode::BAD_REQUEST, body)
}

#[tokio::test]
async fn what_is_no_handshake_is_refused_as_clients_expect() {
    let landfall = Landfall::start().await;
    for (query, expected) in [
        ("EIO=4", error(0, "Transport unknown")),
        ("EIO=3&transport=polling", error(5, "Unsupported protocol version")),
        ("EIO=4&transport=websocket", error(3, "Bad request")),
        ("EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAAAA", error(1, "Session ID unknown")),
    ] {
        assert_eq!(get(&landfall, query).await, expected, "{query}");
    }
    let post = landfall.http.post(url(&landfall, "http", POLLING)).send();
    assert_eq!(soon("a post", post).await.unwrap().status(), 400);
    // A socket for a session of which nobody knows is accepted, and closed.
    let mut lost = socket(&landfall, "EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAAAAAAAA").await;
    assert_eq!(heard(&mut lost).await, None);
}

#[tokio::test]
async fn a_socket_joins_talks_and_hears() {
    let landfall = Landfall::start().await;
    class(&landfall, &["ada", "ben"]).await;
    let (mut ada, mut ben) =
        (joined(&landfall, "ada", json!({})).await, joined(&landfall, "ben", json!({})).await);
    say(&mut ben, r#"421["join_topic",{"topic_id":"c"}]"#).await;
    let answer = heard(&mut ben).await.unwrap();
    assert!(answer.starts_with(r#"431[{"ok":true,"topic_id":"c","head":"3","#), "{answer}");
    say(&mut ada, r#"420["send_message",{"topic_id":"c","message":"hi"}]"#).await;
    let answer = heard(&mut ada).await.unwrap();
    assert!(answer.starts_with(r#"430[{"ok":true,"id":""#), "{answer}");
    let news = heard(&mut ben).await.unwrap();
    assert!(news.starts_with(r#"42["new_message",{"id":""#), "{news}");
    landfall.notify("ben", "told").await;
    let news = heard(&mut ben).await.unwrap();
    assert!(news.starts_with(r#"42["notification",{"type":"news","#), "{news}");
    // What asks for no answer gets none, but a refusal is told.
    say(&mut ada, r#"42["send_message",{"topic_id":"nowhere","message":"x"}]"#).await;
    let refused = heard(&mut ada).await.unwrap();
    assert!(refused.starts_with(r#"42["error",{"type":"error","code":"not_found","#), "{refused}");
    say(&mut ada, r#"427["dance",{}]"#).await;
    let refused = heard(&mut ada).await.unwrap();
    assert!(refused.starts_with(r#"437[{"ok":false,"code":"invalid","#), "{refused}");
    say(&mut ada, "4abc").await;
    assert_eq!(heard(&mut ada).await, None);
}

#[tokio::test]
async fn a_bad_token_is_told_and_a_good_one_may_follow() {
    let landfall = Landfall::start().await;
    let mut ada = socket(&landfall, "EIO=4&transport=websocket").await;
    heard(&mut ada).await.unwrap();
    say(&mut ada, "40/other,").await;
    let refused = r#"44/other,{"message":"Invalid namespace"}"#;
    assert_eq!(heard(&mut ada).await.unwrap(), refused);
    for auth in ["", r#"{"token":"nope"}"#, r#"{"token":7}"#] {
        say(&mut ada, format!("40{auth}")).await;
        let refused = heard(&mut ada).await.unwrap();
        assert!(refused.starts_with(r#"44{"message":""#), "{refused}");
        assert!(refused.contains(r#""data":{"code":""#), "{refused}");
    }
    say(&mut ada, format!("40{}", json!({ "token": token("ada", "student") }))).await;
    assert!(heard(&mut ada).await.unwrap().starts_with("40{"));
    // Whoever says something else first is let go.
    let mut rude = socket(&landfall, "EIO=4&transport=websocket").await;
    heard(&mut rude).await.unwrap();
    say(&mut rude, r#"42["join_topic",{}]"#).await;
    assert_eq!(heard(&mut rude).await, None);
}

#[tokio::test]
async fn a_session_polls_and_posts() {
    let landfall = Landfall::start().await;
    class(&landfall, &["ada", "ben"]).await;
    let (ada, ben) =
        (Client::joined(&landfall, "ada").await, Client::joined(&landfall, "ben").await);
    let (_, answer) = ben.ask(1, json!(["join_topic", { "topic_id": "c" }])).await;
    assert_eq!(answer[0]["ok"], true);
    let hearing = ben.poll();
    let saying = ada.ask(2, json!(["send_message", { "topic_id": "c", "message": "hä €" }]));
    let ((status, news), (_, answer)) = tokio::join!(hearing, saying);
    assert_eq!(status, 200);
    assert!(news.starts_with(r#"42["new_message",{"id":""#) && news.contains("hä €"), "{news}");
    assert_eq!(answer[0]["message"], "hä €");
    // Several packets in one body, in their order.
    let body = (3..6).map(|n| format!(r#"42{n}["ping"]"#)).collect::<Vec<_>>().join("\u{1e}");
    assert_eq!(ada.post(body).await.0, 200);
    let mut answers = Vec::new();
    while answers.len() < 3 {
        answers.extend(ada.poll().await.1.split('\u{1e}').map(|one| one[..3].to_owned()));
    }
    assert_eq!(answers, ["433", "434", "435"]);
}

#[tokio::test]
async fn what_polls_confirm_is_delivered() {
    let landfall = Landfall::start().await;
    let ada = Client::joined(&landfall, "ada").await;
    let (told, ()) = tokio::join!(ada.poll(), async {
        landfall.notify("ada", "told").await;
    });
    assert!(told.1.contains(r#""title":"told""#), "{}", told.1);
    assert_eq!(landfall.item("ada", "told").await["delivered"], false);
    // The next poll says that the answer to the last one has arrived.
    let held = tokio::join!(ada.poll(), async {
        landfall.until_delivered("ada", "told").await;
        landfall.notify("ada", "next").await;
    });
    assert!(held.0.1.contains(r#""title":"next""#));
}

#[tokio::test]
async fn a_session_that_breaks_the_rules_is_closed() {
    let landfall = Landfall::start().await;
    for body in ["", "abc", "2", "4a\u{1e}", "b!", r#"42["connect"]"#] {
        let ada = Client::joined(&landfall, "ada").await;
        let posted = ada.post(body).await;
        if body.starts_with("42") {
            // It is no packet of Socket.IO's: its connection is let go.
            assert_eq!(posted.0, 200);
            assert_eq!(ada.poll().await.1, "1");
        } else {
            assert_eq!(posted, error(3, "Bad request"), "{body:?}");
        }
        assert_eq!(ada.poll().await, error(1, "Session ID unknown"), "{body:?}");
    }
    let ada = Client::joined(&landfall, "ada").await;
    assert_eq!(ada.post("4".repeat(65_537)).await.0, 413);
    assert_eq!(ada.poll().await.0, 400);
    // A second poll beside a held one.
    let ada = Client::joined(&landfall, "ada").await;
    let (first, second) = tokio::join!(ada.poll(), ada.poll());
    let mut both = [first, second];
    both.sort();
    assert_eq!(both, [(StatusCode::OK, "1".to_owned()), error(3, "Bad request")]);
    assert_eq!(ada.poll().await.0, 400);
    // A poll that its client breaks off.
    let ada = Client::joined(&landfall, "ada").await;
    let held = ada.poll();
    assert!(tokio::time::timeout(std::time::Duration::from_millis(100), held).await.is_err());
    let what = "the session is over";
    until(what, async || ada.post("3").await == error(1, "Session ID unknown")).await;
    // One that says goodbye.
    let ada = Client::joined(&landfall, "ada").await;
    let (held, posted) = tokio::join!(ada.poll(), async {
        tokio::task::yield_now().await;
        ada.post("1").await
    });
    assert_eq!(posted, (StatusCode::OK, "ok".to_owned()));
    assert!(held.1 == "6" || held.0 == 400, "{held:?}");
    landfall.until_connected(0).await;
}

#[tokio::test]
async fn a_session_moves_to_a_socket_and_nothing_is_missed_or_doubled() {
    let landfall = Landfall::start().await;
    class(&landfall, &["ada", "ben"]).await;
    let ben = Client::joined(&landfall, "ben").await;
    ben.ask(1, json!(["join_topic", { "topic_id": "c" }])).await;
    let writing = async {
        let student = token("ada", "student");
        for n in 0..60 {
            let body = json!({ "message": n.to_string() });
            landfall.call("POST", "/api/v1/topics/c/messages", &student, Some(body)).await;
        }
    };
    let moving = async {
        let mut packets: Vec<String> = Vec::new();
        while packets.len() < 10 {
            packets.extend(ben.poll().await.1.split('\u{1e}').map(str::to_owned));
        }
        let query = format!("EIO=4&transport=websocket&sid={}", ben.sid);
        let mut socket = socket(&landfall, &query).await;
        say(&mut socket, "2probe").await;
        assert_eq!(heard(&mut socket).await.unwrap(), "3probe");
        // A client ends its polls before it moves: what is held gets what there is, or a noop.
        let (status, body) = ben.poll().await;
        assert_eq!(status, 200);
        packets.extend(body.split('\u{1e}').filter(|one| *one != "6").map(str::to_owned));
        say(&mut socket, "5").await;
        while packets.len() < 60 {
            packets.push(heard(&mut socket).await.unwrap());
        }
        assert_eq!(ben.poll().await.0, 400);
        say(&mut socket, r#"429["ping"]"#).await;
        assert!(heard(&mut socket).await.unwrap().starts_with("439["));
        packets
    };
    let ((), packets) = tokio::join!(writing, moving);
    let said = |packet: &String| {
        let event: Value = serde_json::from_str(packet.strip_prefix("42").unwrap()).unwrap();
        event[1]["message"].as_str().unwrap().parse::<usize>().unwrap()
    };
    assert_eq!(packets.iter().map(said).collect::<Vec<_>>(), (0..60).collect::<Vec<_>>());
    landfall.until_connected(0).await;
}

#[tokio::test]
async fn a_probe_that_fails_leaves_the_session_polling() {
    let landfall = Landfall::start().await;
    let ada = Client::joined(&landfall, "ada").await;
    let query = format!("EIO=4&transport=websocket&sid={}", ada.sid);
    for wrong in ["2prob", "5", "4hello"] {
        let mut probe = socket(&landfall, &query).await;
        say(&mut probe, wrong).await;
        assert_eq!(heard(&mut probe).await, None, "{wrong}");
    }
    let mut probe = socket(&landfall, &query).await;
    say(&mut probe, "2probe").await;
    assert_eq!(heard(&mut probe).await.unwrap(), "3probe");
    drop(probe);
    let (_, answer) = ada.ask(1, json!(["ping"])).await;
    assert_eq!(answer[0]["ok"], true);
}

#[tokio::test]
async fn who_comes_back_goes_on_from_their_number() {
    let landfall = Landfall::start().await;
    landfall.notify_many("ada", 3).await;
    let mut ada = joined(&landfall, "ada", json!({ "replay_from": "1", "ack": true })).await;
    for title in ["2", "3"] {
        let news = heard(&mut ada).await.unwrap();
        assert!(news.contains(&format!(r#""title":"{title}""#)), "{news}");
    }
    assert_eq!(landfall.item("ada", "3").await["delivered"], false);
    say(&mut ada, r#"42["ack",{"replay_id":"3"}]"#).await;
    landfall.until_delivered("ada", "3").await;
}

#[tokio::test]
async fn a_revoked_client_is_put_out_for_good() {
    let landfall = Landfall::start().await;
    let mut ada = joined(&landfall, "ada", json!({})).await;
    let polling = Client::joined(&landfall, "ada").await;
    let held = async { polling.poll().await };
    let revoke = async {
        let body = json!({ "user_id": "ada", "reason": "lost" });
        let admin = token("root", "admin");
        landfall.call("POST", "/api/v1/admin/revocations", &admin, Some(body)).await;
        let told = heard(&mut ada).await.unwrap();
        assert!(
            told.starts_with(r#"42["error",{"type":"error","code":"unauthenticated""#),
            "{told}"
        );
        assert_eq!(heard(&mut ada).await.unwrap(), "41");
        assert_eq!(heard(&mut ada).await, None);
    };
    let (mut polled, ()) = tokio::join!(held, revoke);
    while !polled.1.ends_with('1') && polled.0 == 200 {
        let next = polling.poll().await;
        polled = (next.0, polled.1 + "\u{1e}" + &next.1);
    }
    assert!(polled.1.contains("\u{1e}41\u{1e}1"), "{}", polled.1);
}
