//! Backing the embedded store up while it serves, and putting a backup in its place.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use landfall_core::feed::Epoch;
use landfall_core::time::Timestamp;
use rusqlite::{Connection, OpenFlags};

use super::migrate::{apply, migrate, schema_tables, version};
use super::open::{Settings, connect, fault, make_private};
use super::runner::{SqliteRunner, at_once};
use super::{LATEST, Sqlite};
use crate::backup::{
    About, BackupError, BackupFile, BackupOrder, Draft, Overwrite, Progress, RestoreOrder,
    Restored, SqliteRecords, Summary, Table, export, sync, sync_folder_of, tables,
};
use crate::sql::{life, outbox_write};
use crate::{Answer, StoreError};

impl Sqlite {
    /// Writes the store to a file as it stands at one moment, beside a server that may be using
    /// it; commits go on meanwhile, and what they add waits in the log until the backup ends.
    ///
    /// # Errors
    /// When there is no store, or the file cannot be written.
    pub async fn backup(
        settings: &Settings,
        order: &BackupOrder<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<Summary, BackupError> {
        if !has_something(&settings.path) {
            return Err(no_store(settings));
        }
        let connection = open(&settings.path)?;
        // Everything below is read from the snapshot that the first read takes.
        connection.execute_batch("pragma query_only = on; begin;").map_err(fault)?;
        let schema = known_schema(&connection, settings)?;
        let tables = ours(&connection, schema)?;
        let life = at_once(life::life(&mut SqliteRunner(&connection)))?;
        let about = About {
            schema,
            store: life.store,
            epoch: life.epoch,
            made_at: order.at,
            program: order.program.to_owned(),
        };
        let draft = Draft::create(order.file, order.overwrite)?;
        let from = &mut SqliteRecords(&connection);
        export(&tables, from, draft, (about, &order.keys), progress).await
    }

    /// Notes that everything up to a time is in a backup that the operator vouches for, beside a
    /// server that may be using the store; gives the latest such time.
    ///
    /// # Errors
    /// When there is no store, or the backup is of another one or of another life.
    pub fn vouch(
        settings: &Settings,
        about: &About,
        up_to: Timestamp,
    ) -> Result<Timestamp, BackupError> {
        if !has_something(&settings.path) {
            return Err(no_store(settings));
        }
        let connection = connect(settings)?;
        known_schema(&connection, settings)?;
        at_once(life::vouch(&mut SqliteRunner(&connection), about, up_to))
    }

    /// Puts a backup in the store's place: loads it beside, checks it, begins a new epoch, and
    /// moves what was there aside under another name. No server may use the store.
    ///
    /// # Errors
    /// When the backup is damaged, or a store is there that was not to be replaced; then nothing
    /// has changed.
    pub async fn restore(
        settings: &Settings,
        order: &RestoreOrder<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<Restored, BackupError> {
        let there = has_something(&settings.path);
        if there && order.replace == Overwrite::Never {
            return Err(BackupError::StoreThere(settings.path.display().to_string()));
        }
        let current = if is_database(&settings.path) { epoch_of(settings) } else { Epoch(1) };
        let beside = with_suffix(&settings.path, ".restoring");
        let loaded = Loaded::make(&beside, order, current, progress).await?;
        (order.before)().map_err(BackupError::Before)?;
        let moved = if there { Some(set_aside(settings, order)?) } else { None };
        std::fs::rename(&beside, &settings.path).map_err(BackupError::io(&settings.path))?;
        sync_folder_of(&settings.path)?;
        let Loaded { summary, epoch, .. } = &loaded;
        Ok(Restored { summary: summary.clone(), epoch: *epoch, moved })
    }
}

/// A store loaded from a backup, beside its place; gone without a trace unless it is moved there.
struct Loaded<'a> {
    path: &'a Path,
    summary: Summary,
    epoch: Epoch,
}

impl<'a> Loaded<'a> {
    async fn make(
        path: &'a Path,
        order: &RestoreOrder<'_>,
        current: Epoch,
        progress: &mut Progress<'_>,
    ) -> Result<Self, BackupError> {
        let file: &BackupFile = order.file;
        remove(path)?;
        make_private(path);
        let mut loaded =
            Self { path, summary: Summary::empty(file.about().clone()), epoch: current };
        let mut connection = Connection::open(path).map_err(fault)?;
        // Nobody reads it before it is synced as a whole, and half of it is thrown away.
        let pragmas = "pragma journal_mode = off; pragma synchronous = off;
                       pragma locking_mode = exclusive; pragma cache_size = -65536;";
        connection.execute_batch(pragmas).map_err(fault)?;
        apply(&mut connection, 0, file.about().schema)?;
        connection.execute_batch("begin").map_err(fault)?;
        loaded.summary = file.copy_into(&mut SqliteRecords(&connection), progress).await?;
        connection.execute_batch("commit").map_err(fault)?;
        migrate(&mut connection)?;
        loaded.epoch = begin(&connection, order, current)?;
        connection.close().map_err(|(_, error)| fault(error))?;
        sync(path)?;
        Ok(loaded)
    }
}

impl Drop for Loaded<'_> {
    fn drop(&mut self) {
        // Once it is in its place it is not there under this name.
        let _ = std::fs::remove_file(self.path);
    }
}

