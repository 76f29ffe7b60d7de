//! Analytics as S2 documents them, and what the sums know beyond that.

use std::collections::BTreeMap;

use landfall_core::day::Day;
use landfall_core::id::TopicId;
use landfall_core::notify::FieldError;
use serde::{Deserialize, Serialize};

use crate::list::ByChannel;
use crate::query::Faults;
use crate::text::Time;

/// Days of one answer at most.
pub const DAYS_MAX: i64 = 366;
const DAYS_DEFAULT: i64 = 30;

/// Parameters of the analytics.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct AnalyticsQuery {
    /// The first day in UTC, such as `2025-09-01`; 29 days before the last one where absent.
    #[serde(alias = "startDate")]
    pub start_date: Option<String>,
    /// The last day in UTC, which belongs to it; today where absent. At most 366 days.
    #[serde(alias = "endDate")]
    pub end_date: Option<String>,
    /// Notifications that were sent to this class or topic alone.
    #[serde(alias = "classId", alias = "topic_id", alias = "topicId")]
    pub class_id: Option<String>,
}

/// What the analytics are to cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The first day.
    pub from: Day,
    /// The last day, which belongs to it.
    pub to: Day,
    /// One class alone.
    pub class: Option<TopicId>,
}

impl AnalyticsQuery {
    /// Reads the span.
    ///
    /// # Errors
    /// Every fault.
    pub fn read(self, today: Day) -> Result<Span, Vec<FieldError>> {
        let Self { start_date, end_date, class_id } = self;
        let mut faults = Faults::default();
        let from = faults.day("start_date", start_date);
        let to = faults.day("end_date", end_date);
        let class = faults.topic("class_id", class_id);
        let to = to.unwrap_or_else(|| from.map_or(today, |from| from.max(today)));
        let from = from.unwrap_or_else(|| to.plus(1 - DAYS_DEFAULT));
        if from > to {
            faults.add("end_date", "must not be before start_date");
        } else if to.0 - from.0 >= DAYS_MAX {
            faults.add("end_date", format!("must be less than {DAYS_MAX} days after start_date"));
        }
        faults.or(Span { from, to, class })
    }
}

/// Sums over the notifications that were accepted on these days (S2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Analytics {
    /// How many there are.
    pub total_notifications: u64,
    /// What became of them on each channel.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, ChannelStats>))]
    pub delivery_stats: ByChannel<ChannelStats>,
    /// How many there are of each type; of very many, the most frequent.
    pub notification_types: BTreeMap<String, u64>,
    /// From accepted to first delivered, over those that arrived.
    pub response_times: ResponseTimes,
    /// The live connections of the server that answers, now.
    pub connection_stats: ConnectionStats,
    /// How many were read one by one; marking all as read is not counted here.
    pub reads: u64,
    /// What devices reported of push notifications.
    pub receipts: ReceiptStats,
    /// The first day.
    pub start_date: String,
    /// The last day, which belongs to it.
    pub end_date: String,
    /// The class or topic whose notifications these are.
    pub class_id: Option<String>,
    /// What happened until then is counted for certain.
    pub counted_until: Time,
}

/// What became of notifications on one channel.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChannelStats {
    /// For how many it was tried; on `websocket`, all.
    pub sent: u64,
    /// How many its provider took, or a device confirmed.
    pub accepted: u64,
    /// How many arrived, as a device or the provider's report says.
    pub delivered: u64,
    /// How many were given up.
    pub failed: u64,
    /// `delivered` / `sent`, with two decimals; 0 where nothing was sent.
    pub success_rate: f64,
}

/// How long notifications took from accepted to first delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ResponseTimes {
    /// On average, in milliseconds.
    pub average_ms: u64,
    /// What 95 in 100 stayed at or below, in milliseconds, to the precision of a histogram.
    pub p95_ms: u64,
    /// What 99 in 100 stayed at or below.
    pub p99_ms: u64,
}

/// Who is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConnectionStats {
    /// Live connections.
    pub total_connections: u64,
    /// Users with a live connection.
    pub active_users: u64,
}

/// What devices reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReceiptStats {
    /// How many were shown.
    pub shown: u64,
    /// How many were clicked.
    pub clicked: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(start: &str, end: &str, expected: Result<(i64, i64), &str>) {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let (start_date, end_date) = (given(start), given(end));
        let read = AnalyticsQuery { start_date, end_date, class_id: None }.read(Day(20_000));
        let read = match &read {
            Ok(span) => Ok((span.from.0, span.to.0)),
            Err(faults) => Err(&*faults[0].pointer),
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn days_are_inclusive_with_thirty_by_default() {
        check("", "", Ok((19_971, 20_000)));
        check("2024-10-01", "", Ok((19_997, 20_000)));
        check("", "2024-10-01", Ok((19_968, 19_997)));
        check("2024-10-01", "2024-10-01", Ok((19_997, 19_997)));
        check("2024-01-01", "2024-12-31", Ok((19_723, 20_088)));
        check("2024-01-01", "2025-01-01", Err("/query/end_date"));
        check("2024-10-02", "2024-10-01", Err("/query/end_date"));
        check("1.10.2024", "", Err("/query/start_date"));
    }
}
