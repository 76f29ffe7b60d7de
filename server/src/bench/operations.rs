//! What the benches of sync have in common: operations a second against the rows a second of a bare database.

use std::time::Duration;

use serde::Serialize;

use super::floor_ingest::Rate;
use super::pairs::Pairs;
use super::{Report, stats};

/// One run of Landfall.
#[derive(Debug, Serialize)]
pub struct Run {
    bench: &'static str,
    side: &'static str,
    pair: usize,
    operations: u64,
    operations_per_s: f64,
    cpu_us_per_operation: f64,
    p50_ms: f64,
    p99_ms: f64,
}

impl Run {
    /// Sums up a run: how many operations it kept, in what time and with how many µs of CPU, and how
    /// many µs each batch waited for its answer.
    pub fn new(
        (bench, pair): (&'static str, usize),
        operations: u64,
        (took, cpu_us): (Duration, u64),
        latencies_us: &mut [u32],
    ) -> Self {
        Self {
            bench,
            side: "landfall",
            pair,
            operations,
            operations_per_s: operations as f64 / took.as_secs_f64(),
            cpu_us_per_operation: cpu_us as f64 / operations as f64,
            p50_ms: stats::percentile_ms(latencies_us, 0.5),
            p99_ms: stats::percentile_ms(latencies_us, 0.99),
        }
    }
}

/// One run of the floor.
#[derive(Debug, Serialize)]
pub struct Floor {
    bench: &'static str,
    side: &'static str,
    pair: usize,
    #[serde(flatten)]
    rate: Rate,
}

impl Floor {
    /// Takes what a bare database did.
    pub fn new((bench, pair): (&'static str, usize), rate: Rate) -> Self {
        Self { bench, side: "floor", pair, rate }
    }
}

/// Says for people what pairs came to; `what` was measured, with `group` rows in each of the floor's
/// transactions.
pub fn tell(
    report: &mut Report<'_>,
    what: &str,
    group: usize,
    pairs: &Pairs<Run, Floor>,
) -> anyhow::Result<()> {
    report.line(format_args!(
        "{what}: {} of the floor's operations a second ({:.0}, floor {:.0} with {group} a commit); {:.1} CPU µs an \
         operation, floor {:.1}; batches p50 {:.1} ms, p99 {:.1} ms; {}",
        pairs.over(|run, floor| run.operations_per_s / floor.rate.rows_per_s),
        pairs.over(|run, _| run.operations_per_s).median,
        pairs.over(|_, floor| floor.rate.rows_per_s).median,
        pairs.over(|run, _| run.cpu_us_per_operation).median,
        pairs.over(|_, floor| floor.rate.cpu_us_per_row).median,
        pairs.over(|run, _| run.p50_ms).median,
        pairs.over(|run, _| run.p99_ms).median,
        pairs.told(),
    ))?;
    Ok(())
}
