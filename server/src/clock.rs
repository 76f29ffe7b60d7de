//! Time for the whole server: that of day, and one that never goes back.
//!
//! The only place that asks the system for the time of day; everything else gets it as a value.
//! Must never be used to order rows: that is what feed numbers are for.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use landfall_core::time::Timestamp;

/// Returns the time of day in milliseconds since 1970, UTC; 0 on a clock set before that.
#[allow(clippy::disallowed_methods, reason = "this is the one place that may ask the system")]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Tells the time: the system's, or one that a test sets.
#[derive(Debug, Clone)]
pub struct Clock {
    fixed: Option<Arc<AtomicI64>>,
    begun: Instant,
}

impl Clock {
    /// Follows the system's clock.
    pub fn system() -> Self {
        Self { fixed: None, begun: Instant::now() }
    }

    /// Stands still at a time until it is set.
    pub fn fixed(at: Timestamp) -> Self {
        Self { fixed: Some(Arc::new(AtomicI64::new(at.as_ms()))), ..Self::system() }
    }

    /// Tells the time.
    pub fn now(&self) -> Timestamp {
        let ms = self.fixed.as_ref().map_or_else(now_ms, |fixed| fixed.load(Ordering::SeqCst));
        Timestamp::from_ms(ms)
    }

    /// Tells how long the clock has run, to measure how much time went by: nobody can set this one.
    /// One that stands still shows the time of day that it was set to.
    pub fn elapsed(&self) -> Duration {
        let ms = |fixed: &Arc<AtomicI64>| u64::try_from(fixed.load(Ordering::SeqCst)).unwrap_or(0);
        self.fixed.as_ref().map_or_else(|| self.begun.elapsed(), |at| Duration::from_millis(ms(at)))
    }

    /// Sets a clock that stands still; the system's is left alone.
    pub fn set(&self, at: Timestamp) {
        if let Some(fixed) = &self.fixed {
            fixed.store(at.as_ms(), Ordering::SeqCst);
        }
    }
}
