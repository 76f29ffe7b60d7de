//! Activities over HTTP: one, many, many with the server's, the failed ones again, and their list (S0).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use landfall_core::auth::Caller;
use landfall_core::cursor::Position;
use landfall_core::feed::Number;
use landfall_core::id::DeviceId;
use landfall_core::notify::FieldError;
use landfall_core::sync::Written;
use landfall_core::time::Timestamp;
use landfall_protocol::list::List;
use landfall_protocol::problem::Code;
use landfall_protocol::sync::{
    ActivitiesAnswer, ActivitiesPost, ActivitiesQuery, ActivityFields, ActivityItem,
    ActivityListFields, ActivityParams, BadActivity, RetryPost, ServerActivity,
    SyncActivitiesAnswer, Word, read_activity, read_page_activity,
};
use landfall_protocol::text::Time;
use landfall_store::{ActivityFilter, ActivityStatus};

use super::super::auth::Authenticated;
use super::super::cursors::{Listing, small_offset};
use super::super::error::ApiError;
use super::super::headers::Device;
use super::super::params::Params;
use super::body::{PageText, PageWork};
use super::pull::pages;
use super::{bounded, measure};
use crate::app::App;
use crate::brought::{raw, raw_server};
use crate::metrics::SyncCall;
use crate::service::sync::{
    ActivitiesAsk, Activity, ActivityOutcome, ActivityView, ChangedEntity, Held, RETRIED_MAX,
    Since, Wish,
};

const LIST: &str = "/api/v1/sync/activities";

/// Stores one activity; it takes effect at once.
///
/// Everything stands in the body, or `activity_type` and `offline_id` stand in the query and the body is the
/// bare `activity_data`. Sent again, it is answered 200 as it was the first time. One that its type does not
/// allow is kept as `failed`, with what is wrong in `errors`; another one under the same `offline_id` is 409.
#[utoipa::path(post, path = "/api/v1/sync/activities", tag = "sync", operation_id = "activity_store",
    params(ActivityParams,
        ("X-Device-ID" = Option<String>, Header, description = "The device.")),
    request_body(content = Object, description = "The activity, or its bare data."),
    responses((status = 201, description = "Decided.", body = ActivityItem),
        (status = 200, description = "Was decided before.", body = ActivityItem)))]
pub(in super::super) async fn store(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    device: Device,
    Params(params): Params<ActivityParams>,
    PageText(body): PageText,
) -> Result<(StatusCode, Json<ActivityItem>), ApiError> {
    let is_page = params.activity_type.is_some() || params.offline_id.is_some();
    let fields = if is_page {
        read_page_activity(params, &body).map_err(ApiError::fields)?
    } else {
        read_activity(&body).map_err(|BadActivity { errors, .. }| ApiError::fields(errors))?
    };
    let device = match &fields.device {
        Some(text) => device.agreed("/device_id", text)?.0,
        None => device.0,
    };
    let has = fields.last_sync_at.map_or(Since::Beginning, Since::Time);
    let activities = vec![activity(fields, Wish::AsTyped, app.services.now())];
    let ask = ActivitiesAsk { device, sent_at: None, has, pending: None, activities };
    let bring = app.services.bring_activities(&caller, ask);
    let outcome = measure::took(&app, SyncCall::Activity, bring).await?.pop();
    let outcome = outcome.ok_or_else(|| ApiError::new(Code::Internal, "Nothing was decided."))?;
    count(&app, &outcome);
    if outcome.is_reused {
        let id = &outcome.view.id;
        let detail = format!("Another activity or operation has the offline_id {id:?}.");
        return Err(ApiError::new(Code::Conflict, detail));
    }
    let status = if outcome.is_replay { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(result(outcome))))
}

/// Lists the caller's activities, oldest first.
///
/// Those that took effect are forgotten after 180 days; the others stay.
#[utoipa::path(get, path = "/api/v1/sync/activities", tag = "sync", operation_id = "activities_list",
    params(ActivitiesQuery),
    responses((status = 200, description = "A page.", body = List<ActivityItem>)))]
pub(in super::super) async fn list(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    Params(query): Params<ActivitiesQuery>,
) -> Result<Json<List<ActivityItem>>, ApiError> {
    let ActivityListFields { page, kind, status } =
        query.read(app.pages).map_err(ApiError::fields)?;
    let filters = format!("{kind:?} {status:?}");
    let listing = Listing::new(&app, &caller, LIST, &filters);
    let place = listing.place(&page)?;
    let after = place.map(|place| {
        let ms = i64::try_from(place.number.0).unwrap_or(i64::MAX);
        (Timestamp::from_ms(ms), place.of.into())
    });
    let skip = small_offset(&page)?;
    let filter = ActivityFilter {
        kind: kind.map(Into::into),
        status: status.as_deref().and_then(ActivityStatus::parse),
        after,
        ..ActivityFilter::of(&caller.user, page.limit + 1 + skip)
    };
    let mut rows = app.services.activities(&caller, filter).await?;
    rows.drain(..skip.min(rows.len()));
    let at = |row: &ActivityView| Position {
        of: row.id.to_string(),
        number: Number(row.created_at.map_or(0, |at| at.as_ms().try_into().unwrap_or(0))),
    };
    Ok(Json(listing.answer(rows, &page, at, |row| item(row.clone()))))
}

