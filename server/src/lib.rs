//! The Landfall server.
//!
//! `http` and `realtime` are codecs around `service`, which loads, asks core to decide, commits
//! and nudges; `worker` runs the same rhythm in the background. `config`, `keys` and `cli` start
//! it; `bench` measures it.

pub mod app;
pub mod auth;
pub mod backend;
pub mod bench;
pub mod blobs;
pub mod brought;
pub mod cli;
pub mod clock;
pub mod config;
mod front;
pub mod http;
pub mod judge;
pub mod keys;
pub mod logs;
pub mod memory;
pub mod metrics;
mod providers;
mod pump;
pub mod rates;
pub mod realtime;
pub mod secret;
pub mod serve;
pub mod service;
pub mod sockets;
pub mod templates;
pub mod tls;
pub mod vault;
pub mod witness;
pub mod worker;
