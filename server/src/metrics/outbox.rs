//! What waits in the outbox, how attempts end, and how far analytics lag behind.
//!
//! Labels are a channel and the kind of an outcome: never a provider's own words.

use landfall_channels::Outcome;
use landfall_core::channel::Channel;
use landfall_core::time::Timestamp;
use landfall_store::Backlog;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Labels of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    channel: &'static str,
    outcome: &'static str,
}

/// The outbox and the tallies as they were last looked at, and what was counted since the start.
#[derive(Debug, Default)]
pub struct OutboxMetrics {
    attempts: Family<AttemptLabels, Counter>,
    due: Gauge,
    waiting: Gauge,
    oldest_due_seconds: Gauge,
    tallies_lag_seconds: Gauge,
}

impl OutboxMetrics {
    pub(super) fn register(&self, r: &mut Registry) {
        let help = "Attempts to deliver, by channel and how they ended";
        r.register("delivery_attempts", help, self.attempts.clone());
        r.register("deliveries_due", "Deliveries that are due now", self.due.clone());
        let help = "Deliveries that wait for a time, another channel or their attempt's end";
        r.register("deliveries_waiting", help, self.waiting.clone());
        let help = "How long the oldest of the due deliveries has been due";
        r.register("deliveries_oldest_due_seconds", help, self.oldest_due_seconds.clone());
        let help = "How far the analytics lag behind the audit trail";
        r.register("analytics_lag_seconds", help, self.tallies_lag_seconds.clone());
    }

    /// Counts an attempt that ended.
    pub fn attempt(&self, channel: Channel, outcome: &Outcome) {
        let labels = AttemptLabels { channel: channel.as_str(), outcome: kind(outcome) };
        self.attempts.get_or_create(&labels).inc();
    }

    /// Shows what the outbox holds.
    pub fn backlog(&self, backlog: Backlog, now: Timestamp) {
        let Backlog { due, waiting, oldest_due, oldest_later: _, oldest_digest: _ } = backlog;
        self.due.set(i64::try_from(due).unwrap_or(i64::MAX));
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.oldest_due_seconds.set(oldest_due.map_or(0, |since| seconds_since(since, now)));
    }

    /// Shows until when the trail is counted.
    pub fn counted_until(&self, until: Timestamp, now: Timestamp) {
        self.tallies_lag_seconds.set(seconds_since(until, now));
    }
}

pub(super) fn seconds_since(time: Timestamp, now: Timestamp) -> i64 {
    (now.as_ms() - time.as_ms()).max(0) / 1_000
}

/// Names the kind of an outcome.
const fn kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Sent { .. } => "sent",
        Outcome::Gone { .. } => "gone",
        Outcome::OptedOut { .. } => "opted_out",
        Outcome::Refused { .. } => "refused",
        Outcome::Later { .. } | Outcome::TooMany { .. } => "later",
        Outcome::Unknown { .. } => "unknown",
        Outcome::Broken { .. } => "broken",
        Outcome::NotTried { .. } => "not_tried",
    }
}
