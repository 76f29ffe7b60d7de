//! The floor of ingest: raw SQLite (WAL, `synchronous=FULL`) that runs given statements in groups. It does no more than
//! SQLite must, so that what Landfall adds can be seen.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use rusqlite::Connection;
use serde::Serialize;

use super::process;
use super::rows::{Insert, Order, Rows};
use super::stats;

/// Feeds over which the floor spreads its rows; as many users as `bench ingest` writes to.
pub const FEEDS: u64 = 10_000;

/// How fast rows were stored.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rate {
    /// Rows in one transaction.
    pub group: usize,
    /// Rows stored, all of them durable.
    pub rows: u64,
    /// Rows a second.
    pub rows_per_s: f64,
    /// CPU microseconds a row, of the whole process.
    pub cpu_us_per_row: f64,
    /// Median milliseconds of a transaction.
    pub commit_p50_ms: f64,
    /// Milliseconds below which 99 of 100 transactions stay.
    pub commit_p99_ms: f64,
}

/// Runs `insert` for one row after another as `load` says, in a new file in `dir` with the given schema, and removes the
/// file. Statements name their parameters as `rows::PARAMETERS` says; each runs once a
/// row, in order.
pub fn run(dir: &Path, schema: &str, insert: &[&str], load: Load) -> anyhow::Result<Rate> {
    let file = Database::create(dir.join("floor.db"))?;
    let mut connection = open(file.path())?;
    connection.execute_batch(schema).context("the floor's schema")?;
    fill(&mut connection, insert, &mut Rows::new(FEEDS), load)
}

/// How much a [`fill`] writes.
#[derive(Clone, Copy)]
pub struct Load {
    /// Rows in one transaction.
    pub group: usize,
    /// For how long.
    pub seconds: u64,
    /// On which feeds.
    pub order: Order,
}

/// Stores rows in an open database.
pub fn fill(
    connection: &mut Connection,
    insert: &[&str],
    rows: &mut Rows,
    load: Load,
) -> anyhow::Result<Rate> {
    let (started, cpu) = (Instant::now(), process::cpu_us(std::process::id())?);
    let (mut stored, mut commits) = (0u64, Vec::new());
    while started.elapsed() < Duration::from_secs(load.seconds) {
        let begun = Instant::now();
        let transaction = connection.transaction()?;
        let prepared = insert.iter().map(|sql| Insert::prepare(&transaction, sql));
        let mut statements: Vec<Insert<'_>> = prepared.collect::<rusqlite::Result<_>>()?;
        for _ in 0..load.group {
            let row = rows.next(load.order);
            statements.iter_mut().try_for_each(|statement| statement.execute(&row))?;
        }
        // Statements go back to the cache before the commit, which they would otherwise outlive.
        drop(statements);
        transaction.commit()?;
        stored += load.group as u64;
        commits.push(begun.elapsed().as_micros() as u32);
    }
    let cpu = process::cpu_us(std::process::id())? - cpu;
    Ok(Rate {
        group: load.group,
        rows: stored,
        rows_per_s: stored as f64 / started.elapsed().as_secs_f64(),
        cpu_us_per_row: cpu as f64 / stored as f64,
        commit_p50_ms: stats::percentile_ms(&mut commits, 0.5),
        commit_p99_ms: stats::percentile_ms(&mut commits, 0.99),
    })
}

/// Opens a database as durable as Landfall's store: WAL, and a sync at each commit.
pub fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -65536; \
         pragma mmap_size = 17179869184; pragma wal_autocheckpoint = 16384; pragma temp_store = memory;",
    )?;
    Ok(connection)
}

/// A database file that is removed, with its log, when it is no longer needed.
pub struct Database(PathBuf);

impl Database {
    /// Takes the place of whatever lies at `path`; fails when its folder cannot be made.
    pub fn create(path: PathBuf) -> anyhow::Result<Self> {
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir)
                .with_context(|| format!("cannot make {}", dir.display()))?;
        }
        let database = Self(path);
        database.remove();
        Ok(database)
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    fn remove(&self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = self.0.clone().into_os_string();
            name.push(suffix);
            // A file that is not there needs no removing.
            let _ = std::fs::remove_file(name);
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.remove();
    }
}
