//! Tables as the schema makes them, and the statements that copy them.

use std::fmt::Write as _;

use landfall_core::audit::Hash;
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use super::Record;
use crate::Answer;
use crate::sql::Value;
use crate::sqlite::fault;

/// A table, its columns in order, and its key in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    /// Places of the key's columns in `columns`.
    key: Vec<usize>,
}

/// A column, and whether SQLite declares it as integer, text or blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    kind: String,
}

/// Lists a SQLite database's tables by name; those of SQLite itself left out.
pub(crate) fn tables(connection: &Connection) -> Answer<Vec<Table>> {
    let sql = "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'
               order by name";
    let mut statement = connection.prepare(sql).map_err(fault)?;
    let names = statement.query_map([], |row| row.get::<_, String>(0)).map_err(fault)?;
    names.map(|name| table(connection, name.map_err(fault)?)).collect()
}

fn table(connection: &Connection, name: String) -> Answer<Table> {
    let sql = "select name, lower(type), pk from pragma_table_info(?1) order by cid";
    let mut statement = connection.prepare(sql).map_err(fault)?;
    let column = |row: &rusqlite::Row<'_>| {
        Ok((Column { name: row.get(0)?, kind: row.get(1)? }, row.get::<_, usize>(2)?))
    };
    let found = statement.query_map([&name], column).map_err(fault)?;
    let found: Vec<(Column, usize)> = found.collect::<rusqlite::Result<_>>().map_err(fault)?;
    let mut key: Vec<(usize, usize)> = found
        .iter()
        .enumerate()
        .filter(|(_, (_, place))| *place > 0)
        .map(|(index, (_, place))| (*place, index))
        .collect();
    key.sort_unstable();
    let key = key.into_iter().map(|(_, index)| index).collect();
    Ok(Table { name, columns: found.into_iter().map(|(column, _)| column).collect(), key })
}

fn list<T>(of: impl IntoIterator<Item = T>, write: impl Fn(&mut String, T)) -> String {
    let mut text = String::new();
    for (index, item) in of.into_iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        write(&mut text, item);
    }
    text
}

impl Table {
    fn names(&self, of: impl IntoIterator<Item = usize>) -> String {
        list(of, |text, index| _ = write!(text, "\"{}\"", self.columns[index].name))
    }

    /// Says the table and its columns in words that differ when anything of them does.
    pub(crate) fn shape(&self) -> String {
        list(&self.columns, |text, Column { name, kind }| _ = write!(text, "{name} {kind}"))
    }

    /// Makes the table in a backup: as it is, without its indexes and defaults.
    pub(crate) fn create_text(&self) -> String {
        let column = |text: &mut String, column: &Column| {
            let _ = write!(text, "\"{}\" {}", column.name, column.kind);
        };
        let (columns, key) = (list(&self.columns, column), self.names(self.key.iter().copied()));
        format!("create table \"{}\" ({columns}, primary key ({key})) without rowid", self.name)
    }

    /// Reads the rows after one, in the key's order.
    pub(super) fn page_text(&self, after: Option<&Record>, limit: usize) -> String {
        let (columns, key) = (self.names(0..self.columns.len()), self.names(self.key.clone()));
        let after = match after {
            None => String::new(),
            Some(_) => {
                let places = list(1..=self.key.len(), |text, place| _ = write!(text, "?{place}"));
                format!("where ({key}) > ({places})")
            }
        };
        format!("select {columns} from \"{}\" {after} order by {key} limit {limit}", self.name)
    }

    /// Adds so many rows.
    pub(super) fn insert_text(&self, rows: usize) -> String {
        let width = self.columns.len();
        let row = |text: &mut String, row: usize| {
            let places =
                list(1..=width, |text, column| _ = write!(text, "?{}", row * width + column));
            let _ = write!(text, "({places})");
        };
        let columns = self.names(0..width);
        format!("insert into \"{}\" ({columns}) values {}", self.name, list(0..rows, row))
    }

    /// Gives the values of a row's key.
    pub(super) fn key_of(&self, record: &Record) -> Vec<Value<'static>> {
        self.key.iter().map(|index| record[*index].clone()).collect()
    }
}

/// Digests a table's rows in the order of their keys.
pub(super) struct RowDigest(Sha256);

impl RowDigest {
    pub(super) fn new(table: &Table) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"landfall backup table 1");
        part(&mut hash, 0, table.name.as_bytes());
        part(&mut hash, 0, table.shape().as_bytes());
        Self(hash)
    }

    pub(super) fn add(&mut self, record: &Record) {
        for value in record {
            match value {
                Value::Null => part(&mut self.0, 0, &[]),
                Value::Int(value) => part(&mut self.0, 1, &value.to_be_bytes()),
                Value::Text(text) => part(&mut self.0, 2, text.as_bytes()),
                Value::Blob(bytes) => part(&mut self.0, 3, bytes),
            }
        }
    }

    pub(super) fn finish(self) -> Hash {
        self.0.finalize().into()
    }
}

fn part(hash: &mut Sha256, kind: u8, bytes: &[u8]) {
    hash.update([kind]);
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}
