//! The backend for many nodes and large stores: PostgreSQL.
//!
//! Connects and migrates, and binds the store's traits to the shared statements. Reads run on a
//! pool of connections; units are committed by lanes. Uses what every database with PostgreSQL's
//! protocol offers: READ COMMITTED and row locks, no advisory locks and no notifications.

mod address;
mod backup;
mod classes;
mod connection;
mod fault;
mod group;
mod lane;
mod lives;
mod messages;
mod migrate;
mod notices;
mod pool;
mod presences;
mod reach;
mod reads;
mod retention;
mod runner;
mod schedule;
mod standings;
mod sync;
mod tls;
mod volley;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use landfall_core::feed::{Epoch, FeedKey, Head, Number};
use landfall_core::time::Timestamp;
use tokio::runtime::{Handle, Runtime};

pub use address::{Address, AddressError};
use connection::Dialer;
use fault::told;
use lane::Lanes;
use pool::Pool;

use crate::sql::{chain, feeds, idempotency, life};
use crate::telling::counting;
use crate::{Answer, Answered, ChangeSink, Commits, Receipt, SealReport, StoreError, Unit};

/// The schema of a new store, for whoever measures against the bare tables.
pub const SCHEMA: &str = concat!(
    include_str!("../../migrations/0001_spine.postgres.sql"),
    include_str!("../../migrations/0002_reach.postgres.sql"),
    include_str!("../../migrations/0003_sync.postgres.sql"),
    include_str!("../../migrations/0004_lessons.postgres.sql"),
    include_str!("../../migrations/0005_devices.postgres.sql"),
    include_str!("../../migrations/0006_messages.postgres.sql"),
    include_str!("../../migrations/0007_together.postgres.sql"),
    include_str!("../../migrations/0008_later.postgres.sql"),
    include_str!("../../migrations/0009_schedule.postgres.sql"),
    include_str!("../../migrations/0010_digest.postgres.sql"),
    include_str!("../../migrations/0011_retention.postgres.sql"),
    include_str!("../../migrations/0012_turns.postgres.sql"),
);

/// What a statement of a migration may take; a node that starts meanwhile waits as long.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(3_600);

/// How a store in PostgreSQL is opened.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it is.
    pub address: Address,
    /// Connections that read, at most.
    pub connections: usize,
    /// Connections that commit; each serves its share of the tenants.
    pub committers: usize,
    /// Units of one group commit at most.
    pub group_max: usize,
    /// Units that may wait for each committer; more are refused as unavailable.
    pub queue_max: usize,
    /// What a question may wait for a connection.
    pub wait: Duration,
    /// What connecting may take.
    pub connect_timeout: Duration,
    /// What one statement may take, waiting for locks included.
    pub statement_timeout: Duration,
}

impl Settings {
    /// Gives sound settings for a database.
    pub fn new(address: Address) -> Self {
        Self {
            address,
            connections: 8,
            committers: 4,
            group_max: 512,
            queue_max: 8_192,
            wait: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
        }
    }
}

/// A store in PostgreSQL.
pub struct Postgres {
    lanes: Lanes,
    pool: Pool,
    /// The life that was last heard of.
    epoch: AtomicU64,
    /// Whether the server tells where it runs; one that does not is asked once.
    tells_home: AtomicBool,
    /// The highest inbox number that this node has seen, so that nobody scans for it.
    replay_sequence: Arc<AtomicU64>,
    /// Drives the connections of the pool; taken when the store is closed.
    runtime: Mutex<Option<Runtime>>,
}

