//! Landfall's store: the truth behind every feed.
//!
//! `contract` holds small traits whose comments are contracts, and values that say what to commit;
//! `sql` the text of every statement, once for all databases; `sqlite` what belongs to the embedded
//! database alone. All SQL of the project is here. The store never decides: it checks the
//! preconditions of a decision, makes it durable, numbers it, and says so.

mod contract;
mod sql;
pub mod sqlite;

pub use contract::*;
