//! A send to many users: how soon it is accepted, how fast it is expanded against raw SQLite writing the same rows in
//! groups of the same size, and what other users' notifications have to wait for meanwhile.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use landfall_store::sqlite::SCHEMA;
use serde::Serialize;

use super::Report;
use super::floor_ingest::{self, Load, Rate};
use super::generator::{Generator, Manner};
use super::http::{Client, Endpoint};
use super::ingest::SAME_ROWS;
use super::landfall::{Landfall, Scratch};
use super::pairs::Pairs;
use super::rows::Order;
use super::stats;
use super::visitor::Visit;

/// How long a send may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What `landfall bench send` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Users whom one send reaches.
    #[arg(long, default_value_t = 10_000)]
    users: usize,
    /// Sends one after the other in each run.
    #[arg(long, default_value_t = 10)]
    sends: usize,
    /// Notifications a second to other users meanwhile, and before in the quiet.
    #[arg(long, default_value_t = 200)]
    others: u32,
    /// Seconds of quiet.
    #[arg(long, default_value_t = 4)]
    quiet_seconds: u64,
    /// Rows that the floor stores in one transaction: as many as Landfall expands in one.
    #[arg(long, default_value_t = 100)]
    group: usize,
    /// How often Landfall and floor are measured in turn.
    #[arg(long, default_value_t = 7)]
    pairs: usize,
    /// A folder on the disk to be measured; not one in memory.
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
}

/// One run of Landfall.
#[derive(Debug, Serialize)]
struct Run {
    bench: &'static str,
    side: &'static str,
    pair: usize,
    users: usize,
    accepted_ms: f64,
    rows_per_s: f64,
    quiet_p50_ms: f64,
    quiet_p99_ms: f64,
    meanwhile_p50_ms: f64,
    meanwhile_p99_ms: f64,
    meanwhile_count: usize,
}

/// One run of the floor.
#[derive(Debug, Serialize)]
struct Floor {
    bench: &'static str,
    side: &'static str,
    pair: usize,
    #[serde(flatten)]
    rate: Rate,
}

/// Measures Landfall and floor in turn and prints the ratios.
pub fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let floor = |pair, _: &Run| {
        let scratch = Scratch::create(&options.dir)?;
        let load = Load { group: options.group, seconds: 4, order: Order::InTurn };
        let rate = floor_ingest::run(scratch.path(), SCHEMA, &SAME_ROWS, load)?;
        Ok(Floor { bench: "send", side: "floor", pair, rate })
    };
    let pairs = Pairs::measure(options.pairs, report, |pair| measure(options, pair), floor)?;
    report.line(format_args!(
        "send to {} users: accepted after {} ms; expanded at {} of the floor's rows a second ({:.0}, floor {:.0} with \
         {} a commit); others' answers meanwhile p99 {} of their quiet p99 ({:.1} ms, quiet {:.1} ms); {}",
        options.users,
        pairs.over(|run, _| run.accepted_ms),
        pairs.over(|run, floor| run.rows_per_s / floor.rate.rows_per_s),
        pairs.over(|run, _| run.rows_per_s).median,
        pairs.over(|_, floor| floor.rate.rows_per_s).median,
        options.group,
        pairs.over(|run, _| run.meanwhile_p99_ms / run.quiet_p99_ms),
        pairs.over(|run, _| run.meanwhile_p99_ms).median,
        pairs.over(|run, _| run.quiet_p99_ms).median,
        pairs.told(),
    ))?;
    Ok(())
}

