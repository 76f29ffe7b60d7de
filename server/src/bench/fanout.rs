//! Fan-out through the whole server: one request, one commit, one frame to each of a user's many sockets, against a bare
//! epoll loop that writes as many bytes. Server and generator are separate processes, so that their CPU time can be told
//! apart.

use super::Report;
use super::delivery::{self, Bytes, Load, Run, Side, measure_floor};
use super::generator::Check;
use super::http::Endpoint;
use super::landfall::Landfall;
use super::pairs::Pairs;
use super::publisher::Posts;

/// What `landfall bench fanout` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    load: Load,
    /// How the devices confirm: `&ack=1` for acknowledgements, empty for answers to pings.
    #[arg(long, default_value = "&ack=1")]
    confirm: String,
}

/// Measures Landfall and floor in turn and prints the ratios.
pub fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let load = &options.load;
    let landfall = |pair| measure(options, pair);
    let floor = |pair, server: &Run| measure_floor(load, pair, Bytes::Shared, server);
    let pairs = Pairs::measure(load.pairs, report, landfall, floor)?;
    report.line(format_args!("{}", delivery::told("fan-out", load, &pairs)))?;
    Ok(())
}

fn measure(options: &Options, pair: usize) -> anyhow::Result<Run> {
    let landfall = Landfall::start(&options.load.dir)?;
    let visits = landfall.devices(1, options.load.connections, &options.confirm)?;
    let token = landfall.token("bench", "service")?;
    let endpoint = Endpoint { path: "/notify".into(), content_type: "application/json", token };
    let request = move |stamp| endpoint.post(&notification(stamp));
    let subject = &landfall.subject;
    let trigger = Box::new(Posts::connect(subject.addr(), request)?);
    let check = Check::Stamps;
    let side = Side { bench: "fanout", name: "landfall", subject, visits, check, trigger };
    delivery::measure(&options.load, pair, side)
}

fn notification(stamp: u64) -> String {
    format!(
        r#"{{"user_id":"u0","title":"Quiz at ten","message":"Room 4, bring a pencil","notification_type":"bench","channels":["websocket"],"data":{{"stamp":{stamp}}}}}"#
    )
}
