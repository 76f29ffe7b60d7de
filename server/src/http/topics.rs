//! Topics (contract 4); a class is a topic of kind `class`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use landfall_core::auth::Caller;
use landfall_core::id::TopicId;
use landfall_protocol::list::List;
use landfall_protocol::names::RoleName;
use landfall_protocol::query::PageQuery;
use landfall_protocol::topics::{TopicAnswer, TopicFields, TopicPut};
use landfall_store::TopicView;

use super::auth::Authenticated;
use super::body::OptionalJson;
use super::cursors::{Listing, at_id, small_offset};
use super::error::ApiError;
use super::params::{Params, TopicPath};
use crate::app::App;
use crate::service::topics::TopicDraft;

const LIST: &str = "/api/v1/topics";

/// Lists the topics that the caller is in, by id, with what they have not read of each.
#[utoipa::path(get, path = "/api/v1/topics", tag = "topics", operation_id = "topics",
    params(PageQuery),
    responses((status = 200, description = "A page.", body = List<TopicAnswer>)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    Params(query): Params<PageQuery>,
) -> Result<Json<List<TopicAnswer>>, ApiError> {
    let page = query.read(app.pages)?;
    let listing = Listing::new(&app, &caller, LIST, "");
    let after = listing.place(&page)?.and_then(|place| TopicId::parse(&place.of).ok());
    let skipped = small_offset(&page)?;
    let mut rows = app.services.topics(&caller, after, skipped + page.limit + 1).await?;
    rows.drain(..skipped.min(rows.len()));
    let mut list = listing.answer(rows, &page, |row: &TopicView| at_id(&row.topic.id), answer);
    let ids = list.items.iter().filter_map(|one| TopicId::parse(&one.id).ok());
    let ids: Vec<TopicId> = ids.collect();
    let members = app.services.member_counts(&caller, ids.clone()).await?;
    let unread = app.services.unread_messages(&caller, ids).await?;
    let items = list.items.into_iter().zip(members).zip(unread).map(|((item, members), unread)| {
        TopicAnswer { members: Some(members), ..item }.with_unread(unread.map(Into::into))
    });
    list.items = items.collect();
    Ok(Json(list))
}

/// Makes or changes a topic; fields that are absent stay as they are.
///
/// Making one needs `topics:manage`; changing one needs that or the role `owner` in it. Whoever
/// makes a topic does not become its member.
#[utoipa::path(put, path = "/api/v1/topics/{id}", tag = "topics", operation_id = "topic_put",
    params(("id" = String, Path, description = "The topic.")),
    request_body = TopicPut,
    responses((status = 201, description = "Made.", body = TopicAnswer),
        (status = 200, description = "Changed.", body = TopicAnswer)))]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    TopicPath(id): TopicPath,
    OptionalJson(body): OptionalJson<TopicPut>,
) -> Result<(StatusCode, Json<TopicAnswer>), ApiError> {
    let draft = draft(body, app.limits.title_chars)?;
    let (view, is_new) = app.services.put_topic(&caller, &id, &draft).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(counted(&app, &caller, &view).await?)))
}

/// What is absent stays absent, so that changing a title does not open a private topic.
fn draft(body: TopicPut, max_chars: usize) -> Result<TopicDraft, ApiError> {
    let kind = body.kind.map(|name| name.0);
    let visibility = body.visibility.map(|name| name.0);
    let TopicFields { title, room_id, kind: _, visibility: _ } = body.read(max_chars)?;
    Ok(TopicDraft { kind, visibility, title, room_id })
}

/// Gives a topic that the caller is in or may join.
#[utoipa::path(get, path = "/api/v1/topics/{id}", tag = "topics", operation_id = "topic_get",
    params(("id" = String, Path, description = "The topic.")),
    responses((status = 200, description = "The topic.", body = TopicAnswer)))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    TopicPath(id): TopicPath,
) -> Result<Json<TopicAnswer>, ApiError> {
    let view = app.services.topic(&caller, &id).await?;
    let unread = app.services.unread_messages(&caller, vec![id]).await?;
    let unread = unread.into_iter().next().flatten();
    Ok(Json(counted(&app, &caller, &view).await?.with_unread(unread.map(Into::into))))
}

/// Deletes a topic with its memberships; needs `topics:manage` or the role `owner` in it.
#[utoipa::path(delete, path = "/api/v1/topics/{id}", tag = "topics", operation_id = "topic_delete",
    params(("id" = String, Path, description = "The topic.")),
    responses((status = 204, description = "Deleted.")))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    TopicPath(id): TopicPath,
) -> Result<StatusCode, ApiError> {
    app.services.delete_topic(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn answer(view: &TopicView) -> TopicAnswer {
    let TopicView { topic, changed: _, role } = view;
    TopicAnswer { role: role.map(RoleName), ..topic.into() }
}

async fn counted(app: &App, caller: &Caller, view: &TopicView) -> Result<TopicAnswer, ApiError> {
    let members = app.services.member_counts(caller, vec![view.topic.id.clone()]).await?;
    Ok(TopicAnswer { members: members.first().copied(), ..answer(view) })
}
