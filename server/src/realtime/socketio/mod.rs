//! Socket.IO 5 over Engine.IO 4, on the same connections, sessions and rooms as the plain socket: only what is
//! spoken differs. What a packet is and what it does at which moment stands in the crate `landfall-socketio`.

pub(super) mod emit;
mod greeting;
mod talk;

pub(super) use greeting::{Entered, enter};
pub(super) use talk::on_incoming;