impl Postgres {
    /// Opens the store, migrating it first where needed; `sink` hears of every change that this
    /// node commits.
    ///
    /// Fails when the database cannot be reached, is read only, or was written by a newer version.
    pub async fn open(settings: &Settings, sink: ChangeSink) -> Answer<Self> {
        let runtime = Driver::start()?;
        let dialer = Dialer::new(settings, runtime.handle())?;
        let mut connection = dialer.patient(MIGRATION_TIMEOUT).connect().await?;
        migrate::migrate(&mut connection).await?;
        life::name(&mut connection.runner()).await?;
        let epoch = AtomicU64::new(life::life(&mut connection.runner()).await?.epoch.0);
        let newest = feeds::newest_of_all(&mut connection.runner()).await?;
        drop(connection);
        let replay_sequence = Arc::new(AtomicU64::new(newest.0));
        let sink = counting(Arc::clone(&replay_sequence), sink);
        let lanes = Lanes::start(settings, &dialer, &sink)?;
        let pool = Pool::new(dialer, settings.connections, settings.wait);
        let runtime = Mutex::new(runtime.keep());
        let tells_home = AtomicBool::new(true);
        Ok(Self { lanes, pool, epoch, tells_home, replay_sequence, runtime })
    }

    /// Brings a store's schema up to date without serving it; tells from and to which version.
    pub async fn migrate(settings: &Settings) -> Answer<(u32, u32)> {
        let runtime = Driver::start()?;
        let dialer = Dialer::new(settings, runtime.handle())?;
        let mut connection = dialer.patient(MIGRATION_TIMEOUT).connect().await?;
        migrate::migrate(&mut connection).await
    }

    /// Remembers a head that was read: it may be another node's.
    fn seen(&self, newest: Number) {
        self.replay_sequence.fetch_max(newest.0, Ordering::Relaxed);
    }
}

/// A runtime that may be dropped anywhere, which one by itself may not.
struct Driver(Option<Runtime>);

impl Driver {
    fn start() -> Answer<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("store-postgres")
            .enable_all()
            .build();
        let internal = |error| StoreError::Internal(Box::new(error));
        runtime.map(|runtime| Self(Some(runtime))).map_err(internal)
    }

    fn handle(&self) -> Handle {
        self.0.as_ref().expect("it is taken only at the end").handle().clone()
    }

    fn keep(mut self) -> Option<Runtime> {
        self.0.take()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Commits for Postgres {
    fn commit(&self, unit: Unit) -> Answered<'_, Receipt> {
        Box::pin(self.lanes.commit(unit))
    }

    fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::Relaxed))
    }

    fn heads(&self, feeds: Vec<Arc<FeedKey>>) -> Answered<'_, Vec<Head>> {
        Box::pin(async move {
            let heads = reads::heads(&self.pool, &feeds).await?;
            let inboxes = feeds.iter().zip(&heads).filter(|(feed, _)| reads::is_inbox(feed));
            if let Some(newest) = inboxes.map(|(_, head)| head.newest).max() {
                self.seen(newest);
            }
            Ok(heads)
        })
    }

    fn forget_keys(&self, before: Timestamp, limit: usize) -> Answered<'_, usize> {
        reads::ask!(self.pool, |runner| idempotency::forget(runner, before, limit))
    }

    fn check(&self) -> Answered<'_, ()> {
        // Changes nothing, but is refused where nothing may be written.
        let sql = "update setting set value = value where 1 = 0";
        Box::pin(async move {
            reads::ask!(self.pool, |runner| runner.change(sql, &[])).await.map(|_| ())
        })
    }

    fn replay_sequence(&self) -> Number {
        Number(self.replay_sequence.load(Ordering::Relaxed))
    }

    fn close(&self) {
        self.lanes.close();
        self.pool.close();
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = runtime {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.close();
    }
}

impl Postgres {
    /// Chains every tenant's unsealed entries, each tenant in a transaction of its own.
    async fn seal_all(&self, at: Timestamp, limit: usize) -> Answer<SealReport> {
        let tails = reads::ask!(self.pool, |runner| chain::tails(runner)).await?;
        let mut report = SealReport::default();
        for tail in tails {
            let mut loan = self.pool.lend().await?;
            let connection = loan.connection();
            connection.command("begin").await?;
            let entries = chain::seal_one(&mut connection.runner(), &tail, at, limit).await;
            // After an error the connection is closed with the loan, and nothing was done.
            let entries = entries.map_err(told)?;
            connection.command("commit").await?;
            loan.give_back();
            report.blocks += u64::from(entries > 0);
            report.entries += entries;
        }
        Ok(report)
    }
}
