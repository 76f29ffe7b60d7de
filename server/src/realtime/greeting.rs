//! The first words on a socket without a token in its URL: `{"type":"auth","token"}`.
//!
//! Reads as little as it can and keeps what came after, which belongs to the session.

use std::time::Duration;

use landfall_protocol::frame::{ClientFrame, ClientMessage};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::frame::{Decoder, Incoming};

/// A socket says nothing before it has said who it is; this much is enough for a token.
const BYTES_MAX: usize = 16 * 1_024;

/// Why no token came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoToken {
    /// It took too long.
    TooLate,
    /// Something else came first.
    SomethingElse,
    /// The client went away.
    Gone,
}

/// Waits for the message with the token; gives it and what followed on the wire.
pub(super) async fn token(
    stream: &mut TcpStream,
    first: &[u8],
    wait: Duration,
    depth: usize,
) -> Result<(String, Vec<u8>), NoToken> {
    tokio::time::timeout(wait, read_token(stream, first, depth))
        .await
        .unwrap_or(Err(NoToken::TooLate))
}

async fn read_token(
    stream: &mut TcpStream,
    first: &[u8],
    depth: usize,
) -> Result<(String, Vec<u8>), NoToken> {
    let mut wire = first.to_vec();
    loop {
        if let Some(found) = find_token(&wire, depth)? {
            return Ok(found);
        }
        if wire.len() >= BYTES_MAX {
            return Err(NoToken::SomethingElse);
        }
        let count = stream.read_buf(&mut wire).await.map_err(|_| NoToken::Gone)?;
        if count == 0 {
            return Err(NoToken::Gone);
        }
    }
}

/// Looks for a whole first message in what came so far; decoding unmasks in place, so it works on
/// a copy each time, which a few kilobytes bear.
fn find_token(wire: &[u8], depth: usize) -> Result<Option<(String, Vec<u8>)>, NoToken> {
    let mut copy = wire.to_vec();
    let mut rest = copy.as_mut_slice();
    let mut decoder = Decoder::default();
    let Some(incoming) = decoder.next(&mut rest, BYTES_MAX).map_err(|_| NoToken::SomethingElse)?
    else {
        return Ok(None);
    };
    let Incoming::Text(text) = incoming else { return Err(NoToken::SomethingElse) };
    let message = ClientMessage::decode(text.as_bytes(), depth);
    let Ok(ClientMessage { frame: ClientFrame::Auth { token }, .. }) = message else {
        return Err(NoToken::SomethingElse);
    };
    let token = token.0;
    let followed = wire[wire.len() - rest.len()..].to_vec();
    Ok(Some((token, followed)))
}
