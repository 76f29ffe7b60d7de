//! Maps what went wrong below to a problem and a status: the only place that knows both.
//!
//! The inside of a fault is logged once and never shown.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use landfall_core::notify::FieldError;
use landfall_protocol::json::BadJson;
use landfall_protocol::problem::{Code, Problem};
use landfall_store::StoreError;

use crate::rates::TooFast;
use crate::service::ServiceError;

/// A request that was not served, as the problem that is answered. Its body and its request id are
/// written by [`super::observe`], which every answer passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    problem: Box<Problem>,
    challenge: &'static str,
    /// Seconds after which to try again, where the code says that it helps.
    retry_after: u64,
    /// The codings that a body may have, where another one is what was wrong.
    codings: Option<&'static str>,
}

/// How to authenticate anew with a token that holds (RFC 6750, section 3.1).
pub(super) const INVALID_TOKEN: &str = r#"Bearer error="invalid_token""#;

/// The problem of an answer whose body is still to be written.
#[derive(Debug, Clone)]
pub(super) struct Unwritten(pub Arc<Problem>);

/// Seconds after which a client may try again when the store is away.
const RETRY_AFTER: u64 = 1;

impl ApiError {
    /// Answers with a code and what is wrong with this request.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Problem::new(code, detail).into()
    }

    /// Answers 422 for one field.
    pub fn field(pointer: &str, detail: impl Into<String>) -> Self {
        Self::fields(vec![FieldError::new(pointer, detail)])
    }

    /// Answers 422 for several fields.
    pub fn fields(faults: Vec<FieldError>) -> Self {
        Problem::invalid(faults).into()
    }

    /// Says how to authenticate (RFC 6750, section 3); without it a 401 asks for a token.
    pub(super) fn with_challenge(self, challenge: &'static str) -> Self {
        Self { challenge, ..self }
    }

    /// Says which codings a body may have (RFC 7694, section 3).
    pub(super) fn with_codings(self, codings: &'static str) -> Self {
        Self { codings: Some(codings), ..self }
    }

    /// Shows the problem.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Gives the problem.
    pub(super) fn into_problem(self) -> Problem {
        *self.problem
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        let problem = Box::new(problem);
        Self { problem, challenge: "Bearer", retry_after: RETRY_AFTER, codings: None }
    }
}

impl From<TooFast> for ApiError {
    fn from(too_fast: TooFast) -> Self {
        let retry_after = too_fast.retry_seconds();
        Self { retry_after, ..Self::new(Code::RateLimited, too_fast.to_string()) }
    }
}

impl From<BadJson> for ApiError {
    fn from(bad: BadJson) -> Self {
        Problem::from(bad).into()
    }
}

impl From<Vec<FieldError>> for ApiError {
    fn from(faults: Vec<FieldError>) -> Self {
        Self::fields(faults)
    }
}

impl From<ServiceError> for ApiError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Invalid(faults) => Self::fields(faults),
            ServiceError::Forbidden(why) => Self::new(Code::Forbidden, sentence(&why)),
            ServiceError::NotFound(what) => {
                Self::new(Code::NotFound, format!("There is no such {what}."))
            }
            ServiceError::Revoked => Self::new(Code::TokenRevoked, "The token was revoked.")
                .with_challenge(INVALID_TOKEN),
            ServiceError::Missing(what) => Self::new(Code::NotFound, sentence(&what)),
            ServiceError::Conflict(why) => Self::new(Code::Conflict, sentence(&why)),
            ServiceError::TooLarge(what) => Self::new(Code::TooLarge, sentence(&what)),
            ServiceError::Forked => Self::new(
                Code::DeviceForked,
                "Another device pushed under this name; go on under a new one, with the same queue.",
            ),
            ServiceError::InFlight => Self::new(
                Code::Conflict,
                "A request with this idempotency key is under way; try again when it has ended.",
            ),
            ServiceError::KeyReused => Self::new(
                Code::IdempotencyMismatch,
                "This idempotency key came before with another body.",
            ),
            ServiceError::Store(error) => store_error(&error),
        }
    }
}

fn store_error(error: &StoreError) -> ApiError {
    match error {
        StoreError::Stale => {
            ApiError::new(Code::Conflict, "Others changed this at the same time; try again.")
        }
        StoreError::Unavailable(_) => {
            tracing::warn!(%error, "the store did not take a request");
            ApiError::new(Code::Unavailable, "The store does not take this now; try again.")
        }
        StoreError::Internal(source) => {
            tracing::error!(%error, %source, "the store failed");
            internal()
        }
        StoreError::Duplicate(_) | StoreError::KeyReused | StoreError::Revoked => {
            tracing::error!(%error, "a store error reached the edge that services deal with");
            internal()
        }
    }
}

pub(super) fn internal() -> ApiError {
    ApiError::new(Code::Internal, "The server failed to serve this; the fault is in its logs.")
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}

/// A 426 has to name the protocol and its version (RFC 9110, 15.5.22; RFC 6455, 4.4).
fn say_what_is_spoken(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Self { problem, challenge, retry_after, codings } = self;
        let status = StatusCode::from_u16(problem.status).unwrap_or_default();
        let mut response = status.into_response();
        let headers = response.headers_mut();
        match problem.code {
            Code::Unauthenticated | Code::TokenRevoked => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
            Code::Unavailable | Code::RateLimited => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
            }
            Code::UpgradeRequired => say_what_is_spoken(headers),
            _ => {}
        }
        if let Some(codings) = codings {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(codings));
        }
        response.extensions_mut().insert(Unwritten(Arc::from(problem)));
        response
    }
}
