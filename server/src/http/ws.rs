//! The WebSocket handshake (RFC 6455, section 4.2), and handing the socket over.
//!
//! Only the handshake is HTTP; once it is answered, the raw socket is the gateway's and nothing
//! of the request is kept.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;
use hyper_util::rt::TokioIo;
use landfall_core::feed::Number;
use landfall_core::id::DeviceId;
use landfall_core::notify::FieldError;
use landfall_core::session::{ConfirmBy, Start};
use landfall_protocol::problem::{Code, Problem};
use serde::Deserialize;
use tokio::net::TcpStream;

use super::params::Params;
use super::peer::Origin;
use super::{ApiError, cors};
use crate::app::App;
use crate::auth::bearer;
use crate::realtime::handshake::{accept_key, is_valid_key};
use crate::realtime::{Gateway, Hello, Identity};

/// What the query of a handshake may say.
#[derive(Debug, Deserialize)]
struct WsQuery {
    replay_from: Option<String>,
    ack: Option<String>,
    device_id: Option<String>,
}

/// The routes of the gateway: `/ws` and `/ws/notify` are one (contract 4).
pub fn routes(gateway: Arc<Gateway>) -> Router<Arc<App>> {
    let handler = move |State(app): State<Arc<App>>, Params(query): Params<WsQuery>, request| {
        let gateway = Arc::clone(&gateway);
        async move { upgrade(&app, gateway, &query, request) }
    };
    Router::new().route("/ws", get(handler.clone())).route("/ws/notify", get(handler))
}

fn upgrade(
    app: &App,
    gateway: Arc<Gateway>,
    query: &WsQuery,
    mut request: Request,
) -> Result<Response, ApiError> {
    if app.is_draining() {
        return Err(problem(Code::Unavailable, "the server is restarting").into());
    }
    let accept = check_handshake(request.headers())?;
    if !cors::may_connect(request.headers(), &app.web) {
        return Err(problem(Code::Forbidden, "pages of this origin may not connect").into());
    }
    let protocol = bearer_protocol(request.headers());
    let Origin(from) = request.extensions().get().copied().unwrap_or_default();
    app.rates.try_token(from)?;
    let hello = hello(&gateway, &request, query)?;
    match &hello.identity {
        Identity::Known(caller) => app.rates.request(caller)?,
        Identity::Refused(_) => app.rates.token_refused(from),
        Identity::Unsaid => {}
    }
    let on_upgrade = hyper::upgrade::on(&mut request);
    app.tasks.spawn(async move {
        let Ok(upgraded) = on_upgrade.await else { return };
        let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else {
            return tracing::error!("a socket is not of the kind that the server listens on");
        };
        let followed = parts.read_buf.to_vec();
        gateway.open(parts.io.into_inner(), followed, hello).await;
    });
    Ok(switching(&accept, protocol))
}

fn problem(code: Code, detail: &str) -> Problem {
    Problem::new(code, detail)
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name);
    let mut words = values.iter().filter_map(|value| value.to_str().ok());
    words.any(|line| line.split(',').any(|word| word.trim().eq_ignore_ascii_case(token)))
}

/// Checks what section 4.2.1 asks for; gives the answer to the client's key.
fn check_handshake(headers: &HeaderMap) -> Result<String, ApiError> {
    let upgrades = has_token(headers, UPGRADE, "websocket");
    if !upgrades || !has_token(headers, CONNECTION, "upgrade") {
        let detail =
            "this address speaks WebSocket: send Connection: Upgrade and Upgrade: websocket";
        return Err(problem(Code::UpgradeRequired, detail).into());
    }
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if text(SEC_WEBSOCKET_VERSION) != Some("13") {
        let detail = "only version 13 of WebSocket is spoken here";
        return Err(problem(Code::UpgradeRequired, detail).into());
    }
    let key = text(SEC_WEBSOCKET_KEY).filter(|key| is_valid_key(key));
    let key = key.ok_or_else(|| problem(Code::Unreadable, "Sec-WebSocket-Key is not valid"))?;
    Ok(accept_key(key))
}

/// Says whether a token came as the subprotocol that follows `bearer`; then `bearer` is answered.
fn bearer_protocol(headers: &HeaderMap) -> Option<&'static str> {
    let offered = headers.get(SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    bearer::from_subprotocols(offered).map(|_| "bearer")
}

fn hello(gateway: &Gateway, request: &Request, query: &WsQuery) -> Result<Hello, ApiError> {
    let mut faults = Vec::new();
    let start = match query.replay_from.as_deref() {
        None | Some("") => Start::Pending,
        Some(text) => Number::parse(text).map_or_else(
            || {
                faults.push(FieldError::new("/query/replay_from", "must be a replay_id"));
                Start::Pending
            },
            Start::After,
        ),
    };
    let device = match device(request.headers(), query) {
        Ok(device) => device,
        Err(fault) => {
            faults.push(fault);
            None
        }
    };
    if !faults.is_empty() {
        return Err(Problem::invalid(faults).into());
    }
    let acks = matches!(query.ack.as_deref(), Some("1" | "true"));
    let confirm_by = if acks { ConfirmBy::Ack } else { ConfirmBy::Pong };
    Ok(Hello { identity: identity(gateway, request), start, confirm_by, device })
}

fn device(headers: &HeaderMap, query: &WsQuery) -> Result<Option<DeviceId>, FieldError> {
    let header = headers.get("x-device-id").and_then(|value| value.to_str().ok());
    let (pointer, text) = match (header, query.device_id.as_deref()) {
        (Some(header), Some(query)) if header != query => {
            let detail = "is not the device that X-Device-ID names";
            return Err(FieldError::new("/query/device_id", detail));
        }
        (_, Some(query)) => ("/query/device_id", query),
        (Some(header), None) => ("/header/X-Device-ID", header),
        (None, None) => return Ok(None),
    };
    DeviceId::parse(text).map(Some).map_err(|error| FieldError::new(pointer, error.to_string()))
}

/// Finds the token, wherever a client can put one, and checks it.
fn identity(gateway: &Gateway, request: &Request) -> Identity {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let token = header("authorization")
        .and_then(bearer::from_header)
        .map(str::to_owned)
        .or_else(|| request.uri().query().and_then(bearer::from_query))
        .or_else(|| {
            let offered = header(SEC_WEBSOCKET_PROTOCOL.as_str())?;
            bearer::from_subprotocols(offered).map(|(_, token)| token.to_owned())
        });
    match token {
        None => Identity::Unsaid,
        Some(token) => match gateway.verify(&token) {
            Ok(caller) => Identity::Known(Box::new(caller)),
            Err(error) => Identity::Refused(error.to_string()),
        },
    }
}

fn switching(accept: &str, protocol: Option<&'static str>) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Some(protocol) = protocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    }
    response
}
