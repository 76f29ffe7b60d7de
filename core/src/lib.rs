//! Landfall's decisions: values, pure functions and state machines.
//!
//! Nothing here does I/O, asks the time, draws random numbers or knows a wire format. What it
//! needs comes in as values; what should happen goes out as values, with the reason.

pub mod address;
pub mod attachment;
pub mod audit;
pub mod auth;
pub mod blob;
pub mod change;
pub mod channel;
pub mod cursor;
pub mod day;
pub mod delivery;
pub mod digest;
pub mod due;
pub mod fair;
pub mod feed;
pub mod following;
pub mod histogram;
pub mod id;
pub mod json;
pub mod lesson;
pub mod life;
pub mod merge;
pub mod message;
pub mod notification;
pub mod notify;
pub mod plan;
pub mod preference;
pub mod presence;
pub mod profile;
pub mod quiet;
pub mod rate;
pub mod recurrence;
pub mod schedule;
pub mod session;
pub mod sms;
pub mod summary;
pub mod sync;
pub mod tally;
pub mod time;
pub mod topic;
pub mod zone;
