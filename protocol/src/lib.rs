//! Landfall's wire shapes: what requests, answers, frames and errors look like as JSON.
//!
//! Knows serde and the core's values, nothing else: no HTTP, no sockets, no SQL, no clock. Each
//! conversion stands beside its wire type and names every field, so that a new field breaks the
//! build. `examples/` holds one JSON file per call, frame and error.

pub mod addresses;
pub mod analytics;
pub mod attachments;
pub mod audit;
pub mod callbacks;
pub mod deliveries;
pub mod events;
pub mod frame;
pub mod health;
pub mod icalendar;
pub mod inbox;
pub mod json;
pub mod lessons;
pub mod list;
pub mod manual;
pub mod messages;
pub mod names;
pub mod notify;
pub mod preferences;
pub mod presence;
pub mod problem;
pub mod query;
mod readable;
pub mod revocations;
pub mod suppressions;
pub mod sync;
pub mod templates;
pub mod text;
pub mod timeline;
pub mod topics;
pub mod users;
