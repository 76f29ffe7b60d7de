//! `GET /health` as S2 documents it, and whether the server is ready.

use serde::{Deserialize, Serialize};

use crate::text::Time;

/// How the whole server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// Everything in use works.
    Healthy,
    /// It serves, but a part does not work.
    Degraded,
}

/// How a part of the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum PartStatus {
    /// It works.
    #[serde(rename = "healthy")]
    Healthy,
    /// It works, slower or in part.
    #[serde(rename = "degraded")]
    Degraded,
    /// It does not work.
    #[serde(rename = "unavailable")]
    Unavailable,
    /// It is not in use.
    #[serde(rename = "not configured")]
    NotConfigured,
}

/// What is wrong with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum StoreTrouble {
    /// It has no room to write; what is there can be read.
    #[serde(rename = "disk full")]
    DiskFull,
    /// It does not answer.
    #[serde(rename = "store away")]
    Away,
}

/// How the server is (S2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// The whole.
    pub status: HealthStatus,
    /// When this was said.
    pub timestamp: Time,
    /// Version of the server.
    pub version: String,
    /// Live connections.
    pub total_connections: u64,
    /// Users with a live connection.
    pub active_users: u64,
    /// How long the live connections have lived, on average, in seconds.
    pub average_duration_seconds: u64,
    /// The highest number given out on any inbox feed.
    pub replay_sequence: u64,
    /// The bus.
    pub redis: PartStatus,
    /// The store.
    pub store: PartStatus,
    /// When this server last found the store put back to an earlier state, and began a
    /// new epoch; not there while it never has since its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_rolled_back_at: Option<Time>,
    /// The keys that issuers of tokens publish: degraded while some are older than they should be, unavailable while some
    /// could never be had.
    pub issuers: PartStatus,
    /// What is wrong with the store, until it works again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_trouble: Option<StoreTrouble>,
    /// The channels, and templates.
    pub services: Services,
    /// What happened until then is in the analytics; a time long ago says that they lag behind.
    pub analytics_counted_until: Time,
}

/// How the channels are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Services {
    /// Live connections.
    pub websocket: PartStatus,
    /// Web Push and FCM.
    pub push: PartStatus,
    /// Text messages.
    pub sms: PartStatus,
    /// E-mail.
    pub email: PartStatus,
    /// Templates.
    pub templates: PartStatus,
}

/// Says that the server takes requests; when it does not, `/health/ready` is a 503 problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ready {
    /// Always `ready`.
    pub status: ReadyStatus,
}

/// The one word of [`Ready`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReadyStatus {
    /// It takes requests.
    Ready,
}
