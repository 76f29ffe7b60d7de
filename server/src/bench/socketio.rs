//! Messages to a room by Socket.IO: Landfall's `/socket.io/` with its store and topics, against the official server on
//! Node.js that only passes on what it is given. The clients are the same, sockets alone, and so are the bytes.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::Serialize;

use super::Report;
use super::delivery::{self, Load, Side};
use super::generator::{Check, Generator, Manner};
use super::http::Endpoint;
use super::landfall::Landfall;
use super::pairs::Pairs;
use super::process::Subject;
use super::publisher::Posts;
use super::socketio_node::{self, ROOM, VERSION};
use super::stats;
use super::topics::{Topic, socketio_visit};
use super::visitor::Visit;

/// What stands around a message in its frame.
const AROUND: &str = r#"42["new_message",]"#;

/// What `landfall bench socketio` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    load: Load,
    /// Seconds over which all come back that were dropped at once.
    #[arg(long, default_value_t = 5)]
    back_seconds: u64,
    /// A folder into which npm fetches the official server.
    #[arg(long, default_value = "target/bench-node")]
    node_dir: PathBuf,
}

/// One run of one side.
#[derive(Debug, Serialize)]
struct Run {
    #[serde(flatten)]
    delivery: delivery::Run,
    #[serde(flatten)]
    back: Back,
}

/// How it went when all came back.
#[derive(Debug, Serialize)]
struct Back {
    back: usize,
    back_all_ms: f64,
    back_p50_ms: f64,
    back_p99_ms: f64,
    back_cpu_us_each: f64,
}

/// Measures both sides in turn and prints; fails when somebody was refused, or did not get everything.
pub fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let node = |pair, landfall: &Run| measure_node(options, pair, landfall);
    let landfall = |pair| measure_landfall(options, pair);
    let pairs = Pairs::measure(options.load.pairs, report, landfall, node)?;
    report.line(format_args!("{}", told(options, &pairs)))?;
    Ok(())
}

fn told(options: &Options, pairs: &Pairs<Run, Run>) -> String {
    let Options { load, back_seconds, .. } = options;
    let cpu = |run: &Run| run.delivery.cpu_us_per_delivery;
    let ours = |value: fn(&Run) -> f64| pairs.over(move |landfall, _| value(landfall));
    let theirs = |value: fn(&Run) -> f64| pairs.over(move |_, node| value(node)).median;
    format!(
        "Socket.IO, a message to {} sockets, {} a second: CPU per delivery {} of that of socket.io {VERSION} ({:.2} µs, \
         theirs {:.2} µs); everything delivered, theirs {:.0} % in time; p99 {} ms, theirs {:.1}; {} KiB a socket after traffic, \
         theirs {:.2}; dropped at once and back over {back_seconds} s, none refused: the last had joined after {:.0} ms, theirs \
         {:.0}, each after p99 {} ms, theirs {:.1}, with {} µs of CPU, theirs {:.0}; {}",
        load.connections,
        load.rate,
        pairs.over(|landfall, node| cpu(landfall) / cpu(node)),
        ours(cpu).median,
        theirs(cpu),
        theirs(|run| 100.0 * run.delivery.delivered as f64 / run.delivery.sent as f64),
        ours(|run| run.delivery.p99_ms),
        theirs(|run| run.delivery.p99_ms),
        ours(|run| run.delivery.kib_per_connection_after),
        theirs(|run| run.delivery.kib_per_connection_after),
        ours(|run| run.back.back_all_ms).median,
        theirs(|run| run.back.back_all_ms),
        ours(|run| run.back.back_p99_ms),
        theirs(|run| run.back.back_p99_ms),
        ours(|run| run.back.back_cpu_us_each),
        theirs(|run| run.back.back_cpu_us_each),
        pairs.told(),
    )
}

fn measure_landfall(options: &Options, pair: usize) -> anyhow::Result<Run> {
    let landfall = Landfall::start(&options.load.dir)?;
    let topic = Topic::make(&landfall, ROOM, options.load.connections)?;
    let subject = &landfall.subject;
    let trigger = Box::new(Posts::connect(subject.addr(), topic.writing())?);
    let visits = topic.socketio(options.load.connections)?;
    let check = Check::Messages;
    let side = Side { bench: "socketio", name: "landfall", subject, visits, check, trigger };
    let run = measure(options, pair, side)?;
    let delivery::Run { sent, delivered, closed, .. } = run.delivery;
    ensure!((delivered, closed) == (sent, 0), "{delivered} of {sent} delivered, {closed} closed");
    Ok(run)
}

fn measure_node(options: &Options, pair: usize, landfall: &Run) -> anyhow::Result<Run> {
    let subject = &socketio_node::start(&options.node_dir)?;
    let (path, token) = ("/".into(), String::new());
    let endpoint = Endpoint { path, content_type: "application/json", token };
    let bytes = landfall.delivery.frame_bytes as usize;
    let request = move |stamp| endpoint.post(&message(stamp, bytes));
    let trigger = Box::new(Posts::connect(subject.addr(), request)?);
    let visits = vec![socketio_visit("", ROOM); options.load.connections];
    let check = Check::Messages;
    let side = Side { bench: "socketio", name: "node", subject, visits, check, trigger };
    measure(options, pair, side)
}

fn measure(options: &Options, pair: usize, side: Side<'_>) -> anyhow::Result<Run> {
    let (subject, visits) = (side.subject, side.visits.clone());
    let delivery = delivery::measure(&options.load, pair, side)?;
    let back = come_back(Duration::from_secs(options.back_seconds), subject, &visits)?;
    Ok(Run { delivery, back })
}

/// Lets everybody come back whose socket was dropped just before; fails when one is refused or waits for long.
fn come_back(over: Duration, subject: &Subject, visits: &[Visit]) -> anyhow::Result<Back> {
    let (begun, cpu) = (Instant::now(), subject.cpu_us()?);
    let manner = Manner { check: Check::Messages, at_once: visits.len(), over };
    let mut generator = Generator::open(subject.addr(), visits, begun, manner)?;
    let back_all_ms = begun.elapsed().as_secs_f64() * 1e3;
    let cpu = subject.cpu_us()? - cpu;
    let mut openings = std::mem::take(&mut generator.counts().openings_us);
    Ok(Back {
        back: openings.len(),
        back_all_ms,
        back_p50_ms: stats::percentile_ms(&mut openings, 0.5),
        back_p99_ms: stats::percentile_ms(&mut openings, 0.99),
        back_cpu_us_each: cpu as f64 / visits.len() as f64,
    })
}

/// A message whose frame has so many bytes.
fn message(stamp: u64, frame_bytes: usize) -> String {
    let bare = format!(r#"{{"client_id":"{stamp}","message":""}}"#);
    let words = "x".repeat(frame_bytes.saturating_sub(AROUND.len() + bare.len()));
    format!(r#"{{"client_id":"{stamp}","message":"{words}"}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_send_as_many_bytes() {
        for stamp in [7, 12_345_678] {
            assert_eq!(message(stamp, 412).len() + AROUND.len(), 412);
        }
        assert_eq!(message(7, 0), r#"{"client_id":"7","message":""}"#);
    }
}
