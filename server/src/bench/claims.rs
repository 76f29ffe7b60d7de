//! What a claim costs while little and while much waits: the store's own claim, called in this process, disk included. What
//! was claimed is given back before the next one.

use std::path::Path;
use std::time::Instant;

use anyhow::ensure;
use landfall_core::channel::Channel;
use landfall_core::time::Timestamp;
use landfall_store::sqlite::Sqlite;
use landfall_store::{Claiming, Deliveries as _};
use rusqlite::params;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::Report;
use super::landfall::Scratch;
use super::pairs::Pairs;
use super::report::progress;
use super::{filled, floor_ingest, stats};
use crate::clock;

/// Deliveries that wait where little does.
const FEW: u64 = 100;
/// Deliveries that one claim gives.
const LIMIT: usize = 64;
/// Claims in each run.
const CLAIMS: usize = 200;

const WAITING: &str =
    "with recursive c (n) as (select 1 union all select n + 1 from c where n < ?1)
     insert into delivery (tenant, id, notification_id, user_id, priority, channel, place, state, reason, strategy,
         due_at, created_at, updated_at)
     select 'default', unhex(printf('%032x', n)), unhex(printf('%032x', n)), 'u' || (n % 10000), 1, 'push', 1,
         'queued', 'by default', 'fallback', ?2 - ?1 + n, ?2, ?2 from c";

/// One run on one store.
#[derive(Debug, Serialize)]
struct Run {
    bench: &'static str,
    pair: usize,
    waiting: u64,
    claimed: usize,
    p50_us: u32,
    p99_us: u32,
}

/// Measures both in turn and prints the ratio.
pub fn run(dir: &Path, many: u64, count: usize, report: &mut Report<'_>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (many, few) = (Waiting::fill(dir, many)?, Waiting::fill(dir, FEW)?);
    let pairs = Pairs::measure(
        count,
        report,
        |pair| many.measure(&runtime, pair),
        |pair, _| few.measure(&runtime, pair),
    )?;
    report.line(format_args!(
        "claim of {LIMIT} deliveries while {} wait: {} of what it costs while {FEW} wait (p50 {:.0} µs, p99 {:.0}, against \
         {:.0} µs, p99 {:.0}), its commit included; {}",
        many.count,
        pairs.over(|many, few| f64::from(many.p50_us) / f64::from(few.p50_us)),
        pairs.over(|many, _| f64::from(many.p50_us)).median,
        pairs.over(|many, _| f64::from(many.p99_us)).median,
        pairs.over(|_, few| f64::from(few.p50_us)).median,
        pairs.over(|_, few| f64::from(few.p99_us)).median,
        pairs.told(),
    ))?;
    Ok(())
}

/// A store in which so many wait.
struct Waiting {
    store: Sqlite,
    count: u64,
    // Dropped after the store that lies in it.
    _scratch: Scratch,
}

impl Waiting {
    fn fill(dir: &Path, count: u64) -> anyhow::Result<Self> {
        progress(format_args!("filling a store with {count} waiting deliveries"));
        let scratch = Scratch::create(dir)?;
        let path = scratch.path().join("claims.db");
        drop(filled::open(&path)?);
        let connection = floor_ingest::open(&path)?;
        connection.execute(WAITING, params![count, clock::now_ms()])?;
        drop(connection);
        Ok(Self { store: filled::open(&path)?, count, _scratch: scratch })
    }

    fn measure(&self, runtime: &Runtime, pair: usize) -> anyhow::Result<Run> {
        let mut times = Vec::with_capacity(CLAIMS);
        for _ in 0..CLAIMS {
            let now = Timestamp::from_ms(clock::now_ms());
            let claiming = Claiming {
                channel: Channel::Push,
                now,
                lease_until: now.plus_ms(60_000),
                after: None,
                tenants: 64,
                per_tenant: LIMIT,
                limit: LIMIT,
            };
            let begun = Instant::now();
            let claimed = runtime.block_on(self.store.claim(claiming))?;
            times.push(begun.elapsed().as_micros() as u32);
            ensure!(claimed.deliveries.len() == LIMIT, "a claim gave {}", claimed.deliveries.len());
            runtime.block_on(self.store.release_claims(now))?;
        }
        Ok(Run {
            bench: "claims",
            pair,
            waiting: self.count,
            claimed: LIMIT,
            p50_us: stats::percentile(&mut times, 0.5),
            p99_us: stats::percentile(&mut times, 0.99),
        })
    }
}
