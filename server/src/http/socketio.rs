//! Socket.IO's address, `/socket.io/`: whether its sessions may begin, and who begins them.
//!
//! What its requests ask and how they are answered is Engine.IO's.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use landfall_core::session::{ConfirmBy, Start};
use landfall_socketio::request::Asked;

use super::ApiError;
use super::engineio;
use super::live;
use super::ws::{from, identity, token};
use crate::app::App;
use crate::realtime::{Gateway, Hello, Identity, Listens};

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
    let asked = match engineio::asked(&request) {
        Ok(asked) => asked,
        Err(error) => return Ok(engineio::refused(error)),
    };
    let identity = match asked {
        Asked::Open(_) => identity(app, token(&request), request.extensions()).await?,
        _ => Identity::Unsaid,
    };
    let hello = Hello {
        identity,
        start: Start::Pending,
        confirm_by: ConfirmBy::Pong,
        device: None,
        listens: Listens::default(),
        from: from(request.extensions()),
        place: None,
    };
    let engine = Arc::clone(&gateway.engine);
    let open = move |wire, followed, opening, place| {
        gateway.open_socketio(wire, followed, (Hello { place, ..hello }, opening))
    };
    engineio::serve(&engine, (asked, request), open).await
}
