//! `POST /api/v1/notify/batch`: one notification per line, streamed in and out (contract 3).
//!
//! A bounded window of lines is under way, so that commits group and memory stays small; results
//! come in the order of the lines. A bad line fails alone.

use std::sync::Arc;

use axum::body::{Body, BodyDataStream};
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _, stream};
use landfall_core::auth::Caller;
use landfall_protocol::json;
use landfall_protocol::notify::{BatchOutcome, BatchResult, NotifyRequest};
use landfall_protocol::problem::Code;

use super::auth::Authenticated;
use super::body::{BODY_WAIT, digest, require_type};
use super::error::ApiError;
use super::headers::Idempotency;
use super::notify::answer;
use crate::app::App;

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
/// answer's status is 200 however the lines fared.
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
    let lines = Lines::new(request.into_body(), &app);
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
    let mut request: NotifyRequest = json::parse(&content, app.limits.json_depth)?;
    let key = Idempotency::of_line(request.idempotency_key.take())?;
    let key = key.key(caller, CALL, digest(&content));
    let notified = app.services.notify(caller, request.draft()?, key).await?;
    Ok(answer(notified))
}

/// One line of the request, from 1; empty ones are counted and left out.
struct Line {
    number: u64,
    content: Result<Bytes, ApiError>,
}

/// Cuts a body into lines; keeps at most one line and one part of the body.
struct Lines {
    body: BodyDataStream,
    buffer: BytesMut,
    number: u64,
    skips: bool,
    ended: bool,
    line_max: usize,
    lines_max: u64,
}

impl Lines {
    fn new(body: Body, app: &App) -> Self {
        Self {
            body: body.into_data_stream(),
            buffer: BytesMut::new(),
            number: 0,
            skips: false,
            ended: false,
            line_max: app.limits.batch_line_kib.bytes(),
            lines_max: app.batch_max_lines as u64,
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
            if let Some(line) = self.buffered() {
                return Some(line);
            }
            if self.ended {
                return None;
            }
            let part = tokio::time::timeout(BODY_WAIT, self.body.next()).await;
            match part {
                Ok(Some(Ok(part))) => self.buffer.extend_from_slice(&part),
                Ok(None) => {
                    // What comes after the last line break is a line too.
                    self.buffer.extend_from_slice(b"\n");
                    let last = self.buffered();
                    self.ended = true;
                    return last;
                }
                Ok(Some(Err(_))) => {
                    return Some(self.end(Code::Unreadable, "The body broke off."));
                }
                Err(_) => return Some(self.end(Code::Timeout, "No more came in time.")),
            }
        }
    }

    /// Takes the next line that is in the buffer in full, or is known to be too long.
    fn buffered(&mut self) -> Option<Line> {
        while !self.ended {
            let Some(at) = self.buffer.iter().position(|byte| *byte == b'\n') else {
                return self.overlong();
            };
            let line = self.buffer.split_to(at + 1).freeze().slice(..at);
            if std::mem::take(&mut self.skips) {
                continue;
            }
            self.number += 1;
            if self.number > self.lines_max {
                self.number -= 1;
                let detail = format!("A batch has at most {} lines.", self.lines_max);
                return Some(self.end(Code::TooLarge, &detail));
            }
            if line.len() > self.line_max {
                return Some(self.too_long());
            }
            if !line.trim_ascii().is_empty() {
                return Some(Line { number: self.number, content: Ok(line) });
            }
        }
        None
    }

    /// Drops the rest of a line that has grown too long, and says so once.
    fn overlong(&mut self) -> Option<Line> {
        if self.skips {
            self.buffer.clear();
        }
        if self.buffer.len() <= self.line_max {
            return None;
        }
        self.buffer.clear();
        self.skips = true;
        self.number += 1;
        Some(self.too_long())
    }

    fn too_long(&self) -> Line {
        let detail = format!("A line has at most {} bytes.", self.line_max);
        Line { number: self.number, content: Err(ApiError::new(Code::TooLarge, detail)) }
    }

    /// Ends the batch with a result for the line that was not read.
    fn end(&mut self, code: Code, detail: &str) -> Line {
        self.ended = true;
        Line { number: self.number + 1, content: Err(ApiError::new(code, detail)) }
    }
}
