//! Conflicts of offline work: their list, and a person's word on one (S1, S0).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use landfall_core::id::ConflictId;
use landfall_core::notification::JsonText;
use landfall_protocol::list::List;
use landfall_protocol::sync::{
    ClashItem, ConflictItem, ConflictResolve, ConflictsQuery, ResolutionFields, ResolvedAnswer,
};
use landfall_protocol::text::Time;

use super::super::auth::Authenticated;
use super::super::cursors::{Listing, at_id, small_offset};
use super::super::error::ApiError;
use super::super::headers::Device;
use super::super::params::{ConflictPath, Params};
use super::body::WorkBody;
use super::{device_of, raw, raw_server};
use crate::app::App;
use crate::service::sync::{ClashRecord, ConflictView, ResolveAsk};

const LIST: &str = "/api/v1/sync/conflicts";

/// Lists the caller's conflicts, oldest first; those that wait for a person unless `status` says otherwise.
#[utoipa::path(get, path = "/api/v1/sync/conflicts", tag = "sync", operation_id = "conflicts_list",
    params(ConflictsQuery),
    responses((status = 200, description = "A page.", body = List<ConflictItem>)))]
pub(in super::super) async fn list(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    Params(query): Params<ConflictsQuery>,
) -> Result<Json<List<ConflictItem>>, ApiError> {
    let filters = query.status.clone().unwrap_or_default();
    let (page, is_open) = query.read(app.pages).map_err(ApiError::fields)?;
    let listing = Listing::new(&app, &caller, LIST, &filters);
    let place = listing.place(&page)?;
    let after = place.and_then(|place| ConflictId::parse(&place.of).ok());
    let skip = small_offset(&page)?;
    let limit = page.limit + 1 + skip;
    let mut rows = app.services.conflicts(&caller, is_open, after, limit).await?;
    rows.drain(..skip.min(rows.len()));
    let at = |row: &ConflictView| at_id(row.stored.conflict.id);
    Ok(Json(listing.answer(rows, &page, at, item)))
}

/// Says what becomes of a conflict.
///
/// `server_wins`, `client_wins`, or `manual` and `merge` with `mergedData`: all fields of the entity. It is
/// an edit like any other: other devices get it. Said once more, it answers the same; something else than
/// what was said before is 409.
#[utoipa::path(post, path = "/api/v1/sync/conflicts/{id}/resolve", tag = "sync",
    operation_id = "conflict_resolve",
    params(("id" = String, Path, description = "The conflict.")),
    request_body = ConflictResolve,
    responses((status = 200, description = "Resolved.", body = ResolvedAnswer),
        (status = 409, description = "It is resolved already, or the entity has moved on.",
            body = landfall_protocol::problem::Problem,
            content_type = "application/problem+json")))]
pub(in super::super) async fn resolve(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    ConflictPath(id): ConflictPath,
    device: Device,
    WorkBody(body): WorkBody<ConflictResolve>,
) -> Result<Json<ResolvedAnswer>, ApiError> {
    let device = device_of(device, body.device_id.as_ref())?;
    let ResolutionFields { resolution, base_version } = body.read().map_err(ApiError::fields)?;
    let ask = ResolveAsk { resolution, base_version, device };
    let resolved = app.services.resolve_conflict(&caller, id, &ask).await?;
    Ok(Json(ResolvedAnswer {
        success: true,
        conflict: item(&resolved.conflict),
        version: resolved.version,
        server_data: raw_server(&resolved.server),
    }))
}

fn item(view: &ConflictView) -> ConflictItem {
    let ConflictView { stored, topic, clashes } = view;
    let conflict = &stored.conflict;
    let data = |json: &Option<JsonText>| json.as_ref().map(raw);
    let status = if conflict.is_open { "pending" } else { "resolved" };
    let by_person = stored.resolved.as_ref().and_then(|(_, _, how)| how.as_deref());
    let resolution = by_person.unwrap_or(&conflict.decided_by);
    let is_open = conflict.is_open;
    ConflictItem {
        id: conflict.id.to_string(),
        entity_type: stored.name.kind.to_string(),
        entity_id: stored.name.id.to_string(),
        topic_id: topic.as_ref().map(ToString::to_string),
        operation_id: stored.operation.to_string(),
        device_id: stored.device.to_string(),
        base_data: data(&conflict.base),
        client_data: data(&conflict.client),
        server_data: data(&conflict.server),
        result_data: data(&conflict.result),
        client_version: conflict.client_version,
        server_version: conflict.server_version,
        fields: clashes.iter().map(clash).collect(),
        status: status.to_owned(),
        suggested_resolution: is_open.then(|| conflict.decided_by.to_string()),
        resolution: (!is_open).then(|| resolution.to_owned()),
        resolved_by: stored.resolved.as_ref().and_then(|(_, by, _)| Some(by.as_ref()?.to_string())),
        resolved_at: stored.resolved.as_ref().map(|(at, ..)| Time(*at)),
        created_at: Time(stored.created_at),
    }
}

fn clash(record: &ClashRecord) -> ClashItem {
    let ClashRecord { pointer, rule, class, kept } = record.clone();
    ClashItem { pointer, rule, class, kept }
}
