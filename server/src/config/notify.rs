//! Settings of `[notify]`.

use serde::Deserialize;

use super::{Days, Hours, Seconds};

/// Notifications and sends.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifySettings {
    /// Life of a notification whose sender does not say; 0 is without end.
    ttl_default_seconds: Seconds,
    /// Recipients of a send stored in one transaction.
    pub chunk: usize,
    /// For which an idempotency key gives its first answer.
    pub idempotency_hours: Hours,
    /// For which notifications and sends are kept; 0 is for ever.
    pub keep_days: Days,
    /// Lines of one batch call.
    pub batch_max_lines: usize,
    /// The locale of a person of whom none is known.
    pub locale: String,
}

impl NotifySettings {
    /// Returns the default life of a notification, if it has one.
    pub fn ttl_default(&self) -> Option<Seconds> {
        (self.ttl_default_seconds.0 > 0).then_some(self.ttl_default_seconds)
    }
}
