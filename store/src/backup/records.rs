//! Rows of any table, as they stand: the one thing that copying asks of a database.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params_from_iter};

use crate::sql::Value;
use crate::sqlite::fault;
use crate::{Answer, StoreError};

/// A row, column by column.
pub(crate) type Record = Vec<Value<'static>>;

/// Reads and writes rows of any table. Placeholders are `?1`; statements are what both databases
/// take.
pub(crate) trait Records {
    /// Runs a statement that gives rows of so many columns.
    async fn read(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        columns: usize,
    ) -> Answer<Vec<Record>>;

    /// Runs a statement that gives none.
    async fn write(&mut self, sql: &str, values: &[Value<'_>]) -> Answer<()>;
}

/// Rows of a SQLite file.
pub(crate) struct SqliteRecords<'c>(pub(crate) &'c Connection);

impl Records for SqliteRecords<'_> {
    async fn read(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        columns: usize,
    ) -> Answer<Vec<Record>> {
        let mut statement = self.0.prepare_cached(sql).map_err(fault)?;
        let mut found = statement.query(params_from_iter(values)).map_err(fault)?;
        let mut records = Vec::new();
        while let Some(row) = found.next().map_err(fault)? {
            records.push((0..columns).map(|column| value(row, column)).collect::<Answer<_>>()?);
        }
        Ok(records)
    }

    async fn write(&mut self, sql: &str, values: &[Value<'_>]) -> Answer<()> {
        let mut statement = self.0.prepare_cached(sql).map_err(fault)?;
        statement.execute(params_from_iter(values)).map(drop).map_err(fault)
    }
}

fn value(row: &rusqlite::Row<'_>, column: usize) -> Answer<Value<'static>> {
    Ok(match row.get_ref(column).map_err(fault)? {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Text(bytes) => {
            let text = std::str::from_utf8(bytes)
                .map_err(|_| StoreError::Internal("a text is no UTF-8".into()))?;
            Value::from(text.to_owned())
        }
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec().into()),
        ValueRef::Real(_) => {
            return Err(StoreError::Internal("a column holds a fraction".into()));
        }
    })
}

/// Takes rows and keeps none: for reading alone.
pub(crate) struct Nowhere;

impl Records for Nowhere {
    async fn read(&mut self, _: &str, _: &[Value<'_>], _: usize) -> Answer<Vec<Record>> {
        Ok(Vec::new())
    }

    async fn write(&mut self, _: &str, _: &[Value<'_>]) -> Answer<()> {
        Ok(())
    }
}
