//! Revoking tokens, seeing what is revoked, and lifting it (contract 1). Needs `admin`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use landfall_core::auth::Revoked;
use landfall_protocol::list::List;
use landfall_protocol::query::PageQuery;
use landfall_protocol::revocations::{RevocationItem, RevocationRequest};
use landfall_protocol::text::Time;
use landfall_store::Revocation;

use super::auth::Authenticated;
use super::body::JsonBody;
use super::cursors::{Listing, at_number, small_offset};
use super::error::ApiError;
use super::params::{Params, RevocationPath};
use crate::app::App;

const LIST: &str = "/api/v1/admin/revocations";

/// Revokes a user's tokens issued until now, or one token; needs `admin`.
///
/// At once on this server, within about a second on others; what is open with such a token is
/// closed with 1008. Safe to repeat as it is; an `Idempotency-Key` is not read.
#[utoipa::path(post, path = "/api/v1/admin/revocations", tag = "admin",
    operation_id = "revocation_create",
    request_body = RevocationRequest,
    responses((status = 201, description = "Revoked.", body = RevocationItem)))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    body: JsonBody<RevocationRequest>,
) -> Result<(StatusCode, Json<RevocationItem>), ApiError> {
    let (of, reason) = body.value.read()?;
    let made = app.services.revoke(&caller, of, reason).await?;
    Ok((StatusCode::CREATED, Json(item(&made))))
}

/// Lists what is revoked in the tenant, newest first; needs `admin`.
#[utoipa::path(get, path = "/api/v1/admin/revocations", tag = "admin",
    operation_id = "revocations_list", params(PageQuery),
    responses((status = 200, description = "A page.", body = List<RevocationItem>)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    Params(query): Params<PageQuery>,
) -> Result<Json<List<RevocationItem>>, ApiError> {
    let page = query.read(app.pages)?;
    let listing = Listing::new(&app, &caller, LIST, "");
    let below = listing.place(&page)?.map(|place| place.number);
    let skipped = small_offset(&page)?;
    let limit = skipped + page.limit + 1;
    let mut rows = app.services.revocations(&caller, below, limit).await?;
    rows.drain(..skipped.min(rows.len()));
    Ok(Json(listing.answer(rows, &page, |row| at_number(row.number), item)))
}

/// Lifts a revocation: the tokens that it covered hold again; needs `admin`.
#[utoipa::path(delete, path = "/api/v1/admin/revocations/{id}", tag = "admin",
    operation_id = "revocation_delete",
    params(("id" = String, Path, description = "The revocation, as the list names it.")),
    responses((status = 204, description = "Lifted.")))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    RevocationPath(number): RevocationPath,
) -> Result<StatusCode, ApiError> {
    app.services.lift_revocation(&caller, number).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn item(revocation: &Revocation) -> RevocationItem {
    let Revocation { number, tenant: _, of, at, reason, by, is_lifted: _ } = revocation;
    let (user_id, jti) = match of {
        Revoked::User(user) => (Some(user.to_string()), None),
        Revoked::Token(id) => (None, Some(id.clone())),
    };
    RevocationItem {
        id: number.to_string(),
        user_id,
        jti,
        reason: reason.clone(),
        revoked_at: Time(*at),
        revoked_by: by.to_string(),
    }
}
