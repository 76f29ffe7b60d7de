//! What the backends share: the text of every statement, its values, and how its rows are read.
//!
//! One file per aggregate. A backend only runs statements, as a [`Runner`]; nothing here knows a
//! driver. The text is what SQLite and PostgreSQL both take:
//!
//! - Placeholders are `?1`; PostgreSQL's runner turns them into `$1`.
//! - Columns hold integers, text and bytes. Booleans are 0 and 1; a comparison that is selected or
//!   compared is made one with `case when … then 1 else 0 end`.
//! - A placeholder that stands alone is cast (`cast(?6 as bigint) is null`), so that its type is
//!   known.
//! - `on conflict … do update` names its table in what it adds to (`feed.newest + 1`).
//! - Where the dialects differ, or one needs a hint, both texts stand side by side ([`Dialect`]).

pub(crate) mod activities;
pub(crate) mod addresses;
mod attachments;
pub(crate) mod audits;
pub(crate) mod blobs;
pub(crate) mod chain;
pub(crate) mod claims;
pub(crate) mod codes;
pub(crate) mod conflicts;
mod content;
pub(crate) mod delivery;
pub(crate) mod devices;
pub(crate) mod digests;
pub(crate) mod events;
pub(crate) mod feeds;
pub(crate) mod firings;
pub(crate) mod forget;
pub(crate) mod idempotency;
pub(crate) mod inbox_page;
pub(crate) mod inbox_read;
pub(crate) mod inbox_write;
pub(crate) mod lessons;
pub(crate) mod life;
pub(crate) mod messages;
pub(crate) mod notices;
pub(crate) mod notification;
pub(crate) mod occurrences;
pub(crate) mod outbox_read;
pub(crate) mod outbox_write;
pub(crate) mod people;
pub(crate) mod presences;
mod query;
mod reach;
pub(crate) mod retention;
pub(crate) mod revocations;
mod row;
pub(crate) mod seals;
mod send;
pub(crate) mod sends;
pub(crate) mod setting;
pub(crate) mod settle;
pub(crate) mod suppressions;
pub(crate) mod sync_forget;
pub(crate) mod sync_ledger;
pub(crate) mod sync_read;
pub(crate) mod sync_rows;
pub(crate) mod sync_write;
pub(crate) mod taking_back;
pub(crate) mod tallies;
pub(crate) mod told;
pub(crate) mod topics;
pub(crate) mod unit;
mod value;

pub(crate) use query::{Dialect, Query, Runner, done};
pub(crate) use row::{Corrupt, Row};
pub(crate) use value::Value;
