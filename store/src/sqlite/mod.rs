//! The embedded backend: SQLite with one committer, group commit and a pool of readers.
//!
//! Opens and migrates the file, and binds the store's traits to the functions that run SQL, one
//! file per aggregate. Nothing outside this folder knows SQLite.

mod committer;
mod migrate;
#[cfg(test)]
mod plans;
mod readers;
mod runner;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use landfall_core::feed::{Epoch, FeedKey, Head, Number};
use landfall_core::id::{NotificationId, SendId, Tenant, TopicId, UserId};
use landfall_core::notification::Notification;
use landfall_core::session::{Page, Read};
use landfall_core::time::Timestamp;
use landfall_core::topic::Member;
use rusqlite::Connection;

use crate::sql::{audits, chain, feeds, idempotency, inbox_page, inbox_read, sends, topics};
use crate::{
    AdminFilter, Answer, Answered, AuditFilter, AuditRecord, Audits, ChangeSink, Commits, Expired,
    Inbox, InboxQuery, Receipt, SealReport, Sends, StoreError, StoredSend, TopicView, Topics, Unit,
    Verification,
};
use committer::Committer;
use readers::Readers;
use runner::{SqliteRunner, at_once};

/// The schema of a new store, for whoever measures against the bare tables.
pub const SCHEMA: &str = include_str!("../../migrations/0001_spine.sqlite.sql");

/// How the embedded store is opened.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The database file; made if it is not there.
    pub path: PathBuf,
    /// Threads that read.
    pub readers: usize,
    /// Units of one group commit at most.
    pub group_max: usize,
    /// Units that may wait; more are refused as unavailable.
    pub queue_max: usize,
    /// Page cache of each connection, in KiB.
    pub cache_kib: usize,
    /// Memory map of each connection, in bytes.
    pub mmap_bytes: u64,
    /// Pages (4 KiB each) to which the file may grow, or no bound. What would grow it further is
    /// refused as unavailable, while the rest of the disk stays free for others.
    pub max_pages: Option<u32>,
}

impl Settings {
    /// Gives sound settings for a file.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            readers: 4,
            group_max: 512,
            queue_max: 8_192,
            cache_kib: 16_384,
            mmap_bytes: 1 << 30,
            max_pages: None,
        }
    }
}

/// The embedded store.
pub struct Sqlite {
    committer: Committer,
    readers: Readers,
    epoch: Epoch,
    /// The highest inbox number, kept up by the sink so that nobody scans for it.
    replay_sequence: Arc<AtomicU64>,
}

impl Sqlite {
    /// Opens the store, migrating it first where needed; `sink` hears of every change.
    ///
    /// Fails when the file cannot be opened, is no database, or was written by a newer version.
    pub fn open(settings: &Settings, sink: ChangeSink) -> Answer<Self> {
        make_private(&settings.path);
        let mut writer = connect(settings)?;
        migrate::migrate(&mut writer)?;
        let epoch = migrate::epoch(&writer)?;
        let newest = at_once(feeds::newest_of_all(&mut SqliteRunner(&writer)))?;
        let replay_sequence = Arc::new(AtomicU64::new(newest.0));
        let readers = Readers::start(settings.readers, || reader(settings))?;
        let sink = counting(Arc::clone(&replay_sequence), sink);
        let committer = Committer::start(writer, settings, sink)?;
        Ok(Self { committer, readers, epoch, replay_sequence })
    }

    /// Brings a store's schema up to date without serving it; tells from and to which version.
    pub fn migrate(settings: &Settings) -> Answer<(u32, u32)> {
        make_private(&settings.path);
        migrate::migrate(&mut connect(settings)?)
    }

