//! Browsers' push subscriptions of the caller (S2, S3).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use landfall_protocol::addresses::{
    EndpointNamed, SubscribeRequest, SubscriptionItem, VapidKeyAnswer,
};
use landfall_protocol::list::List;
use landfall_protocol::text::Time;
use landfall_store::AddressKind;

use super::auth::Authenticated;
use super::body::{OptionalJson, PageJson};
use super::error::ApiError;
use super::headers::Device;
use super::params::{AddressPath, Params};
use crate::app::App;
use crate::secret::Secret;
use crate::service::people::{AddressView, SubscriptionDraft};

/// Gives the public key that a page hands to `pushManager.subscribe` (RFC 8292).
#[utoipa::path(get, path = "/api/v1/notifications/vapid-public-key", tag = "devices",
    operation_id = "vapid_public_key", security(()),
    responses((status = 200, description = "The key.", body = VapidKeyAnswer)))]
pub(super) async fn public_key(State(app): State<Arc<App>>) -> Json<VapidKeyAnswer> {
    Json(VapidKeyAnswer { public_key: URL_SAFE_NO_PAD.encode(app.services.server_key()) })
}

/// Registers a browser of the caller by its subscription, as `JSON.stringify` gives it or flat.
///
/// Post it at every start of the page: that is safe to repeat, and an `Idempotency-Key` is not
/// read. An endpoint that comes from another user leaves the first; of more than 20 the one that
/// was seen longest ago goes.
#[utoipa::path(post, path = "/api/v1/notifications/subscribe", tag = "devices",
    operation_id = "subscribe",
    request_body = SubscribeRequest,
    responses((status = 201, description = "Registered.", body = SubscriptionItem),
        (status = 200, description = "Was registered.", body = SubscriptionItem)))]
pub(super) async fn subscribe(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    device: Device,
    PageJson(body): PageJson<SubscribeRequest>,
) -> Result<(StatusCode, Json<SubscriptionItem>), ApiError> {
    let (keys_at, keys) = body.keys()?;
    let draft = SubscriptionDraft {
        device: device.in_body(body.device_id.as_ref())?,
        endpoint: Secret::new(body.endpoint.0),
        p256dh: Secret::new(keys.p256dh.0),
        auth: Secret::new(keys.auth.0),
        keys_at,
    };
    let registered = app.services.subscribe(&caller, draft).await?;
    let status = if registered.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(item(registered.view))))
}

/// Lists the caller's browsers, newest first; of each endpoint its end is shown.
#[utoipa::path(get, path = "/api/v1/notifications/subscriptions", tag = "devices",
    operation_id = "subscriptions_list",
    responses((status = 200, description = "All of them.", body = List<SubscriptionItem>)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<List<SubscriptionItem>>, ApiError> {
    let views = app.services.own_addresses(&caller, AddressKind::WebPush).await?;
    Ok(Json(List { items: views.into_iter().map(item).collect(), next_cursor: None }))
}

/// Removes a browser of the caller by the subscription's id.
#[utoipa::path(delete, path = "/api/v1/notifications/unsubscribe/{id}", tag = "devices",
    operation_id = "unsubscribe",
    params(("id" = String, Path, description = "The subscription.")),
    responses((status = 204, description = "Removed.")))]
pub(super) async fn unsubscribe(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    AddressPath(id): AddressPath,
) -> Result<StatusCode, ApiError> {
    app.services.remove_address(&caller, AddressKind::WebPush, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a browser of the caller by its endpoint, which the body or the query names.
#[utoipa::path(delete, path = "/api/v1/notifications/unsubscribe-by-endpoint", tag = "devices",
    operation_id = "unsubscribe_by_endpoint",
    params(EndpointNamed),
    request_body = EndpointNamed,
    responses((status = 204, description = "Removed."),
        (status = 404, description = "Not there, or not the caller's.",
            body = landfall_protocol::problem::Problem,
            content_type = "application/problem+json")))]
pub(super) async fn unsubscribe_by_endpoint(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    Params(query): Params<EndpointNamed>,
    OptionalJson(body): OptionalJson<EndpointNamed>,
) -> Result<StatusCode, ApiError> {
    let endpoint = EndpointNamed::agreed(body, query)?.0;
    app.services.remove_address_by_text(&caller, AddressKind::WebPush, &endpoint).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn item(view: AddressView) -> SubscriptionItem {
    let AddressView { id, shown, key_shown, device, is_active, created_at, seen_at, .. } = view;
    SubscriptionItem {
        id: id.to_string(),
        endpoint: shown,
        p256dh: key_shown,
        auth: "…".to_owned(),
        device_id: device.map(|device| device.to_string()),
        is_active,
        created_at: Time(created_at),
        last_seen_at: Time(seen_at),
    }
}
