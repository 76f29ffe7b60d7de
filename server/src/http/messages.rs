//! Messages of a topic, and what the caller has not read of it (contract 4).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use landfall_core::message::{Message, Participation};
use landfall_protocol::list::List;
use landfall_protocol::messages::{
    MessageItem, MessagePatch, MessagePost, ParticipationItem, ReadPost, UnreadAnswer,
};
use landfall_protocol::query::{MessagesQuery, PageQuery};
use landfall_store::MessageSlice;

use super::auth::Authenticated;
use super::body::{JsonBody, OptionalJson};
use super::cursors::{Listing, at_id, at_number, small_offset};
use super::error::ApiError;
use super::params::{MessagePath, Params, TopicPath};
use crate::app::App;
use crate::service::reading::ReadAsk;

const LIST: &str = "/api/v1/topics/{id}/messages";
const PARTICIPATION: &str = "/api/v1/topics/{id}/participation";

/// Lists messages of a topic, newest first; for its members.
///
/// `before` goes on behind a message's `number`. With `after` the list holds what changed after that number, oldest
/// change first, and what is left of messages that were deleted: what a device that was away has missed.
#[utoipa::path(get, path = "/api/v1/topics/{id}/messages", tag = "topics",
    operation_id = "messages_list",
    params(("id" = String, Path, description = "The topic."), MessagesQuery),
    responses((status = 200, description = "A page.", body = List<MessageItem>)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    TopicPath(id): TopicPath,
    Params(query): Params<MessagesQuery>,
) -> Result<Json<List<MessageItem>>, ApiError> {
    let filter = query.read(app.pages)?;
    let filters = format!("{id} {:?} {:?}", filter.after, filter.before);
    let listing = Listing::new(&app, &caller, LIST, &filters);
    let place = listing.place(&filter.page)?.map(|place| place.number);
    let slice = match filter.after {
        Some(after) => MessageSlice::ChangedAfter(place.unwrap_or(after)),
        None => MessageSlice::Newest { below: place.or(filter.before) },
    };
    let page = filter.page;
    let skipped = small_offset(&page)?;
    let limit = skipped + page.limit + 1;
    let mut rows = app.services.messages(&caller, &id, slice, limit).await?;
    rows.drain(..skipped.min(rows.len()));
    let at = |row: &Message| match slice {
        MessageSlice::ChangedAfter(_) => at_number(row.changed),
        MessageSlice::Newest { .. } | MessageSlice::Mentioning { .. } => at_number(row.number),
    };
    Ok(Json(listing.answer(rows, &page, at, |row| row.into())))
}

/// Sends a message; the caller has to be a member.
///
/// With a `client_id` it can be repeated: the same is sent once, and answered with 200 from then on.
#[utoipa::path(post, path = "/api/v1/topics/{id}/messages", tag = "topics",
    operation_id = "message_send",
    params(("id" = String, Path, description = "The topic.")),
    request_body = MessagePost,
    responses((status = 201, description = "Sent.", body = MessageItem),
        (status = 200, description = "Was sent before.", body = MessageItem)))]
pub(super) async fn send(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    TopicPath(id): TopicPath,
    body: JsonBody<MessagePost>,
) -> Result<(StatusCode, Json<MessageItem>), ApiError> {
    let draft = body.value.read()?;
    let sent = app.services.send_message(&caller, &id, &draft).await?;
    let status = if sent.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(MessageItem::from(&sent.message))))
}

/// Shows one message.
#[utoipa::path(get, path = "/api/v1/topics/{id}/messages/{message_id}", tag = "topics",
    operation_id = "message_get",
    params(("id" = String, Path, description = "The topic."),
        ("message_id" = String, Path, description = "The message.")),
    responses((status = 200, description = "As it is now.", body = MessageItem)))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    MessagePath(topic, id): MessagePath,
) -> Result<Json<MessageItem>, ApiError> {
    let message = app.services.message(&caller, &topic, id).await?;
    Ok(Json(MessageItem::from(&message)))
}

/// Changes the words and mentions of a message, whose files stay; only its sender may.
#[utoipa::path(patch, path = "/api/v1/topics/{id}/messages/{message_id}", tag = "topics",
    operation_id = "message_edit",
    params(("id" = String, Path, description = "The topic."),
        ("message_id" = String, Path, description = "The message.")),
    request_body = MessagePatch,
    responses((status = 200, description = "As it is now.", body = MessageItem)))]
pub(super) async fn edit(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    MessagePath(topic, id): MessagePath,
    body: JsonBody<MessagePatch>,
) -> Result<Json<MessageItem>, ApiError> {
    let next = body.value.read()?;
    let message = app.services.edit_message(&caller, &topic, id, &next).await?;
    Ok(Json(MessageItem::from(&message)))
}

/// Deletes a message; its sender may, and teachers and owners of the topic.
#[utoipa::path(delete, path = "/api/v1/topics/{id}/messages/{message_id}", tag = "topics",
    operation_id = "message_delete",
    params(("id" = String, Path, description = "The topic."),
        ("message_id" = String, Path, description = "The message.")),
    responses((status = 204, description = "Deleted.")))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    MessagePath(topic, id): MessagePath,
) -> Result<StatusCode, ApiError> {
    app.services.delete_message(&caller, &topic, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says up to where the caller has read; it holds on all of their devices, and never goes back.
#[utoipa::path(post, path = "/api/v1/topics/{id}/read", tag = "topics", operation_id = "topic_read",
    params(("id" = String, Path, description = "The topic.")),
    request_body = ReadPost,
    responses((status = 200, description = "What is left.", body = UnreadAnswer)))]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    TopicPath(id): TopicPath,
    OptionalJson(body): OptionalJson<ReadPost>,
) -> Result<Json<UnreadAnswer>, ApiError> {
    let (up_to, messages) = body.read()?;
    let unread = app.services.read_messages(&caller, &id, &ReadAsk { up_to, messages }).await?;
    Ok(Json(unread.into()))
}

/// Tells how the members of a topic take part, by user id; for its teachers and owners.
#[utoipa::path(get, path = "/api/v1/topics/{id}/participation", tag = "topics",
    operation_id = "topic_participation",
    params(("id" = String, Path, description = "The topic."), PageQuery),
    responses((status = 200, description = "A page.", body = List<ParticipationItem>)))]
pub(super) async fn participation(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    TopicPath(id): TopicPath,
    Params(query): Params<PageQuery>,
) -> Result<Json<List<ParticipationItem>>, ApiError> {
    let page = query.read(app.pages)?;
    let listing = Listing::new(&app, &caller, PARTICIPATION, id.as_str());
    let after = listing.place(&page)?.map(|place| place.of).unwrap_or_default();
    let skipped = small_offset(&page)?;
    let limit = skipped + page.limit + 1;
    let mut rows = app.services.participation(&caller, &id, after, limit).await?;
    rows.drain(..skipped.min(rows.len()));
    let at = |row: &Participation| at_id(&row.user);
    Ok(Json(listing.answer(rows, &page, at, |row| row.into())))
}
