//! A session that moves from polls to a socket: the socket is probed, and carries the session's bytes from then on.

use std::sync::Arc;

use landfall_socketio::engine::{Probing, Signal};
use landfall_socketio::session::{SocketAnswer, SocketTicket};
use tokio::io::AsyncWriteExt as _;

use super::polling::Polling;
use crate::pump::pump;
use crate::realtime::frame::{self, Decoder, Incoming};
use crate::realtime::wire::Wire;

/// What a probe says has few bytes.
const BYTES_MAX: usize = 1_024;

/// Serves a socket on which a session wants to go on; `None` is a session of which nobody knows.
pub async fn move_over(polling: Option<Arc<Polling>>, wire: Wire, followed: Vec<u8>) {
    let probed = polling.as_ref().and_then(|polling| polling.probe());
    if let (Some(polling), Some((ticket, ended))) = (polling, probed) {
        let moved = tokio::select! {
            moved = probe(&polling, ticket, &wire, followed) => moved,
            _ = ended => None,
        };
        match moved {
            Some((waits, followed)) => return carry(&polling, wire, waits, &followed).await,
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

/// Carries bytes both ways until both ends are done: on both sides they are frames of a socket.
async fn carry(polling: &Polling, wire: Wire, mut waits: Vec<u8>, followed: &[u8]) {
    let Some((begun, mut pair)) = polling.inherit().await else { return };
    waits.extend(begun);
    // A session whose server is gone is over.
    if pair.write_all(followed).await.is_ok() {
        match wire {
            Wire::Tcp(socket) => pump(socket, waits, pair).await,
            Wire::Pair(other) => pump(other, waits, pair).await,
        }
    }
}
