//! Socket.IO's address, `/socket.io/`: what a request asks of Engine.IO, and handing its socket over.
//!
//! Only the handshake is HTTP. Refusals are spelled as official clients expect them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, UPGRADE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use landfall_core::session::{ConfirmBy, Start};
use landfall_socketio::request::{self, Asked, HttpError, Query};
use landfall_socketio::terms::Transport;

use super::ApiError;
use super::live;
use super::params::query_pairs;
use super::ws::{check_handshake, from, identity, token, upgrade};
use crate::app::App;
use crate::realtime::{Gateway, Hello};

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
        // TODO-polling
        Ok(_) => Ok(refused(HttpError::TransportUnknown)),
        Err(error) => Ok(refused(error)),
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
    let identity = identity(app, token(&request), request.extensions()).await?;
    let hello = Hello {
        identity,
        start: Start::Pending,
        confirm_by: ConfirmBy::Pong,
        device: None,
        from: from(request.extensions()),
        place: None,
    };
    let open = |wire, followed, hello| gateway.open_socketio(wire, followed, hello);
    Ok(upgrade(app, hello, (&accept, request), open))
}

fn refused(error: HttpError) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let json = HeaderValue::from_static("application/json");
    (status, [(CONTENT_TYPE, json)], error.body()).into_response()
}
