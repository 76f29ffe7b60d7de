//! Live connections: the wires and what is spoken on them, the hub that knows who is connected, and
//! the gateway.
//!
//! What a session is sent is core's decision and what is stored is the services'; this folder
//! moves bytes. A slow or dead client must never delay anybody else.

mod asks;
mod codec;
mod connection;
mod deadlines;
mod dispatch;
mod drain;
#[cfg(test)]
mod fixture;
pub mod frame;
mod gateway;
mod greeting;
pub mod handshake;
mod hub;
mod mark;
mod pushing;
mod queue;
mod reading;
mod rhythm;
mod rooms;
mod saying;
mod socketio;
mod subscribed;
mod talking;
mod topic_news;
mod wire;

pub use gateway::{Gateway, Hello, Identity, PAIR_BYTES};
pub use hub::{Counters, Hub, HubSettings, NoRoom};
pub use rhythm::beat;
pub use socketio::{Answered, Begun, Engine, Opening, Polling, move_over, terms as socketio_terms};
pub use topic_news::tell_members;
pub use wire::Wire;
