//! Settings of `[audit]`.

use serde::Deserialize;

use super::{Days, Millis};

/// The audit trail.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditSettings {
    /// Between two rounds of the sealer.
    pub seal_ms: Millis,
    /// For which the details of entries are kept; 0 is for ever.
    keep_days: Days,
}

impl AuditSettings {
    /// Says for how long the details of entries are kept, if not for ever.
    pub fn keep_ms(&self) -> Option<i64> {
        (self.keep_days.0 > 0).then(|| self.keep_days.millis())
    }
}
