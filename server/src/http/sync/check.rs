//! `POST /api/v1/sync/check`: whether a device holds what the server holds.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use landfall_core::sync::{Checked, CheckedPart, CheckedRow};
use landfall_protocol::sync::{CheckAnswer, CheckFields, CheckPart, CheckPost, CheckRow};

use super::super::auth::Authenticated;
use super::super::error::ApiError;
use super::body::WorkBody;
use crate::app::App;
use crate::service::sync::CheckAsk;

/// Sums up what the server holds, for a device that compares it with what it holds itself.
///
/// Of a range of names of the user's own feed, or of a topic's, in the order of type and id: how many entities there are
/// and the sum of their digests, and at most 16 parts with sums of their own, or the entities where they are 64 or fewer.
/// Lessons are not among them. `docs/protocol.md` says what a digest is.
#[utoipa::path(post, path = "/api/v1/sync/check", tag = "sync", operation_id = "sync_check",
    request_body = CheckPost,
    responses((status = 200, description = "What the range has.", body = CheckAnswer)))]
pub(in super::super) async fn check(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    WorkBody(body): WorkBody<CheckPost>,
) -> Result<Json<CheckAnswer>, ApiError> {
    let CheckFields { cursor, kinds, topic, after, up_to } =
        body.read().map_err(ApiError::fields)?;
    let ask = CheckAsk { cursor, kinds, topic, after, up_to };
    let checked = app.services.check(&caller, &ask).await?;
    Ok(Json(answer(checked)))
}

fn answer(checked: Option<Checked>) -> CheckAnswer {
    let current = checked.is_some();
    let sums = checked.as_ref().map(|all| (all.count, all.sum.to_string()));
    let (count, sum) = sums.unzip();
    let (parts, rows) = checked.map(|all| (all.parts, all.rows)).unwrap_or_default();
    CheckAnswer {
        current,
        count,
        sum,
        parts: parts.into_iter().map(part).collect(),
        rows: rows.into_iter().map(row).collect(),
    }
}

fn part(CheckedPart { up_to, count, sum }: CheckedPart) -> CheckPart {
    CheckPart { up_to: up_to.map(Into::into), count, sum: sum.to_string() }
}

fn row(CheckedRow { name, version, digest }: CheckedRow) -> CheckRow {
    CheckRow {
        entity_type: name.kind.into(),
        entity_id: name.id.into(),
        version,
        digest: digest.to_string(),
    }
}
