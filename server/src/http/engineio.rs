//! Engine.IO over HTTP: what a request asks, polls and posts of sessions, and handing sockets over.
//!
//! Knows no user, and nothing of what is said in a session. Refusals are spelled as official clients expect them.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, UPGRADE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use http_body_util::LengthLimitError;
use landfall_protocol::problem::Code;
use landfall_socketio::id::EngineId;
use landfall_socketio::payload::{Body, PayloadError};
use landfall_socketio::request::{self, Asked, HttpError, Query};
use landfall_socketio::session::Post;
use landfall_socketio::terms::Transport;

use super::ApiError;
use super::params::query_pairs;
use super::ws::{check_handshake, upgrade};
use crate::realtime::{Answered, Begun, Engine, Opening, Polling, Wire, move_over};
use crate::sockets::Place;

/// Reads what a request asks.
///
/// # Errors
/// With what it is to be refused.
pub fn asked(request: &Request) -> Result<Asked, HttpError> {
    let pairs = query_pairs(request.uri());
    let of =
        |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let query = Query {
        version: of("EIO"),
        transport: of("transport"),
        session: of("sid"),
        jsonp: of("j"),
    };
    request::judge(method(request), &query)
}

fn method(request: &Request) -> request::Method {
    match *request.method() {
        Method::GET if request.headers().contains_key(UPGRADE) => request::Method::Upgrade,
        Method::GET => request::Method::Get,
        Method::POST => request::Method::Post,
        _ => request::Method::Other,
    }
}

/// Does what a request asks. A session that begins is served by `open`, which gets its wire, what its client has said
/// already, how it begins, and the place of its socket where it has one.
///
/// # Errors
/// When there is no room for another session, or a handshake is none.
pub async fn serve<F>(
    engine: &Engine,
    (asked, request): (Asked, Request),
    open: impl FnOnce(Wire, Vec<u8>, Opening, Option<Place>) -> F + Send + 'static,
) -> Result<Response, ApiError>
where
    F: Future<Output = ()> + Send + 'static,
{
    match asked {
        Asked::Open(Transport::WebSocket) => {
            let accept = check_handshake(request.headers())?;
            let opening = engine.open();
            let open = |wire, followed, place| open(wire, followed, opening, place);
            Ok(upgrade(&engine.tasks, (&accept, request), open))
        }
        Asked::Open(Transport::Polling) => {
            let full = || ApiError::new(Code::Unavailable, "this server has no room for more");
            let Begun { polling, wire, opening } = engine.begin().ok_or_else(full)?;
            engine.tasks.spawn(open(wire, Vec::new(), opening, None));
            Ok(answered(polling.poll().await))
        }
        Asked::Poll(id) => match engine.find(&id) {
            Some(polling) => Ok(answered(polling.poll().await)),
            None => Ok(refused(HttpError::SessionUnknown)),
        },
        Asked::Post(id) => match engine.find(&id) {
            Some(polling) => Ok(post(engine.terms.max_payload, &polling, request).await),
            None => Ok(refused(HttpError::SessionUnknown)),
        },
        Asked::Probe(id) => probe(engine, Some(id), request),
        Asked::LostProbe => probe(engine, None, request),
    }
}

/// Takes what a client posts.
async fn post(max: usize, polling: &Polling, request: Request) -> Response {
    if let Err(error) = polling.begin_post() {
        return refused(error);
    }
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.map(str::to_owned);
    let guard = Posting { polling: Some(polling) };
    let bytes = axum::body::to_bytes(request.into_body(), max + 1).await;
    guard.done();
    answered(match bytes {
        // What is longer than it may be is cut off there.
        Err(error) if is_too_long(&error) => polling.end_post(Post::TooLarge, None).await,
        Err(_) => polling.end_post(Post::Gone, None).await,
        Ok(bytes) => match Body::read(kind.as_deref(), &bytes, max) {
            Ok(body) if body.closes() => polling.end_post(Post::Closes, Some(body)).await,
            Ok(body) => polling.end_post(Post::Good, Some(body)).await,
            Err(PayloadError::TooLarge) => polling.end_post(Post::TooLarge, None).await,
            Err(_) => polling.end_post(Post::Bad, None).await,
        },
    })
}

fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<LengthLimitError>())
}

/// A post that is being read: tells its session if its client breaks it off.
struct Posting<'a> {
    polling: Option<&'a Polling>,
}

impl Posting<'_> {
    fn done(mut self) {
        self.polling = None;
    }
}

impl Drop for Posting<'_> {
    fn drop(&mut self) {
        if let Some(polling) = self.polling {
            polling.post_gone();
        }
    }
}

/// Accepts a socket on which a session wants to go on; it is closed where nobody knows of the session.
fn probe(engine: &Engine, id: Option<EngineId>, request: Request) -> Result<Response, ApiError> {
    let accept = check_handshake(request.headers())?;
    let polling: Option<Arc<Polling>> = id.and_then(|id| engine.find(&id));
    let carry = async |wire, followed, place: Option<Place>| {
        move_over(polling, wire, followed).await;
        drop(place);
    };
    Ok(upgrade(&engine.tasks, (&accept, request), carry))
}

fn answered(answered: Answered) -> Response {
    let plain = HeaderValue::from_static("text/plain; charset=UTF-8");
    match answered {
        Answered::Packets(body) => ([(CONTENT_TYPE, plain)], body).into_response(),
        Answered::Ok => ([(CONTENT_TYPE, plain)], "ok").into_response(),
        Answered::TooLarge => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        Answered::Refused(error) => refused(error),
    }
}

/// Says why a request is refused.
pub fn refused(error: HttpError) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let json = HeaderValue::from_static("application/json");
    (status, [(CONTENT_TYPE, json)], error.body()).into_response()
}
