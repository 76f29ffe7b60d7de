//! A message to a topic of many members: how soon the last of those who follow it has it, and what it makes the store
//! write, against a topic of few members on the same server. A message is to be one row, however many they are.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::Serialize;

use super::Report;
use super::delivery::SETTLE;
use super::generator::{Check, Generator, Manner};
use super::http::Client;
use super::landfall::Landfall;
use super::pairs::Pairs;
use super::publisher::{Pace, Posts, Publisher};
use super::stats;
use super::stored::Stored;
use super::topics::Topic;

/// How long late messages are waited for.
const GRACE: Duration = Duration::from_secs(10);
/// How long telling everybody may take who is not there, and how often it is looked whether it is done.
const TELLING: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(100);

/// What `landfall bench topic` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Members of the large topic.
    #[arg(long, default_value_t = 10_000)]
    members: usize,
    /// Of them, how many follow it over a socket.
    #[arg(long, default_value_t = 2_000)]
    connected: usize,
    /// Members of the small topic.
    #[arg(long, default_value_t = 10)]
    few: usize,
    /// Of them, how many follow it over a socket.
    #[arg(long, default_value_t = 2)]
    few_connected: usize,
    /// Messages a second.
    #[arg(long, default_value_t = 5)]
    rate: u32,
    /// Seconds of traffic in each run.
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// Messages that are sent one after the other before anybody follows, for what the store alone does.
    #[arg(long, default_value_t = 1_000)]
    unheard: u32,
    /// How often both topics are measured in turn.
    #[arg(long, default_value_t = 7)]
    pairs: usize,
    /// A folder for the server's data.
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
}

/// One run of one topic.
#[derive(Debug, Serialize)]
struct Run {
    bench: &'static str,
    side: &'static str,
    pair: usize,
    members: usize,
    connected: usize,
    #[serde(flatten)]
    unheard: Unheard,
    #[serde(flatten)]
    heard: Heard,
}

/// What messages cost that nobody follows.
#[derive(Debug, Serialize)]
struct Unheard {
    rows_per_message: f64,
    stored_per_message: f64,
    log_bytes_per_message: f64,
    cpu_us_per_message: f64,
    answered_p50_ms: f64,
    answered_p99_ms: f64,
}

/// How soon messages are there.
#[derive(Debug, Serialize)]
struct Heard {
    sent: u32,
    last_p50_ms: f64,
    last_p99_ms: f64,
    heard_rows_per_message: f64,
    heard_log_bytes_per_message: f64,
}

/// A server with its topics.
struct Bench<'a> {
    landfall: &'a Landfall,
    stored: Stored,
    start: Instant,
    options: &'a Options,
}

/// Measures both topics in turn and prints; fails when a message did not reach everybody.
pub fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let landfall = Landfall::start(&options.dir)?;
    let (many, few) = (
        Topic::make(&landfall, "many", options.members)?,
        Topic::make(&landfall, "few", options.few)?,
    );
    // Rows of the topic that was made last end the tables, where adding is cheaper: that must be neither.
    let last = Topic::make(&landfall, "last", options.few)?;
    let (stored, start) = (Stored::open(&landfall.file())?, Instant::now());
    let bench = Bench { landfall: &landfall, stored, start, options };
    // What is done for the first message alone is no message's.
    bench.unheard(&last)?;
    let pairs = Pairs::measure(
        options.pairs,
        report,
        |pair| bench.measure("many", pair, &many, options.connected),
        |pair, _| bench.measure("few", pair, &few, options.few_connected),
    )?;
    report.line(format_args!("{}", told(options, &pairs)))?;
    Ok(())
}

fn told(options: &Options, pairs: &Pairs<Run, Run>) -> String {
    let ratio = |value: fn(&Run) -> f64| pairs.over(|many, few| value(many) / value(few));
    let log_kib = |run: &Run| run.unheard.log_bytes_per_message / 1024.0;
    format!(
        "topic of {} members, {} of them in its room, {} messages a second: the last has each after p50 {} ms, p99 {} ms; \
         each is {:.2} stored message and {:.2} new rows in all, with {} members {:.2} and {:.2}; it writes {} of their bytes \
         to the log ({:.2} KiB, theirs {:.2}), with everybody in the room {}; {} of their CPU with nobody in it ({:.0} µs, \
         theirs {:.0}), answered after {} of their time (p50 {:.2} ms, theirs {:.2}); {}",
        options.members,
        options.connected,
        options.rate,
        pairs.over(|many, _| many.heard.last_p50_ms),
        pairs.over(|many, _| many.heard.last_p99_ms),
        pairs.over(|many, _| many.unheard.stored_per_message).median,
        pairs.over(|many, _| many.unheard.rows_per_message).median,
        options.few,
        pairs.over(|_, few| few.unheard.stored_per_message).median,
        pairs.over(|_, few| few.unheard.rows_per_message).median,
        ratio(|run| run.unheard.log_bytes_per_message),
        pairs.over(|many, _| log_kib(many)).median,
        pairs.over(|_, few| log_kib(few)).median,
        ratio(|run| run.heard.heard_log_bytes_per_message),
        ratio(|run| run.unheard.cpu_us_per_message),
        pairs.over(|many, _| many.unheard.cpu_us_per_message).median,
        pairs.over(|_, few| few.unheard.cpu_us_per_message).median,
        ratio(|run| run.unheard.answered_p50_ms),
        pairs.over(|many, _| many.unheard.answered_p50_ms).median,
        pairs.over(|_, few| few.unheard.answered_p50_ms).median,
        pairs.told(),
    )
}

