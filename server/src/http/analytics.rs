//! `GET /api/v1/analytics` (S2).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use landfall_core::day::Day;
use landfall_protocol::analytics::{
    Analytics, AnalyticsQuery, ChannelStats, ConnectionStats, ReceiptStats, ResponseTimes, Span,
};
use landfall_protocol::text::Time;

use super::auth::Authenticated;
use super::error::ApiError;
use super::params::Params;
use crate::app::{App, Connected};
use crate::service::analytics::{Analytics as Sums, ChannelSums};

/// Says what became of the notifications that were accepted on some days.
///
/// Days are those of UTC, the first and the last one included. Needs `metrics:read`; with
/// `class_id`, who teaches the class may ask. `counted_until` tells how fresh it is.
#[utoipa::path(get, path = "/api/v1/analytics", tag = "admin", operation_id = "analytics",
    params(AnalyticsQuery),
    responses((status = 200, description = "The sums.", body = Analytics)))]
pub(super) async fn analytics(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    Params(query): Params<AnalyticsQuery>,
) -> Result<Json<Analytics>, ApiError> {
    let span = query.read(Day::of(app.services.now()))?;
    let Span { from, to, class } = span.clone();
    let sums = app.services.analytics(&caller, (from, to), class).await?;
    let connected = app.live.connected(&caller.tenant);
    Ok(Json(answer(&app, span, sums, connected)))
}

fn answer(app: &App, span: Span, sums: Sums, connected: Connected) -> Analytics {
    let Span { from, to, class } = span;
    let Sums { notifications, channels, types, response_ms, reads, shown, clicked } = sums;
    let [average_ms, p95_ms, p99_ms] = response_ms;
    Analytics {
        total_notifications: notifications,
        delivery_stats: channels.iter().map(|(channel, sums)| (*channel, stats(sums))).collect(),
        notification_types: types,
        response_times: ResponseTimes { average_ms, p95_ms, p99_ms },
        connection_stats: ConnectionStats {
            total_connections: connected.connections,
            active_users: connected.users,
        },
        reads,
        receipts: ReceiptStats { shown, clicked },
        start_date: from.to_string(),
        end_date: to.to_string(),
        class_id: class.map(|class| class.to_string()),
        counted_until: Time(app.services.counted_until()),
    }
}

fn stats(sums: &ChannelSums) -> ChannelStats {
    let ChannelSums { sent, accepted, delivered, failed } = *sums;
    ChannelStats { sent, accepted, delivered, failed, success_rate: sums.success_rate() }
}
