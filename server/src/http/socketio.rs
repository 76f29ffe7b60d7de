//! Socket.IO's address, `/socket.io/`: what a request asks of Engine.IO, and handing its socket over.
//!
//! Only the handshake is HTTP. Refusals are spelled as official clients expect them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, UPGRADE};
use axum::http::{Extensions, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use http_body_util::LengthLimitError;
use landfall_core::session::{ConfirmBy, Start};
use landfall_protocol::problem::Code;
use landfall_socketio::id::EngineId;
use landfall_socketio::payload::{Body, PayloadError};
use landfall_socketio::request::{self, Asked, HttpError, Query};
use landfall_socketio::session::Post;
use landfall_socketio::terms::Transport;

use super::ApiError;
use super::live;
use super::params::query_pairs;
use super::ws::{check_handshake, from, identity, token, upgrade};
use crate::app::App;
use crate::realtime::{Answered, Gateway, Hello, Identity, Listens, Polling};

/// The routes of Socket.IO.
pub(super) fn routes(gateway: Arc<Gateway>) -> Router<Arc<App>> {
    let handler = move |State(app): State<Arc<App>>, request: Request| {
        let gateway = Arc::clone(&gateway);
        async move { serve(&app, gateway, request).await }
    };
    Router::new().route("/socket.io/", any(handler.clone())).route("/socket.io", any(handler))
}

async fn serve(app: &App, gateway: Arc<Gateway>, request: Request) -> Result<Response, ApiError> {
    live::admit(app, request.headers())?;
    let pairs = query_pairs(request.uri());
    let of =
        |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let query = Query {
        version: of("EIO"),
        transport: of("transport"),
        session: of("sid"),
        jsonp: of("j"),
    };
    match request::judge(method(&request), &query) {
        Ok(Asked::Open(Transport::WebSocket)) => open(app, gateway, request).await,
        Ok(Asked::Open(Transport::Polling)) => {
            let hello = hello(app, token(&request), request.extensions()).await?;
            match gateway.poll_socketio(hello) {
                Some(polling) => Ok(answered(polling.poll().await)),
                None => Err(ApiError::new(Code::Unavailable, "this server has no room for more")),
            }
        }
        Ok(Asked::Poll(id)) => match gateway.polling.find(&id) {
            Some(polling) => Ok(answered(polling.poll().await)),
            None => Ok(refused(HttpError::SessionUnknown)),
        },
        Ok(Asked::Post(id)) => match gateway.polling.find(&id) {
            Some(polling) => post(&gateway, &polling, request).await,
            None => Ok(refused(HttpError::SessionUnknown)),
        },
        Ok(Asked::Probe(id)) => move_over(app, gateway, Some(id), request),
        Ok(Asked::LostProbe) => move_over(app, gateway, None, request),
        Err(error) => Ok(refused(error)),
    }
}

/// Takes what a client posts.
async fn post(
    gateway: &Gateway,
    polling: &Polling,
    request: Request,
) -> Result<Response, ApiError> {
    if let Err(error) = polling.begin_post() {
        return Ok(refused(error));
    }
    let max = gateway.payload_max();
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.map(str::to_owned);
    let guard = Posting { polling: Some(polling) };
    let bytes = axum::body::to_bytes(request.into_body(), max + 1).await;
    guard.done();
    let answer = match bytes {
        // What is longer than it may be is cut off there.
        Err(error) if is_too_long(&error) => polling.end_post(Post::TooLarge, None).await,
        Err(_) => polling.end_post(Post::Gone, None).await,
        Ok(bytes) => match Body::read(kind.as_deref(), &bytes, max) {
            Ok(body) if body.closes() => polling.end_post(Post::Closes, Some(body)).await,
            Ok(body) => polling.end_post(Post::Good, Some(body)).await,
            Err(PayloadError::TooLarge) => polling.end_post(Post::TooLarge, None).await,
            Err(_) => polling.end_post(Post::Bad, None).await,
        },
    };
    Ok(answered(answer))
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

fn move_over(
    app: &App,
    gateway: Arc<Gateway>,
    id: Option<EngineId>,
    request: Request,
) -> Result<Response, ApiError> {
    let accept = check_handshake(request.headers())?;
    let polling = id.and_then(|id| gateway.polling.find(&id));
    let open =
        |wire, followed, hello: Hello| gateway.move_socketio(polling, wire, followed, hello.place);
    Ok(upgrade(app, nobody(request.extensions()), (&accept, request), open))
}

fn nobody(extensions: &Extensions) -> Hello {
    Hello {
        identity: Identity::Unsaid,
        start: Start::Pending,
        confirm_by: ConfirmBy::Pong,
        device: None,
        listens: Listens::default(),
        from: from(extensions),
        place: None,
    }
}

/// Says who it is; the request itself must not be held while that is judged.
async fn hello(
    app: &App,
    token: Option<String>,
    extensions: &Extensions,
) -> Result<Hello, ApiError> {
    let identity = identity(app, token, extensions).await?;
    Ok(Hello { identity, ..nobody(extensions) })
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

fn method(request: &Request) -> request::Method {
    match *request.method() {
        Method::GET if request.headers().contains_key(UPGRADE) => request::Method::Upgrade,
        Method::GET => request::Method::Get,
        Method::POST => request::Method::Post,
        _ => request::Method::Other,
    }
}

async fn open(app: &App, gateway: Arc<Gateway>, request: Request) -> Result<Response, ApiError> {
    let accept = check_handshake(request.headers())?;
    let hello = hello(app, token(&request), request.extensions()).await?;
    let open = |wire, followed, hello| gateway.join_socketio(wire, followed, hello);
    Ok(upgrade(app, hello, (&accept, request), open))
}

fn refused(error: HttpError) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let json = HeaderValue::from_static("application/json");
    (status, [(CONTENT_TYPE, json)], error.body()).into_response()
}
