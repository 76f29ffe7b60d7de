//! Blobs: the files of lessons and messages, by the SHA-256 of their bytes (contract 6).
//!
//! Bytes stream both ways: none is kept in memory longer than it takes to pass it on.

use std::sync::Arc;

use axum::Json;
use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use landfall_core::blob::{BlobHash, MEDIA_TYPE_UNKNOWN, is_media_type, is_shown_inline};
use landfall_protocol::lessons::BlobAnswer;
use landfall_protocol::problem::Code;
use landfall_store::Blob;

use super::auth::Authenticated;
use super::download;
use super::error::ApiError;
use super::params::BlobPath;
use super::ranges::{Part, wanted};
use super::slow_body::{self, SlowBody};
use crate::app::App;
use crate::service::blobs::{OpenBlob, Receiving, Upload};

/// Whoever may read it may keep it, and asks whether they still may.
const KEPT: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Stores a blob under the SHA-256 of its bytes.
///
/// For members of any topic, within `blobs.member_max_mib` and `blobs.member_mib`; with `lessons:manage`, and
/// `topics:manage` or the role `teacher` or `owner` in any class, within `blobs.max_mib`. One that is there already
/// and that the caller may read is answered at once, and its bytes are not read: send `Expect: 100-continue` to
/// send none. Safe to repeat as it is.
#[utoipa::path(put, path = "/api/v1/blobs/{sha256}", tag = "lessons", operation_id = "blob_put",
    params(("sha256" = String, Path, description = "SHA-256 of the bytes: 64 hexadecimal digits.")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream",
        description = "The bytes; `Content-Type` is kept."),
    responses((status = 201, description = "Stored.", body = BlobAnswer),
        (status = 200, description = "Was there.", body = BlobAnswer)))]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    BlobPath(hash): BlobPath,
    request: Request,
) -> Result<(StatusCode, HeaderMap, Json<BlobAnswer>), ApiError> {
    let media_type = media_type(request.headers())?;
    let announced = request.body().size_hint().exact();
    let (status, blob) = match app.services.begin_blob(&caller, hash, announced).await? {
        Upload::There(blob) => (StatusCode::OK, blob),
        Upload::Awaited(mut receiving) => {
            receive(&app, request, &mut receiving).await?;
            let stored = app.services.finish_blob(&caller, *receiving, media_type).await?;
            (StatusCode::CREATED, stored)
        }
    };
    let tag = HeaderMap::from_iter([(header::ETAG, value(&tag(&blob.hash)))]);
    Ok((status, tag, Json(answer(blob))))
}

async fn receive(app: &App, request: Request, to: &mut Receiving) -> Result<(), ApiError> {
    let mut body = SlowBody::new(request.into_body(), &app.limits);
    loop {
        match body.next().await {
            slow_body::Part::Data(part) => to.push(&part).await?,
            slow_body::Part::End => return Ok(()),
            slow_body::Part::Refused(error) => return Err(error),
        }
    }
}

/// Reads the media type that a blob is to have.
fn media_type(headers: &HeaderMap) -> Result<String, ApiError> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        let detail = "The body must be the bytes themselves, without Content-Encoding.";
        return Err(ApiError::new(Code::UnsupportedType, detail).with_codings("identity"));
    }
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return Ok(MEDIA_TYPE_UNKNOWN.to_owned());
    };
    let kind = kind.to_str().ok().map(str::trim).filter(|kind| is_media_type(kind));
    kind.map(str::to_owned).ok_or_else(|| {
        ApiError::field("/header/Content-Type", "must be a media type such as image/png")
    })
}

fn answer(blob: Blob) -> BlobAnswer {
    let Blob { hash, file: _, bytes, media_type } = blob;
    BlobAnswer { sha256: hash.to_string(), media_type, bytes }
}

