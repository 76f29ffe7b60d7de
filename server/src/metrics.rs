//! What the server counts, under one list of names that begin with `landfall_`.
//!
//! Labels come from closed lists alone: route templates, classes of status, error codes, ids of configured keys. No user,
//! no tenant, no other id may become a label.

mod key_sets;
mod outbox;
mod schedule;
mod sync;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use landfall_core::id::Tenant;
use landfall_core::time::Timestamp;
use landfall_protocol::problem::Code;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric, LabelValueEncoder,
};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::auth::Verifier;
use crate::service::retention::DataClass;
pub use outbox::OutboxMetrics;
pub use schedule::ScheduleMetrics;
pub use sync::{SyncCall, SyncMetrics};

/// What the live connections count, from the start of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LiveCounters {
    /// Frames written to sockets.
    pub frames_sent: u64,
    /// Replays begun.
    pub replays: u64,
    /// Connections closed because they read too slowly.
    pub slow_closed: u64,
    /// Connections closed because they sent too many frames.
    pub flood_closed: u64,
    /// Nudges that were lost on their way and made good by reading the store.
    pub nudges_lost: u64,
    /// Notifications that devices confirmed.
    pub confirmed: u64,
}

/// Open connections, and the users who have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Connected {
    /// Connections.
    pub connections: u64,
    /// Users.
    pub users: u64,
}

/// What the live connections say of themselves. Each answer costs no more than a few atomic reads,
/// but for that about a tenant.
pub trait LiveStats: Send + Sync {
    /// Counts open connections.
    fn total_connections(&self) -> u64;
    /// Counts users with an open connection.
    fn active_users(&self) -> u64;
    /// Counts the connections and users of one tenant; looks at every user who is connected.
    fn connected(&self, tenant: &Tenant) -> Connected;
    /// Gives the average age of the open connections, in seconds.
    fn average_duration_seconds(&self) -> u64;
    /// Gives what was counted since the start.
    fn counters(&self) -> LiveCounters;
}

/// Class of an HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusClass {
    /// 1xx: a socket was opened.
    Informational,
    /// 2xx.
    Success,
    /// 3xx.
    Redirection,
    /// 4xx.
    ClientError,
    /// 5xx.
    ServerError,
}

impl From<u16> for StatusClass {
    fn from(status: u16) -> Self {
        match status / 100 {
            1 => Self::Informational,
            2 => Self::Success,
            3 => Self::Redirection,
            4 => Self::ClientError,
            _ => Self::ServerError,
        }
    }
}

impl EncodeLabelValue for StatusClass {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        let word = match self {
            Self::Informational => "1xx",
            Self::Success => "2xx",
            Self::Redirection => "3xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
        };
        EncodeLabelValue::encode(&word, encoder)
    }
}

/// Labels of a request: the route's template, never the path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
    status: StatusClass,
}

/// Labels of a refusal: its code.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// Labels of what was forgotten: its class.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabels {
    class: &'static str,
}

