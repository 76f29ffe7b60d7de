//! A client of the event stream on an ordinary HTTP library, which keeps the last id as browsers do.

use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;

use crate::client::number;
use crate::harness::{Landfall, soon, token};

/// An open stream.
pub struct Stream {
    response: Response,
    ahead: Vec<u8>,
    /// The last id that came: what a browser sends back.
    pub last_id: Option<u64>,
    /// What the server last said about when to come back, in milliseconds.
    pub retry_ms: Option<u64>,
    /// How many comments came.
    pub comments: u32,
}

/// One event.
#[derive(Debug, PartialEq)]
pub struct Event {
    pub name: String,
    pub id: Option<u64>,
    pub data: Value,
}

/// Begins a request for a stream with a token in its header; `query` begins with `?` or is empty.
pub fn request(landfall: &Landfall, user: &str, query: &str) -> RequestBuilder {
    let url = format!("http://{}/api/v1/stream{query}", landfall.address);
    Client::new().get(url).bearer_auth(token(user, "student"))
}

impl Stream {
    /// Opens a user's stream.
    pub async fn open(landfall: &Landfall, user: &str, query: &str) -> Self {
        Self::send(request(landfall, user, query)).await
    }

    /// Opens a user's stream again, as a browser does.
    pub async fn again(landfall: &Landfall, user: &str, last_id: u64) -> Self {
        Self::send(request(landfall, user, "").header("Last-Event-ID", last_id)).await
    }

    /// Opens a stream by a request of the test's own.
    pub async fn send(request: RequestBuilder) -> Self {
        let response = soon("the head", request.send()).await.unwrap();
        assert_eq!(response.status(), 200);
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        assert_eq!(header("content-type"), "text/event-stream");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-accel-buffering"), "no");
        Self { response, ahead: Vec::new(), last_id: None, retry_ms: None, comments: 0 }
    }

    /// Waits for the next event of any name; nothing at the end of the stream.
    pub async fn event(&mut self) -> Option<Event> {
        loop {
            while let Some(end) = self.ahead.windows(2).position(|two| two == b"\n\n") {
                let rest = self.ahead.split_off(end + 2);
                let block = std::mem::replace(&mut self.ahead, rest);
                if let Some(event) = self.take_in(&String::from_utf8(block).unwrap()) {
                    return Some(event);
                }
            }
            match soon("more of the stream", self.response.chunk()).await.unwrap() {
                Some(bytes) => self.ahead.extend_from_slice(&bytes),
                None => {
                    assert!(self.ahead.is_empty(), "the stream ended within an event");
                    return None;
                }
            }
        }
    }

    fn take_in(&mut self, block: &str) -> Option<Event> {
        let (mut name, mut id, mut data) = (None, None, Vec::new());
        for line in block.lines().filter(|line| !line.is_empty()) {
            match line.split_once(": ").unwrap_or_else(|| panic!("{line:?}")) {
                ("", _) => self.comments += 1,
                ("id", text) => id = Some(text.parse().unwrap()),
                ("event", text) => name = Some(text.to_owned()),
                ("data", text) => data.push(text),
                ("retry", text) => self.retry_ms = Some(text.parse().unwrap()),
                _ => panic!("{line:?}"),
            }
        }
        self.last_id = id.or(self.last_id);
        let data = serde_json::from_str(&data.join("\n"));
        name.map(|name| Event { name, id, data: data.unwrap() })
    }

    /// Waits for the next event that is no heartbeat; nothing at the end.
    pub async fn try_next(&mut self) -> Option<Event> {
        let wait = async {
            loop {
                match self.event().await {
                    Some(event) if event.name == "heartbeat" => {}
                    other => return other,
                }
            }
        };
        soon("an event that is no heartbeat", wait).await
    }

    /// Waits for the next event that is no heartbeat.
    pub async fn next(&mut self) -> Event {
        self.try_next().await.expect("an event comes before the end")
    }

    /// Waits for the next event of a name, past any other.
    pub async fn next_of(&mut self, name: &str) -> Event {
        let wait = async {
            loop {
                let event = self.event().await.expect("an event comes before the end");
                if event.name == name {
                    return event;
                }
            }
        };
        soon(name, wait).await
    }

    /// Waits for a heartbeat that says up to where everything was sent. One that comes before the
    /// session has read anything does not.
    pub async fn settled(&mut self) -> Event {
        loop {
            let beat = self.next_of("heartbeat").await;
            if beat.id.is_some() {
                return beat;
            }
        }
    }

    /// Takes so many notifications; gives their titles.
    pub async fn titles(&mut self, count: usize) -> Vec<String> {
        let mut titles = Vec::new();
        for _ in 0..count {
            let event = self.next().await;
            assert_eq!(event.name, "notification", "{event:?}");
            assert_eq!(event.id, Some(number(&event.data["replay_id"])));
            titles.push(event.data["title"].as_str().unwrap().to_owned());
        }
        titles
    }

    /// Waits for the end of the stream, past all events; gives the last that is no heartbeat.
    pub async fn end(&mut self) -> Option<Event> {
        let mut last = None;
        while let Some(event) = self.try_next().await {
            last = Some(event);
        }
        last
    }
}
