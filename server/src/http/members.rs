//! Members of a topic (contract 4).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use landfall_core::topic::Member;
use landfall_protocol::list::List;
use landfall_protocol::query::PageQuery;
use landfall_protocol::topics::{MemberItem, MemberPut, MembersBulk, MembersBulkAnswer};

use super::auth::Authenticated;
use super::body::{JsonBody, OptionalJson};
use super::cursors::{Listing, at_id, small_offset};
use super::error::ApiError;
use super::params::{MemberPath, Params, TopicPath};
use crate::app::App;
use crate::service::topics::MembersChanged;

const LIST: &str = "/api/v1/topics/{id}/members";

/// Lists the members of a topic by user id.
#[utoipa::path(get, path = "/api/v1/topics/{id}/members", tag = "topics",
    operation_id = "members_list",
    params(("id" = String, Path, description = "The topic."), PageQuery),
    responses((status = 200, description = "A page.", body = List<MemberItem>)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    TopicPath(id): TopicPath,
    Params(query): Params<PageQuery>,
) -> Result<Json<List<MemberItem>>, ApiError> {
    let page = query.read(app.pages)?;
    let listing = Listing::new(&app, &caller, LIST, id.as_str());
    let after = listing.place(&page)?.map(|place| place.of).unwrap_or_default();
    let skipped = small_offset(&page)?;
    let limit = skipped + page.limit + 1;
    let mut rows = app.services.members(&caller, &id, after, limit).await?;
    rows.drain(..skipped.min(rows.len()));
    Ok(Json(listing.answer(rows, &page, |row: &Member| at_id(&row.user), |row| row.into())))
}

/// Adds many members or changes their roles.
///
/// Safe to repeat as it is: it says what the members are to be. An `Idempotency-Key` is not read.
#[utoipa::path(post, path = "/api/v1/topics/{id}/members", tag = "topics",
    operation_id = "members_bulk",
    params(("id" = String, Path, description = "The topic.")),
    request_body = MembersBulk,
    responses((status = 200, description = "What changed.", body = MembersBulkAnswer)))]
pub(super) async fn put_many(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    TopicPath(id): TopicPath,
    body: JsonBody<MembersBulk>,
) -> Result<Json<MembersBulkAnswer>, ApiError> {
    let members = body.value.read(app.limits.members_bulk_max)?;
    let changed = app.services.put_members(&caller, &id, &members).await?;
    let MembersChanged { added, updated, unchanged } = changed;
    Ok(Json(MembersBulkAnswer { added, updated, unchanged }))
}

/// Adds a member or changes their role; adding oneself to a public topic is joining it.
#[utoipa::path(put, path = "/api/v1/topics/{id}/members/{user_id}", tag = "topics",
    operation_id = "member_put",
    params(("id" = String, Path, description = "The topic."),
        ("user_id" = String, Path, description = "Who.")),
    request_body = MemberPut,
    responses((status = 201, description = "Added.", body = MemberItem),
        (status = 200, description = "Was a member.", body = MemberItem)))]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    MemberPath(id, user): MemberPath,
    OptionalJson(body): OptionalJson<MemberPut>,
) -> Result<(StatusCode, Json<MemberItem>), ApiError> {
    let (member, is_new) = app.services.put_member(&caller, &id, &user, body.role()).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(MemberItem::from(&member))))
}

/// Removes a member; removing oneself is leaving.
#[utoipa::path(delete, path = "/api/v1/topics/{id}/members/{user_id}", tag = "topics",
    operation_id = "member_delete",
    params(("id" = String, Path, description = "The topic."),
        ("user_id" = String, Path, description = "Who.")),
    responses((status = 204, description = "Removed.")))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    MemberPath(id, user): MemberPath,
) -> Result<StatusCode, ApiError> {
    app.services.remove_member(&caller, &id, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}
