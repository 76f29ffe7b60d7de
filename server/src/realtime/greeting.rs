//! The first words on a socket without a token in its URL: `{"type":"auth","token"}`.
//!
//! Reads as little as it can and keeps what came after, which belongs to the session.

use std::time::Duration;

use landfall_protocol::frame::{ClientFrame, ClientMessage};

use super::frame::{Decoder, FrameError, Incoming, pong};
use super::wire::Wire;

/// A socket says nothing before it has said who it is; this much is enough for a token.
const BYTES_MAX: usize = 16 * 1_024;

/// Why no token came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoToken {
    /// It took too long.
    TooLate,
    /// Something else came first.
    SomethingElse,
    /// What came is no WebSocket frame, or too large.
    Broken(FrameError),
    /// The client went away.
    Gone,
}

/// What a read brought.
#[derive(Default)]
struct Scan {
    /// Payloads of the pings, in order.
    pings: Vec<Vec<u8>>,
    /// The token and what followed it.
    token: Option<(String, Vec<u8>)>,
}

/// Waits for the message with the token; gives it and what followed on the wire.
pub(super) async fn token(
    wire: &Wire,
    first: &[u8],
    wait: Duration,
    depth: usize,
) -> Result<(String, Vec<u8>), NoToken> {
    tokio::time::timeout(wait, read_token(wire, first, depth))
        .await
        .unwrap_or(Err(NoToken::TooLate))
}

async fn read_token(wire: &Wire, first: &[u8], depth: usize) -> Result<(String, Vec<u8>), NoToken> {
    // Kept between reads: bytes that come one by one are decoded once each.
    let mut decoder = Decoder::default();
    let mut heard = first.len();
    let mut scanned = scan(&mut decoder, &mut first.to_vec(), depth)?;
    let mut buffer = [0; 1_024];
    loop {
        let Scan { pings, token } = scanned;
        for ping in &pings {
            wire.write_all(&pong(ping)).await.map_err(|_| NoToken::Gone)?;
        }
        if let Some(found) = token {
            return Ok(found);
        }
        if heard >= BYTES_MAX {
            return Err(NoToken::SomethingElse);
        }
        let count = wire.read(&mut buffer).await.map_err(|_| NoToken::Gone)?;
        if count == 0 {
            return Err(NoToken::Gone);
        }
        heard += count;
        scanned = scan(&mut decoder, &mut buffer[..count], depth)?;
    }
}

/// Looks for the end of the first message in what a read brought, past control frames. Decoding
/// unmasks in place, but leaves what follows the message as it came.
fn scan(decoder: &mut Decoder, heard: &mut [u8], depth: usize) -> Result<Scan, NoToken> {
    let mut rest = heard;
    let mut scan = Scan::default();
    while let Some(incoming) = decoder.next(&mut rest, BYTES_MAX).map_err(NoToken::Broken)? {
        match incoming {
            Incoming::Ping(payload) => scan.pings.push(payload.to_vec()),
            Incoming::Pong(_) => {}
            Incoming::Close { .. } => return Err(NoToken::Gone),
            Incoming::Binary(_) => return Err(NoToken::SomethingElse),
            Incoming::Text(text) => {
                let token = token_of(text, depth)?;
                scan.token = Some((token, rest.to_vec()));
                break;
            }
        }
    }
    Ok(scan)
}

fn token_of(text: &str, depth: usize) -> Result<String, NoToken> {
    match ClientMessage::decode(text.as_bytes(), depth) {
        Ok(ClientMessage { frame: ClientFrame::Auth { token }, .. }) => Ok(token.0),
        _ => Err(NoToken::SomethingElse),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::realtime::fixture::soon;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// A client's frame under a key of zeroes, which leaves the payload as it is.
    fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[head, 0x80 | length, 0, 0, 0, 0], payload].concat()
    }

    #[tokio::test]
    async fn a_token_may_come_byte_by_byte_between_pings_and_what_follows_is_kept() {
        let (wire, mut client) = Wire::pair(16 * 1_024).unwrap();
        let message = br#"{"type":"auth","token":"abc"}"#;
        let (start, end) = message.split_at(9);
        let begun = [frame(0x89, b"one"), frame(0x01, start), frame(0x89, b"two")].concat();
        let rest = frame(0x81, b"the session's");
        let last = [frame(0x80, end), rest.clone()].concat();
        let (first, later) = begun.split_at(4);
        let sending = async {
            for byte in later.iter().chain(&last[..last.len() - rest.len() - 1]) {
                client.write_all(&[*byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
            client.write_all(&last[last.len() - rest.len() - 1..]).await.unwrap();
            let mut pongs = [0; 10];
            client.read_exact(&mut pongs).await.unwrap();
            pongs
        };
        let reading = token(&wire, first, Duration::from_secs(20), 32);
        let (found, pongs) = soon(async { tokio::join!(reading, sending) }).await;
        assert_eq!(found.unwrap(), ("abc".to_owned(), rest));
        assert_eq!(&pongs, b"\x8a\x03one\x8a\x03two");
    }
}
