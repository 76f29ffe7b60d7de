//! Landfall's store: the truth behind every feed.
//!
//! `contract` holds small traits whose comments are contracts, and values that say what to commit;
//! `sql` the text of every statement, once for all databases; `sqlite` and `postgres` what belongs
//! to one database alone; `backup` copies a whole store to a file and back. All SQL of the project
//! is here. The store never decides: it checks the preconditions of a decision, makes it durable,
//! numbers it, and says so.

mod backup;
mod contract;
pub mod postgres;
mod sql;
pub mod sqlite;
mod telling;

pub use backup::{
    About, BackupError, BackupFile, BackupOrder, KeyFile, Overwrite, Progress, RestoreOrder,
    Restored, Summary,
};
pub use contract::*;
