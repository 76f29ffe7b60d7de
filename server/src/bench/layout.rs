//! Which row layout a feed's table should have: clustered by feed, or in order of arrival. It measures raw SQLite in
//! files of its own and says nothing about the store.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use rusqlite::Connection;
use serde::Serialize;

use super::Report;
use super::floor_ingest::{self, Database, Load, Rate};
use super::report::progress;
use super::rows::{Insert, Order, Rows};
use super::stats::{self, Random, Spread};

/// Rows on each feed; a page of 100 begins anywhere in the first half.
const PER_FEED: u64 = 200;

/// Reads that one measurement makes.
const READS: usize = 4_000;

/// What `landfall bench layout` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Rows that the table holds before anything is measured; several sizes with commas.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 1_000_000])]
    pub rows: Vec<u64>,
    /// Pages of the write-ahead log after which SQLite moves them into the table.
    #[arg(long, default_value_t = 4000)]
    pub checkpoint: u32,
    /// Rows in one transaction; several with commas.
    #[arg(long, value_delimiter = ',', default_values_t = [64, 512])]
    pub group: Vec<usize>,
    /// Seconds of each ingest.
    #[arg(long, default_value_t = 3)]
    pub seconds: u64,
    /// How often each pair is measured.
    #[arg(long, default_value_t = 3)]
    pub pairs: usize,
    /// A folder on the disk to be measured; not one in memory.
    #[arg(long, default_value = "target/bench")]
    pub dir: PathBuf,
}

/// Schema and insert of a plain table in order of arrival: the least that an inbox needs.
pub const ARRIVAL: (&str, &str) = (
    "create table row (feed_id integer not null, born integer not null, seq integer not null, \
     id blob not null, created_at integer not null, delivered_at integer, read_at integer, \
     kind text not null, body text not null); \
     create unique index row_id on row (id); create index row_seq on row (feed_id, seq); \
     create index row_due on row (feed_id, born) where delivered_at is null;",
    INSERT,
);

struct Layout {
    name: &'static str,
    schema: &'static str,
}

const INSERT: &str = "insert into row (feed_id, born, seq, id, created_at, kind, body) \
    values (:feed, :born, :seq, :id, :now, 'quiz_reminder', :body)";
/// What was there before is delivered, as most rows of an inbox are, so that the partial index holds only what is new.
const INSERT_DELIVERED: &str = "insert into row (feed_id, born, seq, id, created_at, delivered_at, kind, body) \
    values (:feed, :born, :seq, :id, :now, :now, 'quiz_reminder', :body)";
const READ: &str = "select born, seq, id, created_at, delivered_at, read_at, kind, body \
    from row where feed_id = ?1 and seq > ?2 order by seq limit 100";

const LAYOUTS: [Layout; 2] = [
    Layout {
        name: "clustered",
        schema: "create table row (feed_id integer not null, born integer not null, seq integer not null, \
             id blob not null, created_at integer not null, delivered_at integer, read_at integer, \
             kind text not null, body text not null, primary key (feed_id, born)) without rowid; \
             create unique index row_id on row (id); create index row_seq on row (feed_id, seq); \
             create index row_due on row (feed_id, born) where delivered_at is null;",
    },
    Layout { name: "arrival", schema: ARRIVAL.0 },
];

/// One measurement of one layout.
#[derive(Debug, Serialize)]
struct Measured {
    bench: &'static str,
    layout: &'static str,
    rows: u64,
    pair: usize,
    file_mib: u64,
    first_read_us: u32,
    read_p50_us: u32,
    read_p99_us: u32,
    ingest: Vec<Rate>,
}

/// Builds the tables, measures the layouts in turn and prints the table.
pub fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let mut measured = Vec::new();
    for &rows in &options.rows {
        let built: Vec<Built> = LAYOUTS
            .iter()
            .map(|layout| build(options, layout, rows))
            .collect::<anyhow::Result<_>>()?;
        for pair in 0..options.pairs {
            for built in &built {
                let run = measure(options, built, pair)?;
                report.result(&run)?;
                measured.push(run);
            }
        }
    }
    print_table(options, &measured, report)
}

struct Built {
    layout: &'static Layout,
    file: Database,
    rows: Rows,
    count: u64,
}

/// Fills a table in order of arrival: each feed gets a row in turn.
fn build(options: &Options, layout: &'static Layout, count: u64) -> anyhow::Result<Built> {
    progress(format_args!("building {count} rows, {}", layout.name));
    let feeds = (count / PER_FEED).max(1);
    let file = Database::create(options.dir.join(format!("{}-{count}.db", layout.name)))?;
    let mut connection = floor_ingest::open(file.path())?;
    // Durable at the end is enough for what is only the ground to measure on.
    connection.execute_batch("pragma synchronous = off")?;
    connection.execute_batch(layout.schema)?;
    let mut rows = Rows::new(feeds);
    for first in (0..count).step_by(50_000) {
        let transaction = connection.transaction()?;
        let mut insert = Insert::prepare(&transaction, INSERT_DELIVERED)?;
        for at in first..count.min(first + 50_000) {
            insert.execute(&rows.on(at % feeds))?;
        }
        drop(insert);
        transaction.commit()?;
    }
    connection.execute_batch("pragma wal_checkpoint(truncate)")?;
    Ok(Built { layout, file, rows, count })
}

