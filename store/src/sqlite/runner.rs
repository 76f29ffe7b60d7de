//! Runs statements on a connection to SQLite.
//!
//! SQLite answers on the thread that asks, so that the futures are ready when they are made.

use std::future::{Future, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ToSql, params_from_iter};

use super::open::fault;
use crate::sql::{Corrupt, Dialect, Query, Row, Runner, Value};
use crate::{Answer, StoreError};

/// Takes what a future gives that waits for nothing but statements on SQLite.
///
/// Panics when it waits: that is a fault of ours, found by the first test that runs it.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("statements on SQLite are done when they are asked for"),
    }
}

/// One connection, in a transaction or out of it as whoever made this sees fit.
pub(super) struct SqliteRunner<'c>(pub(super) &'c Connection);

impl SqliteRunner<'_> {
    /// Lets reads see one snapshot, which ends with them.
    pub(super) fn snapshot<T>(&mut self, read: impl FnOnce(&mut Self) -> Answer<T>) -> Answer<T> {
        let _undone_when_dropped = self.0.unchecked_transaction().map_err(fault)?;
        read(self)
    }

    fn prepare<T, const N: usize>(&self, query: &Query<'_, T, N>) -> Answer<CachedStatement<'_>> {
        self.0.prepare_cached(&query.sql).map_err(fault)
    }

    fn rows<T, const N: usize>(&self, query: &Query<'_, T, N>) -> Answer<Vec<T>> {
        let mut statement = self.prepare(query)?;
        let mut found = statement.query(params_from_iter(&query.values)).map_err(fault)?;
        let mut rows = Vec::new();
        while let Some(row) = found.next().map_err(fault)? {
            rows.push((query.read)(row)?);
        }
        Ok(rows)
    }

    fn first<T, const N: usize>(&self, query: &Query<'_, T, N>) -> Answer<Option<T>> {
        let mut statement = self.prepare(query)?;
        let mut found = statement.query(params_from_iter(&query.values)).map_err(fault)?;
        let row = found.next().map_err(fault)?;
        Ok(row.map(|row| (query.read)(row)).transpose()?)
    }

    fn run<const N: usize>(&self, command: &Query<'_, (), N>) -> Answer<u64> {
        let mut statement = self.prepare(command)?;
        let changed = statement.execute(params_from_iter(&command.values)).map_err(fault)?;
        Ok(changed as u64)
    }
}

impl Runner for SqliteRunner<'_> {
    const DIALECT: Dialect = Dialect::Sqlite;

    fn all<T: Send, const N: usize>(
        &mut self,
        query: Query<'_, T, N>,
    ) -> impl Future<Output = Answer<Vec<T>>> + Send {
        ready(self.rows(&query))
    }

    fn optional<T: Send, const N: usize>(
        &mut self,
        query: Query<'_, T, N>,
    ) -> impl Future<Output = Answer<Option<T>>> + Send {
        ready(self.first(&query))
    }

    fn one<T: Send, const N: usize>(
        &mut self,
        query: Query<'_, T, N>,
    ) -> impl Future<Output = Answer<T>> + Send {
        let none = || StoreError::Internal("a statement gave no row".into());
        ready(self.first(&query).and_then(|row| row.ok_or_else(none)))
    }

    fn execute<const N: usize>(
        &mut self,
        command: Query<'_, (), N>,
    ) -> impl Future<Output = Answer<u64>> + Send {
        ready(self.run(&command))
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Int(value) => ValueRef::Integer(*value),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl Row for rusqlite::Row<'_> {
    fn optional_int(&self, column: usize) -> Result<Option<i64>, Corrupt> {
        let corrupt = Corrupt::new(column, "integer");
        match self.get_ref(column) {
            Ok(ValueRef::Null) => Ok(None),
            Ok(ValueRef::Integer(value)) => Ok(Some(value)),
            _ => Err(corrupt),
        }
    }

    fn optional_text(&self, column: usize) -> Result<Option<&str>, Corrupt> {
        let corrupt = Corrupt::new(column, "text");
        match self.get_ref(column) {
            Ok(ValueRef::Null) => Ok(None),
            Ok(ValueRef::Text(bytes)) => std::str::from_utf8(bytes).map(Some).map_err(|_| corrupt),
            _ => Err(corrupt),
        }
    }

    fn optional_blob(&self, column: usize) -> Result<Option<&[u8]>, Corrupt> {
        let corrupt = Corrupt::new(column, "bytes");
        match self.get_ref(column) {
            Ok(ValueRef::Null) => Ok(None),
            Ok(ValueRef::Blob(bytes)) => Ok(Some(bytes)),
            _ => Err(corrupt),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn ask<T: Send, const N: usize>(query: Query<'_, T, N>) -> Answer<T> {
        let connection = Connection::open_in_memory().unwrap();
        at_once(SqliteRunner(&connection).one(query))
    }

    #[test]
    fn values_come_back_as_they_went() {
        let sql = "select ?1, ?2, ?3, ?4";
        let values = [7_u64.into(), "a".into(), (&[1_u8, 2]).into(), Value::Null];
        let query = Query::new(sql, values, |row| {
            Ok((row.count(0)?, row.string(1)?, row.bytes::<2>(2)?, row.optional_text(3)?.is_none()))
        });
        assert_eq!(ask(query).unwrap(), (7, "a".to_owned(), [1, 2], true));
    }

    #[test]
    fn a_number_beyond_what_a_column_holds_is_the_largest() {
        let query = Query::new("select ?1", [u64::MAX.into()], |row| row.int(0));
        assert_eq!(ask(query).unwrap(), i64::MAX);
    }

    #[test]
    fn a_column_that_holds_something_else_is_named() {
        let broken = |read: fn(&dyn Row) -> Result<(), Corrupt>| match ask(Query::new(
            "select 1, 'b', null",
            [],
            read,
        )) {
            Err(StoreError::Internal(source)) => source.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(broken(|row| row.text(0).map(drop)), "column 0 of a row holds no text");
        assert_eq!(broken(|row| row.number(1).map(drop)), "column 1 of a row holds no integer");
        assert_eq!(broken(|row| row.count(2).map(drop)), "column 2 of a row holds no count");
        assert_eq!(broken(|row| row.int(3).map(drop)), "column 3 of a row holds no integer");
    }
}