/// Gives the bytes of a blob, or a part of them.
///
/// For whoever is in a class with a lesson that refers to it or in a topic with a message that carries it, for
/// whoever uploaded it, and with `topics:manage`; for all others it is not there. `Range` asks for one part, `If-Range` with the `ETag`
/// only if it is the same blob, which it always is under one name.
#[utoipa::path(get, path = "/api/v1/blobs/{sha256}", tag = "lessons", operation_id = "blob_get",
    params(("sha256" = String, Path, description = "SHA-256 of the bytes: 64 hexadecimal digits."),
        ("Range" = Option<String>, Header, description = "`bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-COUNT`."),
        ("If-Range" = Option<String>, Header, description = "The `ETag` of what is there already."),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what is there already.")),
    responses(
        (status = 200, description = "The bytes.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The part that was asked for; see `Content-Range`.",
            body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "The caller has it."),
        (status = 416, description = "No byte of the range is there; `Content-Range` says the length.",
            body = landfall_protocol::problem::Problem,
            content_type = "application/problem+json")))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    BlobPath(hash): BlobPath,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let OpenBlob { blob, file } = app.services.open_blob(&caller, hash).await?;
    Ok(match wanted(&headers, &tag(&hash), blob.bytes) {
        Part::NotModified => (StatusCode::NOT_MODIFIED, about(&blob)).into_response(),
        Part::Nowhere => nowhere(&blob),
        Part::Whole => {
            let body = download::body(file, 0, blob.bytes, &app.limits);
            (StatusCode::OK, sized(&blob, blob.bytes), body).into_response()
        }
        Part::Bytes(first, last) => {
            let length = last - first + 1;
            let mut headers = sized(&blob, length);
            let range = value(&format!("bytes {first}-{last}/{}", blob.bytes));
            headers.insert(header::CONTENT_RANGE, range);
            let body = download::body(file, first, length, &app.limits);
            (StatusCode::PARTIAL_CONTENT, headers, body).into_response()
        }
    })
}

/// Says what a blob is, without its bytes; for whom `GET` gives them.
#[utoipa::path(head, path = "/api/v1/blobs/{sha256}", tag = "lessons", operation_id = "blob_head",
    params(("sha256" = String, Path, description = "SHA-256 of the bytes: 64 hexadecimal digits.")),
    responses((status = 200, description = "It is there: `Content-Length`, `Content-Type`, `ETag`."),
        (status = 304, description = "The caller has it.")))]
pub(super) async fn head(
    State(app): State<Arc<App>>,
    Authenticated(caller): Authenticated,
    BlobPath(hash): BlobPath,
    mut headers: HeaderMap,
) -> Result<Response, ApiError> {
    let OpenBlob { blob, .. } = app.services.open_blob(&caller, hash).await?;
    // A range is for GET alone (RFC 9110, 14.2).
    headers.remove(header::RANGE);
    Ok(match wanted(&headers, &tag(&hash), blob.bytes) {
        Part::NotModified => (StatusCode::NOT_MODIFIED, about(&blob)).into_response(),
        _ => (StatusCode::OK, sized(&blob, blob.bytes), download::nothing()).into_response(),
    })
}

fn nowhere(blob: &Blob) -> Response {
    let problem =
        ApiError::new(Code::RangeNotSatisfiable, format!("The blob has {} bytes.", blob.bytes));
    let length = value(&format!("bytes */{}", blob.bytes));
    ([(header::CONTENT_RANGE, length)], problem).into_response()
}

/// What is said of a blob, whatever is sent of it.
fn about(blob: &Blob) -> HeaderMap {
    HeaderMap::from_iter([
        (header::ETAG, value(&tag(&blob.hash))),
        (header::CACHE_CONTROL, KEPT),
        (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
    ])
}

fn sized(blob: &Blob, length: u64) -> HeaderMap {
    let mut headers = about(blob);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::CONTENT_TYPE, value(&blob.media_type));
    if !is_shown_inline(&blob.media_type) {
        let offered = HeaderValue::from_static("attachment");
        headers.insert(header::CONTENT_DISPOSITION, offered);
    }
    headers
}

fn tag(hash: &BlobHash) -> String {
    format!("\"{hash}\"")
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("hashes, numbers and media types are visible ASCII")
}
