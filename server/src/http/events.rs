//! What is scheduled for classes (S0, contract 5).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use landfall_core::auth::Caller;
use landfall_core::id::TopicId;
use landfall_core::schedule::{EventDraft, EventKind, Moment};
use landfall_core::time::Timestamp;
use landfall_protocol::events::{
    EventAnswer, EventPatch, EventPost, EventsPage, EventsQuery, MomentItem, OccurrenceQuery,
    event_place,
};
use landfall_protocol::list::List;
use landfall_protocol::query::PageQuery;
use landfall_protocol::text::Time;
use landfall_store::Firing;

use super::auth::Authenticated;
use super::body::JsonBody;
use super::cursors::{Listing, at_id};
use super::error::ApiError;
use super::headers::Idempotency;
use super::params::{EventPath, Params, TopicPath};
use crate::app::App;
use crate::service::notify::RequestKey;
use crate::service::schedule::{EventView, EventsAsk};

const OWN: &str = "/api/v1/notifications/events";
const OF_CLASS: &str = "/api/v1/notifications/events/class/{id}";
const TIMELINE: &str = "/api/v1/notifications/events/{id}/timeline";

/// Schedules an event for a class.
///
/// Needs `events:manage`, and `topics:manage` or the role `teacher` or `owner` in the class. Each member gets a reminder
/// at their own `reminder_minutes` (15 where they said nothing), one notification at the start and one at the end, of
/// the types `event_reminder`, `event_started` and `event_ended` or those of `event_type`. With an `rrule` it recurs
/// by the clocks of `tz`: local time stays when the clocks change.
#[utoipa::path(post, path = "/api/v1/notifications/events", tag = "schedule",
    operation_id = "event_create",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition safe.")),
    request_body = EventPost,
    responses((status = 201, description = "Scheduled.", body = EventAnswer)))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    idempotency: Idempotency,
    body: JsonBody<EventPost>,
) -> Result<(StatusCode, Json<EventAnswer>), ApiError> {
    let key = idempotency.key(&caller, &format!("POST {OWN}"), body.digest);
    created(&app, &caller, body.value.draft(None)?, key).await
}

/// Schedules a live session for a class, as `POST /api/v1/notifications/events` does an event.
#[utoipa::path(post, path = "/api/v1/notifications/live-sessions/schedule", tag = "schedule",
    operation_id = "live_session_schedule",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition safe.")),
    request_body = EventPost,
    responses((status = 201, description = "Scheduled.", body = EventAnswer)))]
pub(super) async fn live_session(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    idempotency: Idempotency,
    body: JsonBody<EventPost>,
) -> Result<(StatusCode, Json<EventAnswer>), ApiError> {
    let call = "POST /api/v1/notifications/live-sessions/schedule";
    let key = idempotency.key(&caller, call, body.digest);
    created(&app, &caller, body.value.draft(Some(EventKind::LiveSession))?, key).await
}

async fn created(
    app: &App,
    caller: &Caller,
    draft: EventDraft,
    key: Option<RequestKey>,
) -> Result<(StatusCode, Json<EventAnswer>), ApiError> {
    let view = app.services.create_event(caller, &draft, key).await?;
    Ok((StatusCode::CREATED, Json(shown(&view))))
}

pub(super) fn shown(view: &EventView) -> EventAnswer {
    EventAnswer::of(&view.event, view.next.as_ref(), None)
}

/// Gives an event of a class that the caller is in.
#[utoipa::path(get, path = "/api/v1/notifications/events/{id}", tag = "schedule",
    operation_id = "event_get",
    params(("id" = String, Path, description = "The event.")),
    responses((status = 200, description = "The event.", body = EventAnswer)))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    EventPath(id): EventPath,
) -> Result<Json<EventAnswer>, ApiError> {
    Ok(Json(shown(&app.services.event(&caller, id).await?)))
}

/// Changes an event as a whole, or one of its occurrences alone; whoever may schedule it may.
///
/// What is absent stays, null removes. Of an event as a whole, occurrences that were changed alone stay so where they
/// are still there. Members hear of what was moved at its new times.
#[utoipa::path(patch, path = "/api/v1/notifications/events/{id}", tag = "schedule",
    operation_id = "event_change",
    params(("id" = String, Path, description = "The event."), OccurrenceQuery),
    request_body = EventPatch,
    responses((status = 200, description = "As it is now.", body = EventAnswer),
        (status = 409, description = "It is there in another version than the one named.",
            body = landfall_protocol::problem::Problem,
            content_type = "application/problem+json")))]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    EventPath(id): EventPath,
    Params(query): Params<OccurrenceQuery>,
    body: JsonBody<EventPatch>,
) -> Result<Json<EventAnswer>, ApiError> {
    let occurrence = query.read()?;
    let change = body.value.change()?;
    Ok(Json(shown(&app.services.change_event(&caller, id, occurrence, &change).await?)))
}