fn measure(options: &Options, pair: usize) -> anyhow::Result<Run> {
    let landfall = Landfall::start(&options.dir)?;
    let (addr, token) = (landfall.subject.addr(), landfall.token("bench", "service")?);
    let others = Others { addr, token: token.clone(), per_second: options.others };
    let mut quiet = others.notify_for(Duration::from_secs(options.quiet_seconds))?;

    // Users are reached in the order of their names, so the last one's device tells when all were.
    let last = landfall.token(&user(options.users - 1), "student")?;
    let visit = Visit::to(format!("/ws?token={last}&ack=1"));
    let mut device = Generator::open(addr, &[visit], Instant::now(), Manner::STEADY)?;
    let endpoint = Endpoint { path: "/notify".into(), content_type: "application/json", token };
    let request = endpoint.post(&send(options.users));
    let mut client = Client::connect(addr)?;
    let mut accepted = Vec::new();
    let busy = others.start()?;
    let begun = Instant::now();
    for sent in 1..=options.sends as u64 {
        let posted = Instant::now();
        let answer = client.send(&request)?;
        accepted.push(posted.elapsed().as_micros() as u32);
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(answer.status == 202, "a send was answered with {}: {text}", answer.status);
        device.run_until(Instant::now() + PATIENCE, |counts| counts.received >= sent)?;
        ensure!(device.counts().received >= sent, "a send was not expanded in time");
    }
    let took = begun.elapsed();
    let mut meanwhile = busy.stop()?;
    Ok(Run {
        bench: "send",
        side: "landfall",
        pair,
        users: options.users,
        accepted_ms: stats::percentile_ms(&mut accepted, 0.5),
        rows_per_s: (options.users * options.sends) as f64 / took.as_secs_f64(),
        quiet_p50_ms: stats::percentile_ms(&mut quiet, 0.5),
        quiet_p99_ms: stats::percentile_ms(&mut quiet, 0.99),
        meanwhile_p50_ms: stats::percentile_ms(&mut meanwhile, 0.5),
        meanwhile_p99_ms: stats::percentile_ms(&mut meanwhile, 0.99),
        meanwhile_count: meanwhile.len(),
    })
}

/// Names that sort as they count.
fn user(index: usize) -> String {
    format!("s{index:07}")
}

fn send(users: usize) -> String {
    let ids: Vec<String> = (0..users).map(|index| format!("\"{}\"", user(index))).collect();
    format!(
        r#"{{"user_ids":[{}],"title":"Quiz at ten","message":"The quiz on fractions moves to room 4 at ten; bring a pencil, a ruler and your notes from last week.","notification_type":"quiz_reminder","data":{{"stamp":0}}}}"#,
        ids.join(",")
    )
}

/// Clients that notify users whom the send does not reach, so many that none waits for another.
const CLIENTS: u32 = 20;

/// Notifications to users whom the send does not reach, each timed from when it was due.
struct Others {
    addr: SocketAddr,
    token: String,
    per_second: u32,
}

/// Notifications under way.
struct Notifying {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<anyhow::Result<Vec<u32>>>>,
}

impl Others {
    fn notify_for(&self, time: Duration) -> anyhow::Result<Vec<u32>> {
        let notifying = self.start()?;
        #[expect(clippy::disallowed_methods, reason = "the quiet lasts as long as it is told to")]
        thread::sleep(time);
        notifying.stop()
    }

    fn start(&self) -> anyhow::Result<Notifying> {
        let stop = Arc::new(AtomicBool::new(false));
        let begun = Instant::now();
        let clients = (0..CLIENTS).map(|index| {
            let (client, token) = (Client::connect(self.addr)?, self.token.clone());
            let endpoint =
                Endpoint { path: "/notify".into(), content_type: "application/json", token };
            let step = Duration::from_secs(1) * CLIENTS / self.per_second.max(1);
            let (first, stop) = (begun + step * index / CLIENTS, Arc::clone(&stop));
            let work = move || notify(client, &endpoint, first, step, &stop);
            Ok(thread::Builder::new().name("bench-others".into()).spawn(work)?)
        });
        Ok(Notifying { clients: clients.collect::<anyhow::Result<_>>()?, stop })
    }
}

#[expect(clippy::disallowed_methods, reason = "a thread of its own keeps the pace")]
fn notify(
    mut client: Client,
    endpoint: &Endpoint,
    first: Instant,
    step: Duration,
    stop: &AtomicBool,
) -> anyhow::Result<Vec<u32>> {
    let mut times = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let due = first + step * times.len() as u32;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let answer = client.send(&endpoint.post(&other(times.len())))?;
        ensure!(answer.is_success(), "an answer of {}", answer.status);
        times.push(due.elapsed().as_micros() as u32);
    }
    Ok(times)
}

impl Notifying {
    /// Ends it and gives the microseconds of each.
    fn stop(self) -> anyhow::Result<Vec<u32>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut times = Vec::new();
        for client in self.clients {
            times.extend(client.join().ok().context("another user's client panicked")??);
        }
        Ok(times)
    }
}

fn other(index: usize) -> String {
    let user = index % 1000;
    format!(
        r#"{{"user_id":"o{user}","title":"Your turn","message":"Room 4","notification_type":"turn"}}"#
    )
}
