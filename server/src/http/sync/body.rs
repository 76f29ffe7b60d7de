//! A body that holds people's work: larger than others, and with parts that are read one by one.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use landfall_protocol::json;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::super::body::{is_json, read_json, require_type};
use super::super::error::ApiError;
use crate::app::App;

/// A JSON object read into `T`. How deep its parts may be nested is for whoever reads them.
#[derive(Debug)]
pub(in super::super) struct WorkBody<T>(pub(in super::super) T);

/// The same, which may come as the plain text that browsers call a string: S0's page hands `fetch` one
/// and names no type.
#[derive(Debug)]
pub(in super::super) struct PageWork<T>(pub(in super::super) T);

/// The text of such a body, for whoever reads it.
#[derive(Debug)]
pub(in super::super) struct PageText(pub(in super::super) String);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for WorkBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        require_type(request.headers(), is_json, "application/json")?;
        let bytes = read_json(request, &app.limits, app.limits.sync_body_kib.bytes()).await?;
        Ok(Self(json::parse(&bytes, usize::MAX)?))
    }
}

impl<T: DeserializeOwned> FromRequest<Arc<App>> for PageWork<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let bytes = page_bytes(request, app).await?;
        Ok(Self(json::parse(&bytes, usize::MAX)?))
    }
}

impl FromRequest<Arc<App>> for PageText {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let bytes = page_bytes(request, app).await?;
        // What is no JSON object is told from one with a wrong field.
        let object: Box<RawValue> = json::parse(&bytes, usize::MAX)?;
        Ok(Self(object.get().to_owned()))
    }
}

async fn page_bytes(request: Request, app: &App) -> Result<Bytes, ApiError> {
    // One that names no type says as little as `fetch` does.
    let is_page = |essence: &str| essence.is_empty() || essence == "text/plain" || is_json(essence);
    require_type(request.headers(), is_page, "application/json")?;
    read_json(request, &app.limits, app.limits.sync_body_kib.bytes()).await
}