/// Deletes an event, or leaves one of its occurrences out; whoever may schedule it may.
///
/// What was sent for it and has not gone out is taken back.
#[utoipa::path(delete, path = "/api/v1/notifications/events/{id}", tag = "schedule",
    operation_id = "event_delete",
    params(("id" = String, Path, description = "The event."), OccurrenceQuery),
    responses((status = 204, description = "Deleted.")))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    EventPath(id): EventPath,
    Params(query): Params<OccurrenceQuery>,
) -> Result<StatusCode, ApiError> {
    app.services.delete_event(&caller, id, query.read()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the events of all classes that the caller is in by id, each with its occurrences within a time.
#[utoipa::path(get, path = "/api/v1/notifications/events", tag = "schedule",
    operation_id = "events_own", params(EventsQuery),
    responses((status = 200, description = "A page.", body = List<EventAnswer>)))]
pub(super) async fn own(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    Params(query): Params<EventsQuery>,
) -> Result<Json<List<EventAnswer>>, ApiError> {
    listed(&app, &caller, None, query).await
}

/// Lists the events of a class by id, each with its occurrences within a time; for members of the class.
#[utoipa::path(get, path = "/api/v1/notifications/events/class/{id}", tag = "schedule",
    operation_id = "events_of_class",
    params(("id" = String, Path, description = "The class."), EventsQuery),
    responses((status = 200, description = "A page.", body = List<EventAnswer>)))]
pub(super) async fn of_class(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    TopicPath(class): TopicPath,
    Params(query): Params<EventsQuery>,
) -> Result<Json<List<EventAnswer>>, ApiError> {
    listed(&app, &caller, Some(class), query).await
}

async fn listed(
    app: &App,
    caller: &Caller,
    class: Option<TopicId>,
    query: EventsQuery,
) -> Result<Json<List<EventAnswer>>, ApiError> {
    let span = format!("{:?} {:?}", query.from, query.to);
    let EventsPage { page, from, to } = query.read(app.pages, app.services.now())?;
    let (list, of) = class.as_ref().map_or((OWN, ""), |class| (OF_CLASS, class.as_str()));
    let listing = Listing::new(app, caller, list, &format!("{of} {span}"));
    let behind = listing.place(&page)?.and_then(|place| event_place(&place.of));
    let ask = EventsAsk { from, to, behind, limit: page.limit + 1 };
    let views = match class {
        Some(class) => app.services.events_of_class(caller, class, &ask).await?,
        None => app.services.own_events(caller, &ask).await?,
    };
    let item = |view: &EventView| {
        EventAnswer::of(&view.event, view.next.as_ref(), Some(&view.occurrences))
    };
    Ok(Json(listing.answer(views, &page, |view| at_id(view.event.id), item)))
}

/// Tells which moments of an event members were told of, and which were missed, the newest first; for whoever may
/// schedule it.
#[utoipa::path(get, path = "/api/v1/notifications/events/{id}/timeline", tag = "schedule",
    operation_id = "event_timeline",
    params(("id" = String, Path, description = "The event."), PageQuery),
    responses((status = 200, description = "A page.", body = List<MomentItem>)))]
pub(super) async fn timeline(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    EventPath(id): EventPath,
    Params(query): Params<PageQuery>,
) -> Result<Json<List<MomentItem>>, ApiError> {
    let page = query.read(app.pages)?;
    let listing = Listing::new(&app, &caller, TIMELINE, &id.to_string());
    let behind = listing.place(&page)?.and_then(|place| moment_place(&place.of));
    let rows = app.services.event_timeline(&caller, id, behind, page.limit + 1).await?;
    let place = |row: &Firing| at_id(place_of(row));
    Ok(Json(listing.answer(rows, &page, place, moment_item)))
}

fn place_of(firing: &Firing) -> String {
    let moment = match firing.moment {
        Moment::Reminder(minutes) => minutes.to_string(),
        Moment::Start => "start".to_owned(),
        Moment::End => "end".to_owned(),
    };
    format!("{} {moment}", firing.starts_at.as_ms())
}

fn moment_place(text: &str) -> Option<(Timestamp, Moment)> {
    let (at, moment) = text.split_once(' ')?;
    let moment = match moment {
        "start" => Moment::Start,
        "end" => Moment::End,
        minutes => Moment::Reminder(minutes.parse().ok()?),
    };
    Some((Timestamp::from_ms(at.parse().ok()?), moment))
}

fn moment_item(firing: &Firing) -> MomentItem {
    let Firing { event: _, name, starts_at, moment, due_at, noted_at, send } = firing;
    let (moment, reminder_minutes) = match moment {
        Moment::Reminder(minutes) => ("reminder", Some(*minutes)),
        Moment::Start => ("start", None),
        Moment::End => ("end", None),
    };
    MomentItem {
        occurrence: name.to_string(),
        scheduled_at: Time(*starts_at),
        moment: moment.to_owned(),
        reminder_minutes,
        due_at: Time(*due_at),
        status: if send.is_some() { "sent" } else { "missed" }.to_owned(),
        at: Time(*noted_at),
        send_id: send.map(|send| send.to_string()),
    }
}
