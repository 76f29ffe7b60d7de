//! What stands in a request's path and query, read into core's types.
//!
//! A fault's pointer is `/path/<name>` or `/query/<name>`.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Query, RawPathParams};
use axum::http::Uri;
use axum::http::request::Parts;
use landfall_core::blob::BlobHash;
use landfall_core::feed::Number;
use landfall_core::id::{
    AddressId, ConflictId, EventId, IdError, LessonId, MessageId, NotificationId, QuizId, Tenant,
    TopicId, UserId,
};
use serde::de::DeserializeOwned;

use super::error::ApiError;
use crate::app::App;
use crate::secret::Secret;

/// The query, read into `T`.
#[derive(Debug)]
pub(super) struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Arc<App>> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        let Query(value) = Query::try_from_uri(&parts.uri).map_err(|error| bad_query(&error))?;
        Ok(Self(value))
    }
}

/// Every parameter is a text of its own, so only one given twice cannot be read.
fn bad_query(error: &dyn std::error::Error) -> ApiError {
    let text = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    let twice = text.split_once("duplicate field `").and_then(|(_, rest)| rest.split_once('`'));
    match twice {
        Some((name, _)) => {
            let detail = "is given more than once, perhaps in two spellings";
            ApiError::field(&format!("/query/{name}"), detail)
        }
        None => ApiError::field("/query", "cannot be read"),
    }
}

/// Gives the names and values of a query, decoded.
pub(super) fn query_pairs(uri: &Uri) -> Vec<(String, String)> {
    Query::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default()
}

/// The notification that a path names.
#[derive(Debug)]
pub(super) struct NotificationPath(pub NotificationId);

/// The topic that a path names.
#[derive(Debug)]
pub(super) struct TopicPath(pub TopicId);

/// The member of a topic that a path names.
#[derive(Debug)]
pub(super) struct MemberPath(pub TopicId, pub UserId);

/// The user that a path names.
#[derive(Debug)]
pub(super) struct UserPath(pub UserId);

/// The address that a path names.
#[derive(Debug)]
pub(super) struct AddressPath(pub AddressId);

/// The push token that a path holds.
#[derive(Debug)]
pub(super) struct TokenPath(pub Secret);

impl FromRequestParts<Arc<App>> for UserPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        Segments::of(parts).await?.read("id", UserId::parse).map(Self)
    }
}

impl FromRequestParts<Arc<App>> for AddressPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        Segments::of(parts).await?.read("id", AddressId::parse).map(Self)
    }
}

impl FromRequestParts<Arc<App>> for TokenPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        Ok(Self(Secret::new(Segments::of(parts).await?.text("token"))))
    }
}

/// The revocation that a path names.
#[derive(Debug)]
pub(super) struct RevocationPath(pub Number);

/// The template that a path names; any text, as far as this knows.
#[derive(Debug)]
pub(super) struct TemplatePath(pub String);

impl FromRequestParts<Arc<App>> for TemplatePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        Ok(Self(Segments::of(parts).await?.text("id").to_owned()))
    }
}

impl FromRequestParts<Arc<App>> for RevocationPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        let number = Number::parse(Segments::of(parts).await?.text("id"));
        number.map(Self).ok_or_else(|| ApiError::field("/path/id", "must be a number"))
    }
}

impl FromRequestParts<Arc<App>> for NotificationPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        Segments::of(parts).await?.read("id", NotificationId::parse).map(Self)
    }
}

impl FromRequestParts<Arc<App>> for TopicPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        Segments::of(parts).await?.read("id", TopicId::parse).map(Self)
    }
}

impl FromRequestParts<Arc<App>> for MemberPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        let segments = Segments::of(parts).await?;
        let topic = segments.read("id", TopicId::parse)?;
        Ok(Self(topic, segments.read("user_id", UserId::parse)?))
    }
}

/// The message of a topic that a path names.
#[derive(Debug)]
pub(super) struct MessagePath(pub TopicId, pub MessageId);

impl FromRequestParts<Arc<App>> for MessagePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        let segments = Segments::of(parts).await?;
        let topic = segments.read("id", TopicId::parse)?;
        Ok(Self(topic, segments.read("message_id", MessageId::parse)?))
    }
}

/// The lesson that a path names.
#[derive(Debug)]
pub(super) struct LessonPath(pub LessonId);

impl FromRequestParts<Arc<App>> for LessonPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        Segments::of(parts).await?.read("id", LessonId::parse).map(Self)
    }
}

/// The event that a path names.
#[derive(Debug)]
pub(super) struct EventPath(pub EventId);

impl FromRequestParts<Arc<App>> for EventPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        Segments::of(parts).await?.read("id", EventId::parse).map(Self)
    }
}

/// The quiz that a path names.
#[derive(Debug)]
pub(super) struct QuizPath(pub QuizId);

impl FromRequestParts<Arc<App>> for QuizPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        Segments::of(parts).await?.read("id", QuizId::parse).map(Self)
    }
}

/// The conflict that a path names.
#[derive(Debug)]
pub(super) struct ConflictPath(pub ConflictId);

impl FromRequestParts<Arc<App>> for ConflictPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        Segments::of(parts).await?.read("id", ConflictId::parse).map(Self)
    }
}

/// The blob that a path names.
#[derive(Debug)]
pub(super) struct BlobPath(pub BlobHash);

impl FromRequestParts<Arc<App>> for BlobPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        let hash = BlobHash::parse(Segments::of(parts).await?.text("sha256"));
        hash.map(Self).map_err(|error| ApiError::field("/path/sha256", error.to_string()))
    }
}

/// The signed part of a link that a path holds.
#[derive(Debug)]
pub(super) struct SignedPath(pub String);

impl FromRequestParts<Arc<App>> for SignedPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        Ok(Self(Segments::of(parts).await?.text("signed").to_owned()))
    }
}

/// The secret of a calendar that a path holds, as the name of a file that ends in `.ics`.
#[derive(Debug)]
pub(super) struct CalendarPath(pub Secret);

impl FromRequestParts<Arc<App>> for CalendarPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        let segments = Segments::of(parts).await?;
        Ok(Self(Secret::new(segments.text("secret").trim_end_matches(".ics"))))
    }
}

/// The tenant that a path names.
#[derive(Debug)]
pub(super) struct TenantPath(pub Tenant);

impl FromRequestParts<Arc<App>> for TenantPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        Segments::of(parts).await?.read("tenant", Tenant::parse).map(Self)
    }
}

/// The notification or send that a path names.
#[derive(Debug)]
pub(super) struct SentPath(pub uuid::Uuid);

impl FromRequestParts<Arc<App>> for SentPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        let segments = Segments::of(parts).await?;
        segments.read("id", NotificationId::parse).map(|id| Self(id.0))
    }
}

/// The variable parts of a path, decoded.
struct Segments(RawPathParams);

impl Segments {
    async fn of(parts: &mut Parts) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, &()).await;
        params.map(Self).map_err(|_| ApiError::field("/path", "must be UTF-8"))
    }

    fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value)
    }

    fn read<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, IdError>,
    ) -> Result<T, ApiError> {
        parse(self.text(name))
            .map_err(|error| ApiError::field(&format!("/path/{name}"), error.to_string()))
    }
}
