//! Quizzes, and when they are held (S0, contract 5).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use landfall_protocol::events::{EventAnswer, EventPost, QuizAnswer, QuizPut};
use landfall_protocol::text::Time;
use landfall_store::StoredQuiz;

use super::auth::Authenticated;
use super::body::JsonBody;
use super::error::ApiError;
use super::events::shown;
use super::headers::Idempotency;
use super::params::QuizPath;
use crate::app::App;

/// Makes or changes a quiz; what is absent stays.
///
/// Needs `events:manage`, and `topics:manage` or the role `teacher` or `owner` in its class. Where it is scheduled, its
/// event changes with it.
#[utoipa::path(put, path = "/api/v1/quizzes/{id}", tag = "schedule", operation_id = "quiz_put",
    params(("id" = String, Path, description = "The quiz.")),
    request_body = QuizPut,
    responses((status = 201, description = "Made.", body = QuizAnswer),
        (status = 200, description = "Changed.", body = QuizAnswer)))]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    QuizPath(id): QuizPath,
    body: JsonBody<QuizPut>,
) -> Result<(StatusCode, Json<QuizAnswer>), ApiError> {
    let (quiz, is_new) = app.services.put_quiz(&caller, &id, &body.value.draft()?).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(answer(&quiz))))
}

/// Gives a quiz of a class that the caller is in.
#[utoipa::path(get, path = "/api/v1/quizzes/{id}", tag = "schedule", operation_id = "quiz_get",
    params(("id" = String, Path, description = "The quiz.")),
    responses((status = 200, description = "The quiz.", body = QuizAnswer)))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    QuizPath(id): QuizPath,
) -> Result<Json<QuizAnswer>, ApiError> {
    Ok(Json(answer(&app.services.quiz(&caller, &id).await?)))
}

fn answer(quiz: &StoredQuiz) -> QuizAnswer {
    let StoredQuiz { id, class, title, minutes, created_at, updated_at } = quiz;
    QuizAnswer {
        id: id.to_string(),
        class_id: class.to_string(),
        title: title.clone(),
        duration_minutes: *minutes,
        created_at: Time(*created_at),
        updated_at: Time(*updated_at),
    }
}

/// Schedules a quiz, or moves it where it was scheduled before.
///
/// `class_id`, `title` and `duration_minutes` may come along and make or change the quiz. Members are told as of any
/// event, with the types `quiz_reminder`, `quiz_started` and `quiz_ended`.
#[utoipa::path(post, path = "/api/v1/notifications/quizzes/{id}/schedule", tag = "schedule",
    operation_id = "quiz_schedule",
    params(("id" = String, Path, description = "The quiz."),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition safe.")),
    request_body = EventPost,
    responses((status = 201, description = "Scheduled.", body = EventAnswer),
        (status = 200, description = "Moved.", body = EventAnswer)))]
pub(super) async fn schedule(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    QuizPath(id): QuizPath,
    idempotency: Idempotency,
    body: JsonBody<EventPost>,
) -> Result<(StatusCode, Json<EventAnswer>), ApiError> {
    let call = format!("POST /api/v1/notifications/quizzes/{id}/schedule");
    let key = idempotency.key(&caller, &call, body.digest);
    let (view, is_new) = app.services.schedule_quiz(&caller, &id, &body.value.quiz()?, key).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(shown(&view))))
}
