//! `POST /api/v1/sync/pull`: what others did, as one answer or as a stream of lines.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use landfall_core::auth::Caller;
use landfall_protocol::lessons::LessonAnswer;
use landfall_protocol::query::PageLimits;
use landfall_protocol::sync::{ChangeItem, PullAnswer, PullFields, PullPost, PullTrailer};
use landfall_protocol::text::Time;

use super::super::auth::Authenticated;
use super::super::error::ApiError;
use super::super::headers::Device;
use super::body::WorkBody;
use super::measure;
use super::{device_of, raw, since};
use crate::app::App;
use crate::metrics::SyncCall as Call;
use crate::service::sync::{ChangedEntity, Held, PullAsk, Pulled, Since};

const NDJSON: &str = "application/x-ndjson";
/// Changes that are read for one part of a stream.
const PART: usize = 1_000;

/// Gives what others did since a device last asked.
///
/// Each entity comes once and as it is now, on the user's own feed and on those of the topics that they are
/// in; lessons among them as type `lesson`. With `Accept: application/x-ndjson` everything comes in one
/// answer, a change a line, with lines of a `cursor` between them: whoever is cut off goes on from the last.
/// With `deltas` a change may bring `fields` and `removed` on a `baseVersion` in place of `data`. By
/// `Accept-Encoding` the answer comes as zstd or gzip.
#[utoipa::path(post, path = "/api/v1/sync/pull", tag = "sync", operation_id = "sync_pull",
    params(("X-Device-ID" = Option<String>, Header, description = "The device.")),
    request_body = PullPost,
    responses((status = 200, description = "What changed.", content(
        (PullAnswer = "application/json"), (ChangeItem = "application/x-ndjson")))))]
pub(in super::super) async fn pull(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    device: Device,
    headers: HeaderMap,
    WorkBody(body): WorkBody<PullPost>,
) -> Result<Response, ApiError> {
    let device = device_of(device, body.device_id.as_ref())?;
    let report = body.report;
    let PullFields { since: from, kinds, limit, deltas } =
        body.read(pages(&app)).map_err(ApiError::fields)?;
    let pending = measure::report(&app, report);
    let ask = PullAsk { device, since: since(from, &kinds), kinds, limit, deltas, pending };
    if !takes_lines(&headers) {
        let page = measure::took(&app, Call::Pull, app.services.pull(&caller, &ask)).await?;
        return Ok(Json(answer(page)).into_response());
    }
    let ask = PullAsk { limit: PART, ..ask };
    // A cursor that is none is refused before the answer has begun.
    let first = app.services.pull(&caller, &ask).await?;
    Ok(([(header::CONTENT_TYPE, NDJSON)], streamed(app, caller, ask, first)).into_response())
}

fn takes_lines(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|one| {
        let essence = one.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case(NDJSON)
    })
}

/// Gives the bounds of a pull.
pub(super) fn pages(app: &App) -> PageLimits {
    PageLimits { default: app.pages.default, max: app.limits.pull_max }
}

/// Streams page after page; the stream breaks off where the store is away, and the last cursor goes on.
fn streamed(app: Arc<App>, caller: Caller, ask: PullAsk, first: Pulled) -> Body {
    let parts = stream::unfold(Some(first), move |page| {
        let (app, caller, ask) = (Arc::clone(&app), caller.clone(), ask.clone());
        async move {
            let page = page?;
            let is_expired = app.services.now() >= caller.expires_at;
            let next = if page.has_more && !is_expired {
                let since = Since::Cursor(page.cursor.clone(), ask.kinds.clone());
                // What was sent is not yet what the device has.
                let ask = PullAsk { since, device: None, pending: None, ..ask };
                app.services.pull(&caller, &ask).await.ok()
            } else {
                None
            };
            Some((Ok::<Bytes, Infallible>(lines(page)), next))
        }
    });
    Body::from_stream(parts)
}

fn lines(page: Pulled) -> Bytes {
    let mut text = Vec::new();
    let PullAnswer { changes, trailer } = answer(page);
    for change in &changes {
        serde_json::to_writer(&mut text, change).expect("a change writes to memory");
        text.push(b'\n');
    }
    serde_json::to_writer(&mut text, &trailer).expect("a trailer writes to memory");
    text.push(b'\n');
    text.into()
}

/// Writes a page for the wire.
pub(super) fn answer(page: Pulled) -> PullAnswer {
    PullAnswer {
        changes: page.changes.into_iter().map(change).collect(),
        trailer: PullTrailer {
            cursor: page.cursor,
            has_more: page.has_more,
            server_timestamp: Time(page.at),
            removed_feeds: page.removed.iter().map(ToString::to_string).collect(),
            reset: page.is_reset,
            backed_up_to: page.backed_up_to.map(Time),
        },
    }
}

fn change(changed: ChangedEntity) -> ChangeItem {
    let (data, changes) = match changed.data {
        Held::Nothing => (None, None),
        Held::Fields(json) => (Some(raw(&json)), None),
        Held::Changes(changes) => (None, Some(changes)),
        Held::Lesson(lesson) => {
            let lesson = LessonAnswer::from(&*lesson);
            let data = serde_json::value::to_raw_value(&lesson);
            (Some(data.expect("a lesson writes to memory")), None)
        }
    };
    ChangeItem {
        entity_type: changed.name.kind.into(),
        entity_id: changed.name.id.into(),
        operation: changed.verb.as_str().to_owned(),
        version: changed.version,
        data,
        base_version: changes.as_ref().map(|changes| changes.base),
        fields: changes.as_ref().map(|changes| raw(&changes.fields)),
        removed: changes.map(|changes| changes.removed).unwrap_or_default(),
        timestamp: Time(changed.at),
        device_id: changed.device.map(Into::into),
        topic_id: changed.topic.map(|topic| topic.to_string()),
    }
}
