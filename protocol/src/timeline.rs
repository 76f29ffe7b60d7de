//! A notification's timeline: every decision and attempt with its reason (contract 3).
//!
//! Shows no address and no text of the notification.

use serde::{Deserialize, Serialize};

use crate::inbox::ChannelState;
use crate::list::ByChannel;
use crate::names::{ChannelName, PriorityName, StateName};
use crate::text::Time;

/// What became of a notification so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Timeline {
    /// Its name.
    pub notification_id: String,
    /// Whose inbox it is in.
    pub user_id: String,
    /// Kind of news.
    pub notification_type: String,
    /// How urgent it is.
    pub priority: PriorityName,
    /// When it was accepted; when it went out, for what went out later.
    pub created_at: Time,
    /// When it goes out, while it waits: by the recipient's zone as it is now.
    pub deliver_at: Option<Time>,
    /// From then on it is delivered no more.
    pub expires_at: Option<Time>,
    /// When the first device confirmed it on its live connection.
    pub delivered_at: Option<Time>,
    /// When its owner read it.
    pub read_at: Option<Time>,
    /// When its sender took it back.
    pub canceled_at: Option<Time>,
    /// Whether it was deleted; its timeline is then for admins alone.
    pub deleted: bool,
    /// How each channel stands now, in the order of the plan.
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::BTreeMap<String, ChannelState>))]
    pub channels: ByChannel<ChannelState>,
    /// What happened, oldest first.
    pub items: Vec<TimelineItem>,
    /// Asks for what follows as `cursor`; null at the end.
    pub next_cursor: Option<String>,
}

/// One decision, attempt or report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TimelineItem {
    /// When.
    pub at: Time,
    /// What happened, such as `accepted`, `planned` or `delivery_sent`.
    pub event: String,
    /// On which channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelName>,
    /// How the delivery stood after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateName>,
    /// Why.
    pub reason: String,
    /// The rule of the order of say that it follows from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<u8>,
    /// Which attempt it was, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Which provider was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The provider's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Which device, as it names itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}
