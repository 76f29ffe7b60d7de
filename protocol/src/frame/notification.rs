//! The frame of a notification: its shape for clients and for the documentation.
//!
//! The server writes it in `encode`; a test keeps the two alike.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::names::PriorityName;
use crate::text::{FeedNumber, Time};

/// A notification as a socket gets it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NotificationFrame {
    /// The template's id, else the notification type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Kind of news.
    pub notification_type: String,
    /// The template it was made from.
    pub template_id: Option<String>,
    /// Its name.
    pub id: String,
    /// The position on the feed.
    pub replay_id: FeedNumber,
    /// Nothing visible lies between this number and `replay_id`.
    pub prev: FeedNumber,
    /// Headline.
    pub title: String,
    /// Text.
    pub message: String,
    /// The app's own data, as it came.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub data: Box<RawValue>,
    /// How urgent it is.
    pub priority: PriorityName,
    /// When it was accepted.
    pub timestamp: Time,
    /// Who sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_id: Option<String>,
    /// The sender's name at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_name: Option<String>,
    /// URL of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Buttons, as they came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<Object>>))]
    pub actions: Option<Box<RawValue>>,
    /// Where a click leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Language of the texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// From then on it is delivered no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// `true` where it was read already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read: bool,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<Time>,
}