/// Reads from the table as it was built, then ingests into copies of it, so that each group starts from the same size.
fn measure(options: &Options, built: &Built, pair: usize) -> anyhow::Result<Measured> {
    let name = built.layout.name;
    let mut reads = read(built, pair)?;
    let mut ingest = Vec::new();
    for &group in &options.group {
        progress(format_args!("{} rows, {name}, pair {pair}: groups of {group}", built.count));
        let copy = copy(&options.dir, built)?;
        let mut connection = floor_ingest::open(copy.path())?;
        connection.pragma_update(None, "wal_autocheckpoint", options.checkpoint)?;
        let load = Load { group, seconds: options.seconds, order: Order::Random };
        ingest.push(floor_ingest::fill(&mut connection, &[INSERT], &mut built.rows.clone(), load)?);
    }
    Ok(Measured {
        bench: "layout",
        layout: name,
        rows: built.count,
        pair,
        file_mib: std::fs::metadata(built.file.path())?.len() >> 20,
        first_read_us: reads[0],
        read_p50_us: stats::percentile(&mut reads, 0.5),
        read_p99_us: stats::percentile(&mut reads, 0.99),
        ingest,
    })
}

fn copy(dir: &Path, built: &Built) -> anyhow::Result<Database> {
    let copy = Database::create(dir.join("ingest.db"))?;
    std::fs::copy(built.file.path(), copy.path()).context("cannot copy the table")?;
    // What the copy left to be written back must not be paid by the first commits.
    std::fs::File::open(copy.path())?.sync_all()?;
    Ok(copy)
}

/// Microseconds of each page of 100 rows, from a connection whose own cache is empty at first; the system's cache is as
/// building and copying left it, alike for all layouts.
fn read(built: &Built, pair: usize) -> anyhow::Result<Vec<u32>> {
    let connection = floor_ingest::open(built.file.path())?;
    let mut random = Random::new(7 + pair as u64);
    let feeds = (built.count / PER_FEED).max(1);
    (0..READS)
        .map(|_| {
            let (feed, after) = (random.below(feeds), random.below(PER_FEED - 100));
            let begun = Instant::now();
            let rows = read_page(&connection, feed as i64, after as i64)?;
            anyhow::ensure!(rows == 100, "a page of {rows} rows");
            Ok(begun.elapsed().as_micros() as u32)
        })
        .collect()
}

fn read_page(connection: &Connection, feed: i64, after: i64) -> anyhow::Result<usize> {
    let mut statement = connection.prepare_cached(READ)?;
    let mut rows = statement.query([feed, after])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        for column in [0, 1, 3] {
            std::hint::black_box(row.get_ref(column)?.as_i64()?);
        }
        std::hint::black_box(row.get_ref(2)?.as_blob()?.len());
        std::hint::black_box(row.get_ref(7)?.as_str()?.len());
        count += 1;
    }
    Ok(count)
}

fn print_table(
    options: &Options,
    measured: &[Measured],
    report: &mut Report<'_>,
) -> anyhow::Result<()> {
    for &rows in &options.rows {
        for layout in &LAYOUTS {
            let of: Vec<&Measured> = measured
                .iter()
                .filter(|run| run.rows == rows && run.layout == layout.name)
                .collect();
            let read = Spread::of(of.iter().map(|run| f64::from(run.read_p50_us)));
            let tail = Spread::of(of.iter().map(|run| f64::from(run.read_p99_us)));
            report.line(format_args!(
                "{rows:>9} rows, {:<9} {:>5} MiB | 100 rows read: {:>5.0} µs, p99 {:>5.0}{}",
                layout.name,
                of.first().map_or(0, |run| run.file_mib),
                read.median,
                tail.median,
                ingest_columns(options, &of),
            ))?;
        }
    }
    Ok(())
}

fn ingest_columns(options: &Options, of: &[&Measured]) -> String {
    let column = |(index, group): (usize, &usize)| {
        let over =
            |value: fn(&Rate) -> f64| Spread::of(of.iter().map(|run| value(&run.ingest[index])));
        let (rows, cpu, tail) = (
            over(|rate| rate.rows_per_s),
            over(|rate| rate.cpu_us_per_row),
            over(|rate| rate.commit_p99_ms),
        );
        format!(
            " | {group} a commit: {:>6.0} rows/s ({:.0}–{:.0}), {:.1} CPU µs, p99 {:.1} ms",
            rows.median, rows.min, rows.max, cpu.median, tail.median
        )
    };
    options.group.iter().enumerate().map(column).collect()
}