fn begin(connection: &Connection, order: &RestoreOrder<'_>, current: Epoch) -> Answer<Epoch> {
    let runner = &mut SqliteRunner(connection);
    at_once(life::name(runner))?;
    let new = order.new_epoch(current);
    connection.execute_batch("begin").map_err(fault)?;
    at_once(life::begin(runner, &new))?.ok_or(StoreError::Stale)?;
    // Whoever had claimed them is of another life.
    at_once(outbox_write::release(runner, order.at))?;
    connection.execute_batch("commit").map_err(fault)?;
    Ok(new.to)
}

fn no_store(settings: &Settings) -> BackupError {
    BackupError::NoStore(settings.path.display().to_string())
}

/// Tells the version of a store's schema, when it is one that this program knows.
fn known_schema(connection: &Connection, settings: &Settings) -> Result<u32, BackupError> {
    match version(connection)? {
        0 => Err(no_store(settings)),
        newer if newer > LATEST => {
            let what = format!("the store has schema {newer}, this version knows {LATEST}");
            Err(BackupError::Newer { path: settings.path.clone(), what })
        }
        known => Ok(known),
    }
}

/// Opens a store that is there and makes none.
fn open(path: &Path) -> Answer<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(fault)?;
    Ok(connection)
}

/// Gives the tables of a version, when the store has them.
fn ours(connection: &Connection, schema: u32) -> Result<Vec<Table>, BackupError> {
    let (known, found) = (schema_tables(schema)?, tables(connection)?);
    for table in &known {
        let same = found.iter().find(|other| other.name == table.name);
        if same.map(Table::shape) != Some(table.shape()) {
            return Err(BackupError::Foreign(table.name.clone()));
        }
    }
    Ok(known)
}

/// Says whether a file is worth opening: SQLite throws the log of one that is no database away.
fn is_database(path: &Path) -> bool {
    let mut header = [0; 16];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut header));
    read.is_ok() && header == *b"SQLite format 3\0"
}

fn has_something(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.len() > 0)
}

/// Reads the life that ends; a store that cannot be read is what restores are for.
fn epoch_of(settings: &Settings) -> Epoch {
    let read = || -> Answer<Epoch> {
        let connection = open(&settings.path)?;
        Ok(at_once(life::life(&mut SqliteRunner(&connection)))?.epoch)
    };
    read().unwrap_or(Epoch(1))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn remove(path: &Path) -> Result<(), BackupError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(BackupError::io(path)(error))
        }
        _ => Ok(()),
    }
}

/// Gives the store that is there a second name, under which it stays.
///
/// Its log is folded in first: a log beside another database would be taken for that one's. One
/// that cannot be folded, since the store is damaged, goes aside with it.
fn set_aside(settings: &Settings, order: &RestoreOrder<'_>) -> Result<PathBuf, BackupError> {
    if let Some(connection) = is_database(&settings.path).then(|| connect(settings).ok()).flatten()
    {
        let _ = connection.execute_batch("pragma wal_checkpoint(truncate);");
    }
    let aside = with_suffix(&settings.path, &order.aside());
    for log in ["-wal", "-shm"] {
        let from = with_suffix(&settings.path, log);
        if from.exists() {
            let to = with_suffix(&aside, log);
            std::fs::rename(&from, &to).map_err(BackupError::io(&to))?;
        }
    }
    // A link leaves no moment without a store: a server started then would make an empty one.
    if std::fs::hard_link(&settings.path, &aside).is_err() {
        std::fs::rename(&settings.path, &aside).map_err(BackupError::io(&aside))?;
    }
    Ok(aside)
}
