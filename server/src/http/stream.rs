//! `GET /api/v1/stream`: the live session as Server-Sent Events (WHATWG HTML, 9.2).
//!
//! The session writes to one end of a pair; this file only carries the other end into the body, as
//! fast as the client takes it. It must hold no event back and keep no buffer for an idle stream.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::task::ready;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use bytes::Bytes;
use futures_util::{Stream, stream};
use landfall_core::notify::FieldError;
use landfall_protocol::problem::{Code, Problem};
use tokio::net::UnixStream;

use super::auth::Authenticated;
use super::error::ApiError;
use super::headers::Device;
use super::live::{self, LiveQuery};
use super::params::Params;
use crate::app::App;
use crate::realtime::{Gateway, NoRoom};

const PATH: &str = "/api/v1/stream";
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx and those who follow it to hold nothing back.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// Bytes carried at once; one buffer per thread, not per stream.
const CARRY_BYTES: usize = 16 * 1_024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; CARRY_BYTES]);
}

/// The route of the stream.
pub(super) fn routes(gateway: Arc<Gateway>) -> Router<Arc<App>> {
    let handler = move |State(app): State<Arc<App>>, request: Request| {
        let gateway = Arc::clone(&gateway);
        async move { answer(&app, gateway, request).await }
    };
    Router::new().route(PATH, any(handler))
}

/// Opens the caller's live stream of events.
///
/// The events are the frames of the socket, named by their `type`; a notification is named
/// `notification`. An `id` is the number to come back with, which browsers do by themselves. What
/// was received is acknowledged by `POST /api/v1/notifications/ack`.
#[utoipa::path(get, path = "/api/v1/stream", tag = "realtime", operation_id = "stream",
    params(
        ("token" = Option<String>, Query, description = "A JWT, for clients that cannot set a header."),
        ("Last-Event-ID" = Option<String>, Header, description = "The last `id` received."),
        ("last_event_id" = Option<String>, Query, description = "The same, for clients that cannot set a header."),
        ("replay_from" = Option<String>, Query, description = "The same, for a first connection."),
        ("X-Device-ID" = Option<String>, Header, description = "How the device names itself."),
        ("device_id" = Option<String>, Query, description = "The same, for clients that cannot set a header."),
    ),
    responses(
        (status = 200, description = "Events until the client or the server ends the stream.",
            content_type = "text/event-stream", body = String),
        (status = 429, description = "The user has too many connections; see `Retry-After`.",
            content_type = "application/problem+json", body = Problem),
    ))]
async fn answer(app: &Arc<App>, gateway: Arc<Gateway>, request: Request) -> Response {
    if request.method() != Method::GET {
        let refused = ApiError::new(Code::MethodNotAllowed, "See the header Allow.");
        return ([(header::ALLOW, "GET")], refused).into_response();
    }
    open(app, gateway, request).await.into_response()
}

async fn open(
    app: &Arc<App>,
    gateway: Arc<Gateway>,
    request: Request,
) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    live::admit(app, &parts.headers)?;
    let Authenticated(caller) = Authenticated::by_header_or_query(&parts, app).await?;
    let Device(device) = Device::from_request_parts(&mut parts, app).await?;
    let Params(query) = Params::<LiveQuery>::from_request_parts(&mut parts, app).await?;
    let last_event_id = parts.headers.get(LAST_EVENT_ID).map(HeaderValue::to_str).transpose();
    let start = last_event_id
        .map_err(|_| FieldError::new("/header/Last-Event-ID", "must be a replay_id"))
        .and_then(|last_event_id| query.stream_start(last_event_id))
        .map_err(|fault| ApiError::fields(vec![fault]))?;
    let carried = gateway.stream(&caller, start, device).map_err(refused)?;
    Ok(streaming(carried))
}

fn refused(why: NoRoom) -> ApiError {
    let code = match why {
        NoRoom::Server => Code::Unavailable,
        NoRoom::User => Code::RateLimited,
    };
    ApiError::new(code, why.to_string())
}

fn streaming(carried: UnixStream) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (ACCEL_BUFFERING, HeaderValue::from_static("no")),
    ];
    (headers, Body::from_stream(carry(carried))).into_response()
}

/// Gives what the session wrote, piece by piece, until it ends.
fn carry(from: UnixStream) -> impl Stream<Item = io::Result<Bytes>> {
    stream::poll_fn(move |context| {
        loop {
            ready!(from.poll_read_ready(context))?;
            match read(&from) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(bytes) if bytes.is_empty() => return None.into(),
                ended => return Some(ended).into(),
            }
        }
    })
}

fn read(from: &UnixStream) -> io::Result<Bytes> {
    BUFFER.with_borrow_mut(|buffer| {
        let count = from.try_read(buffer)?;
        Ok(Bytes::copy_from_slice(&buffer[..count]))
    })
}
