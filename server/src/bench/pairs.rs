//! Two sides measured in turn, so that whatever else the machine does falls on both. It prints each run as it comes and
//! knows nothing of what is measured.

use serde::Serialize;

use super::Report;
use super::report::progress;
use super::stats::Spread;

/// Runs of Landfall, each with the run of the floor that followed it.
pub struct Pairs<A, B>(Vec<(A, B)>);

impl<A: Serialize, B: Serialize> Pairs<A, B> {
    /// Measures `count` pairs; each side gets the pair's number, and the floor what was measured just before.
    pub fn measure(
        count: usize,
        report: &mut Report<'_>,
        mut landfall: impl FnMut(usize) -> anyhow::Result<A>,
        mut floor: impl FnMut(usize, &A) -> anyhow::Result<B>,
    ) -> anyhow::Result<Self> {
        let mut pairs = Vec::new();
        for pair in 0..count {
            progress(format_args!("pair {pair}: Landfall"));
            let server = landfall(pair)?;
            report.result(&server)?;
            progress(format_args!("pair {pair}: floor"));
            let least = floor(pair, &server)?;
            report.result(&least)?;
            pairs.push((server, least));
        }
        Ok(Self(pairs))
    }

    /// The spread of a value over the pairs: of a ratio, or of one side.
    pub fn over(&self, value: impl Fn(&A, &B) -> f64) -> Spread {
        Spread::of(self.0.iter().map(|(server, floor)| value(server, floor)))
    }

    /// How many pairs there are, as a line for people ends.
    pub fn told(&self) -> String {
        format!("{} pairs, median (min–max)", self.0.len())
    }
}
