//! Offline work: how calls fare, how operations end, and what devices say of themselves.
//!
//! What devices say is bounded before it is counted: a device may say anything.

use std::time::Duration;

use landfall_core::id::ConflictId;
use landfall_core::sync::Status;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Background runs of one report that are counted.
const RUNS_MAX: u64 = 1_000;
/// Seconds; from a queue that was just filled to one of a week.
const DRAIN_BUCKETS: [f64; 8] = [1.0, 10.0, 60.0, 600.0, 3_600.0, 21_600.0, 86_400.0, 604_800.0];

/// Labels of a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    call: &'static str,
}

/// Labels of an operation: how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    status: &'static str,
}

/// Labels of a device's background run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RunLabels {
    outcome: &'static str,
}

/// Calls of sync whose time is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncCall {
    /// Operations are brought.
    Push,
    /// What others did is asked for.
    Pull,
    /// One activity is brought.
    Activity,
    /// Activities are brought, and the server's asked for.
    Sync,
    /// Activities are brought.
    BulkStore,
    /// Activities are decided anew.
    Retry,
}

impl SyncCall {
    /// Names it.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Pull => "pull",
            Self::Activity => "activity",
            Self::Sync => "sync",
            Self::BulkStore => "bulk_store",
            Self::Retry => "retry",
        }
    }
}

/// What was counted of offline work since the start.
#[derive(Debug)]
pub struct SyncMetrics {
    took: Family<CallLabels, Histogram>,
    operations: Family<StatusLabels, Counter>,
    conflicts: Counter,
    drained: Histogram,
    runs: Family<RunLabels, Counter>,
}

impl Default for SyncMetrics {
    fn default() -> Self {
        Self {
            took: Family::new_with_constructor(|| Histogram::new(super::BUCKETS)),
            operations: Family::default(),
            conflicts: Counter::default(),
            drained: Histogram::new(DRAIN_BUCKETS),
            runs: Family::default(),
        }
    }
}

impl SyncMetrics {
    pub(super) fn register(&self, r: &mut Registry) {
        let help = "How long calls of sync took, but for reading the body";
        r.register("sync_duration_seconds", help, self.took.clone());
        let help = "Operations that devices brought, by how they ended";
        r.register("sync_operations", help, self.operations.clone());
        let help = "Operations that were in the way of what others did, by rule or for a person";
        r.register("sync_conflicts", help, self.conflicts.clone());
        let help = "How long queues that devices emptied had waited, as they say";
        r.register("sync_queue_drain_seconds", help, self.drained.clone());
        let help = "Background runs of devices, as they say, by how they ended";
        r.register("sync_background_runs", help, self.runs.clone());
    }

    /// Takes the time of a call.
    pub fn took(&self, call: SyncCall, took: Duration) {
        let labels = CallLabels { call: call.as_str() };
        self.took.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Counts an operation that was decided.
    pub fn decided(&self, status: Status, conflict: Option<ConflictId>) {
        self.operations.get_or_create(&StatusLabels { status: status.as_str() }).inc();
        if conflict.is_some() {
            self.conflicts.inc();
        }
    }

    /// Counts an operation that had been decided before.
    pub fn replayed(&self) {
        self.operations.get_or_create(&StatusLabels { status: "replayed" }).inc();
    }

    /// Counts the background runs that a device tells of.
    pub fn background_runs(&self, succeeded: u64, failed: u64) {
        for (outcome, runs) in [("succeeded", succeeded), ("failed", failed)] {
            self.runs.get_or_create(&RunLabels { outcome }).inc_by(runs.min(RUNS_MAX));
        }
    }

    /// Notes how long a queue that a device emptied had waited.
    pub fn queue_drained(&self, waited: Duration) {
        self.drained.observe(waited.as_secs_f64());
    }
}
