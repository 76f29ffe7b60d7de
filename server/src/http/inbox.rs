//! The caller's own inbox (S4, contract 3).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use landfall_core::feed::Number;
use landfall_core::notification::Notification;
use landfall_core::notify::FieldError;
use landfall_protocol::inbox::{AckAnswer, AckRequest, Item, MarkAllRead, UnreadCount};
use landfall_protocol::list::List;
use landfall_protocol::query::{NotificationFilter, NotificationsQuery};
use landfall_protocol::text::FeedNumber;
use landfall_store::{InboxQuery, InboxSlice};

use super::auth::Authenticated;
use super::body::JsonBody;
use super::cursors::{Listing, at_number, offset};
use super::error::ApiError;
use super::headers::Device;
use super::params::{NotificationPath, Params};
use crate::app::App;
use crate::service::inbox::AllRead;

const LIST: &str = "/api/v1/notifications";

/// Lists the caller's notifications, newest first.
///
/// With `after` or `before` the list is in the order of changes: `after` gives the oldest first,
/// `before` alone the newest first. A cursor belongs to its filters; send them along with it.
#[utoipa::path(get, path = "/api/v1/notifications", tag = "inbox", operation_id = "notifications",
    params(NotificationsQuery),
    responses((status = 200, description = "A page.", body = List<Item>)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    Params(query): Params<NotificationsQuery>,
) -> Result<Json<List<Item>>, ApiError> {
    let filter = query.read(app.pages)?;
    only_own(&filter)?;
    let spelled = spelled(&filter);
    let listing = Listing::new(&app, &caller, LIST, &spelled);
    let place = listing.place(&filter.page)?.map(|place| place.number);
    let slice = slice(&filter, place);
    let page = filter.page;
    let query = InboxQuery {
        slice,
        read: filter.read,
        notification_type: filter.notification_type,
        offset: offset(&page),
        limit: page.limit + 1,
    };
    let rows = app.services.inbox(&caller, query).await?;
    let at = |row: &Notification| at_number(ordering(slice, row));
    Ok(Json(listing.answer(rows, &page, at, |row| Item::from(row))))
}

/// Spells the filters that a cursor is bound to; never the page itself.
fn spelled(filter: &NotificationFilter) -> String {
    let NotificationFilter { page: _, after, before, notification_type, read, .. } = filter;
    format!("{after:?} {before:?} {notification_type:?} {read:?}")
}

/// A filter that would silently not apply is refused.
fn only_own(filter: &NotificationFilter) -> Result<(), ApiError> {
    let given = [
        ("/query/user_id", filter.user.is_some()),
        ("/query/delivered", filter.delivered.is_some()),
        ("/query/channel", filter.channel.is_some()),
        ("/query/since", filter.since.is_some()),
        ("/query/until", filter.until.is_some()),
    ];
    refuse(given, "is a filter of the admin's list alone")
}

/// Refuses the parameters that were given.
pub(super) fn refuse<const N: usize>(
    given: [(&str, bool); N],
    detail: &str,
) -> Result<(), ApiError> {
    let given = given.into_iter().filter(|(_, is_given)| *is_given);
    let faults: Vec<FieldError> =
        given.map(|(pointer, _)| FieldError::new(pointer, detail)).collect();
    if faults.is_empty() { Ok(()) } else { Err(faults.into()) }
}

fn slice(filter: &NotificationFilter, place: Option<Number>) -> InboxSlice {
    match (filter.after, filter.before) {
        (Some(after), before) => InboxSlice::ChangedAfter { after: place.unwrap_or(after), before },
        (None, Some(before)) => InboxSlice::ChangedBefore(place.unwrap_or(before)),
        (None, None) => InboxSlice::Newest { below: place },
    }
}

fn ordering(slice: InboxSlice, row: &Notification) -> Number {
    match slice {
        InboxSlice::Newest { .. } => row.number,
        InboxSlice::ChangedAfter { .. } | InboxSlice::ChangedBefore(_) => row.changed,
    }
}

/// Counts the caller's unread notifications.
#[utoipa::path(get, path = "/api/v1/notifications/unread-count", tag = "inbox",
    operation_id = "notifications_unread_count",
    responses((status = 200, description = "The count.", body = UnreadCount)))]
pub(super) async fn unread_count(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<UnreadCount>, ApiError> {
    let unread_count = app.services.unread(&caller).await?;
    Ok(Json(UnreadCount { unread_count }))
}

/// Shows one notification, with its channels as they stand now.
#[utoipa::path(get, path = "/api/v1/notifications/{id}", tag = "inbox",
    operation_id = "notification_get",
    params(("id" = String, Path, description = "The notification.")),
    responses((status = 200, description = "As it stands now.", body = Item)))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    NotificationPath(id): NotificationPath,
) -> Result<Json<Item>, ApiError> {
    let notification = app.services.shown(&caller, id).await?;
    Ok(Json(Item::from(&notification)))
}

/// Marks one notification read; one that is read stays as it is.
#[utoipa::path(patch, path = "/api/v1/notifications/{id}/mark-read", tag = "inbox",
    operation_id = "notification_mark_read",
    params(("id" = String, Path, description = "The notification.")),
    responses((status = 200, description = "As it stands now.", body = Item)))]
pub(super) async fn mark_read(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    NotificationPath(id): NotificationPath,
) -> Result<Json<Item>, ApiError> {
    let notification = app.services.mark_read(&caller, id).await?;
    Ok(Json(Item::from(&notification)))
}

/// Deletes one notification for its owner.
#[utoipa::path(delete, path = "/api/v1/notifications/{id}", tag = "inbox",
    operation_id = "notification_delete",
    params(("id" = String, Path, description = "The notification.")),
    responses((status = 204, description = "Deleted.")))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    NotificationPath(id): NotificationPath,
) -> Result<StatusCode, ApiError> {
    app.services.delete(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Marks everything read that is in the inbox now.
#[utoipa::path(post, path = "/api/v1/notifications/mark-all-read", tag = "inbox",
    operation_id = "notifications_mark_all_read",
    responses((status = 200, description = "What it covered.", body = MarkAllRead)))]
pub(super) async fn mark_all_read(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<MarkAllRead>, ApiError> {
    let AllRead { marked, up_to, number } = app.services.mark_all_read(&caller).await?;
    let replay_id = number.map(FeedNumber);
    Ok(Json(MarkAllRead { marked, up_to: FeedNumber(up_to), replay_id }))
}

/// Acknowledges what the caller received, for clients without a socket.
///
/// Everything undelivered up to `replay_id` counts as delivered.
#[utoipa::path(post, path = "/api/v1/notifications/ack", tag = "inbox",
    operation_id = "notifications_ack",
    params(("X-Device-ID" = Option<String>, Header, description = "Which device received it.")),
    request_body = AckRequest,
    responses((status = 200, description = "How many it delivered.", body = AckAnswer)))]
pub(super) async fn acknowledge(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    device: Device,
    body: JsonBody<AckRequest>,
) -> Result<Json<AckAnswer>, ApiError> {
    let device = match &body.value.device_id {
        Some(id) => device.agreed("/device_id", &id.0)?,
        None => device,
    };
    let up_to = body.value.number();
    let confirmed = app.services.acknowledge(&caller, up_to, device.as_str()).await?;
    Ok(Json(AckAnswer { confirmed: confirmed as u64 }))
}
