//! Migrations: forward only, numbered, each in one transaction.

use rusqlite::{Connection, TransactionBehavior};

use super::open::fault;
use super::sizes;
use crate::backup::{Table, tables};
use crate::{Answer, StoreError};

const MIGRATIONS: [&str; 12] = [
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
];

/// The newest version of the schema that this build knows.
pub(crate) const LATEST: u32 = MIGRATIONS.len() as u32;

/// Brings the schema up to date; tells from and to which version.
pub(super) fn migrate(connection: &mut Connection) -> Answer<(u32, u32)> {
    let from = version(connection)?;
    if from > LATEST {
        let text = format!("the store has schema {from}, this version knows up to {LATEST}");
        return Err(StoreError::Internal(text.into()));
    }
    apply(connection, from, LATEST)?;
    sizes::tell(connection)?;
    Ok((from, LATEST))
}

/// Applies the migrations that lead from one version to another.
pub(super) fn apply(connection: &mut Connection, from: u32, to: u32) -> Answer<()> {
    let steps = MIGRATIONS.iter().zip(1..=to).skip(from as usize);
    for (sql, version) in steps {
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
        transaction.execute_batch(sql).map_err(fault)?;
        transaction.pragma_update(None, "user_version", version).map_err(fault)?;
        transaction.commit().map_err(fault)?;
    }
    Ok(())
}

pub(super) fn version(connection: &Connection) -> Answer<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(fault)
}

/// Lists the tables that a version of the schema has, in any store.
pub(crate) fn schema_tables(version: u32) -> Answer<Vec<Table>> {
    let mut connection = Connection::open_in_memory().map_err(fault)?;
    apply(&mut connection, 0, version)?;
    tables(&connection)
}
