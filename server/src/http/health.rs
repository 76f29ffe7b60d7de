//! `GET /health` and `GET /health/ready` (S2, contract 3).
//!
//! Open to everybody: must tell nothing that an outsider may not know.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use landfall_core::channel::Channel;
use landfall_protocol::health::{
    Health, HealthStatus, PartStatus, Ready, ReadyStatus, Services, StoreTrouble,
};
use landfall_protocol::problem::Code;
use landfall_protocol::text::Time;

use super::error::ApiError;
use crate::app::App;
use crate::auth::jwks::Freshness;
use crate::service::Trouble;

/// Says how the server is; always 200 while the process lives.
#[utoipa::path(get, path = "/health", tag = "server", operation_id = "health",
    security(()),
    responses((status = 200, description = "How it is.", body = Health)))]
pub(super) async fn health(State(app): State<Arc<App>>) -> Json<Health> {
    let (store, store_trouble) = match app.services.store_trouble().await {
        None => (PartStatus::Healthy, None),
        Some(Trouble::DiskFull) => (PartStatus::Degraded, Some(StoreTrouble::DiskFull)),
        Some(Trouble::Away) => (PartStatus::Unavailable, Some(StoreTrouble::Away)),
    };
    let issuers = issuers(&app);
    let is_well = |part| matches!(part, PartStatus::Healthy | PartStatus::NotConfigured);
    let services = services(&app);
    let Services { websocket, push, sms, email, templates } = services.clone();
    let parts = [store, issuers, websocket, push, sms, email, templates];
    let all_well = parts.into_iter().all(is_well);
    let status = if all_well { HealthStatus::Healthy } else { HealthStatus::Degraded };
    Json(Health {
        status,
        timestamp: Time(app.services.now()),
        version: app.version.to_owned(),
        total_connections: app.live.total_connections(),
        active_users: app.live.active_users(),
        average_duration_seconds: app.live.average_duration_seconds(),
        replay_sequence: app.services.store.replay_sequence().0,
        redis: PartStatus::NotConfigured,
        store,
        store_rolled_back_at: app.services.rolled_back_at().map(Time),
        issuers,
        store_trouble,
        services,
        analytics_counted_until: Time(app.services.counted_until()),
    })
}

/// The worst of them; which one it is, the metrics tell those who may know.
fn issuers(app: &App) -> PartStatus {
    let all = app.verifier.key_sets().map(|set| match set.freshness() {
        Freshness::Fresh => PartStatus::Healthy,
        Freshness::Stale => PartStatus::Degraded,
        Freshness::Empty => PartStatus::Unavailable,
    });
    let severity = |part: &PartStatus| match part {
        PartStatus::NotConfigured => 0,
        PartStatus::Healthy => 1,
        PartStatus::Degraded => 2,
        PartStatus::Unavailable => 3,
    };
    all.max_by_key(severity).unwrap_or(PartStatus::NotConfigured)
}

fn services(app: &App) -> Services {
    let registry = &app.services.outbox.registry;
    let channel = |channel| match registry.health(channel) {
        None => PartStatus::NotConfigured,
        Some(true) => PartStatus::Healthy,
        Some(false) => PartStatus::Degraded,
    };
    Services {
        websocket: PartStatus::Healthy,
        push: channel(Channel::Push),
        sms: channel(Channel::Sms),
        email: channel(Channel::Email),
        // Templates that do not work stop the start.
        templates: PartStatus::Healthy,
    }
}

/// Says whether the server takes requests: 503 while it drains or its store is away.
#[utoipa::path(get, path = "/health/ready", tag = "server", operation_id = "health_ready",
    security(()),
    responses((status = 200, description = "It is ready.", body = Ready)))]
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<Json<Ready>, ApiError> {
    if app.is_draining() {
        return Err(ApiError::new(Code::Unavailable, "The server is draining."));
    }
    if app.services.store_trouble().await == Some(Trouble::Away) {
        return Err(ApiError::new(Code::Unavailable, "The store does not answer."));
    }
    Ok(Json(Ready { status: ReadyStatus::Ready }))
}