    fn read_with<T, F>(&self, read: F) -> Answered<'_, T>
    where
        T: Send + 'static,
        F: FnOnce(&mut SqliteRunner<'_>) -> Answer<T> + Send + 'static,
    {
        Box::pin(self.readers.run(|c| read(&mut SqliteRunner(c))))
    }
}

/// Passes changes on, remembering the highest number.
fn counting(highest: Arc<AtomicU64>, sink: ChangeSink) -> ChangeSink {
    Arc::new(move |changes| {
        if let Some(number) = changes.iter().map(|change| change.number.0).max() {
            highest.fetch_max(number, Ordering::Relaxed);
        }
        sink(changes);
    })
}

/// Makes a file that is not there yet readable by its owner alone; SQLite gives its log and its
/// index the same mode. Where that fails, opening the file says why.
fn make_private(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let _ = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
}

/// Opens a connection as every connection is set up.
fn connect(settings: &Settings) -> Answer<Connection> {
    let damaged = |error| damaged(&settings.path, error);
    let connection = Connection::open(&settings.path).map_err(damaged)?;
    connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(fault)?;
    let cache = settings.cache_kib;
    let mmap = settings.mmap_bytes;
    // A commit is answered when it is on disk, hence FULL. The log is checkpointed less often
    // than by default, because each checkpoint stalls one group.
    let pragmas = format!(
        "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = off;
         pragma temp_store = memory; pragma cache_size = -{cache}; pragma mmap_size = {mmap};
         pragma wal_autocheckpoint = 16384; pragma journal_size_limit = 67108864;"
    );
    connection.execute_batch(&pragmas).map_err(damaged)?;
    if let Some(pages) = settings.max_pages {
        connection.execute_batch(&format!("pragma max_page_count = {pages};")).map_err(fault)?;
    }
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn reader(settings: &Settings) -> Answer<Connection> {
    let connection = connect(settings)?;
    connection.execute_batch("pragma query_only = on;").map_err(fault)?;
    Ok(connection)
}

/// Names the file that is no database, or a broken one; other troubles are told as ever.
fn damaged(path: &Path, error: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => {
            let path = path.display();
            StoreError::Internal(
                format!("{path} is no SQLite database, or is damaged: {error}").into(),
            )
        }
        _ => fault(error),
    }
}

/// Tells a disk's or a lock's trouble, which passes, from a fault of ours.
fn fault(error: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, OutOfMemory, ReadOnly, SystemIoFailure,
    };
    match error.sqlite_error_code() {
        Some(
            code @ (CannotOpen | DatabaseBusy | DatabaseLocked | DiskFull | OutOfMemory | ReadOnly
            | SystemIoFailure),
        ) => StoreError::Unavailable(format!("SQLite says {code:?}")),
        _ => StoreError::Internal(Box::new(error)),
    }
}

impl Commits for Sqlite {
    fn commit(&self, unit: Unit) -> Answered<'_, Receipt> {
        Box::pin(self.committer.commit(unit))
    }

    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn heads(&self, feeds: Vec<Arc<FeedKey>>) -> Answered<'_, Vec<Head>> {
        self.read_with(move |r| at_once(feeds::heads(r, &feeds)))
    }

    fn forget_keys(&self, before: Timestamp, limit: usize) -> Answered<'_, usize> {
        Box::pin(
            self.committer
                .run(move |c| at_once(idempotency::forget(&mut SqliteRunner(c), before, limit))),
        )
    }

    fn check(&self) -> Answered<'_, ()> {
        Box::pin(async {
            self.readers.run(|c| c.query_row("select 1", [], |_| Ok(())).map_err(fault)).await?;
            self.committer.run(|_| Ok(())).await
        })
    }

    fn replay_sequence(&self) -> Number {
        Number(self.replay_sequence.load(Ordering::Relaxed))
    }

    fn close(&self) {
        // The writer is the last to leave: it folds the log into the file.
        self.readers.close();
        self.committer.close();
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.close();
    }
}

