//! What the benches of reads have in common: what the same read costs out of a huge store and out of a small one.

use serde::Serialize;

use super::pairs::Pairs;
use super::{Report, stats};

/// One run on one store.
#[derive(Debug, Serialize)]
pub struct Run {
    bench: &'static str,
    pair: usize,
    rows: u64,
    p50_us: u32,
    p99_us: u32,
    cpu_us_per_read: f64,
}

impl Run {
    /// Sums up a run on a store of so many rows: how many µs each read took, and all of them of CPU.
    pub fn new(
        (bench, pair): (&'static str, usize),
        rows: u64,
        times_us: &mut [u32],
        cpu_us: u64,
    ) -> Self {
        Self {
            bench,
            pair,
            rows,
            cpu_us_per_read: cpu_us as f64 / times_us.len() as f64,
            p50_us: stats::percentile(times_us, 0.5),
            p99_us: stats::percentile(times_us, 0.99),
        }
    }
}

/// Says for people what reads of `what` cost out of the huge store and out of the small one.
pub fn tell(
    report: &mut Report<'_>,
    what: &str,
    (huge, small): (u64, u64),
    pairs: &Pairs<Run, Run>,
) -> anyhow::Result<()> {
    report.line(format_args!(
        "{what} out of {huge}: {} of what it costs out of {small} ({:.0} µs, p99 {:.0}, against {:.0} µs, p99 {:.0}); \
         CPU {} ({:.0} µs against {:.0}); {}",
        pairs.over(|huge, small| f64::from(huge.p50_us) / f64::from(small.p50_us)),
        pairs.over(|huge, _| f64::from(huge.p50_us)).median,
        pairs.over(|huge, _| f64::from(huge.p99_us)).median,
        pairs.over(|_, small| f64::from(small.p50_us)).median,
        pairs.over(|_, small| f64::from(small.p99_us)).median,
        pairs.over(|huge, small| huge.cpu_us_per_read / small.cpu_us_per_read),
        pairs.over(|huge, _| huge.cpu_us_per_read).median,
        pairs.over(|_, small| small.cpu_us_per_read).median,
        pairs.told(),
    ))?;
    Ok(())
}
