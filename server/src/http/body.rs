//! Reads a body: its type, its size, its JSON, each with its own status.
//!
//! Nothing is read beyond the limit, and nothing for longer than a client may take.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use landfall_core::audit::Hash;
use landfall_protocol::json;
use landfall_protocol::problem::Code;
use serde::de::DeserializeOwned;

use super::error::ApiError;
use crate::app::App;

/// Time in which a body, or the next part of a streamed one, has to arrive.
pub(super) const BODY_WAIT: Duration = Duration::from_secs(30);

/// A JSON object read into `T`.
#[derive(Debug)]
pub(super) struct JsonBody<T> {
    pub value: T,
    /// SHA-256 of the body as it came.
    pub digest: Hash,
}

/// A JSON object read into `T`; no body at all is `T`'s default.
#[derive(Debug)]
pub(super) struct OptionalJson<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        require_type(request.headers(), is_json, "application/json")?;
        let bytes = read(request, app.limits.body_kib.bytes()).await?;
        let value = json::parse(&bytes, app.limits.json_depth)?;
        Ok(Self { value, digest: digest(&bytes) })
    }
}

impl<T: DeserializeOwned + Default> FromRequest<Arc<App>> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let kind = require_type(request.headers(), is_json, "application/json");
        let bytes = read(request, app.limits.body_kib.bytes()).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        kind?;
        Ok(Self(json::parse(&bytes, app.limits.json_depth)?))
    }
}

/// Digests a request, to tell a repetition from another request with the same key.
pub(super) fn digest(bytes: &[u8]) -> Hash {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Refuses a body of another media type, or one that is compressed.
pub(super) fn require_type(
    headers: &HeaderMap,
    fits: fn(&str) -> bool,
    wanted: &str,
) -> Result<(), ApiError> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let kind = text(header::CONTENT_TYPE).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_plain = text(header::CONTENT_ENCODING)
        .is_none_or(|encoding| encoding.trim().eq_ignore_ascii_case("identity"));
    if fits(&essence) && is_plain {
        return Ok(());
    }
    let detail = format!("The body must be {wanted}, not compressed.");
    Err(ApiError::new(Code::UnsupportedType, detail))
}

/// RFC 6839, section 3.1: whatever ends in `+json` is read as JSON.
fn is_json(essence: &str) -> bool {
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

async fn read(request: Request, max_bytes: usize) -> Result<Bytes, ApiError> {
    let body = Limited::new(request.into_body(), max_bytes);
    let collected = tokio::time::timeout(BODY_WAIT, body.collect()).await;
    let collected =
        collected.map_err(|_| ApiError::new(Code::Timeout, "The body did not arrive in time."))?;
    collected.map(http_body_util::Collected::to_bytes).map_err(|error| {
        if error.downcast_ref::<LengthLimitError>().is_some() {
            let detail = format!("The body must have at most {max_bytes} bytes.");
            ApiError::new(Code::TooLarge, detail)
        } else {
            ApiError::new(Code::Unreadable, "The body broke off.")
        }
    })
}
