//! Runs statements on a connection to PostgreSQL.

use std::error::Error;

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::connection::{Connection, bounded};
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
        let statement = self.0.prepare(sql).await?;
        bounded(self.0.patience(), self.0.client.query(&statement, values)).await
    }

    /// Runs a statement of PostgreSQL's own; tells how many rows it changed.
    pub(super) async fn change(&mut self, sql: &str, values: Values<'_>) -> Answer<u64> {
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
