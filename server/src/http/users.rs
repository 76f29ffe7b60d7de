//! Profiles of users (contract 3): one's own, and with `users:manage` everybody's.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use landfall_protocol::text::Secret as SecretText;
use landfall_protocol::users::{UserAnswer, UserFields};

use super::auth::Authenticated;
use super::body::JsonBody;
use super::error::ApiError;
use super::params::UserPath;
use crate::app::App;
use crate::secret::Secret;
use crate::service::people::{Extent, Profile, ProfileChange, Whose};

/// Gives the caller's own profile.
///
/// A user is known from the first use of a token on; until they say otherwise their name, language
/// and time zone are the token's.
#[utoipa::path(get, path = "/api/v1/users/me", tag = "users", operation_id = "user_me_get",
    responses((status = 200, description = "The profile.", body = UserAnswer)))]
pub(super) async fn me(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<UserAnswer>, ApiError> {
    Ok(Json(answer(app.services.profile(&caller, Whose::Own).await?)))
}

/// Sets the caller's own profile; what is absent is removed.
#[utoipa::path(put, path = "/api/v1/users/me", tag = "users", operation_id = "user_me_put",
    request_body = UserFields,
    responses((status = 201, description = "Made.", body = UserAnswer),
        (status = 200, description = "Changed.", body = UserAnswer)))]
pub(super) async fn put_me(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    body: JsonBody<UserFields>,
) -> Result<(StatusCode, Json<UserAnswer>), ApiError> {
    let change = change(body.value);
    let changed = app.services.change_profile(&caller, Whose::Own, change, Extent::Whole).await?;
    Ok(made_or_changed(changed))
}

/// Changes the caller's own profile; what is absent stays, `null` removes.
#[utoipa::path(patch, path = "/api/v1/users/me", tag = "users", operation_id = "user_me_patch",
    request_body = UserFields,
    responses((status = 200, description = "Changed.", body = UserAnswer)))]
pub(super) async fn patch_me(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    body: JsonBody<UserFields>,
) -> Result<Json<UserAnswer>, ApiError> {
    let change = change(body.value);
    let changed = app.services.change_profile(&caller, Whose::Own, change, Extent::Fields).await?;
    Ok(Json(answer(changed.0)))
}

/// Deletes the caller's own profile with their addresses and preferences.
///
/// What they opted out of is kept, so that they stay opted out.
#[utoipa::path(delete, path = "/api/v1/users/me", tag = "users", operation_id = "user_me_delete",
    responses((status = 204, description = "Deleted.")))]
pub(super) async fn delete_me(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
) -> Result<StatusCode, ApiError> {
    app.services.delete_profile(&caller, Whose::Own).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a user's profile; needs `users:manage`.
#[utoipa::path(get, path = "/api/v1/users/{id}", tag = "users", operation_id = "user_get",
    params(("id" = String, Path, description = "The user.")),
    responses((status = 200, description = "The profile.", body = UserAnswer)))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    UserPath(user): UserPath,
) -> Result<Json<UserAnswer>, ApiError> {
    Ok(Json(answer(app.services.profile(&caller, Whose::Of(&user)).await?)))
}

/// Makes a user or sets their profile; what is absent is removed; needs `users:manage`.
#[utoipa::path(put, path = "/api/v1/users/{id}", tag = "users", operation_id = "user_put",
    params(("id" = String, Path, description = "The user.")),
    request_body = UserFields,
    responses((status = 201, description = "Made.", body = UserAnswer),
        (status = 200, description = "Changed.", body = UserAnswer)))]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    UserPath(user): UserPath,
    body: JsonBody<UserFields>,
) -> Result<(StatusCode, Json<UserAnswer>), ApiError> {
    let (change, whose) = (change(body.value), Whose::Of(&user));
    let changed = app.services.change_profile(&caller, whose, change, Extent::Whole).await?;
    Ok(made_or_changed(changed))
}

/// Changes a user's profile; what is absent stays, `null` removes; needs `users:manage`.
#[utoipa::path(patch, path = "/api/v1/users/{id}", tag = "users", operation_id = "user_patch",
    params(("id" = String, Path, description = "The user.")),
    request_body = UserFields,
    responses((status = 200, description = "Changed.", body = UserAnswer)))]
pub(super) async fn patch(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    UserPath(user): UserPath,
    body: JsonBody<UserFields>,
) -> Result<Json<UserAnswer>, ApiError> {
    let (change, whose) = (change(body.value), Whose::Of(&user));
    let changed = app.services.change_profile(&caller, whose, change, Extent::Fields).await?;
    Ok(Json(answer(changed.0)))
}

/// Deletes a user's profile with their addresses and preferences; needs `users:manage`.
#[utoipa::path(delete, path = "/api/v1/users/{id}", tag = "users", operation_id = "user_delete",
    params(("id" = String, Path, description = "The user.")),
    responses((status = 204, description = "Deleted.")))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    UserPath(user): UserPath,
) -> Result<StatusCode, ApiError> {
    app.services.delete_profile(&caller, Whose::Of(&user)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn made_or_changed((profile, is_new): (Profile, bool)) -> (StatusCode, Json<UserAnswer>) {
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    (status, Json(answer(profile)))
}

fn change(fields: UserFields) -> ProfileChange {
    let UserFields { name, email, phone, locale, tz } = fields;
    let secret = |field: Option<Option<SecretText>>| {
        field.map(|text| text.map(|SecretText(text)| Secret::new(text)))
    };
    ProfileChange { name, email: secret(email), phone: secret(phone), locale, tz }
}

fn answer(profile: Profile) -> UserAnswer {
    let Profile { user, name, email, phone, locale, tz, created_at, updated_at } = profile;
    let text = |secret: Option<Secret>| secret.map(|text| SecretText(text.expose().to_owned()));
    let (email, phone) = (text(email), text(phone));
    UserAnswer { name, email, phone, locale, tz, ..UserAnswer::new(&user, created_at, updated_at) }
}
