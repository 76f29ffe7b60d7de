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

/// What is on the wire so far.
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
    let mut heard = first.to_vec();
    let mut buffer = [0; 1_024];
    let mut answered = 0;
    loop {
        let Scan { pings, token } = scan(&heard, depth)?;
        for ping in &pings[answered..] {
            wire.write_all(&pong(ping)).await.map_err(|_| NoToken::Gone)?;
        }
        answered = pings.len();
        if let Some(found) = token {
            return Ok(found);
        }
        if heard.len() >= BYTES_MAX {
            return Err(NoToken::SomethingElse);
        }
        let count = wire.read(&mut buffer).await.map_err(|_| NoToken::Gone)?;
        if count == 0 {
            return Err(NoToken::Gone);
        }
        heard.extend_from_slice(&buffer[..count]);
    }
}

/// Looks for a whole first message in what came so far, past control frames; decoding unmasks in
/// place, so it works on a copy each time, which a few kilobytes bear.
fn scan(heard: &[u8], depth: usize) -> Result<Scan, NoToken> {
    let mut copy = heard.to_vec();
    let mut rest = copy.as_mut_slice();
    let mut decoder = Decoder::default();
    let mut scan = Scan::default();
    while let Some(incoming) = decoder.next(&mut rest, BYTES_MAX).map_err(NoToken::Broken)? {
        match incoming {
            Incoming::Ping(payload) => scan.pings.push(payload.to_vec()),
            Incoming::Pong(_) => {}
            Incoming::Close { .. } => return Err(NoToken::Gone),
            Incoming::Binary(_) => return Err(NoToken::SomethingElse),
            Incoming::Text(text) => {
                let token = token_of(text, depth)?;
                scan.token = Some((token, heard[heard.len() - rest.len()..].to_vec()));
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
