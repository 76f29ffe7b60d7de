//! Sync: how many operations a second the store keeps that devices push in batches to one hot feed, against raw SQLite or
//! PostgreSQL with the same rows: the entity, what it was, the operation, the device's branch. It drives the store itself:
//! what deciding and HTTP cost is not in it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use landfall_store::postgres::{Address, Postgres};
use landfall_store::sqlite::Sqlite;
use landfall_store::{ChangeSink, Store, postgres, sqlite};
use tokio::task::JoinSet;

use super::Report;
use super::database::Database;
use super::floor_ingest::{self, Load, Rate};
use super::landfall::Scratch;
use super::operations::{self, Floor, Run};
use super::pairs::Pairs;
use super::rows::Order;
use super::sync_rows::{self, Pusher};
use super::{floor_sync, process};

const BENCH: &str = "sync";

/// What `landfall bench sync` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Devices that push, each with one batch under way.
    #[arg(long, default_value_t = 16)]
    devices: usize,
    /// Operations in each batch; half of them make an entity, half change one.
    #[arg(long, default_value_t = 100)]
    batch: usize,
    /// Operations that the floor stores in one transaction.
    #[arg(long, default_value_t = 1_600)]
    group: usize,
    /// Seconds of each run.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How often Landfall and floor are measured in turn.
    #[arg(long, default_value_t = 7)]
    pairs: usize,
    /// A folder on the disk to be measured; not one in memory.
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
    /// The URL of a PostgreSQL server; each run makes a database of its own on it and drops it. Without, SQLite.
    #[arg(long)]
    store: Option<String>,
}

/// Measures store and floor in turn and prints the ratios.
pub fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let landfall = |pair| measure(options, pair);
    let floor = |pair, _: &Run| Ok(Floor::new((BENCH, pair), floor(options)?));
    let pairs = Pairs::measure(options.pairs, report, landfall, floor)?;
    let place = if options.store.is_some() { " on PostgreSQL" } else { "" };
    let (devices, batch) = (options.devices, options.batch);
    let what = format!("sync{place} by {devices} devices in batches of {batch}");
    operations::tell(report, &what, options.group, &pairs)
}

fn floor(options: &Options) -> anyhow::Result<Rate> {
    let load = Load { group: options.group, seconds: options.seconds, order: Order::InTurn };
    if let Some(url) = &options.store {
        return floor_sync::run(&Database::create(url)?, load);
    }
    let scratch = Scratch::create(&options.dir)?;
    floor_ingest::run(scratch.path(), sqlite::SCHEMA, &sync_rows::SAME_ROWS, load)
}

fn measure(options: &Options, pair: usize) -> anyhow::Result<Run> {
    // Both outlive the store.
    let database = options.store.as_deref().map(Database::create).transpose()?;
    let scratch = Scratch::create(&options.dir)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let store: Arc<dyn Store> = match &database {
        Some(database) => {
            let settings = postgres::Settings::new(Address::parse(database.url())?);
            Arc::new(runtime.block_on(Postgres::open(&settings, deaf()))?)
        }
        None => {
            let settings = sqlite::Settings::new(&scratch.path().join("landfall.db"));
            Arc::new(Sqlite::open(&settings, deaf())?)
        }
    };
    let run = runtime.block_on(push(options, &store, pair));
    store.close();
    run
}

fn deaf() -> ChangeSink {
    Arc::new(|_| {})
}

async fn push(options: &Options, store: &Arc<dyn Store>, pair: usize) -> anyhow::Result<Run> {
    let (begun, cpu) = (Instant::now(), process::cpu_us(std::process::id())?);
    let ends = begun + Duration::from_secs(options.seconds);
    let done = Arc::new(AtomicU64::new(0));
    let mut running = JoinSet::new();
    for number in 0..options.devices {
        let (store, done) = (Arc::clone(store), Arc::clone(&done));
        let mut pusher = Pusher::new(number, options.batch)?;
        running.spawn(async move {
            let mut took = Vec::new();
            while Instant::now() < ends {
                let (unit, asked) = (pusher.batch(), Instant::now());
                let operations = unit.writes.len() as u64;
                store.commit(unit).await?;
                took.push(asked.elapsed().as_micros() as u32);
                done.fetch_add(operations, Ordering::Relaxed);
            }
            Ok::<_, anyhow::Error>(took)
        });
    }
    let mut took = Vec::new();
    while let Some(ended) = running.join_next().await {
        took.extend(ended??);
    }
    let (elapsed, cpu) = (begun.elapsed(), process::cpu_us(std::process::id())? - cpu);
    let operations = done.load(Ordering::Relaxed);
    ensure!(operations > 0, "nothing was kept");
    Ok(Run::new((BENCH, pair), operations, (elapsed, cpu), &mut took))
}
