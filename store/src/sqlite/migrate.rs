//! Migrations: forward only, numbered, each in one transaction.

use rusqlite::{Connection, TransactionBehavior};

use super::open::{SCHEMA, fault};
use crate::{Answer, StoreError};

const MIGRATIONS: [&str; 1] = [SCHEMA];

/// Brings the schema up to date; tells from and to which version.
pub(super) fn migrate(connection: &mut Connection) -> Answer<(u32, u32)> {
    let latest = MIGRATIONS.len() as u32;
    let from = version(connection)?;
    if from > latest {
        let text = format!("the store has schema {from}, this version knows up to {latest}");
        return Err(StoreError::Internal(text.into()));
    }
    for (done, sql) in MIGRATIONS.iter().enumerate().skip(from as usize) {
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
        transaction.execute_batch(sql).map_err(fault)?;
        transaction.pragma_update(None, "user_version", done as u32 + 1).map_err(fault)?;
        transaction.commit().map_err(fault)?;
    }
    Ok((from, latest))
}

fn version(connection: &Connection) -> Answer<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(fault)
}
