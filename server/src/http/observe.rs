//! What happens around every request: its id, its line in the access log, its metrics, the headers
//! of its answer, and the body of a problem.
//!
//! Logs and metrics name the route's template, never the path or the query, and no user.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use landfall_core::auth::Caller;
use landfall_core::id::{Tenant, UserId};
use landfall_protocol::problem::{Code, Problem};
use tokio::time::Instant;

use super::error::{ApiError, Unwritten, internal};
use super::refusals::Refusals;
use super::{cors, peer};
use crate::app::{App, WebSettings};

/// Finds a request in the logs: the client's `X-Request-Id`, or one made here.
#[derive(Debug, Clone)]
pub struct RequestId(pub Arc<str>);

/// Who a request turned out to come from, for the log line and the trail; filled by whoever
/// checks the token. A provider's callback is a tenant's and no user's.
#[derive(Debug, Clone, Default)]
pub struct Seen(Arc<OnceLock<(Tenant, Option<UserId>)>>);

impl Seen {
    /// Remembers the caller of this request; the first one counts.
    pub fn remember(&self, caller: &Caller) {
        self.0.get_or_init(|| (caller.tenant.clone(), Some(caller.user.clone())));
    }

    /// Remembers whose callback this request says it is.
    pub fn remember_tenant(&self, tenant: &Tenant) {
        self.0.get_or_init(|| (tenant.clone(), None));
    }
}

/// The template of requests that no route took.
const NO_ROUTE: &str = "none";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID_CHARS: usize = 64;

/// What observing needs.
struct Around {
    app: Arc<App>,
    refusals: Refusals,
}

/// Puts the observation around all routes, and problems where no route or method fits.
pub(super) fn wrap(routes: Router<Arc<App>>, app: &Arc<App>) -> Router<Arc<App>> {
    let around = Around { app: Arc::clone(app), refusals: Refusals::default() };
    let no_route = || async { ApiError::new(Code::NotFound, "There is no such path.") };
    let no_method = || async { ApiError::new(Code::MethodNotAllowed, "See the header Allow.") };
    routes
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(Arc::new(around), observe))
}

async fn observe(State(around): State<Arc<Around>>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let app = &around.app;
    let id = RequestId(request_id(app, request.headers()));
    let seen = Seen::default();
    let method = method_name(request.method());
    let template = request.extensions().get::<MatchedPath>().cloned();
    let route = template.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(seen.clone());
    let from = peer::origin_of(&request, &app.web.proxies);
    request.extensions_mut().insert(from);
    let page = cors::Page::of(request.headers(), &app.web);

    let mut response = answered(&id, request, next).await;
    if let Some(Unwritten(problem)) = response.extensions_mut().remove::<Unwritten>() {
        around.note(&problem, &seen, (method, route));
        write_problem(&mut response, &problem, &id);
    }
    finish(response.headers_mut(), &id);
    secure(response.headers_mut(), &app.web);
    page.allow(response.headers_mut());

    let (status, took) = (response.status().as_u16(), begun.elapsed());
    app.metrics.request(route, status, took);
    let tenant = seen.0.get().map(|(tenant, _)| tenant.as_str());
    let duration_ms = (took.as_secs_f64() * 1_000_000.0).round() / 1_000.0;
    if route.starts_with("/socket.io") {
        // A session that polls makes a request for every few words.
        tracing::debug!(method, route, status, duration_ms, request_id = %id.0, tenant, "request");
    } else {
        tracing::info!(method, route, status, duration_ms, request_id = %id.0, tenant, "request");
    }
    response
}

impl Around {
    /// Counts a problem, and tells the trail of one that a known caller was not allowed.
    fn note(&self, problem: &Problem, seen: &Seen, (method, route): (&str, &str)) {
        self.app.metrics.problem(problem.code);
        if problem.code == Code::Unavailable {
            self.app.metrics.store_unavailable.inc();
        }
        if let (Code::Forbidden, Some(from)) = (problem.code, seen.0.get()) {
            let what = format!("{method} {route}");
            self.refusals.record(&self.app, from.clone(), what, problem.detail.clone());
        }
    }
}

async fn answered(id: &RequestId, request: Request, next: Next) -> Response {
    if let Some(preflight) = cors::preflight(&request) {
        return preflight;
    }
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    answered.unwrap_or_else(|_| {
        // The panic hook has told it; its text may hold anything, so it is not repeated.
        tracing::error!(request_id = %id.0, "a handler panicked");
        internal().into_response()
    })
}

fn write_problem(response: &mut Response, problem: &Problem, id: &RequestId) {
    let problem = problem.clone().with_request_id(&*id.0);
    let body = serde_json::to_vec(&problem).expect("a problem holds only strings and numbers");
    *response.body_mut() = Body::from(body);
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().remove(header::CONTENT_LENGTH);
}

fn finish(headers: &mut HeaderMap, id: &RequestId) {
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, value);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// An answer is data for whoever asked: never guessed at, never shown in another page.
fn secure(headers: &mut HeaderMap, web: &WebSettings) {
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    if web.is_https {
        // RFC 6797. A year, and this host alone: what else runs below it is not ours to decide.
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
}

fn request_id(app: &App, headers: &HeaderMap) -> Arc<str> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let is_id =
        |text: &&str| (1..=REQUEST_ID_CHARS).contains(&text.len()) && text.bytes().all(allowed);
    match given.filter(is_id) {
        Some(text) => text.into(),
        None => {
            let bytes: [u8; 16] = app.services.ids.bytes();
            uuid::Uuid::from_bytes(bytes).simple().to_string().into()
        }
    }
}

/// A method is whatever a client writes; only known ones are repeated.
fn method_name(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|name| *name == method.as_str()).unwrap_or("other")
}
