//! Starting on a store that already holds a lot, and what a server takes that nobody uses.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Serialize;

use super::Report;
use super::filled::{self, Fill, Of};
use super::http::{Client, get};
use super::landfall::{self, Scratch};
use super::process::Subject;
use super::report::progress;
use super::stats::Spread;

/// Notifications in each inbox.
const PER_USER: u64 = 10;

/// How long a server is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(3);

/// What `landfall bench start` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Notifications in the store.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// How often it is started.
    #[arg(long, default_value_t = 7)]
    runs: usize,
    /// A folder in which the filled store is kept for the next time.
    #[arg(long, default_value = "target/bench")]
    keep: PathBuf,
    /// A folder for the server's data.
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
}

/// One start.
#[derive(Debug, Serialize)]
struct Run {
    bench: &'static str,
    run: usize,
    rows: u64,
    ready_ms: f64,
    idle_rss_mib: f64,
}

/// Starts again and again on the same store and prints.
pub fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let fill = Fill { of: Of::Notifications, rows: options.rows, per_user: PER_USER };
    let kept = filled::store(&options.keep, fill)?;
    let scratch = Scratch::create(&options.dir)?;
    std::fs::copy(&kept, scratch.path().join("landfall.db")).context("cannot copy the store")?;
    // The keys are made once, on a start that is not measured.
    measure(options, &scratch, 0)?;
    let mut runs = Vec::new();
    for run in 0..options.runs {
        progress(format_args!("start {run}"));
        let measured = measure(options, &scratch, run)?;
        report.result(&measured)?;
        runs.push(measured);
    }
    let over = |value: fn(&Run) -> f64| Spread::of(runs.iter().map(value));
    report.line(format_args!(
        "start on {} stored notifications: ready after {} ms, {} MiB resident when idle; \
         {} runs, median (min–max)",
        options.rows,
        over(|run| run.ready_ms),
        over(|run| run.idle_rss_mib),
        options.runs,
    ))?;
    Ok(())
}

fn measure(options: &Options, scratch: &Scratch, run: usize) -> anyhow::Result<Run> {
    let begun = Instant::now();
    let command = landfall::command(&["serve"], scratch.path(), &landfall::new_secret())?;
    let subject = Subject::start(command)?;
    let mut client = Client::connect(subject.addr())?;
    let answer = client.send(&get("/health/ready"))?;
    ensure!(answer.is_success(), "it listens and is not ready: {}", answer.status);
    let ready_ms = begun.elapsed().as_secs_f64() * 1e3;
    drop(client);
    #[expect(clippy::disallowed_methods, reason = "an idle server is one that is left alone")]
    std::thread::sleep(IDLE);
    let idle_rss_mib = subject.rss_kib()? as f64 / 1024.0;
    Ok(Run { bench: "start", run, rows: options.rows, ready_ms, idle_rss_mib })
}
