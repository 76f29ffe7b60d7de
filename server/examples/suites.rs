//! A server for the official suites of Engine.IO and Socket.IO, which `docs/migrate-from-socketio.md` says how to run:
//! it serves `/engine.io/`, which echoes, and `/socket.io/`, which has the two namespaces that they expect.
//!
//! Everything up to the messages is the code that the server ships: requests, polls, posts, upgrades, frames. Who
//! answers the messages is made for the suites, and is the same that the crate's own tests have.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../socketio/tests/suites/app.rs"]
mod app;
#[path = "suites/session.rs"]
mod session;

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use landfall_server::http::engineio;
use landfall_server::realtime::Engine;
use landfall_socketio::terms::Terms;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use app::App;
use session::Session;

/// The suites name it.
const PORT: u16 = 3_000;
/// What the suites expect.
const TERMS: Terms = Terms {
    ping_interval_ms: 300,
    ping_timeout_ms: 200,
    max_payload: 1_000_000,
    connect_ms: 1_000,
    upgrade_ms: 10_000,
    closing_ms: 5_000,
    noop_ms: 100,
};

// The suites send requests on two connections and expect them to be served in that order, as one thread does.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).await.unwrap();
    let engine = || Arc::new(Engine::new(TERMS, 1_000, TaskTracker::new()));
    let (echo, rooms) = (engine(), engine());
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        socket.set_nodelay(true).unwrap();
        let (echo, rooms) = (Arc::clone(&echo), Arc::clone(&rooms));
        let service = service_fn(move |request| {
            let (echo, rooms) = (Arc::clone(&echo), Arc::clone(&rooms));
            async move { Ok::<_, Infallible>(serve(&echo, &rooms, request).await) }
        });
        tokio::spawn(async move {
            let mut builder = http1::Builder::new();
            let connection =
                builder.timer(TokioTimer::new()).serve_connection(TokioIo::new(socket), service);
            // A client may go whenever it likes.
            let _ = connection.with_upgrades().await;
        });
    }
}

async fn serve(echo: &Engine, rooms: &Engine, request: hyper::Request<Incoming>) -> Response {
    let request: Request = request.map(Body::new);
    let (engine, app) = match request.uri().path() {
        "/engine.io/" => (echo, App::Echo),
        "/socket.io/" => (rooms, App::rooms(TERMS.connect_ms)),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let asked = match engineio::asked(&request) {
        Ok(asked) => asked,
        Err(error) => return engineio::refused(error),
    };
    let open = async move |wire, followed, opening, _place| {
        // A session ends with its client, however that goes.
        let _ = Session::new(TERMS, wire, app).run(followed, opening).await;
    };
    engineio::serve(engine, (asked, request), open).await.into_response()
}
