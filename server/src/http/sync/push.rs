//! `POST /api/v1/sync/push`: what a device did, and in the same request what others did.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use landfall_protocol::sync::{PullFields, PushAnswer, PushPost, Since};
use landfall_protocol::text::Time;

use super::super::auth::Authenticated;
use super::super::error::ApiError;
use super::super::headers::Device;
use super::body::WorkBody;
use super::measure;
use super::pull::{answer as pulled, pages};
use super::{bounded, device_of, since};
use crate::app::App;
use crate::brought::{self, Bringer, Decided};
use crate::metrics::SyncCall as Call;
use crate::service::sync::PullAsk;

/// No device pushes so often; beyond it a double skips whole numbers, and copies would not be told apart.
const GENERATION_MAX: u64 = 1 << 52;

/// Brings what a device did.
///
/// Each operation has its own result, in the order of the operations; one that is wrong fails alone.
/// Sent again, an operation answers as it did the first time. Those of one device about one entity take
/// effect in their order. With `pull` the same request asks for what others did, so that a device that
/// has nothing new and misses nothing needs one round trip. The body may come as zstd or gzip
/// (`Content-Encoding`), and by `Accept-Encoding` the answer does.
#[utoipa::path(post, path = "/api/v1/sync/push", tag = "sync", operation_id = "sync_push",
    params(("X-Device-ID" = Option<String>, Header, description = "The device.")),
    request_body = PushPost,
    responses((status = 200, description = "A result per operation.", body = PushAnswer)))]
pub(in super::super) async fn push(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    device: Device,
    WorkBody(body): WorkBody<PushPost>,
) -> Result<Json<PushAnswer>, ApiError> {
    let device = device_of(device, body.device_id.as_ref())?;
    let device = device.ok_or_else(|| {
        ApiError::field("/deviceId", "is required, here or as the header X-Device-ID")
    })?;
    bounded(&app, "/operations", body.operations.len())?;
    if body.generation.is_some_and(|generation| generation > GENERATION_MAX) {
        return Err(ApiError::field("/generation", "must be 0 or what the last answer gave"));
    }
    let asked = body.pull.map(|pull| pull.read(body.last_sync_timestamp, pages(&app)));
    let asked = asked.transpose().map_err(ApiError::fields)?;
    let has = asked.as_ref().map_or(
        body.last_sync_timestamp.map_or(Since::Beginning, |time| Since::Time(time.0)),
        |pull| pull.since.clone(),
    );
    let kinds = asked.as_ref().map_or(&[][..], |pull| &pull.kinds);
    let has = since(has, kinds);
    let sent_at = body.sent_at.map(|time| time.0);
    let pending = measure::report(&app, body.report);
    let bringer =
        Bringer { device: device.clone(), sent_at, has, pending, generation: body.generation };
    let parts = (&*app.services, &*app.metrics);
    let deciding = brought::decide(parts, &caller, bringer, &body.operations);
    let Decided { results, generation } = measure::took(&app, Call::Push, deciding).await?;
    let pull = match asked {
        Some(PullFields { since: from, kinds, limit, deltas }) => {
            let since = since(from, &kinds);
            let ask = PullAsk { device: Some(device), since, kinds, limit, deltas, pending: None };
            Some(pulled(app.services.pull(&caller, &ask).await?))
        }
        None => None,
    };
    let server_timestamp = pull.is_none().then(|| Time(app.services.now()));
    Ok(Json(PushAnswer { success: true, results, generation, server_timestamp, pull }))
}
