//! The outbox: how many queued deliveries a second a running server takes to a provider that answers after a while, against
//! bare requests and raw SQLite with the same rows; and what a claim costs while little or much waits.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Serialize;

use super::Report;
use super::claims;
use super::fcm_service::FcmService;
use super::floor_outbox::{self, Spent};
use super::landfall::{Scratch, command};
use super::outbox_rows::Full;
use super::pairs::Pairs;
use super::process::Subject;

/// A provider's gate opens over ten seconds, as Firebase asks; what comes after is measured.
const RAMP: Duration = Duration::from_secs(11);
/// How long the first message may take.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);

/// What `landfall bench outbox` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Deliveries that wait when the server starts.
    #[arg(long, default_value_t = 120_000)]
    rows: usize,
    /// Users whom they are for, one app each.
    #[arg(long, default_value_t = 10_000)]
    users: usize,
    /// Milliseconds after which the provider answers.
    #[arg(long, default_value_t = 50)]
    answer_ms: u64,
    /// Requests under way at the same time.
    #[arg(long, default_value_t = 512)]
    under_way: usize,
    /// Seconds of each run.
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    /// Deliveries that wait while claims are measured: much, against 100.
    #[arg(long, default_value_t = 1_000_000)]
    waiting: u64,
    /// How often Landfall and floor are measured in turn.
    #[arg(long, default_value_t = 7)]
    pairs: usize,
    /// A folder on the disk to be measured; not one in memory.
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
}

/// One run of the server.
#[derive(Debug, Serialize)]
struct Run {
    bench: &'static str,
    side: &'static str,
    pair: usize,
    attempts: u64,
    attempts_per_s: f64,
    cpu_us_per_attempt: f64,
    rss_mib: f64,
    anonymous_mib: f64,
}

/// One run of the floor.
#[derive(Debug, Serialize)]
struct Floor {
    bench: &'static str,
    side: &'static str,
    pair: usize,
    attempts: u64,
    attempts_per_s: f64,
    cpu_us_per_attempt: f64,
}

/// Measures Landfall and floor in turn, then claims, and prints the ratios.
pub fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let full = Full::create(&options.dir, options.users, options.rows)?;
    let landfall = |pair| measure(options, &full, pair);
    let pairs = Pairs::measure(options.pairs, report, landfall, |pair, _: &Run| {
        floor(options, &full, pair)
    })?;
    report.line(format_args!(
        "outbox to a provider that answers after {} ms, {} under way: {} of the floor's attempts a second ({:.0}, floor \
         {:.0}); {:.0} µs of CPU an attempt, floor {:.0}; {:.0} MiB resident, {:.0} of them no file's; {}",
        options.answer_ms,
        options.under_way,
        pairs.over(|run, floor| run.attempts_per_s / floor.attempts_per_s),
        pairs.over(|run, _| run.attempts_per_s).median,
        pairs.over(|_, floor| floor.attempts_per_s).median,
        pairs.over(|run, _| run.cpu_us_per_attempt).median,
        pairs.over(|_, floor| floor.cpu_us_per_attempt).median,
        pairs.over(|run, _| run.rss_mib).max,
        pairs.over(|run, _| run.anonymous_mib).max,
        pairs.told(),
    ))?;
    claims::run(&options.dir, options.waiting, options.pairs, report)
}

fn measure(options: &Options, full: &Full, pair: usize) -> anyhow::Result<Run> {
    let service = FcmService::start(Duration::from_millis(options.answer_ms))?;
    let data = full.copy(&options.dir)?;
    let subject = start(options, full, &data, &service)?;
    wait_for_first(&service)?;
    pause(RAMP);
    let (begun, cpu, before) = (Instant::now(), subject.cpu_us()?, service.taken());
    pause(Duration::from_secs(options.seconds));
    let (took, cpu) = (begun.elapsed(), subject.cpu_us()? - cpu);
    let (attempts, all) = (service.taken() - before, service.taken());
    ensure!(attempts > 0, "nothing more came after {before} messages");
    ensure!(all < options.rows as u64, "all {all} deliveries were made; give more of them");
    Ok(Run {
        bench: "outbox",
        side: "landfall",
        pair,
        attempts,
        attempts_per_s: attempts as f64 / took.as_secs_f64(),
        cpu_us_per_attempt: cpu as f64 / attempts as f64,
        rss_mib: subject.rss_kib()? as f64 / 1024.0,
        anonymous_mib: subject.anonymous_kib()? as f64 / 1024.0,
    })
}

fn start(
    options: &Options,
    full: &Full,
    data: &Scratch,
    service: &FcmService,
) -> anyhow::Result<Subject> {
    let mut command = command(&["serve"], data.path(), &full.secret)?;
    let under_way = options.under_way.to_string();
    command
        .env("FIREBASE_CREDENTIALS", service.credentials()?)
        .env("LANDFALL_FCM_BASE_URL", format!("http://{}", service.addr()))
        .env("LANDFALL_FCM_CONCURRENCY", &under_way)
        .env("LANDFALL_FCM_PER_SECOND", "0")
        .env("LANDFALL_FCM_RAMP_SECONDS", "10")
        .env("LANDFALL_OUTBOX_CONCURRENCY", &under_way);
    Subject::start(command)
}

fn wait_for_first(service: &FcmService) -> anyhow::Result<()> {
    let begun = Instant::now();
    while service.taken() == 0 {
        ensure!(begun.elapsed() < PATIENCE, "the server sent nothing");
        pause(LOOK);
    }
    Ok(())
}

fn floor(options: &Options, full: &Full, pair: usize) -> anyhow::Result<Floor> {
    let service = FcmService::start(Duration::from_millis(options.answer_ms))?;
    let data = full.copy(&options.dir)?;
    let addr: SocketAddr = service.addr();
    let time = Duration::from_secs(options.seconds);
    let spent = floor_outbox::run(data.path(), addr, options.under_way, time);
    let Spent { attempts, took, cpu_us } = spent.context("the floor")?;
    Ok(Floor {
        bench: "outbox",
        side: "floor",
        pair,
        attempts,
        attempts_per_s: attempts as f64 / took.as_secs_f64(),
        cpu_us_per_attempt: cpu_us / attempts as f64,
    })
}

/// Waits, on a thread that does nothing else.
pub fn pause(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "the server is watched from outside")]
    std::thread::sleep(time);
}
