//! Reaching people, on a whole server in this process, with servers that stand for the providers.
//!
//! They check what real providers check. The clock is moved by hand; every wait is for a condition
//! and gives up after a while.
#![allow(clippy::unwrap_used)]
#![allow(dead_code, reason = "what other tests share is used in part")]

mod apps;
mod chain;
#[path = "../realtime/client.rs"]
mod client;
mod digest;
mod faults;
#[path = "../realtime/harness.rs"]
mod harness;
mod hostile;
mod killed;
mod killed_on_time;
mod languages;
mod later;
mod later_many;
mod links;
mod open_routes;
mod quiet;
mod retention;
mod rotation;
mod s0_log;
mod s2_notify;
mod s3_messages;
mod schedule;
mod signatures;
mod unreported;
mod world;
