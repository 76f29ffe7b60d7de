//! Who is calling, from `Authorization: Bearer` (RFC 6750).
//!
//! No part of a token reaches an answer, a log line or a metric.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use landfall_core::auth::{Caller, Scope};

use super::error::{ApiError, INVALID_TOKEN};
use super::observe::{RequestId, Seen};
use super::peer::Origin;
use crate::app::App;
use crate::auth::{AuthError, bearer};
use crate::judge::{Refused, Shown};
use crate::service::ServiceError;

/// A caller whose token holds.
#[derive(Debug, Clone)]
pub struct Authenticated(pub Caller);

/// A caller who may read metrics.
#[derive(Debug, Clone)]
pub(super) struct MetricsReader;

impl FromRequestParts<Arc<App>> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        Self::by(token(&parts.headers), parts, app).await
    }
}

impl Authenticated {
    /// Knows the caller by the header or, where there is none, by `?token=`: an event stream's
    /// client may not be able to set a header (contract 1).
    ///
    /// # Errors
    /// 401 when there is no token or it does not hold; 503 when it cannot be judged now; 429 when
    /// too many came.
    pub(super) async fn by_header_or_query(
        parts: &Parts,
        app: &Arc<App>,
    ) -> Result<Self, ApiError> {
        let in_query = parts.uri.query().and_then(bearer::from_query);
        match in_query {
            Some(token) if !parts.headers.contains_key(header::AUTHORIZATION) => {
                Self::by(Ok(&token), parts, app).await
            }
            _ => Self::by(token(&parts.headers), parts, app).await,
        }
    }

    async fn by(
        token: Result<&str, AuthError>,
        parts: &Parts,
        app: &Arc<App>,
    ) -> Result<Self, ApiError> {
        let judged = app.judge.admit(shown(app, parts, token)?).await;
        caller(parts, judged).map(Self)
    }
}

impl FromRequestParts<Arc<App>> for MetricsReader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        // Not counted: a server is watched above all when it has too much to do.
        let judged = app.judge.know(shown(app, parts, token(&parts.headers))?).await;
        let caller = caller(parts, judged)?;
        if caller.may(&Scope::MetricsRead) {
            Ok(Self)
        } else {
            Err(ServiceError::needs("metrics:read").into())
        }
    }
}

/// Gives what is to be judged.
fn shown<'a>(
    app: &App,
    parts: &'a Parts,
    token: Result<&'a str, AuthError>,
) -> Result<Shown<'a>, ApiError> {
    let request_id = parts.extensions.get::<RequestId>().map(|id| &*id.0);
    let token = token.map_err(|error| {
        app.judge.tell(error, request_id);
        answer(error)
    })?;
    let Origin(from) = parts.extensions.get().copied().unwrap_or_default();
    Ok(Shown { token, from, request_id })
}

fn caller(parts: &Parts, judged: Result<Caller, Refused>) -> Result<Caller, ApiError> {
    let caller = judged.map_err(|refused| match refused {
        Refused::Token(error) => answer(error),
        Refused::TooFast(too_fast) => too_fast.into(),
    })?;
    if let Some(seen) = parts.extensions.get::<Seen>() {
        seen.remember(&caller);
    }
    Ok(caller)
}

fn token(headers: &HeaderMap) -> Result<&str, AuthError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(AuthError::Missing)?;
    if values.next().is_some() {
        return Err(AuthError::Malformed);
    }
    let value = value.to_str().map_err(|_| AuthError::Malformed)?;
    bearer::from_header(value).ok_or(AuthError::Missing)
}

fn answer(error: AuthError) -> ApiError {
    let answer = ApiError::new(error.code(), error.to_string());
    match error {
        // RFC 6750, section 3.1: whoever brought no token gets no error code.
        AuthError::Missing => answer,
        _ => answer.with_challenge(INVALID_TOKEN),
    }
}
