//! Rows of values turned into one array per column, for statements that write many rows.

use std::error::Error;

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::sql::Value;

/// What a column holds.
#[derive(Debug, Clone, Copy)]
pub(in crate::postgres) enum Kind {
    Int,
    Text,
    Blob,
}

/// One column of many rows.
#[derive(Debug)]
pub(in crate::postgres) enum Column<'v> {
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<&'v str>>),
    Blobs(Vec<Option<&'v [u8]>>),
}

/// Turns rows into columns of the given kinds. A value of another kind is a fault of ours.
pub(in crate::postgres) fn columns<'v, const N: usize>(
    kinds: [Kind; N],
    rows: &'v [[Value<'v>; N]],
) -> [Column<'v>; N] {
    let mut index = 0;
    kinds.map(|kind| {
        let values = rows.iter().map(|row| &row[index]);
        let column = match kind {
            Kind::Int => Column::Ints(values.map(int).collect()),
            Kind::Text => Column::Texts(values.map(text).collect()),
            Kind::Blob => Column::Blobs(values.map(blob).collect()),
        };
        index += 1;
        column
    })
}

const OTHER: &str = "the statement names the kind of each of its columns";

fn int(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Null => None,
        Value::Int(value) => Some(*value),
        Value::Text(_) | Value::Blob(_) => unreachable!("{OTHER}"),
    }
}

fn text<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    match value {
        Value::Null => None,
        Value::Text(text) => Some(text),
        Value::Int(_) | Value::Blob(_) => unreachable!("{OTHER}"),
    }
}

fn blob<'v>(value: &'v Value<'_>) -> Option<&'v [u8]> {
    match value {
        Value::Null => None,
        Value::Blob(bytes) => Some(bytes),
        Value::Int(_) | Value::Text(_) => unreachable!("{OTHER}"),
    }
}

/// Gives columns as the values of a statement.
pub(in crate::postgres) fn params<'c, const N: usize>(
    columns: &'c [Column<'_>; N],
) -> [&'c (dyn ToSql + Sync); N] {
    columns.each_ref().map(|column| column as &(dyn ToSql + Sync))
}

impl ToSql for Column<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Ints(values) => values.to_sql(ty, out),
            Self::Texts(values) => values.to_sql(ty, out),
            Self::Blobs(values) => values.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8_ARRAY, Type::TEXT_ARRAY, Type::BYTEA_ARRAY].contains(ty)
    }

    to_sql_checked!();
}
