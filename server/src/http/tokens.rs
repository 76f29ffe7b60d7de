//! Push tokens of the caller's devices (S0).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use landfall_channels::FcmTarget;
use landfall_core::id::AddressId;
use landfall_protocol::addresses::{TokenItem, TokenRequest, TokenText};
use landfall_protocol::list::List;
use landfall_protocol::names::PlatformName;
use landfall_protocol::text::Time;
use landfall_store::AddressKind;

use super::auth::Authenticated;
use super::body::PageJson;
use super::error::ApiError;
use super::headers::Device;
use super::params::TokenPath;
use crate::app::App;
use crate::service::people::{AddressView, TokenDraft};

/// Registers a device of the caller by its push token.
///
/// Register at every start of the app: that is safe to repeat, and an `Idempotency-Key` is not
/// read. A device's new token replaces its old one; a token that comes from another user leaves
/// the first; of more than 20 the one that was seen longest ago goes.
#[utoipa::path(post, path = "/api/v1/notifications/tokens", tag = "devices",
    operation_id = "token_create",
    request_body = TokenRequest,
    responses((status = 201, description = "Registered.", body = TokenItem),
        (status = 200, description = "Was registered.", body = TokenItem)))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    device: Device,
    PageJson(body): PageJson<TokenRequest>,
) -> Result<(StatusCode, Json<TokenItem>), ApiError> {
    let target = match body.text()? {
        TokenText::Token(token) => FcmTarget::Token(token.0),
        TokenText::InstallationId(id) => FcmTarget::InstallationId(id.0),
    };
    let draft = TokenDraft {
        target,
        platform: body.platform.0,
        device: device.in_body(body.device_id.as_ref())?,
        is_active: body.is_active.unwrap_or(true),
    };
    let registered = app.services.register_token(&caller, draft).await?;
    let status = if registered.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(item(registered.view))))
}

/// Lists the caller's devices, newest first; of each token its end is shown.
#[utoipa::path(get, path = "/api/v1/notifications/tokens", tag = "devices",
    operation_id = "tokens_list",
    responses((status = 200, description = "All of them.", body = List<TokenItem>)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<List<TokenItem>>, ApiError> {
    let views = app.services.own_addresses(&caller, AddressKind::Fcm).await?;
    Ok(Json(List { items: views.into_iter().map(item).collect(), next_cursor: None }))
}

/// Removes a device of the caller by its token, or by the registration's id.
#[utoipa::path(delete, path = "/api/v1/notifications/tokens/{token}", tag = "devices",
    operation_id = "token_delete",
    params(("token" = String, Path, description = "The token, percent-encoded, or the id.")),
    responses((status = 204, description = "Removed.")))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    TokenPath(token): TokenPath,
) -> Result<StatusCode, ApiError> {
    let kind = AddressKind::Fcm;
    match AddressId::parse(token.expose()) {
        Ok(id) => app.services.remove_address(&caller, kind, id).await?,
        Err(_) => app.services.remove_address_by_text(&caller, kind, token.expose()).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}

fn item(view: AddressView) -> TokenItem {
    let AddressView { id, shown, platform, device, is_active, created_at, seen_at, .. } = view;
    TokenItem {
        id: id.to_string(),
        token: shown,
        platform: PlatformName(platform),
        device_id: device.map(|device| device.to_string()),
        is_active,
        created_at: Time(created_at),
        last_seen_at: Time(seen_at),
    }
}
