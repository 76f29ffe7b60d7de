//! How many frames a client may send: so many a second, with some in hand.
//!
//! Reckons in whole seconds of the hub's clock, so that no frame asks for the time.

/// The bound for one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRate {
    /// Frames that each second allows.
    pub per_second: u32,
    /// Frames that may be in hand.
    pub burst: u32,
}

/// What one connection has in hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    left: u32,
    /// The second up to which the left ones are reckoned.
    at: u32,
}

impl Allowance {
    /// Begins with everything in hand.
    pub(super) fn new(rate: FrameRate, second: u32) -> Self {
        Self { left: rate.burst, at: second }
    }

    /// Takes frames; says whether they were in hand.
    pub(super) fn take(&mut self, frames: u32, rate: FrameRate, second: u32) -> bool {
        let passed = second.saturating_sub(self.at);
        self.at = second;
        let gained = passed.saturating_mul(rate.per_second);
        self.left = self.left.saturating_add(gained).min(rate.burst);
        match self.left.checked_sub(frames) {
            Some(left) => self.left = left,
            None => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_the_seconds_refill_it() {
        let rate = FrameRate { per_second: 10, burst: 25 };
        let mut allowance = Allowance::new(rate, 100);
        assert!(allowance.take(25, rate, 100));
        assert!(allowance.take(0, rate, 100));
        assert!(!allowance.take(1, rate, 100));
        assert!(allowance.take(10, rate, 101));
        assert!(!allowance.take(1, rate, 101));
        assert!(allowance.take(25, rate, u32::MAX), "no more than the burst, and no overflow");
        assert!(!allowance.take(1, rate, 5), "a clock does not run back");
    }
}