impl Inbox for Sqlite {
    fn read(&self, tenant: &Tenant, user: &UserId, read: Read) -> Answered<'_, Page> {
        let feed = FeedKey::inbox(tenant, user);
        self.read_with(move |r| at_once(inbox_page::page(r, &feed, read)))
    }

    fn list(
        &self,
        tenant: &Tenant,
        user: &UserId,
        query: InboxQuery,
    ) -> Answered<'_, Vec<Notification>> {
        let feed = FeedKey::inbox(tenant, user);
        self.read_with(move |r| at_once(inbox_read::list(r, &feed, &query)))
    }

    fn get(
        &self,
        tenant: &Tenant,
        user: &UserId,
        id: NotificationId,
    ) -> Answered<'_, Option<Arc<Notification>>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        self.read_with(move |r| at_once(inbox_read::get(r, &tenant, &user, id)))
    }

    fn unread(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, (u64, Head)> {
        let feed = FeedKey::inbox(tenant, user);
        self.read_with(move |r| at_once(feeds::unread(r, &feed)))
    }

    fn undelivered(
        &self,
        tenant: &Tenant,
        user: &UserId,
        up_to: Number,
        limit: usize,
    ) -> Answered<'_, Vec<Number>> {
        let feed = FeedKey::inbox(tenant, user);
        self.read_with(move |r| at_once(inbox_read::undelivered(r, &feed, up_to, limit)))
    }

    fn find(&self, tenant: &Tenant, filter: AdminFilter) -> Answered<'_, Vec<Notification>> {
        let tenant = tenant.clone();
        self.read_with(move |r| at_once(inbox_read::find(r, &tenant, &filter)))
    }

    fn expired(&self, now: Timestamp, limit: usize) -> Answered<'_, Vec<Expired>> {
        self.read_with(move |r| at_once(inbox_read::expired(r, now, limit)))
    }
}

impl Topics for Sqlite {
    fn topic(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        user: &UserId,
    ) -> Answered<'_, Option<TopicView>> {
        let (tenant, topic, user) = (tenant.clone(), topic.clone(), user.clone());
        self.read_with(move |r| at_once(topics::topic(r, &tenant, &topic, &user)))
    }

    fn topics_of(
        &self,
        tenant: &Tenant,
        user: &UserId,
        after: Option<TopicId>,
        limit: usize,
    ) -> Answered<'_, Vec<TopicView>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        self.read_with(move |r| {
            at_once(topics::topics_of(r, &tenant, &user, after.as_ref(), limit))
        })
    }

    fn members(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        after: String,
        limit: usize,
    ) -> Answered<'_, Vec<Member>> {
        let (tenant, topic) = (tenant.clone(), topic.clone());
        self.read_with(move |r| at_once(topics::members(r, &tenant, &topic, &after, limit)))
    }

    fn taught_by(
        &self,
        tenant: &Tenant,
        teacher: &UserId,
        users: Vec<UserId>,
    ) -> Answered<'_, Vec<UserId>> {
        let (tenant, teacher) = (tenant.clone(), teacher.clone());
        self.read_with(move |r| at_once(topics::taught_by(r, &tenant, &teacher, users)))
    }

    fn member(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        user: &UserId,
    ) -> Answered<'_, Option<Member>> {
        let (tenant, topic, user) = (tenant.clone(), topic.clone(), user.clone());
        self.read_with(move |r| at_once(topics::member(r, &tenant, &topic, &user)))
    }
}

impl Sends for Sqlite {
    fn active_sends(&self, after: Option<Tenant>, limit: usize) -> Answered<'_, Vec<StoredSend>> {
        self.read_with(move |r| at_once(sends::active(r, after.as_ref(), limit)))
    }

    fn send(&self, tenant: &Tenant, id: SendId) -> Answered<'_, Option<StoredSend>> {
        let tenant = tenant.clone();
        self.read_with(move |r| at_once(sends::get(r, &tenant, id)))
    }
}

impl Audits for Sqlite {
    fn audit(&self, tenant: &Tenant, filter: AuditFilter) -> Answered<'_, Vec<AuditRecord>> {
        let tenant = tenant.clone();
        self.read_with(move |r| at_once(audits::list(r, &tenant, &filter)))
    }

    fn seal(&self, at: Timestamp, limit: usize) -> Answered<'_, SealReport> {
        Box::pin(self.committer.run(move |c| at_once(chain::seal(&mut SqliteRunner(c), at, limit))))
    }

    fn verify(&self, tenant: &Tenant) -> Answered<'_, Verification> {
        let tenant = tenant.clone();
        self.read_with(move |r| r.snapshot(|r| at_once(chain::verify(r, &tenant))))
    }

    fn erase_details(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, u64> {
        let (tenant, user) = (tenant.clone(), user.clone());
        Box::pin(
            self.committer
                .run(move |c| at_once(audits::erase(&mut SqliteRunner(c), &tenant, &user))),
        )
    }
}
