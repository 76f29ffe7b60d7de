//! The API's description, and the page that shows it.
//!
//! The page loads nothing but the description, and its policy allows nothing else.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::body::digest;
use super::openapi::document;

const PAGE: &str = include_str!("docs.html");

static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_string());
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = hash_of("<style>", "</style>");
    let script = hash_of("<script>", "</script>");
    format!(
        "default-src 'none'; style-src '{style}'; script-src '{script}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// Digests what stands between two tags of the page, as a policy names it (CSP 3, section 2.3.1).
fn hash_of(opening: &str, closing: &str) -> String {
    let inside = PAGE.split_once(opening).and_then(|(_, rest)| rest.split_once(closing));
    let (inside, _) = inside.expect("the page has one style and one script");
    format!("sha256-{}", STANDARD.encode(digest(inside.as_bytes())))
}

/// Gives the description of the API (OpenAPI 3.1).
#[utoipa::path(get, path = "/openapi.json", tag = "server", operation_id = "openapi",
    security(()),
    responses((status = 200, description = "The description.", body = Object)))]
pub(super) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

/// Shows the description, with every call to try.
#[utoipa::path(get, path = "/docs", tag = "server", operation_id = "docs", security(()),
    responses((status = 200, description = "The page.", body = String,
        content_type = "text/html")))]
pub(super) async fn page() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY.as_str()),
    ];
    (headers, PAGE).into_response()
}
