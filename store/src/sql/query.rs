//! Statements as values, and the one thing a backend does with them.

use std::borrow::Cow;
use std::future::Future;

use super::{Corrupt, Row, Value};
use crate::{Answer, Outcome, StoreError};

/// A statement: its text, its `N` values, and how a row becomes a `T`.
pub(crate) struct Query<'a, T, const N: usize> {
    /// The text, with placeholders `?1` to `?N`; every one of them is used.
    pub(crate) sql: Cow<'static, str>,
    /// What the placeholders stand for, in their order.
    pub(crate) values: [Value<'a>; N],
    /// Reads one row.
    pub(crate) read: fn(&dyn Row) -> Result<T, Corrupt>,
}

impl<'a, T, const N: usize> Query<'a, T, N> {
    /// Makes a statement that gives rows.
    pub(crate) fn new(
        sql: impl Into<Cow<'static, str>>,
        values: [Value<'a>; N],
        read: fn(&dyn Row) -> Result<T, Corrupt>,
    ) -> Self {
        Self { sql: sql.into(), values, read }
    }
}

impl<'a, const N: usize> Query<'a, (), N> {
    /// Makes a statement that changes rows and gives none.
    pub(crate) fn command(sql: impl Into<Cow<'static, str>>, values: [Value<'a>; N]) -> Self {
        Self::new(sql, values, |_| Ok(()))
    }
}

/// Which SQL a backend speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// SQLite's.
    Sqlite,
    /// PostgreSQL's.
    Postgres,
}

impl Dialect {
    /// Gives the end of a select that holds its rows against other nodes, such as `for update`; SQLite, whose one
    /// writer nobody disturbs, knows none.
    pub(crate) const fn holding(self, clause: &'static str) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => clause,
        }
    }
}

/// Runs statements, one after the other, on one connection.
///
/// Whether they run in a transaction is for the one who made the runner: what writes must be given
/// one in a transaction that sees its own writes, and what asks for a snapshot one in a snapshot.
/// After an error the transaction is to be undone. Futures may be dropped only with the
/// transaction.
pub(crate) trait Runner {
    /// What this runner speaks.
    const DIALECT: Dialect;

    /// Runs a statement and gives all its rows, in their order.
    fn all<T: Send, const N: usize>(
        &mut self,
        query: Query<'_, T, N>,
    ) -> impl Future<Output = Answer<Vec<T>>> + Send;

    /// Runs a statement and gives its first row, if there is one.
    fn optional<T: Send, const N: usize>(
        &mut self,
        query: Query<'_, T, N>,
    ) -> impl Future<Output = Answer<Option<T>>> + Send;

    /// Runs a statement that gives one row by its nature; none is a fault of ours.
    fn one<T: Send, const N: usize>(
        &mut self,
        query: Query<'_, T, N>,
    ) -> impl Future<Output = Answer<T>> + Send;

    /// Runs a statement that gives no rows; tells how many it changed.
    fn execute<const N: usize>(
        &mut self,
        command: Query<'_, (), N>,
    ) -> impl Future<Output = Answer<u64>> + Send;
}

/// Says what a write did that changed so many rows: one whose condition did not hold changed none.
pub(crate) fn done(changed: u64) -> Answer<Outcome> {
    if changed > 0 { Ok(Outcome::Done) } else { Err(StoreError::Stale) }
}
