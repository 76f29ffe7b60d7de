//! A session that moves from polls to a socket: the socket is probed, and carries the session's bytes from then on.

use std::sync::Arc;

use landfall_socketio::engine::{Probing, Signal};
use landfall_socketio::session::{SocketAnswer, SocketTicket};
use tokio::io::AsyncWriteExt as _;

use super::polling::{Ear, Polling};
use crate::realtime::frame::{self, Decoder, Incoming};
use crate::realtime::wire::Wire;

/// What a probe says has few bytes.
const BYTES_MAX: usize = 1_024;
/// Bytes carried at once.
const PIECE_BYTES: usize = 4 * 1_024;

/// Serves a socket on which a session wants to go on; `None` is a session of which nobody knows.
pub async fn move_over(polling: Option<Arc<Polling>>, wire: Wire, followed: Vec<u8>) {
    let probed = polling.as_ref().and_then(|polling| polling.probe());
    if let (Some(polling), Some((ticket, ended))) = (polling, probed) {
        let moved = tokio::select! {
            moved = probe(&polling, ticket, &wire, followed) => moved,
            _ = ended => None,
        };
        match moved {
            Some((waits, followed)) => return carry(&polling, &wire, &waits, &followed).await,
            None => polling.socket_gone(ticket),
        }
    }
    let _ = wire.write_all(&frame::close(1_000, "")).await;
}

/// Probes a socket until the session moves to it; gives what waits for its client, and what the client said behind
/// the upgrade.
async fn probe(
    polling: &Polling,
    ticket: SocketTicket,
    wire: &Wire,
    followed: Vec<u8>,
) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut decoder = Decoder::default();
    let mut bytes = followed;
    loop {
        let mut rest = &mut bytes[..];
        while let Some(incoming) = decoder.next(&mut rest, BYTES_MAX).ok()? {
            let said = match incoming {
                Incoming::Text(text) => Probing::read(text),
                Incoming::Binary(_) => Probing::Wrong,
                Incoming::Close { .. } => return None,
                Incoming::Ping(_) | Incoming::Pong(_) => continue,
            };
            match polling.probing(ticket, said) {
                (SocketAnswer::Probed, _) => {
                    let answer = frame::text(Signal::ProbeAnswer.text().as_bytes());
                    wire.write_all(&answer).await.ok()?;
                }
                (SocketAnswer::Upgrade, waits) => return Some((waits, rest.to_vec())),
                (SocketAnswer::Close, _) => return None,
            }
        }
        let mut piece = [0; BYTES_MAX];
        let count = wire.read(&mut piece).await.ok().filter(|count| *count > 0)?;
        bytes = piece[..count].to_vec();
    }
}

/// Carries bytes both ways until either end is gone: on both sides they are frames of a socket.
async fn carry(polling: &Polling, wire: &Wire, waits: &[u8], followed: &[u8]) {
    let Some((Ear { half, begun }, mut mouth)) = polling.inherit().await else { return };
    let up = async {
        mouth.write_all(followed).await?;
        let mut piece = [0; PIECE_BYTES];
        loop {
            match wire.read(&mut piece).await? {
                0 => return mouth.shutdown().await,
                count => mouth.write_all(&piece[..count]).await?,
            }
        }
    };
    let down = async {
        wire.write_all(waits).await?;
        wire.write_all(&begun).await?;
        let mut piece = [0; PIECE_BYTES];
        loop {
            half.readable().await?;
            match half.try_read(&mut piece) {
                Ok(0) => return wire.shutdown_write(),
                Ok(count) => wire.write_all(&piece[..count]).await?,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    };
    // Where one way has ended well, the other is heard to its end.
    let _ended: std::io::Result<((), ())> = async { tokio::try_join!(up, down) }.await;
}