impl Bench<'_> {
    fn measure(
        &self,
        side: &'static str,
        pair: usize,
        topic: &Topic<'_>,
        connected: usize,
    ) -> anyhow::Result<Run> {
        let unheard = self.unheard(topic)?;
        let heard = self.heard(topic, connected)?;
        Ok(Run { bench: "topic", side, pair, members: topic.members, connected, unheard, heard })
    }

    /// Sends a message and waits until everybody was told of it who is not there. Those that follow replace what
    /// they were told once a window, which is longer than any run.
    fn tell_all(&self, topic: &Topic<'_>) -> anyhow::Result<()> {
        let subject = &self.landfall.subject;
        let mut client = Client::connect(subject.addr())?;
        client.send(&topic.message(self.start.elapsed().as_micros() as u64))?;
        let deadline = Instant::now() + TELLING;
        while self.stored.untold(topic.name)? > 0 {
            ensure!(Instant::now() < deadline, "members were not told within {TELLING:?}");
            #[expect(clippy::disallowed_methods, reason = "the store is watched from outside")]
            std::thread::sleep(LOOK);
        }
        subject.wait_until_quiet()
    }

    /// Sends messages one after the other while nobody follows.
    fn unheard(&self, topic: &Topic<'_>) -> anyhow::Result<Unheard> {
        let subject = &self.landfall.subject;
        self.tell_all(topic)?;
        let mut client = Client::connect(subject.addr())?;
        let (before, cpu) = (self.stored.before()?, subject.cpu_us()?);
        let mut times = Vec::new();
        for _ in 0..self.options.unheard {
            let posted = Instant::now();
            let answer = client.send(&topic.message(self.start.elapsed().as_micros() as u64))?;
            times.push(posted.elapsed().as_micros() as u32);
            ensure!(answer.status == 201, "a message was answered with {}", answer.status);
        }
        let cpu = subject.cpu_us()? - cpu;
        let (written, count) = (self.stored.since(before)?, f64::from(self.options.unheard));
        Ok(Unheard {
            rows_per_message: written.rows as f64 / count,
            stored_per_message: written.messages as f64 / count,
            log_bytes_per_message: written.log_bytes as f64 / count,
            cpu_us_per_message: cpu as f64 / count,
            answered_p50_ms: stats::percentile_ms(&mut times, 0.5),
            answered_p99_ms: stats::percentile_ms(&mut times, 0.99),
        })
    }

    /// Sends messages at a steady pace to those who follow.
    fn heard(&self, topic: &Topic<'_>, connected: usize) -> anyhow::Result<Heard> {
        let (Options { rate, seconds, .. }, subject) = (self.options, &self.landfall.subject);
        let manner = Manner { check: Check::Messages, ..Manner::STEADY };
        topic.read_inboxes(connected)?;
        let visits = topic.sockets(connected)?;
        let mut generator = Generator::open(subject.addr(), &visits, self.start, manner)?;
        generator.run_until(Instant::now() + SETTLE, |_| false)?;
        subject.wait_until_quiet()?;
        let before = self.stored.before()?;
        let pace = Pace { per_second: *rate, count: rate * seconds };
        let trigger = Box::new(Posts::connect(subject.addr(), topic.writing())?);
        let publisher = Publisher::start(self.start, pace, trigger)?;
        let sent = u64::from(pace.count) * connected as u64;
        let deadline = Instant::now() + Duration::from_secs(u64::from(*seconds)) + GRACE;
        generator.run_until(deadline, |counts| counts.received >= sent)?;
        publisher.join()?;
        let (written, counts) = (self.stored.since(before)?, std::mem::take(generator.counts()));
        let mut last = counts.rounds.reached(connected as u64);
        let reached = (last.len(), counts.closed);
        ensure!(reached == (pace.count as usize, 0), "{reached:?} messages reached all, closed");
        Ok(Heard {
            sent: pace.count,
            last_p50_ms: stats::percentile_ms(&mut last, 0.5),
            last_p99_ms: stats::percentile_ms(&mut last, 0.99),
            heard_rows_per_message: written.rows as f64 / f64::from(pace.count),
            heard_log_bytes_per_message: written.log_bytes as f64 / f64::from(pace.count),
        })
    }
}
