//! Wall time for the whole server.
//!
//! The only place that asks the system for the time of day; everything else gets it as a value.
//! Must never be used to order rows: that is what feed numbers are for.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use landfall_core::time::Timestamp;

/// Returns the time of day in milliseconds since 1970, UTC; 0 on a clock set before that.
#[allow(clippy::disallowed_methods, reason = "this is the one place that may ask the system")]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Tells the time: the system's, or one that a test sets.
#[derive(Debug, Clone, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// Follows the system's clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// Stands still at a time until it is set.
    pub fn fixed(at: Timestamp) -> Self {
        Self(Some(Arc::new(AtomicI64::new(at.as_ms()))))
    }

    /// Tells the time.
    pub fn now(&self) -> Timestamp {
        let ms = self.0.as_ref().map_or_else(now_ms, |fixed| fixed.load(Ordering::SeqCst));
        Timestamp::from_ms(ms)
    }

    /// Sets a clock that stands still; the system's is left alone.
    pub fn set(&self, at: Timestamp) {
        if let Some(fixed) = &self.0 {
            fixed.store(at.as_ms(), Ordering::SeqCst);
        }
    }
}
