//! The HTTP edge over a real socket and a real store.

#![allow(clippy::unwrap_used)]

#[path = "../harness/mod.rs"]
mod harness;

mod analytics;
mod analytics_sums;
mod bad_input;
mod batch;
mod classes;
mod confirmed;
mod deliveries;
mod documents;
mod examples;
mod fairness;
mod idempotency;
mod lists;
mod reach;
mod revocations;
mod server;
mod templates;
mod tenants;
mod timeline;
mod workers;
