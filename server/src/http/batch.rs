//! `POST /api/v1/notify/batch`: one notification per line, streamed in and out (contract 3).
//!
//! A bounded window of lines is under way, so that commits group and memory stays small; results
//! come in the order of the lines. A bad line fails alone.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use landfall_core::auth::Caller;
use landfall_core::id::Tenant;
use landfall_protocol::json;
use landfall_protocol::notify::{BatchOutcome, BatchResult, NotifyRequest};
use landfall_protocol::problem::Code;

use super::auth::Authenticated;
use super::body::{digest, require_type};
use super::coding::Coding;
use super::error::ApiError;
use super::headers::Idempotency;
use super::lines::{Cut, LineCutter};
use super::notify::{answer, count_recipients};
use super::slow_body::{Part, SlowBody};
use crate::app::App;
use crate::auth::AuthError;

/// Names the call in idempotency keys.
const CALL: &str = "POST /api/v1/notify/batch";
/// Lines under way at once.
const WINDOW: usize = 256;
/// Results that leave in one write, if so many are there.
const RESULTS_PER_WRITE: usize = 64;
const NDJSON: &str = "application/x-ndjson";

/// Stores many notifications, one per line.
///
/// NDJSON both ways: each line is a request as `POST /api/v1/notify` takes it, each line of the
/// answer a `BatchResult`, in the same order, sent as lines are done. A bad line fails alone. A
/// line is made safe to repeat by its own `idempotency_key`; the header is not read here. The
/// answer's status is 200 however the lines fared. Lines wait for `limits.tenant_notifications_per_second`.
#[utoipa::path(post, path = "/api/v1/notify/batch", tag = "notify", operation_id = "notify_batch",
    request_body(content = NotifyRequest, content_type = "application/x-ndjson"),
    responses((status = 200, description = "A result per line.", body = BatchResult,
        content_type = "application/x-ndjson")))]
pub(super) async fn notify_batch(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    request: Request,
) -> Result<Response, ApiError> {
    let is_ndjson = |kind: &str| matches!(kind, NDJSON | "application/ndjson");
    require_type(request.headers(), is_ndjson, NDJSON)?;
    Coding::refuse(request.headers())?;
    let lines = Lines::new(&app, caller.tenant.clone(), request.into_body());
    let caller = Arc::new(caller);
    let results = lines
        .stream()
        .map(move |line| one(Arc::clone(&app), Arc::clone(&caller), line))
        .buffered(WINDOW)
        .ready_chunks(RESULTS_PER_WRITE)
        .map(|results| Ok::<Bytes, std::convert::Infallible>(written(&results)));
    Ok(([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(results)).into_response())
}

fn written(results: &[BatchResult]) -> Bytes {
    let mut text = Vec::new();
    for result in results {
        serde_json::to_writer(&mut text, result).expect("a result writes to memory");
        text.push(b'\n');
    }
    text.into()
}

async fn one(app: Arc<App>, caller: Arc<Caller>, line: Line) -> BatchResult {
    let Line { number, content } = line;
    match stored(&app, &caller, content).await {
        Ok(outcome) => {
            app.metrics.notifications_accepted.inc();
            BatchResult::accepted(number, outcome)
        }
        Err(error) => {
            let code = error.problem().code;
            app.metrics.notification_refused(code);
            if code == Code::Unavailable {
                app.metrics.store_unavailable.inc();
            }
            BatchResult::refused(number, error.into_problem())
        }
    }
}

async fn stored(
    app: &App,
    caller: &Caller,
    content: Result<Bytes, ApiError>,
) -> Result<BatchOutcome, ApiError> {
    let content = content?;
    if app.services.now() >= caller.expires_at {
        // A long batch must not outlive what it was begun with.
        let expired = AuthError::Expired;
        return Err(ApiError::new(expired.code(), expired.to_string()));
    }
    let mut request: NotifyRequest = json::parse(&content, app.limits.json_depth)?;
    let key = Idempotency::of_line(request.idempotency_key.take())?;
    let key = key.key(caller, CALL, digest(&content));
    let notified = app.services.notify(caller, request.draft()?, key).await?;
    count_recipients(app, caller, &notified);
    Ok(answer(notified))
}

/// One line of the request, from 1; empty ones are counted and left out.
struct Line {
    number: u64,
    content: Result<Bytes, ApiError>,
}

/// Reads lines as they come, no faster than the tenant may send.
struct Lines {
    app: Arc<App>,
    tenant: Tenant,
    body: SlowBody,
    cutter: LineCutter,
    ended: bool,
}

impl Lines {
    fn new(app: &Arc<App>, tenant: Tenant, body: Body) -> Self {
        let line_max = app.limits.batch_line_kib.bytes();
        Self {
            app: Arc::clone(app),
            tenant,
            body: SlowBody::new(body, &app.limits),
            cutter: LineCutter::new(line_max, app.batch_max_lines as u64),
            ended: false,
        }
    }

    fn stream(self) -> impl Stream<Item = Line> {
        stream::unfold(self, |mut lines| async {
            let line = lines.next().await?;
            Some((line, lines))
        })
    }

    async fn next(&mut self) -> Option<Line> {
        loop {
            if let Some(cut) = self.cutter.next_cut() {
                self.app.rates.wait_to_send(&self.tenant).await;
                return Some(self.line(cut));
            }
            if self.ended {
                return None;
            }
            match self.body.next().await {
                Part::Data(part) => self.cutter.push(&part),
                Part::End => {
                    self.cutter.finish();
                    self.ended = true;
                }
                Part::Refused(error) => {
                    self.ended = true;
                    return Some(Line { number: self.cutter.break_off(), content: Err(error) });
                }
            }
        }
    }

    fn line(&self, cut: Cut) -> Line {
        let too_large = |detail| Err(ApiError::new(Code::TooLarge, detail));
        match cut {
            Cut::Line(number, line) => Line { number, content: Ok(line) },
            Cut::TooLong(number) => {
                let max = self.app.limits.batch_line_kib.bytes();
                Line { number, content: too_large(format!("A line has at most {max} bytes.")) }
            }
            Cut::TooMany(number) => {
                let max = self.app.batch_max_lines;
                Line { number, content: too_large(format!("A batch has at most {max} lines.")) }
            }
        }
    }
}
