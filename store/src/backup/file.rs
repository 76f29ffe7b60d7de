//! A backup that is read: checked as it goes, never trusted.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use landfall_core::audit::Hash;
use landfall_core::feed::Epoch;
use landfall_core::time::Timestamp;
use rusqlite::{Connection, OpenFlags};

use super::copy::{Copied, Side, copy};
use super::error::cause;
use super::records::{Nowhere, SqliteRecords};
use super::table::{Table, tables};
use super::{About, BackupError, KeyFile, Progress, Records, Summary};
use crate::StoreError;
use crate::sqlite::{LATEST, schema_tables};

/// Marks a SQLite file as a backup of Landfall: "LFbk".
pub(super) const APPLICATION: i32 = 0x4c46_626b;
/// What this version writes and reads.
pub(super) const FORMAT: u32 = 1;

/// A backup, open for reading.
pub struct BackupFile {
    path: PathBuf,
    connection: Connection,
    about: About,
    /// The store's own tables.
    tables: Vec<Table>,
    /// What each table must hold, the backup's own included.
    sealed: BTreeMap<String, Copied>,
}

impl BackupFile {
    /// Opens a file that a backup made, and checks what it says of itself.
    ///
    /// # Errors
    /// When it is no backup, is of a newer version, or is damaged as far as that shows here.
    pub fn open(path: &Path) -> Result<Self, BackupError> {
        if !is_marked(path).map_err(BackupError::io(path))? {
            return Err(BackupError::NotABackup(path.to_owned()));
        }
        let damaged = |error: rusqlite::Error| BackupError::damaged(path, error.to_string());
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(damaged)?;
        let about = about(&connection, path)?;
        let sealed = sealed(&connection).map_err(damaged)?;
        let found = tables(&connection).map_err(|error| explain(path, error))?;
        let tables = known_tables(path, found, about.schema)?;
        Ok(Self { path: path.to_owned(), connection, about, tables, sealed })
    }

    /// Tells what the backup says of itself.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Reads everything and compares it with what was written.
    ///
    /// # Errors
    /// When anything differs.
    pub async fn verify(&self, progress: &mut Progress<'_>) -> Result<Summary, BackupError> {
        self.copy_into(&mut Nowhere, progress).await
    }

    /// Gives the key files, checked.
    ///
    /// # Errors
    /// When they are not what was written.
    pub async fn keys(&self) -> Result<Vec<KeyFile>, BackupError> {
        self.check_own().await?;
        let sql = "select name, content from backup_key order by name";
        let read = || -> rusqlite::Result<Vec<KeyFile>> {
            let mut statement = self.connection.prepare(sql)?;
            let keys = statement
                .query_map([], |row| Ok(KeyFile { name: row.get(0)?, content: row.get(1)? }))?;
            keys.collect()
        };
        read().map_err(|error| BackupError::damaged(&self.path, error.to_string()))
    }

    /// Copies the store's tables to where the same tables are empty, and checks each as it goes.
    pub(crate) async fn copy_into(
        &self,
        to: &mut impl Records,
        progress: &mut Progress<'_>,
    ) -> Result<Summary, BackupError> {
        let keys = self.check_own().await?;
        let mut rows = 0;
        for table in &self.tables {
            rows += self.check(table, to, progress).await?;
        }
        let tables = self.tables.len() as u64;
        Ok(Summary { about: self.about.clone(), tables, rows, keys })
    }

    /// Checks the backup's own tables; tells how many keys there are.
    async fn check_own(&self) -> Result<u64, BackupError> {
        let own = tables(&self.connection).map_err(|error| explain(&self.path, error))?;
        let mut keys = 0;
        for table in own.iter().filter(|table| is_own(table) && table.name != "backup_table") {
            let rows = self.check(table, &mut Nowhere, &mut |_, _| ()).await?;
            if table.name == "backup_key" {
                keys = rows;
            }
        }
        Ok(keys)
    }

    async fn check(
        &self,
        table: &Table,
        to: &mut impl Records,
        progress: &mut Progress<'_>,
    ) -> Result<u64, BackupError> {
        let damaged =
            |what: &str| BackupError::damaged(&self.path, format!("{}: {what}", table.name));
        let sealed = self.sealed.get(&table.name).ok_or_else(|| damaged("it is not sealed"))?;
        let from = &mut SqliteRecords(&self.connection);
        let copied = copy(table, from, to, sealed.rows, progress).await;
        let copied = copied.map_err(|side| match side {
            Side::From(error) => damaged(&cause(error)),
            Side::To(error) => error.into(),
        })?;
        if copied.rows != sealed.rows {
            return Err(damaged(&format!("{} rows of {}", copied.rows, sealed.rows)));
        }
        if copied.digest != sealed.digest {
            return Err(damaged("a row is not what was written"));
        }
        Ok(copied.rows)
    }
}

/// Says whether a file begins as a SQLite database of ours does.
fn is_marked(path: &Path) -> std::io::Result<bool> {
    let mut header = Vec::new();
    std::fs::File::open(path)?.take(100).read_to_end(&mut header)?;
    let mark = header.get(68..72);
    Ok(header.starts_with(b"SQLite format 3\0") && mark == Some(&APPLICATION.to_be_bytes()))
}

fn is_own(table: &Table) -> bool {
    table.name.starts_with("backup_")
}

/// Says what is wrong with a file in which a statement failed.
fn explain(path: &Path, error: StoreError) -> BackupError {
    BackupError::damaged(path, cause(error))
}

fn about(connection: &Connection, path: &Path) -> Result<About, BackupError> {
    let read = |name: &str| {
        let sql = "select value from backup_about where name = ?1";
        let value = connection.query_row(sql, [name], |row| row.get::<_, String>(0));
        value.map_err(|error| BackupError::damaged(path, format!("{name}: {error}")))
    };
    let number = |name: &str| {
        let no_number = |_| BackupError::damaged(path, format!("{name} is no number"));
        read(name)?.parse::<u64>().map_err(no_number)
    };
    let newer = |what: String| BackupError::Newer { path: path.to_owned(), what };
    let format = number("format")?;
    if format > u64::from(FORMAT) {
        return Err(newer(format!("its format is {format}, this version knows {FORMAT}")));
    }
    let schema = number("schema")?;
    if schema > u64::from(LATEST) {
        let text = format!("it has schema {schema}, this version knows up to {LATEST}");
        return Err(newer(text));
    }
    let made_at = Timestamp::parse(&read("made_at")?)
        .map_err(|_| BackupError::damaged(path, "made_at is no time"))?;
    Ok(About {
        schema: schema as u32,
        store: read("store")?,
        epoch: Epoch(number("epoch")?),
        made_at,
        program: read("program")?,
    })
}

fn sealed(connection: &Connection) -> rusqlite::Result<BTreeMap<String, Copied>> {
    let sql = "select name, rows, digest from backup_table";
    let mut statement = connection.prepare(sql)?;
    let sealed = statement.query_map([], |row| {
        Ok((row.get(0)?, Copied { rows: row.get(1)?, digest: row.get::<_, Hash>(2)? }))
    })?;
    sealed.collect()
}

/// Gives the tables of a version, when these are what the file has.
fn known_tables(
    path: &Path,
    mut found: Vec<Table>,
    schema: u32,
) -> Result<Vec<Table>, BackupError> {
    found.retain(|table| !is_own(table));
    let known = schema_tables(schema)?;
    let shape = |table: &Table| (table.name.clone(), table.shape());
    if found.iter().map(shape).ne(known.iter().map(shape)) {
        return Err(BackupError::damaged(path, "its tables are not those of its version"));
    }
    Ok(known)
}
