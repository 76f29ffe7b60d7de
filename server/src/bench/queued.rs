//! More than sockets take: many changes a second to many subscribers of one feed, some of whom stop reading for a while.
//! Each must end with everything in order or with a close that says 1013, and the server's memory must stay bounded and
//! come back. There is no floor: what counts is what is lost, which must be nothing.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::Serialize;

use super::Report;
use super::delivery::SETTLE;
use super::generator::{Check, Generator, Manner};
use super::hub_server::Round;
use super::landfall::Landfall;
use super::publisher::{Pace, Publisher};
use super::report::progress;
use super::stats::Spread;

/// How often the server's memory is looked at while it sends.
const GLANCE: Duration = Duration::from_millis(200);

/// How long the server gets to bring what it has queued to those who read.
const GRACE: Duration = Duration::from_secs(20);

/// How long a server waits for a reader that it closes, and a little more.
const CLOSING: Duration = Duration::from_secs(7);

/// What `landfall bench queued` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Sockets that follow the feed.
    #[arg(long, default_value_t = 1000)]
    subscribers: usize,
    /// Of them, how many stop reading for a while when the traffic begins.
    #[arg(long, default_value_t = 100)]
    stalled: usize,
    /// Seconds for which those do not read; a server waits for five before it gives one up.
    #[arg(long, default_value_t = 4)]
    stalled_seconds: u64,
    /// Changes a second; each is one delivery to every subscriber.
    #[arg(long, default_value_t = 1000)]
    rate: u32,
    /// Seconds of traffic.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// How often it is measured.
    #[arg(long, default_value_t = 7)]
    runs: usize,
    /// A folder for the server's data.
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
}

/// One run.
#[derive(Debug, Serialize)]
struct Run {
    bench: &'static str,
    run: usize,
    offered: u64,
    delivered: u64,
    deliveries_per_s: f64,
    cpu_us_per_delivery: f64,
    /// Subscribers that have everything, in order.
    complete: u64,
    /// Subscribers that were closed with 1013.
    told_slow: u64,
    /// Subscribers that are neither.
    lost_silently: u64,
    out_of_order: u64,
    mib_before: f64,
    mib_most: f64,
    mib_after: f64,
}

/// Measures and prints; fails when anything was lost without a word.
pub fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let mut runs = Vec::new();
    for run in 0..options.runs {
        progress(format_args!("run {run}"));
        let measured = measure(options, run)?;
        report.result(&measured)?;
        runs.push(measured);
    }
    let over = |value: fn(&Run) -> f64| Spread::of(runs.iter().map(value));
    let lost = runs.iter().map(|run| run.lost_silently + run.out_of_order).sum::<u64>();
    report.line(format_args!(
        "queued, {} deliveries a second offered to {} subscribers for {} s, {} of them stalled for {} s: \
         {:.0} deliveries a second, {} µs of CPU each; {:.0} have everything in order, {:.0} were closed with 1013, \
         {lost} lost anything silently; memory grew by {} MiB at most, {} MiB stayed; {} runs, median (min–max)",
        u64::from(options.rate) * options.subscribers as u64,
        options.subscribers,
        options.seconds,
        options.stalled,
        options.stalled_seconds,
        over(|run| run.deliveries_per_s).median,
        over(|run| run.cpu_us_per_delivery),
        over(|run| run.complete as f64).median,
        over(|run| run.told_slow as f64).median,
        over(|run| run.mib_most - run.mib_before),
        over(|run| run.mib_after - run.mib_before),
        options.runs,
    ))?;
    ensure!(lost == 0, "{lost} subscribers or frames were lost without a word");
    Ok(())
}

fn measure(options: &Options, run: usize) -> anyhow::Result<Run> {
    let mut landfall = Landfall::start_hub(&options.dir, &Round { users: 1 })?;
    let visits = landfall.devices(1, options.subscribers, "&ack=1")?;
    let trigger = Box::new(landfall.subject.take_stdin()?);
    let (start, subject) = (Instant::now(), &landfall.subject);
    let manner = Manner { check: Check::Order, ..Manner::STEADY };
    let mut generator = Generator::open(subject.addr(), &visits, start, manner)?;
    generator.run_until(Instant::now() + SETTLE, |_| false)?;
    generator.reset();
    let (kib_before, cpu_before) = (subject.anonymous_kib()?, subject.cpu_us()?);

    let began = Instant::now();
    let publisher = Publisher::start(start, options.pace(), trigger)?;
    let kib_most = serve(options, &mut generator, &landfall, began)?;
    let (took, cpu) = (began.elapsed(), subject.cpu_us()? - cpu_before);
    // The server reads stamps from it; letting go of it would end the server.
    let _trigger = publisher.join()?;
    generator.run_until(Instant::now() + CLOSING, |_| false)?;

    let counts = std::mem::take(generator.counts());
    let complete = generator.positions().filter(|position| options.is_last(*position)).count();
    let complete = complete as u64;
    let mib = |kib: u64| kib as f64 / 1024.0;
    Ok(Run {
        bench: "queued",
        run,
        offered: u64::from(options.pace().count) * options.subscribers as u64,
        delivered: counts.received,
        deliveries_per_s: counts.received as f64 / took.as_secs_f64(),
        cpu_us_per_delivery: cpu as f64 / counts.received.max(1) as f64,
        complete,
        told_slow: counts.told_slow,
        lost_silently: options.subscribers as u64 - complete - counts.told_slow,
        out_of_order: counts.out_of_order,
        mib_before: mib(kib_before),
        mib_most: mib(kib_most),
        mib_after: mib(subject.anonymous_kib()?),
    })
}

impl Options {
    fn pace(&self) -> Pace {
        Pace { per_second: self.rate, count: self.rate * self.seconds }
    }

    /// Says whether a number is that of the last change.
    fn is_last(&self, number: u64) -> bool {
        number == u64::from(self.pace().count)
    }
}

/// Reads what comes, but for those that stall a while; gives the most memory that the server had meanwhile.
fn serve(
    options: &Options,
    generator: &mut Generator,
    landfall: &Landfall,
    began: Instant,
) -> anyhow::Result<u64> {
    generator.stall_from(options.subscribers - options.stalled);
    let until = began + Duration::from_secs(options.stalled_seconds);
    let stalled = watch(generator, landfall, until, |_| false)?;
    generator.resume()?;
    let all_have_it =
        |generator: &Generator| generator.positions().all(|position| options.is_last(position));
    let until = began + Duration::from_secs(u64::from(options.seconds)) + GRACE;
    Ok(stalled.max(watch(generator, landfall, until, all_have_it)?))
}

/// Serves the connections and gives the most memory, in KiB, that the server was seen to have allocated.
fn watch(
    generator: &mut Generator,
    landfall: &Landfall,
    until: Instant,
    done: impl Fn(&Generator) -> bool,
) -> anyhow::Result<u64> {
    let mut most = 0;
    while Instant::now() < until && !done(generator) {
        generator.run_until(until.min(Instant::now() + GLANCE), |_| false)?;
        most = most.max(landfall.subject.anonymous_kib()?);
    }
    Ok(most)
}
