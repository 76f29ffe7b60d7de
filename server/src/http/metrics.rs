//! `GET /metrics`: what the server counts, for Prometheus.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use super::auth::MetricsReader;
use crate::app::App;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Gives the metrics as OpenMetrics text; needs `metrics:read`.
///
/// Prometheus sends the token by `authorization: {credentials_file: …}` of its scrape
/// configuration; `landfall token --sub prometheus --scope metrics:read` makes one.
#[utoipa::path(get, path = "/metrics", tag = "server", operation_id = "metrics",
    responses((status = 200, description = "The metrics.", body = String,
        content_type = "application/openmetrics-text")))]
pub(super) async fn metrics(
    State(app): State<Arc<App>>,
    MetricsReader: MetricsReader,
) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, OPEN_METRICS)], app.metrics.text())
}
