//! What a device says of itself with a push, a pull or activities.

use serde::{Deserialize, Serialize};

/// How a device fares, as it says itself; kept for its owner and counted, never relied on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ClientReport {
    /// Operations that it has not sent yet.
    pub pending: Option<u64>,
    /// For how long the queue that it emptied last had waited, in milliseconds.
    #[serde(alias = "drain_ms")]
    pub drain_ms: Option<u64>,
    /// Background runs since its last report that came to their end.
    #[serde(alias = "background_succeeded")]
    pub background_succeeded: Option<u64>,
    /// Background runs since its last report that did not.
    #[serde(alias = "background_failed")]
    pub background_failed: Option<u64>,
}
