//! A device on an ordinary WebSocket library, which answers pings by itself.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::harness::soon;

/// A connected device.
pub struct Device(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// How a socket was closed.
#[derive(Debug, PartialEq, Eq)]
pub struct Closed {
    pub code: u16,
    pub reason: String,
}

impl Device {
    /// Connects; the handshake has to succeed.
    pub async fn connect(request: impl IntoClientRequest + Unpin) -> Self {
        Self(soon("the handshake", connect_async(request)).await.unwrap().0)
    }

    /// Waits for the next frame of any kind, or the end.
    async fn any(&mut self) -> Result<Value, Closed> {
        loop {
            match soon("a frame", self.0.next()).await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(Some(frame)))) => {
                    let (code, reason) = (frame.code.into(), frame.reason.to_string());
                    return Err(Closed { code, reason });
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("neither a frame nor a close came: {other:?}"),
            }
        }
    }

    /// Waits for the next frame, or the close.
    pub async fn answer(&mut self) -> Result<Value, Closed> {
        self.any().await
    }

    /// Waits for the next frame that is no heartbeat.
    pub async fn next(&mut self) -> Value {
        let wait = async {
            loop {
                let frame = self.any().await.unwrap();
                if frame["type"] != "heartbeat" {
                    return frame;
                }
            }
        };
        soon("a frame that is no heartbeat", wait).await
    }

    /// Waits for the next frame of a type, past any other.
    pub async fn next_of(&mut self, kind: &str) -> Value {
        let wait = async {
            loop {
                let frame = self.any().await.unwrap();
                if frame["type"] == kind {
                    return frame;
                }
            }
        };
        soon(kind, wait).await
    }

    /// Takes so many notifications; gives their titles.
    pub async fn titles(&mut self, count: usize) -> Vec<String> {
        let mut titles = Vec::new();
        for _ in 0..count {
            let frame = self.next().await;
            assert_eq!(frame["type"], "news", "{frame}");
            titles.push(frame["title"].as_str().unwrap().to_owned());
        }
        titles
    }

    /// Waits for the close, past all other frames.
    pub async fn closed(&mut self) -> Closed {
        let wait = async {
            loop {
                if let Err(closed) = self.any().await {
                    return closed;
                }
            }
        };
        soon("a close", wait).await
    }

    /// Says something.
    pub async fn say(&mut self, frame: Value) {
        self.send(Message::text(frame.to_string())).await;
    }

    /// Sends any message.
    pub async fn send(&mut self, message: Message) {
        soon("sending", self.0.send(message)).await.unwrap();
    }

    /// Acknowledges everything up to a number.
    pub async fn ack(&mut self, number: u64) {
        self.say(json!({ "type": "ack", "replay_id": number.to_string() })).await;
    }

    /// Closes as the RFC wants it.
    pub async fn close(mut self) {
        soon("sending the close", self.0.close(None)).await.unwrap();
        while let Some(Ok(_)) = soon("the end", self.0.next()).await {}
    }
}

/// Reads a number as frames spell it.
pub fn number(value: &Value) -> u64 {
    value.as_str().unwrap_or_else(|| panic!("{value} is no number")).parse().unwrap()
}
