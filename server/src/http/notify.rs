//! `POST /api/v1/notify`: one notification, or a send to many (S2, contract 3).

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use landfall_core::auth::Caller;
use landfall_core::channel::DeliveryState;
use landfall_core::id::UserId;
use landfall_protocol::callbacks::{CancelAnswer, CancelQuery};
use landfall_protocol::names::{ReasonName, StateName};
use landfall_protocol::notify::{BatchOutcome, NotifyAnswer, NotifyRequest, Rejected, SendAnswer};
use landfall_protocol::text::{FeedNumber, Time};

use super::auth::Authenticated;
use super::body::JsonBody;
use super::error::ApiError;
use super::headers::Idempotency;
use super::params::{Params, SentPath};
use super::prefer::Prefer;
use crate::app::App;
use crate::service::ServiceError;
use crate::service::cancel::{Canceled, Reach};
use crate::service::notify::{Accepted, AcceptedSend, Notified};

/// Names the call in idempotency keys.
const CALL: &str = "POST /api/v1/notify";
/// RFC 7240, section 3.
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Stores a notification for one user, or a send to many.
///
/// Needs `notify:send`, or `notify:send:<type>`; a teacher reaches only whom they teach. The
/// priority `critical` needs `notify:critical`, a phone number `notify:phone`. With
/// `Idempotency-Key` a repetition within 24 hours gives the first answer again. To one user the
/// answer is a `NotifyAnswer`; to several, a topic or a class it is a `SendAnswer`, and the
/// notifications follow. With `Prefer: wait=N` (1 to 10 seconds) to one user, the answer comes when
/// every channel has an outcome or that time is over, and says so in `Preference-Applied`. With
/// `deliver_at` or `deliver_at_local` it goes out later, with `digest` together with others: until then it stands in
/// no inbox, and has neither channels nor a `replay_id`.
#[utoipa::path(post, path = "/api/v1/notify", tag = "notify", operation_id = "notify",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition safe."),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: answers after the outcome.")),
    request_body = NotifyRequest,
    responses((status = 202, description = "Stored.", body = BatchOutcome)))]
pub(super) async fn notify(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    idempotency: Idempotency,
    prefer: Prefer,
    body: JsonBody<NotifyRequest>,
) -> Result<(StatusCode, HeaderMap, Json<BatchOutcome>), ApiError> {
    let key = idempotency.key(&caller, CALL, body.digest);
    let draft = body.value.draft()?;
    app.rates.send(&caller.tenant)?;
    let notified = app.services.notify(&caller, draft, key).await;
    let mut notified = counted(&app, &caller, notified)?;
    let headers = wait(&app, &caller, &mut notified, prefer).await;
    Ok((StatusCode::ACCEPTED, headers, Json(answer(notified))))
}

/// Counts a request to notify that was served or refused, and whom it reaches.
pub(super) fn counted(
    app: &App,
    caller: &Caller,
    notified: Result<Notified, ServiceError>,
) -> Result<Notified, ApiError> {
    let notified = notified.map_err(|error| {
        let error = ApiError::from(error);
        app.metrics.notification_refused(error.problem().code);
        error
    })?;
    app.metrics.notifications_accepted.inc();
    count_recipients(app, caller, &notified);
    Ok(notified)
}

/// Waits for the outcome of one notification where its sender prefers that; a repetition is
/// answered as it was stored. Gives the headers that say what was done.
async fn wait(app: &App, caller: &Caller, notified: &mut Notified, prefer: Prefer) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let (Some(seconds), Notified::One(accepted)) = (prefer.wait, notified) else { return headers };
    // What goes out later has no outcome to wait for.
    if accepted.is_repeated || accepted.due_at.is_some() {
        return headers;
    }
    let longest = Duration::from_secs(seconds);
    if let Some(outcome) = app.services.outcome(caller, accepted, longest, &app.drain).await {
        accepted.plan = outcome.plan;
        let applied = HeaderValue::from_str(&format!("wait={seconds}"));
        headers.extend(applied.ok().map(|value| (PREFERENCE_APPLIED, value)));
    }
    headers
}

/// Takes back what has not gone out: a notification, or a send to many.
///
/// For who sent it, and for admins. What was to go out later does not. With `recall=true` it is also removed from inboxes, and devices
/// are told. Once more changes nothing.
#[utoipa::path(delete, path = "/api/v1/notify/{id}", tag = "notify", operation_id = "notify_cancel",
    params(("id" = String, Path, description = "The notification or send."), CancelQuery),
    responses((status = 200, description = "Taken back.", body = CancelAnswer)))]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    SentPath(id): SentPath,
    Params(query): Params<CancelQuery>,
) -> Result<Json<CancelAnswer>, ApiError> {
    let reach = match query.recall.as_deref() {
        None | Some("false") => Reach::Outgoing,
        Some("true") => Reach::InboxToo,
        Some(_) => return Err(ApiError::field("/query/recall", "must be true or false")),
    };
    let canceled = app.services.cancel(&caller, id, reach).await?;
    let (notification_id, send_id) = match canceled {
        Canceled::Notification(id) => (Some(id.to_string()), None),
        Canceled::Send(id) => (None, Some(id.to_string())),
    };
    Ok(Json(CancelAnswer { notification_id, send_id, recalled: reach == Reach::InboxToo }))
}

/// Counts everybody whom a new send reaches against the tenant's pace; the request itself was the
/// first. A repetition reaches nobody.
pub(super) fn count_recipients(app: &App, caller: &Caller, notified: &Notified) {
    if let Notified::Many(AcceptedSend { accepted, is_repeated: false, .. }) = notified {
        let more = u32::try_from(accepted.saturating_sub(1)).unwrap_or(u32::MAX);
        app.rates.sent_to_more(&caller.tenant, more);
    }
}

/// Says how a notification or a send was stored.
pub(super) fn answer(notified: Notified) -> BatchOutcome {
    match notified {
        Notified::One(accepted) => BatchOutcome::Notification(one(accepted)),
        Notified::Many(send) => BatchOutcome::Send(many(send)),
    }
}

/// Says how one notification was stored.
pub(super) fn one(accepted: Accepted) -> NotifyAnswer {
    let Accepted { id, created_at, plan, connections, number, due_at, forecast: _, is_repeated: _ } =
        accepted;
    let explained = plan.iter().filter(|step| step.state != DeliveryState::Queued);
    NotifyAnswer {
        notification_id: id.to_string(),
        channels: plan.iter().map(|step| (step.channel, StateName(step.state))).collect(),
        reasons: explained.map(|step| (step.channel, ReasonName(step.reason))).collect(),
        timestamp: Time(created_at),
        websocket_connections: connections as u64,
        replay_id: number.map(FeedNumber),
        estimated_delivery: Time(due_at.unwrap_or(created_at)),
    }
}

/// Says how a send was stored.
pub(super) fn many(send: AcceptedSend) -> SendAnswer {
    let AcceptedSend { id, accepted, rejected: strangers, forecast: _, is_repeated: _ } = send;
    SendAnswer::new(id, accepted, rejected(strangers))
}

/// Says who is not reached.
pub(super) fn rejected(users: Vec<(UserId, String)>) -> Vec<Rejected> {
    let rejected =
        |(user, detail): (UserId, String)| Rejected { user_id: user.to_string(), detail };
    users.into_iter().map(rejected).collect()
}
