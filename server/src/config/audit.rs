//! Settings of `[audit]`.

use serde::Deserialize;

use super::Millis;

/// The audit trail.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditSettings {
    /// Between two rounds of the sealer.
    pub seal_ms: Millis,
}
