//! Lessons (S1, contract 6).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use landfall_core::lesson::Lesson;
use landfall_protocol::lessons::{
    LessonAnswer, LessonFields, LessonItem, LessonLimits, LessonPut, LessonsQuery, lesson_place,
};
use landfall_protocol::list::List;

use super::auth::Authenticated;
use super::based_on::{based_on, tag_of};
use super::body::{JsonBody, digest};
use super::cursors::{Listing, at_id};
use super::error::ApiError;
use super::headers::Idempotency;
use super::params::{LessonPath, Params};
use crate::app::App;
use crate::service::lessons::LessonDraft;

const LIST: &str = "/api/v1/lessons";

/// Lists the lessons of a class by id, without their data; for members of the class.
#[utoipa::path(get, path = "/api/v1/lessons", tag = "lessons", operation_id = "lessons_list",
    params(LessonsQuery),
    responses((status = 200, description = "A page.", body = List<LessonItem>),
        (status = 404, description = "There is no such class, or it is not the caller's.",
            body = landfall_protocol::problem::Problem,
            content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    Params(query): Params<LessonsQuery>,
) -> Result<Json<List<LessonItem>>, ApiError> {
    let (page, class) = query.read(app.pages)?;
    let listing = Listing::new(&app, &caller, LIST, class.as_str());
    let after = listing.place(&page)?.and_then(|place| lesson_place(&place.of));
    let rows = app.services.lessons(&caller, class, after, page.limit + 1).await?;
    Ok(Json(listing.answer(rows, &page, |row: &Lesson| at_id(&row.id), |row| row.into())))
}

/// Makes or replaces a lesson.
///
/// Needs `lessons:manage`, and `topics:manage` or the role `teacher` or `owner` in the class. Every
/// attachment has to be uploaded before. `version`, or `If-Match: "VERSION"`, names the version that is
/// changed: 409 where it is another by now; 0, or `If-None-Match: *`, is for one that is not there yet.
/// With `Idempotency-Key` a repetition within 24 hours gives the first answer again.
#[utoipa::path(put, path = "/api/v1/lessons/{id}", tag = "lessons", operation_id = "lesson_put",
    params(("id" = String, Path, description = "The lesson."),
        ("If-Match" = Option<String>, Header, description = "The version that is changed, or `*`."),
        ("If-None-Match" = Option<String>, Header, description = "`*`: only if it is not there."),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition safe.")),
    request_body = LessonPut,
    responses((status = 201, description = "Made; its version is the `ETag`.", body = LessonAnswer),
        (status = 200, description = "Changed; its version is the `ETag`.", body = LessonAnswer)))]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    LessonPath(id): LessonPath,
    idempotency: Idempotency,
    headers: HeaderMap,
    body: JsonBody<LessonPut>,
) -> Result<(StatusCode, HeaderMap, Json<LessonAnswer>), ApiError> {
    let key = idempotency.key(&caller, &format!("PUT /api/v1/lessons/{id}"), body.digest);
    let (draft, version) = draft(body.value, &app)?;
    let based_on = based_on(&headers, version)?;
    let put = app.services.put_lesson(&caller, &id, &draft, based_on, key).await?;
    let status = if put.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, tagged(&put.lesson), Json(LessonAnswer::from(&put.lesson))))
}

fn draft(body: LessonPut, app: &App) -> Result<(LessonDraft, Option<u64>), ApiError> {
    let limits = LessonLimits {
        title_chars: app.limits.title_chars,
        data_bytes: app.limits.lesson_data_kib.bytes(),
        attachments: app.limits.lesson_attachments_max,
    };
    let LessonFields { class, title, data, attachments, expires_at, version } =
        body.read(limits)?;
    Ok((LessonDraft { class, title, data, attachments, expires_at }, version))
}

fn tagged(lesson: &Lesson) -> HeaderMap {
    let tag = HeaderValue::from_str(&tag_of(lesson.version));
    let tag = tag.expect("a number in quotes is a header's value");
    HeaderMap::from_iter([(header::ETAG, tag)])
}

/// Gives a lesson; for members of its class.
#[utoipa::path(get, path = "/api/v1/lessons/{id}", tag = "lessons", operation_id = "lesson_get",
    params(("id" = String, Path, description = "The lesson.")),
    responses((status = 200, description = "The lesson; its version is the `ETag`.",
        body = LessonAnswer)))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    LessonPath(id): LessonPath,
) -> Result<(HeaderMap, Json<LessonAnswer>), ApiError> {
    let lesson = app.services.lesson(&caller, &id).await?;
    Ok((tagged(&lesson), Json(LessonAnswer::from(&lesson))))
}

/// Deletes a lesson; whoever may write it may.
///
/// Devices learn of it by its class's feed. What it referred to is kept as long as another lesson
/// refers to it.
#[utoipa::path(delete, path = "/api/v1/lessons/{id}", tag = "lessons",
    operation_id = "lesson_delete",
    params(("id" = String, Path, description = "The lesson."),
        ("If-Match" = Option<String>, Header, description = "The version that is deleted, or `*`."),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition safe.")),
    responses((status = 204, description = "Deleted."),
        (status = 409, description = "It is there in another version.",
            body = landfall_protocol::problem::Problem,
            content_type = "application/problem+json")))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    LessonPath(id): LessonPath,
    idempotency: Idempotency,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    let based_on = based_on(&headers, None)?;
    let call = format!("DELETE /api/v1/lessons/{id}");
    let key = idempotency.key(&caller, &call, digest(&[]));
    app.services.delete_lesson(&caller, &id, based_on, key).await?;
    Ok(StatusCode::NO_CONTENT)
}