/// Brings activities, and gives the server's.
///
/// Each activity has its own result, in their order; one that is wrong fails alone. Then come the entities
/// that changed since `cursor` or `last_sync_at`, each once and as it is. The next call sends `cursor` of this
/// answer, which is exact, or `last_sync_at`.
#[utoipa::path(post, path = "/api/v1/sync/sync", tag = "sync", operation_id = "activities_sync",
    params(("X-Device-ID" = Option<String>, Header, description = "The device.")),
    request_body = ActivitiesPost,
    responses((status = 200, description = "A result per activity, and what changed.",
        body = SyncActivitiesAnswer)))]
pub(in super::super) async fn sync(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    device: Device,
    PageWork(body): PageWork<ActivitiesPost>,
) -> Result<Json<SyncActivitiesAnswer>, ApiError> {
    let limit = body.limit(pages(&app)).map_err(|fault| ApiError::fields(vec![fault]))?;
    let device = device.in_body(body.device_id.as_ref())?;
    let since = since(&body);
    let pending = measure::report(&app, body.report);
    let run = async {
        let from = (device.clone(), &since, None);
        let results = brought(&app, &caller, from, body).await?;
        let from = (device, since, pending);
        let pulled = app.services.server_activities(&caller, from, limit).await?;
        Ok::<_, ApiError>((results, pulled))
    };
    let (results, pulled) = measure::took(&app, SyncCall::Sync, run).await?;
    let ActivitiesAnswer { results, activities_synced, conflicts, conflicts_resolved, failed } =
        ActivitiesAnswer::new(results);
    Ok(Json(SyncActivitiesAnswer {
        results,
        activities_synced,
        conflicts,
        conflicts_resolved,
        failed,
        server_activities: pulled.changes.into_iter().map(server_activity).collect(),
        last_sync_at: Time(pulled.at),
        cursor: pulled.cursor,
        has_more: pulled.has_more,
        reset: pulled.is_reset,
    }))
}

/// Brings activities; each has its own result, in their order, and one that is wrong fails alone.
#[utoipa::path(post, path = "/api/v1/sync/bulk-store", tag = "sync",
    operation_id = "activities_bulk_store",
    params(("X-Device-ID" = Option<String>, Header, description = "The device.")),
    request_body = ActivitiesPost,
    responses((status = 200, description = "A result per activity.", body = ActivitiesAnswer)))]
pub(in super::super) async fn bulk_store(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    device: Device,
    PageWork(body): PageWork<ActivitiesPost>,
) -> Result<Json<ActivitiesAnswer>, ApiError> {
    let device = device.in_body(body.device_id.as_ref())?;
    let since = since(&body);
    let pending = measure::report(&app, body.report);
    let run = brought(&app, &caller, (device, &since, pending), body);
    let results = measure::took(&app, SyncCall::BulkStore, run).await?;
    Ok(Json(ActivitiesAnswer::new(results)))
}

/// Decides failed activities anew: those in `offline_ids`, a hundred at most, or the hundred oldest.
///
/// Worth it once what was wrong is mended, such as a type that the server did not know. What is in effect
/// already answers as it did; ids of nobody are left out.
#[utoipa::path(post, path = "/api/v1/sync/retry", tag = "sync", operation_id = "activities_retry",
    request_body = RetryPost,
    responses((status = 200, description = "A result per activity.", body = ActivitiesAnswer)))]
pub(in super::super) async fn retry(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    PageWork(body): PageWork<RetryPost>,
) -> Result<Json<ActivitiesAnswer>, ApiError> {
    let ids = body.read(RETRIED_MAX).map_err(ApiError::fields)?.ids;
    // Names whose activities, and not who asks.
    let device = Device(None).in_body(body.device_id.as_ref())?;
    let run = app.services.retry_activities(&caller, ids, device.as_ref());
    let outcomes = measure::took(&app, SyncCall::Retry, run).await?;
    outcomes.iter().for_each(|outcome| count(&app, outcome));
    Ok(Json(ActivitiesAnswer::new(outcomes.into_iter().map(result).collect())))
}

