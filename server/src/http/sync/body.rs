//! A body that holds people's work: larger than others, and with parts that are read one by one.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use landfall_protocol::json;
use serde::de::DeserializeOwned;

use super::super::body::{is_json, read_json, require_type};
use super::super::error::ApiError;
use crate::app::App;

/// A JSON object read into `T`. How deep its parts may be nested is for whoever reads them.
#[derive(Debug)]
pub(in super::super) struct WorkBody<T>(pub(in super::super) T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for WorkBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        require_type(request.headers(), is_json, "application/json")?;
        let bytes = read_json(request, &app.limits, app.limits.sync_body_kib.bytes()).await?;
        Ok(Self(json::parse(&bytes, usize::MAX)?))
    }
}
