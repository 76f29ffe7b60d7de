//! Opening the file: settings, how every connection is set up, and what its troubles mean.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::{Answer, StoreError};

/// The schema of a new store, for whoever measures against the bare tables.
pub const SCHEMA: &str = concat!(
    include_str!("../../migrations/0001_spine.sqlite.sql"),
    include_str!("../../migrations/0002_reach.sqlite.sql"),
    include_str!("../../migrations/0003_sync.sqlite.sql"),
    include_str!("../../migrations/0004_lessons.sqlite.sql"),
    include_str!("../../migrations/0005_devices.sqlite.sql"),
    include_str!("../../migrations/0006_messages.sqlite.sql"),
    include_str!("../../migrations/0007_together.sqlite.sql"),
    include_str!("../../migrations/0008_later.sqlite.sql"),
    include_str!("../../migrations/0009_schedule.sqlite.sql"),
    include_str!("../../migrations/0010_digest.sqlite.sql"),
    include_str!("../../migrations/0011_retention.sqlite.sql"),
    include_str!("../../migrations/0012_turns.sqlite.sql"),
);

/// How the embedded store is opened.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The database file; made if it is not there.
    pub path: PathBuf,
    /// Threads that read.
    pub readers: usize,
    /// Units of one group commit at most.
    pub group_max: usize,
    /// Units that may wait; more are refused as unavailable.
    pub queue_max: usize,
    /// Page cache of each connection, in KiB.
    pub cache_kib: usize,
    /// Memory map of each connection, in bytes.
    pub mmap_bytes: u64,
    /// Pages (4 KiB each) to which the file may grow, or no bound. What would grow it further is
    /// refused as unavailable, while the rest of the disk stays free for others.
    pub max_pages: Option<u32>,
}

impl Settings {
    /// Gives sound settings for a file.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            readers: 4,
            group_max: 512,
            queue_max: 8_192,
            cache_kib: 16_384,
            mmap_bytes: 16 << 30,
            max_pages: None,
        }
    }
}

/// Makes a file that is not there yet readable by its owner alone; SQLite gives its log and its
/// index the same mode. Where that fails, opening the file says why.
pub(super) fn make_private(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let _ = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
}

/// Opens a connection as every connection is set up.
pub(super) fn connect(settings: &Settings) -> Answer<Connection> {
    let damaged = |error| damaged(&settings.path, error);
    let connection = Connection::open(&settings.path).map_err(damaged)?;
    connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(fault)?;
    let cache = settings.cache_kib;
    let mmap = settings.mmap_bytes;
    // A commit is answered when it is on disk, hence FULL. Commits never checkpoint by themselves,
    // because that stalls a group.
    let pragmas = format!(
        "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = off;
         pragma temp_store = memory; pragma cache_size = -{cache}; pragma mmap_size = {mmap};
         pragma wal_autocheckpoint = 0; pragma journal_size_limit = 134217728;"
    );
    connection.execute_batch(&pragmas).map_err(damaged)?;
    if let Some(pages) = settings.max_pages {
        connection.execute_batch(&format!("pragma max_page_count = {pages};")).map_err(fault)?;
    }
    keep_plans(&connection)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

/// Keeps a statement's plan for all its values. Left to itself, SQLite looks at the value of
/// `limit ?1` and so prepares the statement anew each time it runs.
pub(super) fn keep_plans(connection: &Connection) -> Answer<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(|_| ()).map_err(fault)
}

pub(super) fn reader(settings: &Settings) -> Answer<Connection> {
    let connection = connect(settings)?;
    connection.execute_batch("pragma query_only = on;").map_err(fault)?;
    Ok(connection)
}

/// Names the file that is no database, or a broken one; other troubles are told as ever.
fn damaged(path: &Path, error: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => {
            let path = path.display();
            StoreError::Internal(
                format!("{path} is no SQLite database, or is damaged: {error}").into(),
            )
        }
        _ => fault(error),
    }
}

/// Tells a disk's or a lock's trouble, which passes, from a fault of ours.
pub(crate) fn fault(error: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, OutOfMemory, ReadOnly, SystemIoFailure,
    };
    match error.sqlite_error_code() {
        Some(
            code @ (CannotOpen | DatabaseBusy | DatabaseLocked | DiskFull | OutOfMemory | ReadOnly
            | SystemIoFailure),
        ) => StoreError::Unavailable(format!("SQLite says {code:?}")),
        _ => StoreError::Internal(Box::new(error)),
    }
}
