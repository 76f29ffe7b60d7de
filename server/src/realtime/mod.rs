//! Live connections: the wires and what is spoken on them, the hub that knows who is connected, and
//! the gateway.
//!
//! What a session is sent is core's decision and what is stored is the services'; this folder
//! moves bytes. A slow or dead client must never delay anybody else.

mod alerts;
mod asks;
mod audience;
mod codec;
mod connection;
mod connections;
mod deadlines;
mod dispatch;
mod drain;
mod ending;
#[cfg(test)]
mod fixture;
pub mod frame;
mod gateway;
mod greeting;
pub mod handshake;
mod hub;
mod mark;
mod presence;
mod pushing;
mod queue;
mod read_marks;
mod reading;
mod rhythm;
mod rooms;
mod saying;
mod socketio;
mod spelled;
mod statuses;
mod subscribed;
mod talking;
mod topic_news;
mod wire;

pub use audience::Listens;
pub use gateway::{Gateway, Hello, Identity, PAIR_BYTES};
pub use hub::{Counters, Hub, HubSettings, NoRoom};
pub use rhythm::beat;
pub use socketio::{Answered, Begun, Engine, Opening, Polling, move_over, terms as socketio_terms};
pub use wire::Wire;

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::service::Services;

/// Starts what tells connections of others; it ends when `stop` is cancelled.
pub fn start(
    hub: &Arc<Hub>,
    services: &Arc<Services>,
    stop: &CancellationToken,
    workers: &mut JoinSet<()>,
) {
    workers.spawn(read_marks::follow(Arc::clone(hub), stop.clone()));
    let given = || (Arc::clone(hub), Arc::clone(services), stop.clone());
    let (theirs, services, stop) = given();
    workers.spawn(topic_news::tell_members(theirs, services, stop));
    let (theirs, services, stop) = given();
    workers.spawn(alerts::tell(theirs, services, stop));
    let (theirs, services, stop) = given();
    workers.spawn(presence::keep_presence(theirs, services, stop));
}