/// Seconds; from a cache hit to a disk that struggles.
const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// Everything that the server counts.
pub struct Metrics {
    registry: Registry,
    requests: Family<RouteLabels, Histogram>,
    refused: Family<ReasonLabels, Counter>,
    tokens_refused: Family<ReasonLabels, Counter>,
    /// Notifications and sends that were stored.
    pub notifications_accepted: Counter,
    notifications_refused: Family<ReasonLabels, Counter>,
    forgotten: Family<ClassLabels, Counter>,
    /// Answers that said that the store was away.
    pub store_unavailable: Counter,
    /// Refusals that the audit trail did not take, because too many came at once.
    pub refusals_unrecorded: Counter,
    /// Rounds of the sealer that ended well.
    pub sealer_runs: Counter,
    /// Chunks of sends that were expanded.
    pub sends_expanded: Counter,
    /// The outbox and the analytics.
    pub outbox: OutboxMetrics,
    /// What is told at its time.
    pub schedule: ScheduleMetrics,
    /// Offline work.
    pub sync: SyncMetrics,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Begins at zero.
    pub fn new(live: Arc<dyn LiveStats>, verifier: Arc<Verifier>, started_at: Timestamp) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("landfall"),
            requests: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            refused: Family::default(),
            tokens_refused: Family::default(),
            notifications_accepted: Counter::default(),
            notifications_refused: Family::default(),
            forgotten: Family::default(),
            store_unavailable: Counter::default(),
            refusals_unrecorded: Counter::default(),
            sealer_runs: Counter::default(),
            sends_expanded: Counter::default(),
            outbox: OutboxMetrics::default(),
            schedule: ScheduleMetrics::default(),
            sync: SyncMetrics::default(),
        };
        metrics.register(started_at);
        metrics.registry.register_collector(Box::new(LiveCollector(live)));
        metrics.registry.register_collector(Box::new(key_sets::KeySetCollector(verifier)));
        metrics
    }

    fn register(&mut self, started_at: Timestamp) {
        let started = Gauge::<i64>::default();
        started.set(started_at.as_ms() / 1_000);
        let r = &mut self.registry;
        r.register("start_time_seconds", "When the server started", started);
        let help = "Requests by route and class of status, with how long they took";
        r.register("http_request_duration_seconds", help, self.requests.clone());
        r.register("http_refused", "Problems answered, by code", self.refused.clone());
        r.register("tokens_refused", "Tokens refused, by reason", self.tokens_refused.clone());
        let help = "Notifications and sends that were stored";
        r.register("notifications_accepted", help, self.notifications_accepted.clone());
        let help = "Notifications and sends that were refused, by code";
        r.register("notifications_refused", help, self.notifications_refused.clone());
        let help = "Answers that said that the store was away";
        r.register("store_unavailable", help, self.store_unavailable.clone());
        let help = "Refusals that the audit trail did not take, because too many came at once";
        r.register("refusals_unrecorded", help, self.refusals_unrecorded.clone());
        let help = "Rows that were forgotten because of their age, by class";
        r.register("forgotten", help, self.forgotten.clone());
        r.register("sealer_runs", "Rounds of the sealer", self.sealer_runs.clone());
        r.register("sends_expanded", "Chunks of sends expanded", self.sends_expanded.clone());
        self.outbox.register(r);
        self.schedule.register(r);
        self.sync.register(r);
    }

    /// Counts a request that was answered.
    pub fn request(&self, route: &str, status: u16, took: Duration) {
        let labels = RouteLabels { route: route.to_owned(), status: status.into() };
        self.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Counts a problem that was answered.
    pub fn problem(&self, code: Code) {
        self.refused.get_or_create(&ReasonLabels { reason: code.as_str() }).inc();
    }

    /// Counts a token that was refused; the reason is one of a closed list.
    pub fn token_refused(&self, reason: &'static str) {
        self.tokens_refused.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// Counts a notification that was refused.
    pub fn notification_refused(&self, code: Code) {
        self.notifications_refused.get_or_create(&ReasonLabels { reason: code.as_str() }).inc();
    }

    /// Counts what was forgotten.
    pub fn forgotten(&self, class: DataClass, count: usize) {
        let labels = ClassLabels { class: class.as_str() };
        self.forgotten.get_or_create(&labels).inc_by(count as u64);
    }

    /// Writes everything as OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a String does not fail");
        text
    }
}

/// Asks the live connections when somebody asks for the metrics.
struct LiveCollector(Arc<dyn LiveStats>);

impl fmt::Debug for LiveCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LiveCollector")
    }
}

impl Collector for LiveCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let gauges = [
            ("connections", "Open connections", self.0.total_connections()),
            ("active_users", "Users with an open connection", self.0.active_users()),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let kind = gauge.metric_type();
            gauge.encode(encoder.encode_descriptor(name, help, None, kind)?)?;
        }
        let LiveCounters {
            frames_sent,
            replays,
            slow_closed,
            flood_closed,
            nudges_lost,
            confirmed,
        } = self.0.counters();
        let counters = [
            ("frames_sent", "Frames written to sockets", frames_sent),
            ("replays", "Replays begun", replays),
            ("slow_closed", "Connections closed because they read too slowly", slow_closed),
            ("flood_closed", "Connections closed because they sent too many frames", flood_closed),
            ("nudges_lost", "Nudges lost and made good by reading the store", nudges_lost),
            ("confirmed", "Notifications confirmed by devices", confirmed),
        ];
        for (name, help, value) in counters {
            let counter = ConstCounter::new(value);
            let kind = counter.metric_type();
            counter.encode(encoder.encode_descriptor(name, help, None, kind)?)?;
        }
        Ok(())
    }
}
