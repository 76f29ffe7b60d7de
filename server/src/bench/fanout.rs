//! Fan-out: what a delivery to one of many sockets costs Landfall, against a bare epoll loop that writes as many bytes.
//! Server and generator are separate processes, so that their CPU time can be told apart.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::Report;
use super::generator::Generator;
use super::http::Endpoint;
use super::landfall::Landfall;
use super::process::Subject;
use super::publisher::{Pace, Publisher};
use super::report::progress;
use super::stats::{self, Spread};

/// How long late frames are waited for.
const GRACE: Duration = Duration::from_secs(10);

/// How long a server may settle before its memory is read.
const SETTLE: Duration = Duration::from_millis(1500);

/// What `landfall bench fanout` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Sockets that are open at once.
    #[arg(long, default_value_t = 5000)]
    pub connections: usize,
    /// Requests a second; each reaches every socket.
    #[arg(long, default_value_t = 20)]
    pub rate: u32,
    /// Seconds of traffic in each run.
    #[arg(long, default_value_t = 8)]
    pub seconds: u32,
    /// How often floor and server are measured in turn.
    #[arg(long, default_value_t = 3)]
    pub pairs: usize,
    /// One user and one notification per socket, through the batch call, instead of one user with many devices.
    #[arg(long)]
    pub distinct: bool,
    /// Where the sockets are opened; `{token}` and `{device}` are filled in.
    #[arg(long, default_value = "/ws?token={token}&device_id={device}&ack=1")]
    pub path: String,
    /// A folder for the server's data.
    #[arg(long, default_value = "bench-data")]
    pub dir: PathBuf,
}

/// One run of one side.
#[derive(Debug, Serialize)]
struct Run {
    bench: &'static str,
    side: &'static str,
    pair: usize,
    connections: usize,
    frame_bytes: u64,
    sent: u64,
    delivered: u64,
    closed: u64,
    cpu_us_per_delivery: f64,
    cpu_us_per_connect: f64,
    p50_ms: f64,
    p99_ms: f64,
    kib_per_connection_idle: f64,
    kib_per_connection_after: f64,
}

/// What is measured: a server, how to reach its sockets, and what to send it.
struct Side<'a> {
    name: &'static str,
    subject: &'a Subject,
    paths: Vec<String>,
    request: Request,
}

/// Measures Landfall and floor in turn and prints the ratios.
pub fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let mut pairs = Vec::new();
    for pair in 0..options.pairs {
        progress(format_args!("pair {pair}: Landfall"));
        let server = measure_landfall(options, pair)?;
        report.result(&server)?;
        progress(format_args!("pair {pair}: floor"));
        let floor = measure_floor(options, pair, server.frame_bytes as usize)?;
        report.result(&floor)?;
        pairs.push((server, floor));
    }
    let over = |value: fn(&(Run, Run)) -> f64| Spread::of(pairs.iter().map(value));
    report.line(format_args!(
        "fan-out{} to {} sockets, {} a second: CPU per delivery {} of the floor's ({:.2} µs, floor {:.2} µs); \
         p99 {:.1} ms, floor {:.1} ms; {:.2} KiB a socket idle, {:.2} after traffic; {} pairs, median (min–max)",
        if options.distinct { ", distinct," } else { "" },
        options.connections,
        options.rate,
        over(|(server, floor)| server.cpu_us_per_delivery / floor.cpu_us_per_delivery),
        over(|(server, _)| server.cpu_us_per_delivery).median,
        over(|(_, floor)| floor.cpu_us_per_delivery).median,
        over(|(server, _)| server.p99_ms).median,
        over(|(_, floor)| floor.p99_ms).median,
        over(|(server, _)| server.kib_per_connection_idle).median,
        over(|(server, _)| server.kib_per_connection_after).median,
        options.pairs,
    ))?;
    Ok(())
}

fn measure_landfall(options: &Options, pair: usize) -> anyhow::Result<Run> {
    let landfall = Landfall::start(&options.dir)?;
    let user = |index: usize| if options.distinct { format!("u{index}") } else { "u0".to_owned() };
    let mut paths = Vec::with_capacity(options.connections);
    for index in 0..options.connections {
        let token = landfall.token(&user(index), "student")?;
        paths.push(
            options.path.replace("{token}", &token).replace("{device}", &format!("d{index}")),
        );
    }
    let token = landfall.token("bench", "service")?;
    let request = request(options, token);
    measure(options, pair, Side { name: "landfall", subject: &landfall.subject, paths, request })
}

