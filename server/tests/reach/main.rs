//! Reaching people, on a whole server in this process, with servers that stand for the providers.
//!
//! They check what real providers check. The clock is moved by hand; every wait is for a condition
//! and gives up after a while.
#![allow(clippy::unwrap_used)]
#![allow(dead_code, reason = "what other tests share is used in part")]

mod chain;
#[path = "../realtime/client.rs"]
mod client;
mod faults;
#[path = "../realtime/harness.rs"]
mod harness;
mod hostile;
mod killed;
mod links;
mod quiet;
mod rotated;
mod signatures;
mod unreported;
mod world;
