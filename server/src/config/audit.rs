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
    pub keep_days: Days,
}
