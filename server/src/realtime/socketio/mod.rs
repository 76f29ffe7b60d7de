//! Socket.IO 5 over Engine.IO 4, on the same connections, sessions and rooms as the plain socket: only what is
//! spoken differs. What a packet is and what it does at which moment stands in the crate `landfall-socketio`.

mod carried;
pub(super) mod emit;
mod greeting;
mod moving;
mod packets;
mod polling;
mod sessions;
mod talk;

pub(super) use greeting::{Entered, Opening, enter, terms};
pub(super) use moving::move_over;
pub use polling::{Answered, Polling};
pub use sessions::Sessions;
pub(super) use talk::on_incoming;

use std::sync::Arc;

use landfall_socketio::id::EngineId;
use landfall_socketio::terms::Transport;
use tokio::net::UnixStream;

use super::gateway::{Gateway, Hello, PAIR_BYTES};
use super::wire::Wire;

/// Begins a session that polls; `None` where there is no room for it. Its first packet waits for a poll.
pub(super) fn begin(gateway: &Arc<Gateway>, hello: Hello) -> Option<Arc<Polling>> {
    let newcomer = Some(gateway.polling.newcomer()?);
    let (wire, end): (Wire, UnixStream) = Wire::pair(PAIR_BYTES)
        .inspect_err(|error| tracing::warn!(%error, "a session could not begin"))
        .ok()?;
    let id = EngineId::new(gateway.services.ids.bytes());
    let (polling, ear) = Polling::new(&terms(gateway), end);
    if !gateway.polling.add(id, &polling, gateway.hub.settings.connections) {
        return None;
    }
    let (carrying, theirs) = (Arc::clone(&polling), Arc::clone(gateway));
    gateway.tasks.spawn(async move {
        carrying.carry(ear).await;
        theirs.polling.remove(&id);
    });
    let opening = Opening { id, transport: Transport::Polling, newcomer };
    let theirs = Arc::clone(gateway);
    gateway.tasks.spawn(theirs.open_socketio(wire, Vec::new(), hello, Some(opening)));
    Some(polling)
}