/// Says up to where a device has what the server has.
fn since(body: &ActivitiesPost) -> Since {
    match (&body.cursor, body.last_sync_at) {
        (Some(cursor), _) => Since::activities(cursor.clone()),
        (None, Some(time)) => Since::Time(time.0),
        (None, None) => Since::Beginning,
    }
}

/// Decides activities as they came; gives a result for each, in their order.
async fn brought(
    app: &App,
    caller: &Caller,
    (device, has, pending): (Option<DeviceId>, &Since, Option<u64>),
    body: ActivitiesPost,
) -> Result<Vec<ActivityItem>, ApiError> {
    bounded(app, "/activities", body.activities.len())?;
    let word = body.word().map_err(|fault| ApiError::fields(vec![fault]))?;
    let (now, wish) = (app.services.now(), wish(word));
    let read = |text: &str| read_one(text, device.as_ref());
    let read: Vec<Result<ActivityFields, BadActivity>> =
        body.activities.iter().map(|one| read(one.get())).collect();
    let good = read.iter().filter_map(|one| one.as_ref().ok()).cloned();
    let activities = good.map(|fields| activity(fields, wish, now)).collect();
    let ask = ActivitiesAsk {
        device: device.clone(),
        sent_at: body.sent_at.map(|time| time.0),
        has: has.clone(),
        pending,
        activities,
    };
    let mut outcomes = app.services.bring_activities(caller, ask).await?.into_iter();
    let result = |one: Result<ActivityFields, BadActivity>| match one {
        Err(bad) => Some(ActivityItem::unreadable(bad)),
        Ok(_) => outcomes.next().map(|outcome| {
            count(app, &outcome);
            result(outcome)
        }),
    };
    Ok(read.into_iter().filter_map(result).collect())
}

/// Reads one of several; all of a request are its device's.
fn read_one(text: &str, device: Option<&DeviceId>) -> Result<ActivityFields, BadActivity> {
    let fields = read_activity(text)?;
    let names = |own: &str| device.is_some_and(|id| id.as_str() == own);
    if fields.device.as_deref().is_none_or(names) {
        return Ok(fields);
    }
    let detail = "does not name the device of the request";
    let errors = vec![FieldError::new("/device_id", detail)];
    Err(BadActivity { id: Some(fields.id), errors })
}

fn activity(fields: ActivityFields, otherwise: Wish, now: Timestamp) -> Activity {
    let ActivityFields { id, kind, data, written_at, age_ms, word, .. } = fields;
    let written = match (written_at, age_ms) {
        (None, None) => None,
        (at, age_ms) => Some(Written { at: at.unwrap_or(now), age_ms }),
    };
    let wish = if word.is_some() { wish(word) } else { otherwise };
    Activity { id: id.into(), kind: kind.into(), data, written, wish }
}

const fn wish(word: Option<Word>) -> Wish {
    match word {
        Some(Word::Client) => Wish::ClientWins,
        Some(Word::Server) | None => Wish::AsTyped,
    }
}

fn count(app: &App, outcome: &ActivityOutcome) {
    match outcome.is_replay {
        true => app.metrics.sync.replayed(),
        false => app.metrics.sync.decided(outcome.ended, outcome.conflict),
    }
}

fn result(outcome: ActivityOutcome) -> ActivityItem {
    ActivityItem {
        replayed: Some(outcome.is_replay),
        version: Some(outcome.version),
        conflict_id: outcome.conflict.map(|id| id.to_string()),
        server_data: outcome.server.as_ref().and_then(raw_server),
        errors: outcome.errors.into_iter().map(FieldError::into).collect(),
        ..item(outcome.view)
    }
}

fn item(view: ActivityView) -> ActivityItem {
    let ActivityView { id, kind, entity_id, device, data, status, reason, .. } = view;
    let named = |text: Box<str>| Some(text.into()).filter(|text: &String| !text.is_empty());
    let synced_at = view.decided_at.filter(|_| status == ActivityStatus::Synced);
    ActivityItem {
        offline_id: Some(id.into()),
        activity_type: Some(kind.into()),
        activity_data: Some(raw(&data)),
        entity_id: named(entity_id),
        device_id: named(device),
        sync_status: status.as_str().to_owned(),
        reason: reason.into(),
        created_at: view.created_at.map(Time),
        synced_at: synced_at.map(Time),
        ..ActivityItem::default()
    }
}

fn server_activity(changed: ChangedEntity) -> ServerActivity {
    let activity_data = match &changed.data {
        Held::Fields(json) => Some(raw(json)),
        Held::Nothing | Held::Lesson(_) | Held::Changes(_) => None,
    };
    ServerActivity {
        activity_type: changed.name.kind.into(),
        entity_id: changed.name.id.into(),
        deleted: activity_data.is_none(),
        activity_data,
        version: changed.version,
        updated_at: Time(changed.at),
        device_id: changed.device.map(Into::into),
    }
}
