//! Stores that already hold a lot: the real schema, filled in bulk in the order of its primary keys, kept between runs
//! because filling takes longer than measuring. Nothing that serves reads them but copies.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, ensure};
use landfall_store::sqlite::{SCHEMA, Settings, Sqlite};
use rusqlite::Connection;

use super::floor_ingest;
use super::report::progress;
use super::rows::{Insert, Rows};

/// Bytes that a row and its index entries take at most.
const ROW_BYTES: u64 = 700;

/// Rows of one transaction.
const GROUP: u64 = 100_000;

const INBOX: &str = "insert into feed (id, tenant, kind, owner, newest, unread)
    values (?1 + 1, 'default', 'inbox', 'u' || ?1, ?2, ?2)";

/// What was there before is delivered, as most rows of an inbox are.
const NOTIFICATION: &str =
    "insert into notification (feed_id, born, changed, tenant, id, type, title,
        message, data, priority, sender_id, created_at, delivered_at, attempts, channels)
    values (:feed + 1, :born, :born, 'default', :id, 'quiz_reminder', 'Quiz at ten', :body, '{}',
        1, 'bench', :now / 1000, :now / 1000, 1, 'websocket=delivered:by default')";

const DATA: &str = "insert into feed (id, tenant, kind, owner, newest)
    values (?1 + 1, 'default', 'data', 'u' || ?1, ?2)";

/// The changes of a thousand neighbours lie scattered among them: people do not work in the order of ids.
const ENTITY: &str =
    "insert into entity (feed_id, kind, id, tenant, version, revision, changed, data, stamps,
        deleted, device, created_at, updated_at)
    values (:feed + 1, 'notes', printf('%012d', :born), 'default', 1, 1,
        (:born - 1) / 1000 * 1000 + 1 + (:born - 1) * 7919 % 1000, :body,
        '{\"whole\":[1700000000000,0,\"device-1\"]}', 0, 'device-1', :now / 1000, :now / 1000)";

/// What a store holds.
#[derive(Clone, Copy, Debug)]
pub enum Of {
    /// Notifications in inboxes.
    Notifications,
    /// Entities of users, a multiple of a thousand each, without what they were before.
    Entities,
}

impl Of {
    /// The statements of a user's feed and of a row.
    const fn statements(self) -> [&'static str; 2] {
        match self {
            Self::Notifications => [INBOX, NOTIFICATION],
            Self::Entities => [DATA, ENTITY],
        }
    }
}

/// How much a store holds.
#[derive(Clone, Copy, Debug)]
pub struct Fill {
    /// Of what.
    pub of: Of,
    /// Rows in all.
    pub rows: u64,
    /// Of them, each user's; those are `u0`, `u1` and so on.
    pub per_user: u64,
}

impl Fill {
    /// How many users there are.
    pub fn users(self) -> u64 {
        self.rows / self.per_user
    }
}

/// Gives a store of the present schema with such rows in `dir`, filling a new one if none is there.
pub fn store(dir: &Path, fill: Fill) -> anyhow::Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    (SCHEMA, fill.of.statements()).hash(&mut hasher);
    let name = format!("{}-by-{}-{:08x}.db", fill.rows, fill.per_user, hasher.finish() as u32);
    let path = dir.join(name);
    if path.exists() {
        // What a server left in the log would make reading dearer than out of a new store.
        let connection = floor_ingest::open(&path)?;
        connection.execute_batch("pragma wal_checkpoint(truncate)")?;
        return Ok(path);
    }
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let (needed, free) = (fill.rows * ROW_BYTES, free_bytes(dir)?);
    ensure!(
        free > 2 * needed,
        "{} has {} MiB free, and twice {} MiB are wanted",
        dir.display(),
        free >> 20,
        needed >> 20
    );
    progress(format_args!("filling {} with {} rows", path.display(), fill.rows));
    let unfinished = floor_ingest::Database::create(path.with_extension("part"))?;
    build(unfinished.path(), fill)?;
    std::fs::rename(unfinished.path(), &path)?;
    Ok(path)
}

/// Opens a store with the settings of a server.
pub fn open(path: &Path) -> anyhow::Result<Sqlite> {
    let settings = Settings { cache_kib: 64 << 10, ..Settings::new(path) };
    Ok(Sqlite::open(&settings, Arc::new(|_| ()))?)
}

fn build(path: &Path, fill: Fill) -> anyhow::Result<()> {
    drop(open(path)?);
    let mut connection = floor_ingest::open(path)?;
    // The file is renamed to its name only when it is whole, so that nothing has to survive before.
    connection.execute_batch("pragma synchronous = off; pragma wal_autocheckpoint = 65536")?;
    let mut rows = Rows::new(fill.users());
    let per_group = (GROUP / fill.per_user).max(1);
    for first in (0..fill.users()).step_by(per_group as usize) {
        let users = first..fill.users().min(first + per_group);
        fill_users(&mut connection, &mut rows, users, fill)?;
    }
    connection.execute_batch("pragma wal_checkpoint(truncate); pragma journal_mode = delete")?;
    drop(connection);
    std::fs::File::open(path)?.sync_all()?;
    Ok(())
}

fn fill_users(
    connection: &mut Connection,
    rows: &mut Rows,
    users: std::ops::Range<u64>,
    Fill { of, per_user, .. }: Fill,
) -> anyhow::Result<()> {
    let transaction = connection.transaction()?;
    let [of_feed, of_row] = of.statements();
    let mut feed = transaction.prepare_cached(of_feed)?;
    let mut insert = Insert::prepare(&transaction, of_row)?;
    for user in users {
        feed.execute([user, per_user])?;
        for _ in 0..per_user {
            insert.execute(&rows.on(user))?;
        }
    }
    drop((feed, insert));
    Ok(transaction.commit()?)
}

/// What the disk below a folder has left, by `df`: the standard library cannot ask.
fn free_bytes(dir: &Path) -> anyhow::Result<u64> {
    let output = Command::new("df").args(["--output=avail", "-B1"]).arg(dir).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let free = text.lines().nth(1).and_then(|line| line.trim().parse().ok());
    free.with_context(|| format!("df does not tell what {} has left", dir.display()))
}
