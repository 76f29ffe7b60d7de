//! What a delivery to one of many sockets costs a server: opens the sockets, sends at a steady rate, and takes the
//! server's CPU time and memory. It is told how to send, and knows neither Landfall nor the floor.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::generator::{Check, Generator, Manner};
use super::http::Endpoint;
use super::pairs::Pairs;
use super::process::Subject;
use super::publisher::{Pace, Posts, Publisher, Trigger};
use super::stats;
use super::visitor::Visit;

/// How long late frames are waited for.
const GRACE: Duration = Duration::from_secs(10);

/// How long a server may settle before its memory is read.
pub const SETTLE: Duration = Duration::from_millis(1500);

/// How many sockets get how much.
#[derive(Debug, clap::Args)]
pub struct Load {
    /// Sockets that are open at once.
    #[arg(long, default_value_t = 5000)]
    pub connections: usize,
    /// Rounds a second; each reaches every socket once.
    #[arg(long, default_value_t = 20)]
    pub rate: u32,
    /// Seconds of traffic in each run.
    #[arg(long, default_value_t = 8)]
    pub seconds: u32,
    /// How often Landfall and floor are measured in turn.
    #[arg(long, default_value_t = 7)]
    pub pairs: usize,
    /// A folder for the server's data.
    #[arg(long, default_value = "target/bench")]
    pub dir: PathBuf,
}

/// One run of one side.
#[derive(Debug, Serialize)]
pub struct Run {
    bench: &'static str,
    side: &'static str,
    pair: usize,
    connections: usize,
    pub frame_bytes: u64,
    pub sent: u64,
    pub delivered: u64,
    pub closed: u64,
    pub cpu_us_per_delivery: f64,
    pub cpu_us_per_connect: f64,
    p50_ms: f64,
    pub p99_ms: f64,
    pub kib_per_connection_idle: f64,
    pub kib_per_connection_after: f64,
}

/// What is measured: a server, how to reach its sockets, and how to make it send.
pub struct Side<'a> {
    /// The benchmark's name.
    pub bench: &'static str,
    /// The side's name.
    pub name: &'static str,
    /// The process.
    pub subject: &'a Subject,
    /// What opens each socket.
    pub visits: Vec<Visit>,
    /// Where the stamp of what it gets stands.
    pub check: Check,
    /// Makes every socket get one frame.
    pub trigger: Box<dyn Trigger>,
}

/// Measures one side.
pub fn measure(load: &Load, pair: usize, side: Side<'_>) -> anyhow::Result<Run> {
    let Side { bench, name, subject, visits, check, trigger } = side;
    let (start, connections) = (Instant::now(), visits.len() as f64);
    let (rss_bare, cpu_bare) = (subject.rss_kib()?, subject.cpu_us()?);
    let manner = Manner { check, ..Manner::STEADY };
    let mut generator = Generator::open(subject.addr(), &visits, start, manner)?;
    generator.run_until(Instant::now() + SETTLE, |_| false)?;
    let (rss_idle, cpu_idle) = (subject.rss_kib()?, subject.cpu_us()?);
    generator.reset();

    let pace = Pace { per_second: load.rate, count: load.rate * load.seconds };
    let sent = u64::from(pace.count) * visits.len() as u64;
    let deadline = Instant::now() + Duration::from_secs(u64::from(load.seconds)) + GRACE;
    let publisher = Publisher::start(start, pace, trigger)?;
    generator.run_until(deadline, |counts| counts.received >= sent)?;
    // A server that is told by its standard input to send ends with it.
    let _trigger = publisher.join()?;
    let cpu_after = subject.cpu_us()?;
    let counts = std::mem::take(generator.counts());
    generator.run_until(Instant::now() + SETTLE, |_| false)?;

    let (mut latencies, delivered) = (counts.latencies_us, counts.received.max(1));
    Ok(Run {
        bench,
        side: name,
        pair,
        connections: visits.len(),
        frame_bytes: counts.bytes / delivered,
        sent,
        delivered: counts.received,
        closed: counts.closed,
        cpu_us_per_delivery: (cpu_after - cpu_idle) as f64 / delivered as f64,
        cpu_us_per_connect: (cpu_idle - cpu_bare) as f64 / connections,
        p50_ms: stats::percentile_ms(&mut latencies, 0.5),
        p99_ms: stats::percentile_ms(&mut latencies, 0.99),
        kib_per_connection_idle: (rss_idle as f64 - rss_bare as f64) / connections,
        kib_per_connection_after: (subject.rss_kib()? as f64 - rss_bare as f64) / connections,
    })
}

/// What the floor sends each socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bytes {
    /// The same bytes as every other.
    Shared,
    /// Bytes of its own.
    Distinct,
}

/// Measures the bare epoll loop with payloads as long as those that Landfall sent.
pub fn measure_floor(
    load: &Load,
    pair: usize,
    bytes: Bytes,
    landfall: &Run,
) -> anyhow::Result<Run> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", "floor-fanout", "--listen", "127.0.0.1:0"]);
    if bytes == Bytes::Distinct {
        command.arg("--distinct");
    }
    let subject = Subject::start(command)?;
    let endpoint =
        Endpoint { path: "/notify".into(), content_type: "application/json", token: String::new() };
    let frame_bytes = landfall.frame_bytes as usize;
    let request = move |stamp| endpoint.post(&padded(stamp, frame_bytes));
    let trigger = Box::new(Posts::connect(subject.addr(), request)?);
    let (bench, check) = (landfall.bench, Check::Stamps);
    let visits = vec![Visit::to("/ws"); load.connections];
    let side = Side { bench, name: "floor", subject: &subject, visits, check, trigger };
    measure(load, pair, side)
}

fn padded(stamp: u64, bytes: usize) -> String {
    let bare = format!(r#"{{"stamp":{stamp},"pad":""}}"#);
    let pad = "x".repeat(bytes.saturating_sub(bare.len()));
    format!(r#"{{"stamp":{stamp},"pad":"{pad}"}}"#)
}

/// Says what came of it, in a line for people.
pub fn told(what: &str, load: &Load, pairs: &Pairs<Run, Run>) -> String {
    format!(
        "{what} to {} sockets, {} a second: CPU per delivery {} of the floor's ({:.2} µs, floor {:.2} µs); \
         p99 {} of the floor's ({:.1} ms, floor {:.1} ms); {:.2} KiB a socket idle, {:.2} after traffic; {}",
        load.connections,
        load.rate,
        pairs.over(|server, floor| server.cpu_us_per_delivery / floor.cpu_us_per_delivery),
        pairs.over(|server, _| server.cpu_us_per_delivery).median,
        pairs.over(|_, floor| floor.cpu_us_per_delivery).median,
        pairs.over(|server, floor| server.p99_ms / floor.p99_ms),
        pairs.over(|server, _| server.p99_ms).median,
        pairs.over(|_, floor| floor.p99_ms).median,
        pairs.over(|server, _| server.kib_per_connection_idle).median,
        pairs.over(|server, _| server.kib_per_connection_after).median,
        pairs.told(),
    )
}
