//! Settings of `[outbox]` and `[outbound]`.

use serde::Deserialize;

use super::{Days, Seconds};

/// Deliveries on their way to providers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboxSettings {
    /// Under way at the same time.
    pub concurrency: usize,
    /// Attempts until one is given up.
    pub attempts_max: u32,
    /// For which a delivery belongs to the node that took it.
    pub lease_seconds: Seconds,
    /// For which ended ones are kept.
    pub keep_days: Days,
}

/// Where addresses that users supply may lead.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboundSettings {
    /// Networks and hosts that are allowed although they are private.
    pub allow: Vec<String>,
}
