//! Phone numbers and mailboxes to which nothing is sent: seeing them, and letting one off. Needs
//! `admin`.
//!
//! No address is shown, and none stands in a path or a query, which others log.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use landfall_core::channel::Channel;
use landfall_core::cursor::Position;
use landfall_protocol::list::List;
use landfall_protocol::names::ChannelName;
use landfall_protocol::suppressions::{SuppressedAddress, SuppressionItem, SuppressionsQuery};
use landfall_protocol::text::Time;
use landfall_store::{Suppression, SuppressionFilter};

use super::auth::Authenticated;
use super::body::JsonBody;
use super::cursors::{Listing, at_id};
use super::error::ApiError;
use super::params::Params;
use crate::app::App;
use crate::service::suppressions::short;

const LIST: &str = "/api/v1/admin/suppressions";

/// Lists suppressed phone numbers and mailboxes of the tenant, by channel and hash; needs `admin`.
#[utoipa::path(get, path = "/api/v1/admin/suppressions", tag = "admin",
    operation_id = "suppressions_list", params(SuppressionsQuery),
    responses((status = 200, description = "A page.", body = List<SuppressionItem>)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    Params(query): Params<SuppressionsQuery>,
) -> Result<Json<List<SuppressionItem>>, ApiError> {
    let (page, channel) = query.read(app.pages)?;
    let listing = Listing::new(&app, &caller, LIST, channel.map_or("", Channel::as_str));
    let after = listing.place(&page)?.and_then(|place| at(&place));
    let filter = SuppressionFilter { channel, after, limit: page.limit + 1 };
    let rows = app.services.suppressions(&caller, filter).await?;
    Ok(Json(listing.answer(rows, &page, place, item)))
}

/// Lets messages go to a suppressed phone number or mailbox again; needs `admin`.
///
/// For a bounce that was mended. Whoever opted out at the provider is refused there all the same,
/// until they opt in again.
#[utoipa::path(delete, path = "/api/v1/admin/suppressions", tag = "admin",
    operation_id = "suppression_delete",
    request_body = SuppressedAddress,
    responses((status = 204, description = "Lifted."),
        (status = 404, description = "It is not suppressed.",
            body = landfall_protocol::problem::Problem,
            content_type = "application/problem+json")))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    body: JsonBody<SuppressedAddress>,
) -> Result<StatusCode, ApiError> {
    let (channel, address) = body.value.read()?;
    app.services.lift_suppression(&caller, channel, &address.0).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn item(suppression: &Suppression) -> SuppressionItem {
    let Suppression { channel, address, reason, source, at } = suppression;
    SuppressionItem {
        channel: ChannelName(*channel),
        address_hash: short(address),
        reason: reason.clone(),
        source: source.clone(),
        suppressed_at: Time(*at),
    }
}

/// Stands at a suppression: its channel's name and the whole hash.
fn place(suppression: &Suppression) -> Position {
    let hash: String = suppression.address.iter().map(|byte| format!("{byte:02x}")).collect();
    at_id(format!("{} {hash}", suppression.channel.as_str()))
}

fn at(place: &Position) -> Option<(Channel, landfall_core::audit::Hash)> {
    let (channel, hash) = place.of.split_once(' ')?;
    let mut bytes = [0; 32];
    for (byte, digits) in bytes.iter_mut().zip(hash.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some((Channel::parse(channel)?, bytes))
}
