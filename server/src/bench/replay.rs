//! What a page of missed notifications costs out of a small and out of a huge store: the store's own read, called in
//! this process, of inboxes at random.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, ensure};
use landfall_core::feed::Number;
use landfall_core::id::{Tenant, UserId};
use landfall_core::session::Read;
use landfall_store::Inbox as _;
use landfall_store::sqlite::Sqlite;
use tokio::runtime::Runtime;

use super::Report;
use super::filled::{self, Fill, Of};
use super::pairs::Pairs;
use super::process;
use super::reads::{self, Run};
use super::stats::Random;

/// Notifications in each inbox; a page begins anywhere in the first half.
const PER_USER: u64 = 200;

/// What `landfall bench replay` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Notifications in the huge store.
    #[arg(long, default_value_t = 10_000_000)]
    rows: u64,
    /// Notifications in the small store.
    #[arg(long, default_value_t = 10_000)]
    few: u64,
    /// Notifications read at a time.
    #[arg(long, default_value_t = 100)]
    page: usize,
    /// Pages read in each run.
    #[arg(long, default_value_t = 5000)]
    reads: usize,
    /// How often both are measured in turn.
    #[arg(long, default_value_t = 7)]
    pairs: usize,
    /// A folder in which the filled stores are kept for the next time.
    #[arg(long, default_value = "target/bench")]
    keep: PathBuf,
}

/// Measures both stores in turn and prints the ratio.
pub fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let huge = Pages::open(options, options.rows)?;
    let small = Pages::open(options, options.few)?;
    // What the system has not cached of a file is not a matter of how the rows lie.
    huge.warm(options)?;
    let pairs = Pairs::measure(
        options.pairs,
        report,
        |pair| huge.measure(&runtime, options, pair),
        |pair, _| small.measure(&runtime, options, pair),
    )?;
    let what = format!("replay of {} rows", options.page);
    reads::tell(report, &what, (options.rows, options.few), &pairs)
}

/// An open store and what is in it.
struct Pages {
    store: Sqlite,
    fill: Fill,
    tenant: Tenant,
}

impl Pages {
    fn open(options: &Options, rows: u64) -> anyhow::Result<Self> {
        let fill = Fill { of: Of::Notifications, rows, per_user: PER_USER };
        let store = filled::open(&filled::store(&options.keep, fill)?)?;
        Ok(Self { store, fill, tenant: Tenant::parse("default")? })
    }

    fn warm(&self, options: &Options) -> anyhow::Result<()> {
        let mut file = std::fs::File::open(filled::store(&options.keep, self.fill)?)?;
        std::io::copy(&mut file, &mut std::io::sink()).context("cannot read the store")?;
        Ok(())
    }

    fn measure(&self, runtime: &Runtime, options: &Options, pair: usize) -> anyhow::Result<Run> {
        let mut random = Random::new(7 + pair as u64);
        let cpu = process::cpu_us(std::process::id())?;
        let mut times = Vec::with_capacity(options.reads);
        for _ in 0..options.reads {
            let user = UserId::parse(&format!("u{}", random.below(self.fill.users())))?;
            let after = Number(random.below(PER_USER - options.page as u64));
            let begun = Instant::now();
            let read = Read::Newest { after, limit: options.page };
            let page = runtime.block_on(self.store.read(&self.tenant, &user, read))?;
            times.push(begun.elapsed().as_micros() as u32);
            ensure!(page.rows.len() == options.page, "a page of {} rows", page.rows.len());
        }
        let cpu = process::cpu_us(std::process::id())? - cpu;
        Ok(Run::new(("replay", pair), self.fill.rows, &mut times, cpu))
    }
}
