//! A person's calendar, for programs that subscribe to one (contract 5).
//!
//! Such a program has no token: whoever knows the secret in the address reads the calendar, so that a secret
//! reaches no log and can be replaced.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use landfall_core::schedule::{Event, Words};
use landfall_core::time::Timestamp;
use landfall_protocol::events::CalendarAnswer;
use landfall_protocol::icalendar::{self, Calendar, Change, Details, MEDIA_TYPE};
use landfall_protocol::text::Secret as Shown;

use super::auth::Authenticated;
use super::body::digest;
use super::error::ApiError;
use super::params::CalendarPath;
use crate::app::App;
use crate::secret::Secret;

/// What calendars are called.
const NAME: &str = "Landfall";

/// Gives the address of the caller's calendar, which is made with the first call.
#[utoipa::path(get, path = "/api/v1/calendar", tag = "schedule", operation_id = "calendar_show",
    responses((status = 200, description = "Where the calendar is read.", body = CalendarAnswer)))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<CalendarAnswer>, ApiError> {
    Ok(Json(answer(&app, &app.services.calendar_secret(&caller).await?)))
}

/// Gives the caller's calendar another address; the one before opens nothing any more.
#[utoipa::path(post, path = "/api/v1/calendar", tag = "schedule", operation_id = "calendar_rotate",
    responses((status = 200, description = "Where the calendar is read from now on.",
        body = CalendarAnswer)))]
pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<CalendarAnswer>, ApiError> {
    Ok(Json(answer(&app, &app.services.rotate_calendar(&caller).await?)))
}

fn answer(app: &App, secret: &Secret) -> CalendarAnswer {
    let base = app.services.links.public_url().unwrap_or_default();
    let url = format!("{base}/api/v1/calendar/{}.ics", secret.expose());
    CalendarAnswer { secret: Shown(secret.expose().to_owned()), url: Shown(url) }
}

/// Gives the calendar that a secret opens, as iCalendar (RFC 5545): what is scheduled for the classes that its owner is
/// in, and what was over within the last 90 days. The address ends in `.ics`.
#[utoipa::path(get, path = "/api/v1/calendar/{secret}", tag = "schedule",
    operation_id = "calendar_read", security(()),
    params(("secret" = String, Path, description = "The secret, with `.ics` behind it.")),
    responses((status = 200, description = "The calendar.", content_type = "text/calendar"),
        (status = 304, description = "It is what `If-None-Match` names.")))]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    CalendarPath(secret): CalendarPath,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let events = app.services.calendar(secret.expose()).await?;
    let base = app.services.links.public_url().unwrap_or_default();
    let text = text_of(&events, base);
    let tag: String = digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let cached = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, "private, no-cache".into())];
    if known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag)) {
        return Ok((StatusCode::NOT_MODIFIED, cached).into_response());
    }
    let typed = [(header::CONTENT_TYPE, MEDIA_TYPE)];
    Ok((StatusCode::OK, cached, typed, text).into_response())
}

/// Writes events as a calendar; links into the app begin at `base`.
fn text_of(events: &[Event], base: &str) -> String {
    let uids: Vec<String> = events.iter().map(|event| format!("{}@landfall", event.id)).collect();
    let links: Vec<Vec<Option<String>>> =
        events.iter().map(|event| links_of(event, base)).collect();
    let shown = events.iter().zip(&uids).zip(&links);
    let events = shown.map(|((event, uid), links)| shown_event(event, uid, links)).collect();
    Calendar { name: NAME, events }.text()
}

/// Gives the links of an event and of its changes, those into the app as addresses.
fn links_of(event: &Event, base: &str) -> Vec<Option<String>> {
    let changes = event.plan.changes.values().map(|change| &change.words);
    let all = std::iter::once(&event.plan.words).chain(changes);
    let whole = |link: &String| match link.starts_with('/') {
        true => (!base.is_empty()).then(|| format!("{base}{link}")),
        false => Some(link.clone()),
    };
    all.map(|words| words.link.as_ref().and_then(whole)).collect()
}

fn shown_event<'a>(
    event: &'a Event,
    uid: &'a str,
    links: &'a [Option<String>],
) -> icalendar::Event<'a> {
    let plan = &event.plan;
    let details = |words: &'a Words, minutes: u32, link: &'a Option<String>| Details {
        title: &words.title,
        description: words.description.as_deref(),
        link: link.as_deref(),
        duration_minutes: minutes,
        changed: event.updated_at,
        sequence: event.version - 1,
    };
    let (own, of_changes) = links.split_first().unwrap_or((&None, &[]));
    let changes = plan.changes.iter().zip(of_changes).map(|((name, change), link)| Change {
        recurrence_id: name.shown(),
        start: change.start.shown(),
        details: details(&change.words, change.minutes, link),
    });
    let created: Timestamp = event.created_at;
    icalendar::Event {
        uid,
        kind: event.kind.as_str(),
        created,
        when: &plan.when,
        details: details(&plan.words, plan.minutes, own),
        changes: changes.collect(),
    }
}
