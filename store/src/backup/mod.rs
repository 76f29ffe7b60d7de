//! Backups: a whole store in one file, whichever database it comes from and goes to.
//!
//! The file is a SQLite database with the schema's version, every table of it with the same names
//! and columns, the self-made keys, and for each table how many rows it has and what they digest
//! to. Tables and columns are never listed by hand: they are what the migrations make. Rows pass
//! through memory a page at a time.

mod copy;
mod draft;
mod error;
mod file;
mod records;
mod table;

use std::path::{Path, PathBuf};

use landfall_core::feed::Epoch;
use landfall_core::time::Timestamp;

use crate::{AuditDraft, NewEpoch};
pub use draft::Overwrite;
pub use error::BackupError;
pub use file::BackupFile;

pub(crate) use copy::export;
pub(crate) use draft::{Draft, sync, sync_folder_of};
pub(crate) use records::{Record, Records, SqliteRecords};
pub(crate) use table::{Table, tables};

/// Hears of each table and how many of its rows are done.
pub type Progress<'a> = dyn FnMut(&str, u64) + 'a;

/// A key file as it lies beside the store.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// Its name, without a folder.
    pub name: String,
    /// Its bytes; a secret.
    pub content: Vec<u8>,
}

impl std::fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyFile({:?}, ***)", self.name)
    }
}

/// What to write and where.
#[derive(Debug, Clone)]
pub struct BackupOrder<'a> {
    /// The file; it appears whole or not at all.
    pub file: &'a Path,
    /// What to do when it is there.
    pub overwrite: Overwrite,
    /// Keys that go with the store.
    pub keys: Vec<KeyFile>,
    /// Which program writes it, as it calls itself.
    pub program: &'a str,
    /// When.
    pub at: Timestamp,
}

/// What to restore and how.
pub struct RestoreOrder<'a> {
    /// The backup.
    pub file: &'a BackupFile,
    /// What to do when a store is there.
    pub replace: Overwrite,
    /// The new epoch is later than this one too, such as one that was known beside the store.
    pub later_than: Epoch,
    /// When.
    pub at: Timestamp,
    /// Called once everything is loaded and checked, before anything takes its place: what goes
    /// with the store is put in place here.
    pub before: &'a dyn Fn() -> Result<(), Box<dyn std::error::Error + Send + Sync>>,
    /// Says what the trails say of the life that begins, given the one that ended and the new one.
    pub entry: &'a dyn Fn(Epoch, Epoch) -> AuditDraft,
}

impl RestoreOrder<'_> {
    /// Makes the epoch that follows the backup's, and the life that was in its place.
    pub(crate) fn new_epoch(&self, current: Epoch) -> NewEpoch {
        let from = self.file.about().epoch;
        let to = from.max(current).max(self.later_than).following(self.at);
        NewEpoch { from, to, entry: (self.entry)(from, to) }
    }

    /// Names what goes aside by the time.
    pub(crate) fn aside(&self) -> String {
        let time = self.at.to_string().replace(['-', ':', '.'], "");
        format!(".replaced-{time}")
    }
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What the backup held.
    pub summary: Summary,
    /// The life that has begun.
    pub epoch: Epoch,
    /// Where what was there before is now.
    pub moved: Option<PathBuf>,
}

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The version of the schema that its tables have.
    pub schema: u32,
    /// The store's name; empty for one that was never served.
    pub store: String,
    /// The life that the store was in.
    pub epoch: Epoch,
    /// When it was made.
    pub made_at: Timestamp,
    /// The program that made it.
    pub program: String,
}

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// What it says of itself.
    pub about: About,
    /// How many tables.
    pub tables: u64,
    /// How many rows in all of them.
    pub rows: u64,
    /// How many key files.
    pub keys: u64,
}

impl Summary {
    /// Begins with nothing.
    pub(crate) fn empty(about: About) -> Self {
        Self { about, tables: 0, rows: 0, keys: 0 }
    }
}
