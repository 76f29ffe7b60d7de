//! A whole school comes back at once: devices reconnect with their last number and miss some notifications each. What
//! that costs the server, and what an idle connection keeps of it, against a bare epoll loop that answers the handshakes
//! and writes as many frames.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::Serialize;

use super::Report;
use super::delivery::SETTLE;
use super::generator::{Check, Generator, Manner};
use super::http::{Client, Endpoint};
use super::landfall::Landfall;
use super::pairs::Pairs;
use super::process::Subject;
use super::stats;
use super::visitor::Visit;

/// How long frames are waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What `landfall bench resume` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Devices, each of a user of its own.
    #[arg(long, default_value_t = 5000)]
    devices: usize,
    /// Notifications that each of them missed.
    #[arg(long, default_value_t = 20)]
    missed: usize,
    /// How often Landfall and floor are measured in turn.
    #[arg(long, default_value_t = 7)]
    pairs: usize,
    /// A folder for the server's data.
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
}

/// One wave of reconnects.
#[derive(Debug, Serialize)]
struct Wave {
    bench: &'static str,
    side: &'static str,
    pair: usize,
    devices: usize,
    served: u64,
    closed: u64,
    cpu_us_per_resume: f64,
    all_served_ms: f64,
    p99_ms: f64,
    kib_per_connection: f64,
}

/// Measures Landfall and floor in turn and prints; fails when a device was refused or not served.
pub fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let landfall = Landfall::start(&options.dir)?;
    prepare(options, &landfall)?;
    let visits = landfall.devices(options.devices, options.devices, "&ack=1&replay_from=1")?;
    let subject = &landfall.subject;
    // The first wave fills caches, which are not the connections' and not to be counted as theirs.
    wave(options, subject, &visits)?;
    let mut floor = Command::new(std::env::current_exe()?);
    floor.args(["bench", "floor-fanout", "--greet", &options.missed.to_string()]);
    let floor = Subject::start(floor)?;
    let bare = vec![Visit::to("/ws"); options.devices];
    let pairs = Pairs::measure(
        options.pairs,
        report,
        |pair| Ok(Wave { side: "landfall", pair, ..wave(options, subject, &visits)? }),
        |pair, _| Ok(Wave { side: "floor", pair, ..wave(options, &floor, &bare)? }),
    )?;
    report.line(format_args!(
        "resume of {} devices at once, {} notifications missed by each: all served, none refused; {} µs of CPU a \
         resume, {} of the floor's; the last was served after {:.0} ms, floor {:.0} ms; \
         {} KiB an idle connection afterwards; {}",
        options.devices,
        options.missed,
        pairs.over(|server, _| server.cpu_us_per_resume),
        pairs.over(|server, floor| server.cpu_us_per_resume / floor.cpu_us_per_resume),
        pairs.over(|server, _| server.all_served_ms).median,
        pairs.over(|_, floor| floor.all_served_ms).median,
        pairs.over(|server, _| server.kib_per_connection),
        pairs.told(),
    ))?;
    Ok(())
}

/// Gives every user one notification that its device knows, and those that it missed.
fn prepare(options: &Options, landfall: &Landfall) -> anyhow::Result<()> {
    let token = landfall.token("bench", "service")?;
    let path = "/api/v1/notify/batch".into();
    let endpoint = Endpoint { path, content_type: "application/x-ndjson", token };
    let mut client = Client::connect(landfall.subject.addr())?;
    for _ in 0..=options.missed {
        let lines: String = (0..options.devices).map(notification).collect();
        let answer = client.send(&endpoint.post(&lines))?;
        ensure!(answer.is_success(), "a batch was answered with {}", answer.status);
    }
    landfall.subject.wait_until_quiet()
}

fn notification(user: usize) -> String {
    format!(
        "{{\"user_id\":\"u{user}\",\"title\":\"Quiz at ten\",\"message\":\"Room 4, bring a pencil\",\
         \"notification_type\":\"bench\",\"channels\":[\"websocket\"],\"data\":{{\"stamp\":0}}}}\n"
    )
}

/// Lets every device come at once, waits until each has what it missed and the server is quiet, and lets them go.
fn wave(options: &Options, subject: &Subject, visits: &[Visit]) -> anyhow::Result<Wave> {
    let expected = (visits.len() * options.missed) as u64;
    let (kib_bare, cpu_bare) = (subject.anonymous_kib()?, subject.cpu_us()?);
    let start = Instant::now();
    let manner = Manner { check: Check::Order, at_once: visits.len(), ..Manner::STEADY };
    let mut generator = Generator::open(subject.addr(), visits, start, manner)?;
    generator.run_until(start + PATIENCE, |counts| counts.received >= expected)?;
    let all_served_ms = start.elapsed().as_secs_f64() * 1e3;
    subject.wait_until_quiet()?;
    let cpu = subject.cpu_us()? - cpu_bare;
    generator.run_until(Instant::now() + SETTLE, |_| false)?;
    let kib = subject.anonymous_kib()? as f64 - kib_bare as f64;
    let counts = std::mem::take(generator.counts());
    let served = counts.received / options.missed as u64;
    ensure!(
        (counts.received, counts.closed, counts.out_of_order) == (expected, 0, 0),
        "{served} of {} devices were served, {} closed, {} frames out of order",
        visits.len(),
        counts.closed,
        counts.out_of_order
    );
    drop(generator);
    subject.wait_until_quiet()?;
    let mut latencies = counts.latencies_us;
    Ok(Wave {
        bench: "resume",
        side: "",
        pair: 0,
        devices: visits.len(),
        served,
        closed: counts.closed,
        cpu_us_per_resume: cpu as f64 / visits.len() as f64,
        all_served_ms,
        p99_ms: stats::percentile_ms(&mut latencies, 0.99),
        kib_per_connection: kib / visits.len() as f64,
    })
}
