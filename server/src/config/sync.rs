//! Settings of `[sync]`, but for its types.

use serde::Deserialize;

use super::Days;

/// Offline work.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncSettings {
    /// For which a device may be away.
    pub keep_days: Days,
}
