//! What a server under test has written, looked at beside it: rows in its SQLite file, and pages in its write-ahead log.
//! It changes no row.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use rusqlite::Connection;
use serde::Serialize;

/// How long the server may be in the way.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes to which the log grows before the server itself moves it into the file, and begins it anew.
const LOG_MAX: u64 = 60 << 20;

/// A server's store.
pub struct Stored {
    connection: Connection,
    log: PathBuf,
    tables: Vec<String>,
}

/// What was there at a moment.
#[derive(Clone, Copy)]
pub struct Before {
    rows: u64,
    messages: u64,
}

/// What was written since.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Written {
    /// Rows in all tables, of which none may go meanwhile.
    pub rows: u64,
    /// Of those, messages.
    pub messages: u64,
    /// Bytes of the log: whole pages, however little of each has changed.
    pub log_bytes: u64,
}

impl Stored {
    /// Opens the store of a server that runs.
    pub fn open(file: &Path) -> anyhow::Result<Self> {
        let connection = Connection::open(file)?;
        connection.busy_timeout(PATIENCE)?;
        let sql = "select name from sqlite_master where type = 'table' and name not like 'sqlite%'";
        let tables =
            connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut log = file.as_os_str().to_owned();
        log.push("-wal");
        Ok(Self { connection, log: log.into(), tables })
    }

    /// Notes what is there, and has the log begin anew.
    pub fn before(&self) -> anyhow::Result<Before> {
        let sql = "pragma wal_checkpoint(truncate)";
        let busy: i64 = self.connection.query_row(sql, [], |row| row.get(0))?;
        ensure!(busy == 0, "the server's log could not be moved into its file");
        Ok(Before { rows: self.rows()?, messages: self.count("message")? })
    }

    /// Tells what was written since; fails where it was more than the log holds.
    pub fn since(&self, before: Before) -> anyhow::Result<Written> {
        let log_bytes = fs::metadata(&self.log).context("the server has no log")?.len();
        ensure!(log_bytes < LOG_MAX, "the server wrote more than its log holds");
        let rows = self.rows()?.checked_sub(before.rows).context("rows were taken away")?;
        let messages = self.count("message")?.saturating_sub(before.messages);
        Ok(Written { rows, messages, log_bytes })
    }

    /// Counts members of a topic who are still to be told of its newest message.
    pub fn untold(&self, topic: &str) -> anyhow::Result<u64> {
        let sql = "select count(*) from topic_member
                   where topic_id = ?1 and removed = 0 and notified_up_to <= read_up_to
                     and read_up_to < (select max(born) from message where topic_id = ?1)";
        let count: i64 = self.connection.query_row(sql, [topic], |row| row.get(0))?;
        Ok(u64::try_from(count)?)
    }

    fn rows(&self) -> anyhow::Result<u64> {
        self.tables.iter().map(|table| self.count(table)).sum()
    }

    fn count(&self, table: &str) -> anyhow::Result<u64> {
        let sql = format!("select count(*) from {table}");
        let count: i64 = self.connection.query_row(&sql, [], |row| row.get(0))?;
        Ok(u64::try_from(count)?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::bench::landfall::Scratch;

    #[test]
    fn every_row_and_the_log_are_counted() {
        let scratch = Scratch::create(&std::env::temp_dir()).unwrap();
        let file = scratch.path().join("landfall.db");
        let server = Connection::open(&file).unwrap();
        let sql = "pragma journal_mode = wal; create table message (a); create table other (a)";
        server.execute_batch(sql).unwrap();
        let stored = Stored::open(&file).unwrap();
        let before = stored.before().unwrap();
        let sql = "insert into message values (1); insert into other values (1), (2)";
        server.execute_batch(sql).unwrap();
        let Written { rows, messages, log_bytes } = stored.since(before).unwrap();
        // A head, and two commits of a page each.
        assert_eq!((rows, messages, log_bytes), (3, 1, 32 + 2 * (24 + 4_096)));
    }
}
