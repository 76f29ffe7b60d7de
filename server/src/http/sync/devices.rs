//! How the caller's devices fare: status, history, devices and health of sync (S0).

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use landfall_protocol::list::List;
use landfall_protocol::query::PageQuery;
use landfall_protocol::sync::{
    ActivityCountsItem, DeviceItem, HistoryFields, HistoryQuery, SessionItem, StalledDevice,
    SyncHealthAnswer, SyncStatusAnswer,
};
use landfall_protocol::text::Time;
use landfall_store::{ACTIVITIES_COUNTED_MAX, ActivityCounts, SessionCounts, StoredSession};
use uuid::Uuid;

use super::super::auth::Authenticated;
use super::super::cursors::{Listing, at_id, small_offset};
use super::super::error::ApiError;
use super::super::params::Params;
use crate::app::App;
use crate::service::sync::{Fares, Health, SessionView, Stall};

const DEVICES: &str = "/api/v1/sync/devices";
const HISTORY: &str = "/api/v1/sync/history";

/// Says how the caller's offline work stands.
#[utoipa::path(get, path = "/api/v1/sync/status", tag = "sync", operation_id = "sync_status",
    responses((status = 200, description = "As it stands.", body = SyncStatusAnswer)))]
pub(in super::super) async fn status(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<SyncStatusAnswer>, ApiError> {
    let Health { counts, last_sync_at, devices, .. } = app.services.sync_health(&caller).await?;
    let ActivityCounts { synced, conflict, failed, open_conflicts } = counts;
    let capped_at = ACTIVITIES_COUNTED_MAX;
    Ok(Json(SyncStatusAnswer {
        pending_conflicts: open_conflicts,
        activities: ActivityCountsItem { synced, conflict, failed, capped_at },
        last_sync_at: last_sync_at.map(Time),
        devices,
    }))
}

/// Says whether the caller's offline work gets on, and names the devices whose does not.
///
/// `work_not_sent`: it said that it had something to send, and was not heard of for a day.
/// `activities_failed`, `conflicts_waiting`: such activities of it are kept; looked for among the fifty
/// oldest.
#[utoipa::path(get, path = "/api/v1/sync/health", tag = "sync", operation_id = "sync_health",
    responses((status = 200, description = "As it is.", body = SyncHealthAnswer)))]
pub(in super::super) async fn health(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<SyncHealthAnswer>, ApiError> {
    let Health { counts, stalled, last_sync_at, .. } = app.services.sync_health(&caller).await?;
    let is_well = stalled.is_empty() && counts.open_conflicts == 0;
    let device = |(device, stalls): (Box<str>, BTreeSet<Stall>)| StalledDevice {
        device_id: device.into(),
        stalled: words(&stalls),
    };
    Ok(Json(SyncHealthAnswer {
        status: if is_well { "healthy" } else { "degraded" }.to_owned(),
        stalled_devices: stalled.into_iter().map(device).collect(),
        pending_conflicts: counts.open_conflicts,
        failed_activities: counts.failed,
        last_sync_at: last_sync_at.map(Time),
    }))
}

/// Lists the caller's devices that synced under a name, by it.
#[utoipa::path(get, path = "/api/v1/sync/devices", tag = "sync", operation_id = "sync_devices",
    params(PageQuery),
    responses((status = 200, description = "A page.", body = List<DeviceItem>)))]
pub(in super::super) async fn devices(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    Params(query): Params<PageQuery>,
) -> Result<Json<List<DeviceItem>>, ApiError> {
    let page = query.read(app.pages).map_err(ApiError::fields)?;
    let listing = Listing::new(&app, &caller, DEVICES, "");
    let after = listing.place(&page)?.map(|place| place.of.into());
    let skip = small_offset(&page)?;
    let mut rows = app.services.sync_devices(&caller, after, page.limit + 1 + skip).await?;
    rows.drain(..skip.min(rows.len()));
    Ok(Json(listing.answer(rows, &page, |row| at_id(&row.device.device), device)))
}

/// Lists what the caller's devices did, newest first: a session is what one did without a pause of five
/// minutes.
#[utoipa::path(get, path = "/api/v1/sync/history", tag = "sync", operation_id = "sync_history",
    params(HistoryQuery),
    responses((status = 200, description = "A page.", body = List<SessionItem>)))]
pub(in super::super) async fn history(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    Params(query): Params<HistoryQuery>,
) -> Result<Json<List<SessionItem>>, ApiError> {
    let HistoryFields { page, device } = query.read(app.pages).map_err(ApiError::fields)?;
    let filters = device.as_ref().map(ToString::to_string).unwrap_or_default();
    let listing = Listing::new(&app, &caller, HISTORY, &filters);
    let before = listing.place(&page)?.and_then(|place| Uuid::parse_str(&place.of).ok());
    let skip = small_offset(&page)?;
    let limit = page.limit + 1 + skip;
    let mut rows = app.services.sync_history(&caller, before, device.as_ref(), limit).await?;
    rows.drain(..skip.min(rows.len()));
    Ok(Json(listing.answer(rows, &page, |row| at_id(row.session.id), session)))
}

fn words(stalls: &BTreeSet<Stall>) -> Vec<String> {
    stalls.iter().map(|stall| stall.as_str().to_owned()).collect()
}

fn device(fares: &Fares) -> DeviceItem {
    let Fares { device, stalls } = fares;
    DeviceItem {
        device_id: device.device.to_string(),
        first_seen: Time(device.first_at),
        last_sync_at: Time(device.seen_at),
        pending: device.pending.map(|(count, _)| count),
        reported_at: device.pending.map(|(_, at)| Time(at)),
        stalled: words(stalls),
    }
}

fn session(view: &SessionView) -> SessionItem {
    let StoredSession { id, device, started_at, ended_at, counts } = &view.session;
    let SessionCounts { operations, applied, merged, conflicts, rejected, replayed, pulled } =
        *counts;
    SessionItem {
        id: id.to_string(),
        device_id: device.to_string(),
        session_start: Time(*started_at),
        session_end: Time(*ended_at),
        activities_synced: applied + merged,
        conflicts_resolved: merged,
        conflicts,
        failed: rejected,
        replayed,
        operations,
        server_activities: pulled,
        stalled: words(&view.stalls),
    }
}
