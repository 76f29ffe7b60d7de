//! Pull: a device that has nothing yet gets everything as one stream of lines: how long that takes, and what memory it
//! costs the server, out of much and out of a tenth of it. Then what a few changes cost (`pull_changes`).

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::Serialize;

use super::Report;
use super::filled::{self, Fill, Of};
use super::http::Endpoint;
use super::http_lines;
use super::landfall::Landfall;
use super::pairs::Pairs;
use super::pull_changes;

/// How often the server's memory is looked at.
const GLANCE: Duration = Duration::from_millis(10);

/// What `landfall bench pull` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Entities of one user, all of which a device pulls that has none.
    #[arg(long, default_value_t = 100_000)]
    entities: u64,
    /// Entities in the small store out of which a few changes are pulled.
    #[arg(long, default_value_t = 10_000)]
    pub few: u64,
    /// Entities in the huge one.
    #[arg(long, default_value_t = 1_000_000)]
    pub many: u64,
    /// Pulls of a few changes in each run.
    #[arg(long, default_value_t = 5_000)]
    pub reads: usize,
    /// How often both sides are measured in turn.
    #[arg(long, default_value_t = 7)]
    pub pairs: usize,
    /// A folder in which the filled stores are kept for the next time.
    #[arg(long, default_value = "target/bench")]
    pub keep: PathBuf,
    /// A folder for the server's data.
    #[arg(long, default_value = "target/bench")]
    pub dir: PathBuf,
}

/// One pull of everything.
#[derive(Debug, Serialize)]
struct Run {
    bench: &'static str,
    pair: usize,
    entities: u64,
    bytes: u64,
    seconds: f64,
    cpu_us_per_entity: f64,
    /// What the server had allocated at most, above what it had before.
    mib_more: f64,
}

/// Measures and prints; fails when a device does not get everything.
pub fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let pairs = Pairs::measure(
        options.pairs,
        report,
        |pair| measure(options, options.entities, pair),
        |pair, _| measure(options, options.entities / 10, pair),
    )?;
    report.line(format_args!(
        "pull of {} entities by a device that has none: all after {} s, {:.1} µs of CPU an entity; the server's memory grew \
         by {} MiB, and by {} MiB for {}; {}",
        options.entities,
        pairs.over(|all, _| all.seconds),
        pairs.over(|all, _| all.cpu_us_per_entity).median,
        pairs.over(|all, _| all.mib_more),
        pairs.over(|_, tenth| tenth.mib_more),
        options.entities / 10,
        pairs.told(),
    ))?;
    pull_changes::run(options, report)
}

fn measure(options: &Options, entities: u64, pair: usize) -> anyhow::Result<Run> {
    let fill = Fill { of: Of::Entities, rows: entities, per_user: entities };
    let landfall = Landfall::start_on_file(&filled::store(&options.keep, fill)?, &options.dir)?;
    let subject = &landfall.subject;
    subject.wait_until_quiet()?;
    let endpoint = endpoint(landfall.token("u0", "student")?);
    let body = format!(r#"{{"deviceId":"{}"}}"#, uuid::Uuid::now_v7());
    let request = endpoint.post_for("application/x-ndjson", &body);

    let (kib_before, cpu) = (subject.anonymous_kib()?, subject.cpu_us()?);
    let (mut came, mut bytes, mut kib_most) = (0, 0, kib_before);
    let (begun, mut glanced) = (Instant::now(), Instant::now());
    http_lines::read(subject.addr(), &request, |line| {
        came += u64::from(line.starts_with(br#"{"entityType""#));
        bytes += line.len() as u64 + 1;
        if glanced.elapsed() > GLANCE {
            (kib_most, glanced) = (kib_most.max(subject.anonymous_kib()?), Instant::now());
        }
        Ok(())
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    kib_most = kib_most.max(subject.anonymous_kib()?);
    ensure!(came == entities, "{came} of {entities} entities came");
    Ok(Run {
        bench: "pull",
        pair,
        entities,
        bytes,
        seconds,
        cpu_us_per_entity: (subject.cpu_us()? - cpu) as f64 / entities as f64,
        mib_more: (kib_most - kib_before) as f64 / 1024.0,
    })
}

/// Where a user pulls.
pub fn endpoint(token: String) -> Endpoint {
    Endpoint { path: "/api/v1/sync/pull".into(), content_type: "application/json", token }
}
