//! A client that writes its own bytes: it answers no ping, and can break every rule.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::harness::soon;

pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xA;
const FINAL: u8 = 0x80;

/// A socket with whatever was read ahead.
pub struct Raw {
    stream: TcpStream,
    ahead: Vec<u8>,
}

/// The request line and headers of a handshake, without the line that ends them.
pub fn handshake(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: landfall\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
}

/// A whole message in one masked frame.
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    part(FINAL | opcode, payload)
}

/// A masked frame; `first` is its first byte.
pub fn part(first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [7, 0, 99, 255];
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(0x80 | short as u8),
        long => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&KEY);
    bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

impl Raw {
    /// Opens a socket that says nothing yet.
    pub async fn open(address: SocketAddr) -> Self {
        let stream = soon("connecting", TcpStream::connect(address)).await.unwrap();
        Self { stream, ahead: Vec::new() }
    }

    /// Opens a socket for which the system holds as little as it can.
    pub async fn open_small(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let stream = soon("connecting", socket.connect(address)).await.unwrap();
        Self { stream, ahead: Vec::new() }
    }

    /// Opens a socket and does the handshake of a path.
    pub async fn upgraded(address: SocketAddr, path: &str) -> Self {
        Self::open(address).await.upgrade(path).await
    }

    /// Does the handshake of a path.
    pub async fn upgrade(mut self, path: &str) -> Self {
        self.send(format!("{}\r\n", handshake(path)).as_bytes()).await;
        let head = self.head().await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        self
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) {
        soon("sending", self.stream.write_all(bytes)).await.unwrap();
    }

    /// Reads the head of an HTTP answer.
    pub async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.ahead.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = self.ahead.split_off(end + 4);
                let head = std::mem::replace(&mut self.ahead, rest);
                return String::from_utf8(head).unwrap();
            }
            assert!(self.read_more().await, "the connection ended within a head");
        }
    }

    /// Reads the body of an HTTP answer whose connection stays open.
    pub async fn body(&mut self, head: &str) -> Value {
        let lower = head.to_ascii_lowercase();
        let length = lower.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
        let bytes = self.take(length.trim().parse().unwrap()).await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    /// Sends the same bytes again and again until an answer's head has come.
    pub async fn head_while_sending(&mut self, bytes: &[u8]) -> String {
        while self.ahead.is_empty() {
            let read = self.stream.read_buf(&mut self.ahead);
            match tokio::time::timeout(std::time::Duration::from_millis(20), read).await {
                Ok(read) => assert!(read.unwrap() > 0),
                Err(_) => self.send(bytes).await,
            }
        }
        self.head().await
    }

    /// Sends a byte now and again until the server ends the connection; false if it answers.
    pub async fn ends_while_dripping(&mut self, byte: u8) -> bool {
        let dripping = async {
            loop {
                let read = self.stream.read_buf(&mut self.ahead);
                match tokio::time::timeout(std::time::Duration::from_millis(20), read).await {
                    Ok(read) => return !read.is_ok_and(|count| count > 0),
                    Err(_) if self.try_send(&[byte]).await => {}
                    Err(_) => return true,
                }
            }
        };
        soon("the end of a dripping head", dripping).await
    }

    /// Waits until the server ends the connection; false if it sends anything before.
    pub async fn ends(&mut self) -> bool {
        !self.read_more().await && self.ahead.is_empty()
    }

    async fn read_more(&mut self) -> bool {
        soon("bytes", self.stream.read_buf(&mut self.ahead)).await.is_ok_and(|count| count > 0)
    }

    async fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.ahead.len() < count {
            if !self.read_more().await {
                return None;
            }
        }
        let rest = self.ahead.split_off(count);
        Some(std::mem::replace(&mut self.ahead, rest))
    }

    /// Reads the server's next frame: opcode and payload; nothing at the end of the connection.
    pub async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let head = self.take(2).await?;
        assert_eq!(head[0] & 0xF0, FINAL, "the server sends whole frames without reserved bits");
        assert_eq!(head[1] & 0x80, 0, "the server masks nothing");
        let length = match head[1] {
            126 => u64::from(u16::from_be_bytes(self.take(2).await?.try_into().unwrap())),
            127 => u64::from_be_bytes(self.take(8).await?.try_into().unwrap()),
            short => u64::from(short),
        };
        let payload = self.take(usize::try_from(length).unwrap()).await?;
        Some((head[0] & 0xF, payload))
    }

    /// Reads the next text that is no heartbeat, past pings; nothing at the end.
    pub async fn text(&mut self) -> Option<Value> {
        loop {
            match self.frame().await? {
                (TEXT, payload) => {
                    let frame: Value = serde_json::from_slice(&payload).unwrap();
                    if frame["type"] != "heartbeat" {
                        return Some(frame);
                    }
                }
                (CLOSE, _) => return None,
                _ => {}
            }
        }
    }

    /// Waits for the server's close; gives its code and reason.
    pub async fn closed(&mut self) -> (u16, String) {
        let close = async {
            loop {
                let (opcode, payload) = self.frame().await.expect("a close comes before the end");
                if opcode == CLOSE {
                    return payload;
                }
            }
        };
        let payload = soon("a close", close).await;
        let code = u16::from_be_bytes([payload[0], payload[1]]);
        (code, String::from_utf8(payload[2..].to_vec()).unwrap())
    }

    /// Waits for the server to end the connection.
    pub async fn ended(&mut self) {
        while self.read_more().await {}
    }

    /// Reads the head and the chunks of an answer until the connection ends; gives the body.
    pub async fn chunks_to_end(&mut self) -> String {
        self.head().await;
        while self.read_more().await {}
        let (mut rest, mut body) = (&self.ahead[..], Vec::new());
        while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
            let size = std::str::from_utf8(&rest[..end]).unwrap();
            let size = usize::from_str_radix(size, 16).unwrap().min(rest.len() - end - 2);
            body.extend_from_slice(&rest[end + 2..][..size]);
            rest = rest.get(end + 2 + size + 2..).unwrap_or_default();
        }
        String::from_utf8(body).unwrap()
    }

    /// Sends bytes as they are; false when the connection is gone.
    pub async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }
}
