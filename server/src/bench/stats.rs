//! The little arithmetic that benchmarks need: medians, percentiles, spreads. It knows no unit.

use std::fmt;

/// The value below which `share` (0 to 1) of `values` lie; sorts them. Zero of nothing.
pub fn percentile(values: &mut [u32], share: f64) -> u32 {
    values.sort_unstable();
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * share).round() as usize).copied().unwrap_or(0)
}

/// A [`percentile`] of microseconds, in milliseconds.
pub fn percentile_ms(values_us: &mut [u32], share: f64) -> f64 {
    f64::from(percentile(values_us, share)) / 1e3
}

/// Median, least and greatest of a few measurements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The value in the middle.
    pub median: f64,
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
}

impl Spread {
    /// The spread of `values`; all zero of nothing.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let [min, .., max] = *values.as_slice() else {
            let only = values.first().copied().unwrap_or(0.0);
            return Self { median: only, min: only, max: only };
        };
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Self { median: f64::midpoint(low, high), min, max }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ({:.2}–{:.2})", self.median, self.min, self.max)
    }
}

/// A small deterministic generator (xorshift), so that every run has the same data.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        // Zero is the one state that xorshift never leaves.
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next number below `bound`, which is not zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The low bits of xorshift are its weakest.
        (self.0 >> 11) % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_percentiles() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]).to_string(), "2.00 (1.00–3.00)");
        assert_eq!(Spread::of([1.0, 2.0]).median, 1.5);
        assert_eq!(Spread::of([7.0]).max, 7.0);
        assert_eq!(Spread::of([]).median, 0.0);
        let mut values: Vec<u32> = (1..=100).rev().collect();
        assert_eq!(percentile(&mut values, 0.99), 99);
        assert_eq!(percentile(&mut [], 0.5), 0);
    }
}
