//! What is told at its time: moments of what is scheduled, sends that go out later, and digests.

use landfall_core::time::Timestamp;
use landfall_store::Backlog;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::outbox::seconds_since;
use crate::service::schedule::Fired;

/// Labels of a moment: what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MomentLabels {
    outcome: &'static str,
}

/// What was told since the start, and how far that is behind, as it was last looked at.
#[derive(Debug, Default)]
pub struct ScheduleMetrics {
    moments: Family<MomentLabels, Counter>,
    behind_seconds: Gauge,
    later_seconds: Gauge,
    digests_seconds: Gauge,
}

impl ScheduleMetrics {
    pub(super) fn register(&self, r: &mut Registry) {
        let help = "Reminders, starts and ends of what is scheduled, by what became of them";
        r.register("moments", help, self.moments.clone());
        let help = "How long what is scheduled has not been told or noted as missed";
        r.register("schedule_behind_seconds", help, self.behind_seconds.clone());
        let help = "How long the oldest send that goes out later has been due";
        r.register("later_oldest_due_seconds", help, self.later_seconds.clone());
        let help = "How long the oldest digest has been due";
        r.register("digests_oldest_due_seconds", help, self.digests_seconds.clone());
    }

    /// Counts what a round told.
    pub fn fired(&self, Fired { sent, missed, pieces: _ }: Fired) {
        for (outcome, count) in [("sent", sent), ("missed", missed)] {
            self.moments.get_or_create(&MomentLabels { outcome }).inc_by(count);
        }
    }

    /// Shows up to when all has been told or noted as missed.
    pub fn done_up_to(&self, done: Timestamp, now: Timestamp) {
        self.behind_seconds.set(seconds_since(done, now));
    }

    /// Shows what is due and has not gone out.
    pub fn backlog(&self, backlog: Backlog, now: Timestamp) {
        let since = |oldest: Option<Timestamp>| oldest.map_or(0, |at| seconds_since(at, now));
        self.later_seconds.set(since(backlog.oldest_later));
        self.digests_seconds.set(since(backlog.oldest_digest));
    }
}
