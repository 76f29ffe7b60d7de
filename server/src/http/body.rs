//! Reads a body: its type, its size, its JSON, each with its own status.
//!
//! Nothing is read beyond the limit, packed or not, and nothing for longer than a client may take.

use std::sync::Arc;

use axum::body::HttpBody as _;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use landfall_core::audit::Hash;
use landfall_protocol::json;
use landfall_protocol::problem::Code;
use serde::de::DeserializeOwned;

use super::coding::Coding;
use super::error::ApiError;
use super::slow_body::{Part, SlowBody};
use super::unpack::unpack;
use crate::app::App;
use crate::config::Limits;

/// A JSON object read into `T`.
#[derive(Debug)]
pub(super) struct JsonBody<T> {
    pub value: T,
    /// SHA-256 of the body, unpacked.
    pub digest: Hash,
}

/// A JSON object read into `T`; no body at all is `T`'s default.
#[derive(Debug)]
pub(super) struct OptionalJson<T>(pub T);

/// A JSON object read into `T`, which may come as the plain text that browsers call a string: S0's
/// page hands `fetch` one and names no type.
#[derive(Debug)]
pub(super) struct PageJson<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for PageJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let is_page_json = |essence: &str| is_json(essence) || essence == "text/plain";
        require_type(request.headers(), is_page_json, "application/json")?;
        let bytes = read_json(request, &app.limits, app.limits.body_kib.bytes()).await?;
        Ok(Self(json::parse(&bytes, app.limits.json_depth)?))
    }
}

impl<T: DeserializeOwned> FromRequest<Arc<App>> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        require_type(request.headers(), is_json, "application/json")?;
        let bytes = read_json(request, &app.limits, app.limits.body_kib.bytes()).await?;
        let value = json::parse(&bytes, app.limits.json_depth)?;
        Ok(Self { value, digest: digest(&bytes) })
    }
}

impl<T: DeserializeOwned + Default> FromRequest<Arc<App>> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let kind = require_type(request.headers(), is_json, "application/json");
        let bytes = read_json(request, &app.limits, app.limits.body_kib.bytes()).await?;
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

/// Refuses a body of another media type.
pub(super) fn require_type(
    headers: &HeaderMap,
    fits: fn(&str) -> bool,
    wanted: &str,
) -> Result<(), ApiError> {
    if fits(&essence(headers)) {
        return Ok(());
    }
    let detail = format!("The body must be {wanted}.");
    Err(ApiError::new(Code::UnsupportedType, detail))
}

/// Gives a body's media type without its parameters, in small letters.
pub(super) fn essence(headers: &HeaderMap) -> String {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// RFC 6839, section 3.1: whatever ends in `+json` is read as JSON.
pub(super) fn is_json(essence: &str) -> bool {
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Reads a body of at most so many bytes, packed and unpacked, in whatever coding it came.
pub(super) async fn read_json(
    request: Request,
    limits: &Limits,
    max_bytes: usize,
) -> Result<Bytes, ApiError> {
    let coding = Coding::of_body(request.headers())?;
    let bytes = read_up_to(request, limits, max_bytes).await?;
    match coding {
        Some(coding) => unpack(coding, bytes, max_bytes).await,
        None => Ok(bytes),
    }
}

/// Reads a body, up to the limit.
pub(super) async fn read(request: Request, limits: &Limits) -> Result<Bytes, ApiError> {
    read_up_to(request, limits, limits.body_kib.bytes()).await
}

/// Reads a body of at most so many bytes.
async fn read_up_to(
    request: Request,
    limits: &Limits,
    max_bytes: usize,
) -> Result<Bytes, ApiError> {
    let too_large = || {
        let detail = format!("The body must have at most {max_bytes} bytes.");
        ApiError::new(Code::TooLarge, detail)
    };
    let body = request.into_body();
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(too_large());
    }
    let mut body = SlowBody::new(body, limits);
    let mut bytes = BytesMut::new();
    loop {
        match body.next().await {
            Part::Data(part) if bytes.len() + part.len() > max_bytes => return Err(too_large()),
            // A body that comes in one part is not copied.
            Part::Data(part) if bytes.is_empty() => bytes = BytesMut::from(part),
            Part::Data(part) => bytes.extend_from_slice(&part),
            Part::End => return Ok(bytes.freeze()),
            Part::Refused(error) => return Err(error),
        }
    }
}