/// What is sent for each stamp.
type Request = Box<dyn Fn(u64) -> Vec<u8> + Send>;

fn request(options: &Options, token: String) -> Request {
    if !options.distinct {
        let endpoint = Endpoint { path: "/notify", content_type: "application/json", token };
        return Box::new(move |stamp| endpoint.post(&notification("u0", stamp)));
    }
    let endpoint =
        Endpoint { path: "/api/v1/notify/batch", content_type: "application/x-ndjson", token };
    let count = options.connections;
    Box::new(move |stamp| {
        let lines = (0..count).map(|index| notification(&format!("u{index}"), stamp) + "\n");
        endpoint.post(&lines.collect::<String>())
    })
}

/// The floor sends payloads as long as those that Landfall made of its notifications.
fn measure_floor(options: &Options, pair: usize, frame_bytes: usize) -> anyhow::Result<Run> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", "floor-fanout", "--listen", "127.0.0.1:0"]);
    let subject = Subject::start(command)?;
    let endpoint =
        Endpoint { path: "/notify", content_type: "application/json", token: String::new() };
    let request = Box::new(move |stamp| endpoint.post(&padded(stamp, frame_bytes)));
    let paths = vec!["/ws".to_owned(); options.connections];
    measure(options, pair, Side { name: "floor", subject: &subject, paths, request })
}

fn notification(user: &str, stamp: u64) -> String {
    format!(
        r#"{{"user_id":"{user}","title":"Quiz at ten","message":"Room 4, bring a pencil","notification_type":"bench","channels":["websocket"],"data":{{"stamp":{stamp}}}}}"#
    )
}

fn padded(stamp: u64, bytes: usize) -> String {
    let bare = format!(r#"{{"stamp":{stamp},"pad":""}}"#);
    let pad = "x".repeat(bytes.saturating_sub(bare.len()));
    format!(r#"{{"stamp":{stamp},"pad":"{pad}"}}"#)
}

fn measure(options: &Options, pair: usize, side: Side<'_>) -> anyhow::Result<Run> {
    let Side { name, subject, paths, request } = side;
    let (start, connections) = (Instant::now(), paths.len() as f64);
    let (rss_bare, cpu_bare) = (subject.rss_kib()?, subject.cpu_us()?);
    let mut generator = Generator::open(subject.addr(), &paths, start)?;
    generator.run_until(Instant::now() + SETTLE, |_| false)?;
    let (rss_idle, cpu_idle) = (subject.rss_kib()?, subject.cpu_us()?);
    generator.reset();

    let pace = Pace { per_second: options.rate, count: options.rate * options.seconds };
    let sent = u64::from(pace.count) * paths.len() as u64;
    let deadline = Instant::now() + Duration::from_secs(u64::from(options.seconds)) + GRACE;
    let publisher = Publisher::start(subject.addr(), start, pace, request)?;
    generator.run_until(deadline, |counts| counts.received >= sent)?;
    publisher.join()?;
    let cpu_after = subject.cpu_us()?;
    let counts = std::mem::take(generator.counts());
    generator.run_until(Instant::now() + SETTLE, |_| false)?;

    let (mut latencies, delivered) = (counts.latencies_us, counts.received.max(1));
    Ok(Run {
        bench: if options.distinct { "fanout-distinct" } else { "fanout" },
        side: name,
        pair,
        connections: paths.len(),
        frame_bytes: counts.bytes / delivered,
        sent,
        delivered: counts.received,
        closed: counts.closed,
        cpu_us_per_delivery: (cpu_after - cpu_idle) as f64 / delivered as f64,
        cpu_us_per_connect: (cpu_idle - cpu_bare) as f64 / connections,
        p50_ms: f64::from(stats::percentile(&mut latencies, 0.5)) / 1e3,
        p99_ms: f64::from(stats::percentile(&mut latencies, 0.99)) / 1e3,
        kib_per_connection_idle: (rss_idle as f64 - rss_bare as f64) / connections,
        kib_per_connection_after: (subject.rss_kib()? as f64 - rss_bare as f64) / connections,
    })
}
