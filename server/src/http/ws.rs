//! The WebSocket handshake (RFC 6455, section 4.2), and handing the socket over.
//!
//! Only the handshake is HTTP; once it is answered, the raw socket is the gateway's and nothing
//! of the request is kept.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use landfall_protocol::problem::{Code, Problem};
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

use super::ApiError;
use super::headers::Device;
use super::live::{self, LiveQuery};
use super::observe::RequestId;
use super::params::Params;
use super::peer::Origin;
use crate::app::App;
use crate::auth::bearer;
use crate::judge::{Refused, Shown};
use crate::pump::pump;
use crate::realtime::handshake::{accept_key, is_valid_key};
use crate::realtime::{Gateway, Hello, Identity, PAIR_BYTES, Wire};
use crate::sockets::Place;
use crate::tls::Secured;

/// The routes of the gateway: `/ws` and `/ws/notify` are one (contract 4).
pub(super) fn routes(gateway: Arc<Gateway>) -> Router<Arc<App>> {
    let handler = move |State(app): State<Arc<App>>,
                        Params(query): Params<LiveQuery>,
                        device: Device,
                        request: Request| {
        let gateway = Arc::clone(&gateway);
        async move {
            live::admit(&app, request.headers())?;
            let accept = check_handshake(request.headers())?;
            let identity = identity(&app, token(&request), request.extensions()).await?;
            let hello =
                Hello { from: from(request.extensions()), ..hello(identity, &query, device)? };
            let open =
                move |wire, followed, place| gateway.open(wire, followed, Hello { place, ..hello });
            Ok::<_, ApiError>(upgrade(&app.tasks, (&accept, request), open))
        }
    };
    Router::new().route("/ws", get(handler.clone())).route("/ws/notify", get(handler))
}

/// Answers a handshake, and hands the socket over once it is one, with its place.
pub(super) fn upgrade<F>(
    tasks: &TaskTracker,
    (accept, mut request): (&str, Request),
    open: impl FnOnce(Wire, Vec<u8>, Option<Place>) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = ()> + Send,
{
    let protocol = bearer_protocol(request.headers());
    let on_upgrade = hyper::upgrade::on(&mut request);
    let place = request.extensions_mut().remove::<Place>();
    let theirs = tasks.clone();
    tasks.spawn(async move {
        let Ok(upgraded) = on_upgrade.await else { return };
        match wire(upgraded, &theirs, place.clone()) {
            Ok((wire, followed)) => open(wire, followed, place).await,
            Err(error) => tracing::warn!(%error, "a socket could not be taken over"),
        }
    });
    switching(accept, protocol)
}

/// Takes the socket back from HTTP, with what it has read ahead.
fn wire(
    upgraded: Upgraded,
    tasks: &TaskTracker,
    place: Option<Place>,
) -> io::Result<(Wire, Vec<u8>)> {
    let upgraded = match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(plain) => return Ok((Wire::Tcp(plain.io.into_inner()), plain.read_buf.to_vec())),
        Err(upgraded) => upgraded,
    };
    let secured = upgraded.downcast::<TokioIo<Secured>>();
    let secured = secured.map_err(|_| io::Error::other("it is of no kind that is listened on"))?;
    let (wire, carried) = Wire::pair(PAIR_BYTES)?;
    tasks.spawn(async move {
        pump(secured.io.into_inner(), Vec::new(), carried).await;
        drop(place);
    });
    Ok((wire, secured.read_buf.to_vec()))
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name);
    let mut words = values.iter().filter_map(|value| value.to_str().ok());
    words.any(|line| line.split(',').any(|word| word.trim().eq_ignore_ascii_case(token)))
}

/// Checks what section 4.2.1 asks for; gives the answer to the client's key.
pub(super) fn check_handshake(headers: &HeaderMap) -> Result<String, ApiError> {
    let upgrades = has_token(headers, UPGRADE, "websocket");
    if !upgrades || !has_token(headers, CONNECTION, "upgrade") {
        let detail =
            "this address speaks WebSocket: send Connection: Upgrade and Upgrade: websocket";
        return Err(Problem::new(Code::UpgradeRequired, detail).into());
    }
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if text(SEC_WEBSOCKET_VERSION) != Some("13") {
        let detail = "only version 13 of WebSocket is spoken here";
        return Err(Problem::new(Code::UpgradeRequired, detail).into());
    }
    let key = text(SEC_WEBSOCKET_KEY).filter(|key| is_valid_key(key));
    let key =
        key.ok_or_else(|| Problem::new(Code::Unreadable, "Sec-WebSocket-Key is not valid"))?;
    Ok(accept_key(key))
}

/// Says whether a token came as the subprotocol that follows `bearer`; then `bearer` is answered.
fn bearer_protocol(headers: &HeaderMap) -> Option<&'static str> {
    let offered = headers.get(SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    bearer::from_subprotocols(offered).map(|_| "bearer")
}

fn hello(identity: Identity, query: &LiveQuery, Device(device): Device) -> Result<Hello, ApiError> {
    let start = query.start().map_err(|fault| ApiError::fields(vec![fault]))?;
    let (confirm_by, listens) = (query.confirm_by(), query.listens());
    Ok(Hello { identity, start, confirm_by, device, listens, from: None, place: None })
}

/// Finds the token, wherever a client can put one.
pub(super) fn token(request: &Request) -> Option<String> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    header("authorization")
        .and_then(bearer::from_header)
        .map(str::to_owned)
        .or_else(|| request.uri().query().and_then(bearer::from_query))
        .or_else(|| {
            let offered = header(SEC_WEBSOCKET_PROTOCOL.as_str())?;
            bearer::from_subprotocols(offered).map(|(_, token)| token.to_owned())
        })
}

pub(super) async fn identity(
    app: &App,
    token: Option<String>,
    extensions: &Extensions,
) -> Result<Identity, ApiError> {
    let Some(token) = token else { return Ok(Identity::Unsaid) };
    let request_id = extensions.get::<RequestId>().map(|id| &*id.0);
    let shown = Shown { token: &token, from: from(extensions), request_id };
    match app.judge.admit(shown).await {
        Ok(caller) => Ok(Identity::Known(Box::new(caller))),
        Err(Refused::Token(error)) => Ok(Identity::Refused(error)),
        Err(Refused::TooFast(too_fast)) => Err(too_fast.into()),
    }
}

pub(super) fn from(extensions: &Extensions) -> Option<IpAddr> {
    let Origin(from) = extensions.get().copied().unwrap_or_default();
    from
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
