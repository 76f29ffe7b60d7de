//! Runs statements on a connection to PostgreSQL.

use std::error::Error;

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::connection::{Connection, bounded};
use super::volley::Ask;
use crate::sql::{Corrupt, Dialect, Query, Row, Runner, Value};
use crate::{Answer, StoreError};

/// One connection, in a transaction or out of it as whoever made this sees fit.
pub(super) struct PostgresRunner<'c>(pub(super) &'c mut Connection);

/// Values of a statement of PostgreSQL's own, arrays among them.
pub(super) type Values<'v> = &'v [&'v (dyn ToSql + Sync)];

impl PostgresRunner<'_> {
    /// Runs a statement of PostgreSQL's own and gives its rows.
    pub(super) async fn rows(
        &mut self,
        sql: &str,
        values: Values<'_>,
    ) -> Answer<Vec<tokio_postgres::Row>> {
        let mut answers = self.0.ask(&[Ask { sql, values }]).await?;
        Ok(answers.pop().unwrap_or_default())
    }

    /// Runs two statements of PostgreSQL's own, one behind the other, as far as they are given.
    pub(super) async fn rows_of_both(
        &mut self,
        first: Option<Ask<'_>>,
        second: Option<Ask<'_>>,
    ) -> Answer<(Vec<tokio_postgres::Row>, Vec<tokio_postgres::Row>)> {
        let (is_first, is_second) = (first.is_some(), second.is_some());
        let asks: Vec<Ask<'_>> = first.into_iter().chain(second).collect();
        let mut answers = self.0.ask(&asks).await?.into_iter();
        let mut rows = |is_asked: bool| is_asked.then(|| answers.next()).flatten();
        Ok((rows(is_first).unwrap_or_default(), rows(is_second).unwrap_or_default()))
    }

    /// Runs statements of PostgreSQL's own, one behind the other; gives the rows of each.
    pub(super) async fn rows_of_all(
        &mut self,
        asks: &[Ask<'_>],
    ) -> Answer<Vec<Vec<tokio_postgres::Row>>> {
        self.0.ask(asks).await
    }

    /// Waits until what was not sent yet is done. Whatever writes must come after an answer to
    /// `begin`: behind one that failed it would stand alone.
    pub(super) async fn begun(&mut self) -> Answer<()> {
        self.0.ask(&[]).await.map(|_| ())
    }

    /// Runs a statement of PostgreSQL's own with the next one that is asked, or with the commit.
    pub(super) async fn change_ahead(&mut self, sql: &str, values: Values<'_>) -> Answer<()> {
        self.0.change_ahead(sql, values).await
    }

    /// Runs a statement that both stores have with the next one that is asked, or with the commit.
    pub(super) async fn execute_ahead<const N: usize>(
        &mut self,
        command: Query<'_, (), N>,
    ) -> Answer<()> {
        self.change_ahead(&command.sql, &params(&command.values)).await
    }

    /// Runs a statement of PostgreSQL's own; tells how many rows it changed.
    pub(super) async fn change(&mut self, sql: &str, values: Values<'_>) -> Answer<u64> {
        // Its count is not a row, so that it goes alone.
        self.0.ask(&[]).await?;
        let statement = self.0.prepare(sql).await?;
        bounded(self.0.patience(), self.0.client.execute(&statement, values)).await
    }
}

fn params<'v, const N: usize>(values: &'v [Value<'_>; N]) -> [&'v (dyn ToSql + Sync); N] {
    values.each_ref().map(|value| value as &(dyn ToSql + Sync))
}

impl Runner for PostgresRunner<'_> {
    const DIALECT: Dialect = Dialect::Postgres;

    async fn all<T: Send, const N: usize>(&mut self, query: Query<'_, T, N>) -> Answer<Vec<T>> {
        let rows = self.rows(&query.sql, &params(&query.values)).await?;
        let rows: Result<Vec<T>, Corrupt> = rows.iter().map(|row| (query.read)(row)).collect();
        Ok(rows?)
    }

    async fn optional<T: Send, const N: usize>(
        &mut self,
        query: Query<'_, T, N>,
    ) -> Answer<Option<T>> {
        let rows = self.rows(&query.sql, &params(&query.values)).await?;
        let row = rows.first().map(|row| (query.read)(row));
        Ok(row.transpose()?)
    }

    async fn one<T: Send, const N: usize>(&mut self, query: Query<'_, T, N>) -> Answer<T> {
        let none = || StoreError::Internal("a statement gave no row".into());
        self.optional(query).await?.ok_or_else(none)
    }

    async fn execute<const N: usize>(&mut self, command: Query<'_, (), N>) -> Answer<u64> {
        self.change(&command.sql, &params(&command.values)).await
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match (self, ty) {
            (Value::Null, _) => Ok(IsNull::Yes),
            // A literal beside it can make PostgreSQL take a placeholder for a smaller integer.
            (Value::Int(value), &Type::INT4) => i32::try_from(*value)?.to_sql_checked(ty, out),
            (Value::Int(value), _) => value.to_sql_checked(ty, out),
            (Value::Text(text), _) => text.to_sql_checked(ty, out),
            (Value::Blob(bytes), _) => bytes.to_sql_checked(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT4, Type::INT8, Type::TEXT, Type::BYTEA].contains(ty)
    }

    to_sql_checked!();
}

impl Row for tokio_postgres::Row {
    fn optional_int(&self, column: usize) -> Result<Option<i64>, Corrupt> {
        let wide = self.try_get::<_, Option<i64>>(column);
        wide.or_else(|_| self.try_get::<_, Option<i32>>(column).map(|value| value.map(i64::from)))
            .map_err(|_| Corrupt::new(column, "integer"))
    }

    fn optional_text(&self, column: usize) -> Result<Option<&str>, Corrupt> {
        self.try_get(column).map_err(|_| Corrupt::new(column, "text"))
    }

    fn optional_blob(&self, column: usize) -> Result<Option<&[u8]>, Corrupt> {
        self.try_get(column).map_err(|_| Corrupt::new(column, "bytes"))
    }
}
