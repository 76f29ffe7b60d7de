//! The HTTP edge over a real socket and a real store.

#![allow(clippy::unwrap_used)]

#[path = "../harness/mod.rs"]
mod harness;

mod analytics_sums;
mod bad_input;
mod batch;
mod blobs;
mod classes;
mod confirmed;
mod deliveries;
mod documents;
mod examples;
mod fairness;
mod idempotency;
mod lists;
mod message_files;
mod messages;
mod overtaken;
mod reach;
mod revocations;
mod s0_devices;
mod s0_preferences;
mod s0_send;
mod s0_sync;
mod s0_sync_bases;
mod s0_sync_chains;
mod s1_lessons;
mod s1_sync;
mod s1_sync_vectors;
mod s2_analytics;
mod s3_subscriptions;
mod s4_notifications;
mod sealed;
mod server;
mod suppressions;
mod sync_away;
mod sync_backups;
mod sync_between;
mod sync_bytes;
mod sync_check;
mod sync_deltas;
mod sync_devices;
mod sync_faults;
mod sync_generations;
mod sync_left;
mod sync_pages;
mod sync_topics;
mod sync_upgrades;
mod sync_words;
mod templates;
mod tenants;
mod timeline;
mod told_again;
mod users;
mod wait;
mod waited;
mod workers;
