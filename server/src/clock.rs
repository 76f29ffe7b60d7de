//! Wall time for the whole server.
//!
//! The only place that asks the system for the time of day; everything else gets it as a value.
//! Must never be used to order rows: that is what feed numbers are for.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the time of day in milliseconds since 1970, UTC; 0 on a clock set before that.
#[allow(clippy::disallowed_methods, reason = "this is the one place that may ask the system")]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
