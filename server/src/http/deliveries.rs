//! The log of deliveries, and failed ones once more (S0, contract 3). Needs `admin`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use landfall_core::id::DeliveryId;
use landfall_protocol::deliveries::{
    DeliveriesQuery, DeliveryFilter, DeliveryItem, Replay, ReplayAnswer, ReplayRequest,
};
use landfall_protocol::list::List;
use landfall_protocol::names::{ChannelName, ReasonName, StateName};
use landfall_protocol::query::Page;
use landfall_protocol::text::Time;

use super::auth::Authenticated;
use super::body::JsonBody;
use super::cursors::{Listing, at_id, offset};
use super::error::ApiError;
use super::headers::Idempotency;
use super::params::Params;
use crate::app::App;
use crate::service::deliveries::{Logged, Replayed};

const LIST: &str = "/api/v1/admin/deliveries";
const REPLAY: &str = "POST /api/v1/admin/deliveries/replay";

/// Lists deliveries of the whole tenant, newest first; needs `admin`.
#[utoipa::path(get, path = "/api/v1/admin/deliveries", tag = "admin",
    operation_id = "admin_deliveries", params(DeliveriesQuery),
    responses((status = 200, description = "A page.", body = List<DeliveryItem>)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    Params(query): Params<DeliveriesQuery>,
) -> Result<Json<List<DeliveryItem>>, ApiError> {
    let (page, mut filter) = store_filter(query.read(app.pages)?);
    let spelled = format!("{filter:?}");
    let listing = Listing::new(&app, &caller, LIST, &spelled);
    filter.below = listing.place(&page)?.and_then(|place| DeliveryId::parse(&place.of).ok());
    (filter.offset, filter.limit) = (offset(&page), page.limit + 1);
    let rows = app.services.deliveries(&caller, filter).await?;
    Ok(Json(listing.answer(rows, &page, |row| at_id(row.delivery.id), item)))
}

fn store_filter(filter: DeliveryFilter) -> (Page, landfall_store::DeliveryFilter) {
    let DeliveryFilter { page, user, notification_type, channel, state, since, until } = filter;
    let (below, offset, limit) = (None, 0, 0);
    let filter = landfall_store::DeliveryFilter {
        user,
        channel,
        state,
        notification_type,
        since,
        until,
        below,
        offset,
        limit,
    };
    (page, filter)
}

/// Shows what the log tells of a delivery; places, claims and addresses are the outbox's own.
fn item(logged: &Logged) -> DeliveryItem {
    let Logged { delivery, notification, platform } = logged;
    let content = &notification.content;
    DeliveryItem {
        id: delivery.id.to_string(),
        notification_id: delivery.notification.to_string(),
        user_id: delivery.user.to_string(),
        notification_type: content.notification_type.clone(),
        title: content.title.clone(),
        body: content.message.clone(),
        channel: ChannelName(delivery.channel),
        platform: platform.clone(),
        delivery_status: StateName(delivery.state),
        state: StateName(delivery.state),
        reason: ReasonName(delivery.reason),
        rule: delivery.reason.rule(),
        provider: delivery.provider.clone(),
        code: delivery.code.clone(),
        reference: delivery.reference.clone(),
        attempts: delivery.attempts,
        due_at: delivery.due_at.map(Time),
        created_at: Time(delivery.created_at),
        updated_at: Time(delivery.updated_at),
    }
}

/// Tries deliveries again that failed for good; needs `admin`.
///
/// Named ones, or the newest that fit `channel`, `user_id`, `since` and `until`; at most 500 in one
/// call. Before each goes out everything is looked at again: what was read or expired meanwhile
/// stays where it is. With `Idempotency-Key` a repetition gives the first answer again.
#[utoipa::path(post, path = "/api/v1/admin/deliveries/replay", tag = "admin",
    operation_id = "admin_deliveries_replay",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition safe.")),
    request_body = ReplayRequest,
    responses((status = 202, description = "They are due.", body = ReplayAnswer)))]
pub(super) async fn replay(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    idempotency: Idempotency,
    body: JsonBody<ReplayRequest>,
) -> Result<(StatusCode, Json<ReplayAnswer>), ApiError> {
    let key = idempotency.key(&caller, REPLAY, body.digest);
    let which = which(body.value.read()?);
    let replayed = app.services.replay(&caller, which, key).await?;
    Ok((StatusCode::ACCEPTED, Json(ReplayAnswer { replayed })))
}

fn which(replay: Replay) -> Replayed {
    match replay {
        Replay::Named(ids) => Replayed::Named(ids),
        Replay::Fitting { channel, user, since, until, limit } => {
            Replayed::Fitting(landfall_store::DeliveryFilter {
                channel,
                user,
                since,
                until,
                limit,
                ..landfall_store::DeliveryFilter::default()
            })
        }
    }
}
