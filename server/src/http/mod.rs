//! HTTP: a codec around the services.
//!
//! A handler reads a request, calls one service and maps what it said; it decides nothing, and
//! nothing below knows what HTTP is. One file per group of endpoints, one table of aliases.

mod admin;
mod aliases;
mod analytics;
mod auth;
mod based_on;
mod batch;
mod blobs;
mod body;
mod calendar;
mod callbacks;
mod coding;
mod cors;
mod cursors;
mod deliveries;
mod docs;
mod download;
pub mod engineio;
mod error;
mod events;
mod examples;
mod headers;
mod health;
mod inbox;
mod lessons;
pub mod lines;
mod live;
mod manual;
mod members;
mod messages;
mod metrics;
mod notify;
mod observe;
mod openapi;
mod pack;
mod params;
mod peer;
mod prefer;
mod preferences;
mod presence;
mod quizzes;
mod ranges;
mod refusals;
mod revocations;
mod routes;
mod slow_body;
mod socketio;
mod stream;
mod subscriptions;
mod suppressions;
mod sync;
mod templates;
mod timeline;
mod tokens;
mod topics;
mod twilio;
mod unpack;
mod users;
mod ws;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use tower::ServiceExt as _;

use crate::app::App;
use crate::realtime::Gateway;

pub use auth::Authenticated;
pub use error::ApiError;
pub use headers::Device;
pub use observe::{RequestId, Seen};
pub use openapi::document;
pub use peer::{FromPeer, Peer};
pub use routes::table;

/// The routes of live connections: sockets and event streams.
pub fn live_routes(gateway: Arc<Gateway>) -> Router<Arc<App>> {
    ws::routes(Arc::clone(&gateway))
        .merge(socketio::routes(Arc::clone(&gateway)))
        .merge(stream::routes(gateway))
}

/// Builds everything that HTTP serves. `extra` brings routes of other edges, such as sockets;
/// they get the aliases, request ids, logs and metrics of all others.
pub fn router(app: Arc<App>, extra: Router<Arc<App>>) -> Router {
    let routes = routes::routes().merge(extra);
    let inner: Router = observe::wrap(routes, &app).with_state(app);
    // An alias must be known before a route is chosen, so it cannot be a layer of the router.
    Router::new().fallback_service(tower::service_fn(move |request: Request| {
        let inner = inner.clone();
        async move { Ok::<Response, std::convert::Infallible>(dispatch(inner, request).await) }
    }))
}

async fn dispatch(inner: Router, mut request: Request) -> Response {
    if let Some(called) = aliases::rewrite(request.uri_mut()) {
        request.extensions_mut().insert(called);
    }
    match inner.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
