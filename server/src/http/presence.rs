//! Presence: whether users are there, and when they last were (contract 4).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use landfall_core::id::UserId;
use landfall_protocol::list::List;
use landfall_protocol::presence::{PresencePost, StatusItem};

use super::auth::Authenticated;
use super::body::JsonBody;
use super::error::ApiError;
use super::params::UserPath;
use crate::app::App;
use crate::service::presence::USERS_ASKED_MAX;

/// Says whether a user is there, and when they last were.
///
/// Who may know is the setting `realtime.presence_audience`; whoever may not is told what is told of
/// somebody who never was there.
#[utoipa::path(get, path = "/api/v1/users/{id}/presence", tag = "users",
    operation_id = "user_presence",
    params(("id" = String, Path, description = "The user.")),
    responses((status = 200, description = "How they stand.", body = StatusItem)))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    UserPath(user): UserPath,
) -> Result<Json<StatusItem>, ApiError> {
    let statuses = app.services.statuses(&caller, std::slice::from_ref(&user)).await?;
    Ok(Json(StatusItem::new(&user, statuses.into_iter().next().unwrap_or_default())))
}

/// Says of many users, 500 at most, whether they are there, in the order in which they are named.
#[utoipa::path(post, path = "/api/v1/users/presence", tag = "users",
    operation_id = "users_presence", request_body = PresencePost,
    responses((status = 200, description = "How they stand.", body = List<StatusItem>)))]
pub(super) async fn of_many(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    body: JsonBody<PresencePost>,
) -> Result<Json<List<StatusItem>>, ApiError> {
    let users: Vec<UserId> = body.value.read(USERS_ASKED_MAX)?;
    let statuses = app.services.statuses(&caller, &users).await?;
    let items = users.iter().zip(statuses).map(|(user, status)| StatusItem::new(user, status));
    Ok(Json(List { items: items.collect(), next_cursor: None }))
}
