//! The realtime edge as clients meet it: a whole server in this process, real sockets, no sleeps.
//!
//! Every wait is for a frame, an answer or a condition, and gives up after a while.
#![allow(clippy::unwrap_used)]

mod away;
mod bounds;
mod call;
mod churn;
mod client;
mod confirm;
mod drain;
mod events;
#[path = "../../../store/tests/backup/going_back.rs"]
mod going_back;
mod handshake;
mod harness;
mod health;
mod heartbeat;
mod hostile;
mod limits;
mod live;
mod origins;
mod other_bounds;
mod pending;
mod people;
mod rates;
mod raw;
mod repair;
mod replay;
mod restored;
mod s1_push;
mod s1_sync;
mod s2_monitoring;
mod s3_alerts;
mod s3_presence;
mod s3_private;
mod s3_socketio;
mod s3_topics;
mod s4_offline;
mod slow;
mod socketio;
mod stream;
mod sums;
mod tokens;
mod wire;
