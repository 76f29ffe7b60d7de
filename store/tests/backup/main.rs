//! Backups of either store: consistent beside writers, refused when damaged, and what a
//! restore leaves as it was and what it changes.

#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "the suite of all stores uses the rest")]
#[path = "../contract/make.rs"]
mod make;
#[path = "../contract/make_lessons.rs"]
mod make_lessons;
#[path = "../contract/make_messages.rs"]
mod make_messages;
#[allow(dead_code, reason = "the suite of all stores uses the rest")]
#[path = "../contract/make_reach.rs"]
mod make_reach;

mod damage;
mod going_back;
mod moving;
mod place;
mod postgres;
mod reach;
mod restore;
mod schedule;
mod vouching;
mod writers;
