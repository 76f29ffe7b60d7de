//! The HTTP edge over a real socket and a real store.

#![allow(clippy::unwrap_used)]

#[path = "../harness/mod.rs"]
mod harness;

mod bad_input;
mod batch;
mod classes;
mod confirmed;
mod documents;
mod examples;
mod fairness;
mod idempotency;
mod lists;
mod revocations;
mod s0_devices;
mod s0_preferences;
mod s3_subscriptions;
mod sealed;
mod server;
mod tenants;
mod users;
mod workers;
