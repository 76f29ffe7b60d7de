//! Socket.IO 5 over Engine.IO 4, on the same connections, sessions and rooms as the plain socket: only what is
//! spoken differs. What a packet is and what it does at which moment stands in the crate `landfall-socketio`.

mod carried;
pub(super) mod emit;
mod engine;
mod greeting;
mod moving;
mod packets;
mod polling;
mod sessions;
mod talk;

pub use engine::{Begun, Engine, Opening};
pub use greeting::terms;
pub(super) use greeting::{Entered, enter};
pub use moving::move_over;
pub use polling::{Answered, Polling};
pub(super) use talk::on_incoming;
