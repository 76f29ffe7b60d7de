//! What a delivery costs the hub alone: changes that no store had to write, to authenticated sockets, against a bare
//! epoll loop that writes as many bytes. One shared change for all, or one for each.

use super::Report;
use super::delivery::{self, Bytes, Load, Run, Side, measure_floor};
use super::generator::Check;
use super::hub_server::Round;
use super::landfall::Landfall;
use super::pairs::Pairs;

/// What `landfall bench hub` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    load: Load,
    /// One user and one change for each socket, instead of one user with many devices.
    #[arg(long)]
    distinct: bool,
}

/// Measures Landfall and floor in turn and prints the ratios.
pub fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let (load, bytes) = (&options.load, options.bytes());
    let landfall = |pair| measure(options, pair);
    let floor = |pair, server: &Run| measure_floor(load, pair, bytes, server);
    let pairs = Pairs::measure(load.pairs, report, landfall, floor)?;
    let what = match bytes {
        Bytes::Shared => "hub, one shared frame",
        Bytes::Distinct => "hub, distinct frames",
    };
    report.line(format_args!("{}", delivery::told(what, load, &pairs)))?;
    Ok(())
}

impl Options {
    fn bytes(&self) -> Bytes {
        if self.distinct { Bytes::Distinct } else { Bytes::Shared }
    }
}

fn measure(options: &Options, pair: usize) -> anyhow::Result<Run> {
    let (load, bytes) = (&options.load, options.bytes());
    let (bench, users) = match bytes {
        Bytes::Shared => ("hub", 1),
        Bytes::Distinct => ("hub-distinct", load.connections),
    };
    let mut landfall = Landfall::start_hub(&load.dir, &Round { users })?;
    let visits = landfall.devices(users, load.connections, "&ack=1")?;
    let trigger = Box::new(landfall.subject.take_stdin()?);
    let (subject, check) = (&landfall.subject, Check::Stamps);
    let side = Side { bench, name: "landfall", subject, visits, check, trigger };
    delivery::measure(load, pair, side)
}
