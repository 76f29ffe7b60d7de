//! What a gate lets through, as values.
//!
//! Holds numbers only: what follows from them is decided in the turnstiles.

use std::time::Duration;

/// The limits of one provider. Turnstiles have them each for themselves; only `at_once_total` is for
/// all turnstiles of a gate together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Attempts under way at the same time in one turnstile, at least 1.
    pub at_once: u32,
    /// Attempts under way at the same time in all turnstiles, at least 1.
    pub at_once_total: u32,
    /// Costs that may begin in a second, spread evenly; 0 is no limit.
    pub per_second: u32,
    /// How long a turnstile takes to come to its full limits after a rest or a halt.
    pub ramp: Duration,
    /// As long as an attempt may wait for its turn; one that would wait longer is not tried.
    pub patience: Duration,
    /// When a turnstile halts.
    pub circuit: CircuitLimits,
}

/// When a turnstile halts, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CircuitLimits {
    /// So many failures in a row halt it; at least 1. Half of the last twenty attempts do, too.
    pub failures: u32,
    /// So many answers in a row that say that our credentials or settings are wrong halt it; at
    /// least 1.
    pub broken: u32,
    /// The first halt; each that follows a failed try is twice as long as the one before.
    pub halt: Duration,
    /// The longest halt, also where a provider asks for a longer one.
    pub halt_max: Duration,
}

impl Default for Limits {
    /// Fits a provider that takes hundreds a second.
    fn default() -> Self {
        Self {
            at_once: 64,
            at_once_total: 256,
            per_second: 0,
            ramp: Duration::from_secs(10),
            patience: Duration::from_secs(1),
            circuit: CircuitLimits::default(),
        }
    }
}

impl Default for CircuitLimits {
    fn default() -> Self {
        Self {
            failures: 5,
            broken: 1,
            halt: Duration::from_secs(10),
            halt_max: Duration::from_secs(15 * 60),
        }
    }
}
