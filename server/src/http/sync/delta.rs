//! `POST /api/v1/sync/delta`: where one entity of a device differs from the server's (S1).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use landfall_core::json::Value;
use landfall_protocol::sync::{DeltaAnswer, DeltaFields, DeltaPost, FieldDelta};
use serde_json::value::RawValue;

use super::super::auth::Authenticated;
use super::super::error::ApiError;
use super::body::WorkBody;
use crate::app::App;
use crate::service::sync::{Delta, DeltaAsk, FieldDiffers};

/// Says which fields of an entity differ from the server's.
///
/// Fields that `clientFields` does not name come where they changed since `clientVersion`, or where
/// nobody knows what that was. `hasConflict` says that a person would have to decide the field.
#[utoipa::path(post, path = "/api/v1/sync/delta", tag = "sync", operation_id = "sync_delta",
    request_body = DeltaPost,
    responses((status = 200, description = "The fields that differ.", body = DeltaAnswer)))]
pub(in super::super) async fn delta(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    WorkBody(body): WorkBody<DeltaPost>,
) -> Result<Json<DeltaAnswer>, ApiError> {
    let DeltaFields { name, topic, version, fields } = body.read().map_err(ApiError::fields)?;
    let ask = DeltaAsk { name, topic, version, fields };
    let Delta { version, is_deleted, fields } = app.services.delta(&caller, &ask).await?;
    Ok(Json(DeltaAnswer {
        has_changes: is_deleted || !fields.is_empty(),
        server_version: version,
        deleted: is_deleted,
        field_deltas: fields.into_iter().map(field).collect(),
    }))
}

fn field(differs: FieldDiffers) -> FieldDelta {
    let raw = |value: Value| RawValue::from_string(value.text()).expect("a value writes as JSON");
    FieldDelta {
        field: differs.field,
        client_value: differs.client.map(raw),
        server_value: differs.server.map(raw),
        has_conflict: differs.is_open,
    }
}
