//! A backup while it is written: beside its place, and moved there once it is whole.

use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::copy::{Copied, Side, copy};
use super::error::cause;
use super::file::{APPLICATION, FORMAT};
use super::records::{Nowhere, SqliteRecords};
use super::table::{Table, tables};
use super::{About, BackupError, KeyFile};
use crate::StoreError;
use crate::sqlite::fault;

/// What to do with a file that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// Refuse.
    Never,
    /// Put the new one in its place, once it is whole.
    Always,
}

/// What a backup has beside the store's own tables: the keys, what it says of itself, and what
/// each table must hold.
const OWN: &str = "
    create table backup_about (name text not null primary key, value text not null) without rowid;
    create table backup_key (name text not null primary key, content blob not null) without rowid;
    create table backup_table (
        name text not null primary key, rows integer not null, digest blob not null
    ) without rowid;";

/// A backup that is being written; gone without a trace unless it is finished.
pub(crate) struct Draft {
    path: PathBuf,
    part: PathBuf,
    connection: Option<Connection>,
    /// Keeps another backup from writing to the same place.
    _hold: File,
}

/// Makes an empty file of the owner's alone and locks it; nothing where another backup holds it.
/// What one that was killed left behind is taken over.
fn hold(part: &Path) -> Result<Option<File>, BackupError> {
    let failed = || BackupError::io(part);
    let mut open = OpenOptions::new();
    let file = open.write(true).create(true).truncate(false).mode(0o600).open(part);
    let file = file.map_err(failed())?;
    if file.try_lock().is_err() {
        return Ok(None);
    }
    // One that was just finished took the file to its place, before it could be locked.
    let is_there = part.metadata().is_ok_and(|there| {
        file.metadata().is_ok_and(|held| (held.dev(), held.ino()) == (there.dev(), there.ino()))
    });
    if !is_there {
        return Ok(None);
    }
    file.set_permissions(Permissions::from_mode(0o600)).map_err(failed())?;
    file.set_len(0).map_err(failed())?;
    Ok(Some(file))
}

impl Draft {
    /// Begins a file readable by its owner alone.
    pub(crate) fn create(path: &Path, overwrite: Overwrite) -> Result<Self, BackupError> {
        if overwrite == Overwrite::Never && path.symlink_metadata().is_ok() {
            return Err(BackupError::FileThere(path.to_owned()));
        }
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let hold = hold(&part)?.ok_or_else(|| BackupError::UnderWay(path.to_owned()))?;
        let connection = Connection::open(&part).map_err(fault)?;
        // Nobody reads it before it is synced as a whole, and half of it is thrown away.
        let pragmas = "pragma journal_mode = off; pragma synchronous = off;
                       pragma locking_mode = exclusive; pragma cache_size = -16384; begin;";
        connection.execute_batch(pragmas).map_err(fault)?;
        Ok(Self { path: path.to_owned(), part, connection: Some(connection), _hold: hold })
    }

    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("only finishing takes the connection")
    }

    /// Makes the tables.
    pub(super) fn begin(&self, tables: &[Table], schema: u32) -> Result<(), BackupError> {
        let mut sql = OWN.to_owned();
        for table in tables {
            sql.push_str(&table.create_text());
            sql.push(';');
        }
        sql.push_str(&format!(
            "pragma application_id = {APPLICATION}; pragma user_version = {schema};"
        ));
        self.connection().execute_batch(&sql).map_err(|error| self.fault(fault(error)))
    }

    pub(super) fn records(&self) -> SqliteRecords<'_> {
        SqliteRecords(self.connection())
    }

    /// Says that writing the file failed, and where.
    pub(super) fn fault(&self, error: StoreError) -> BackupError {
        BackupError::Io { path: self.part.clone(), source: std::io::Error::other(cause(error)) }
    }

    /// Notes what a table must hold.
    pub(super) fn seal(&self, table: &str, copied: Copied) -> Result<(), BackupError> {
        let sql = "insert into backup_table (name, rows, digest) values (?1, ?2, ?3)";
        let values = params![table, copied.rows, copied.digest];
        let sealed = self.connection().execute(sql, values);
        sealed.map(drop).map_err(|error| self.fault(fault(error)))
    }

    /// Adds the rest, syncs, and moves the file to its place.
    pub(super) async fn finish(
        mut self,
        about: &About,
        keys: &[KeyFile],
    ) -> Result<(), BackupError> {
        self.add_own(about, keys).map_err(|error| self.fault(fault(error)))?;
        self.seal_own().await?;
        let commit = self.connection().execute_batch("commit");
        commit.map_err(|error| self.fault(fault(error)))?;
        let connection = self.connection.take().expect("it is taken here alone");
        connection.close().map_err(|(_, error)| self.fault(fault(error)))?;
        sync(&self.part)?;
        std::fs::rename(&self.part, &self.path).map_err(BackupError::io(&self.path))?;
        sync_folder_of(&self.path)
    }

    fn add_own(&self, about: &About, keys: &[KeyFile]) -> rusqlite::Result<()> {
        let connection = self.connection();
        let About { schema, store, epoch, made_at, program } = about;
        for (name, value) in [
            ("format", FORMAT.to_string()),
            ("schema", schema.to_string()),
            ("store", store.clone()),
            ("epoch", epoch.0.to_string()),
            ("made_at", made_at.to_string()),
            ("program", program.clone()),
        ] {
            let sql = "insert into backup_about (name, value) values (?1, ?2)";
            connection.execute(sql, params![name, value])?;
        }
        for KeyFile { name, content } in keys {
            let sql = "insert into backup_key (name, content) values (?1, ?2)";
            connection.execute(sql, params![name, content])?;
        }
        Ok(())
    }

    async fn seal_own(&self) -> Result<(), BackupError> {
        for table in tables(self.connection())? {
            if table.name == "backup_about" || table.name == "backup_key" {
                let progress = &mut |_: &str, _| ();
                let copied =
                    copy(&table, &mut self.records(), &mut Nowhere, u64::MAX, progress).await;
                let copied = copied.map_err(|(Side::From(e) | Side::To(e))| self.fault(e))?;
                self.seal(&table.name, copied)?;
            }
        }
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        drop(self.connection.take());
        // Once it is finished it is not there under this name.
        let _ = std::fs::remove_file(&self.part);
    }
}

/// Makes sure that a file's bytes are on disk.
pub(crate) fn sync(path: &Path) -> Result<(), BackupError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(BackupError::io(path))
}

/// Makes sure that a file's name is on disk.
pub(crate) fn sync_folder_of(path: &Path) -> Result<(), BackupError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    sync(folder)
}
