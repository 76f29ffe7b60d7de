//! The inbox (S4, contract 3): the record of a notification, and the calls on it.

use landfall_core::feed::Number;
use landfall_core::notification::{Content, Notification};
use landfall_core::plan::Step;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::list::ByChannel;
use crate::names::{PriorityName, ReasonName, StateName};
use crate::text::{FeedNumber, IdText, Time, raw_value};

/// A notification as its owner and admins see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Item {
    /// Its name (UUIDv7).
    pub id: String,
    /// Whose inbox it is in.
    pub user_id: String,
    /// Kind of news (S4's name of it).
    #[serde(rename = "type")]
    pub kind: String,
    /// Kind of news (S2's name of it); equals `type`.
    pub notification_type: String,
    /// The template it was made from.
    pub template_id: Option<String>,
    /// Headline.
    pub title: String,
    /// Text.
    pub message: String,
    /// The app's own data, as it came.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub data: Box<RawValue>,
    /// How urgent it is.
    pub priority: PriorityName,
    /// Language of the texts.
    pub locale: Option<String>,
    /// Who sent it.
    pub sender_id: Option<String>,
    /// The sender's name at that time.
    pub sender_name: Option<String>,
    /// URL of a picture.
    pub image: Option<String>,
    /// Buttons, as they came.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<Object>>))]
    pub actions: Option<Box<RawValue>>,
    /// Where a click leads.
    pub link: Option<String>,
    /// The number at which it became visible.
    pub replay_id: Option<FeedNumber>,
    /// The number of its last change; `after` and `before` compare with it.
    pub change_id: Option<FeedNumber>,
    /// When it was accepted.
    pub created_at: Time,
    /// From then on it is delivered no more.
    pub expires_at: Option<Time>,
    /// Whether a device confirmed it.
    pub delivered: bool,
    /// When the first device did.
    pub delivered_at: Option<Time>,
    /// How often it was written to the user's devices.
    pub delivery_attempts: u32,
    /// Whether its owner has read it.
    pub read: bool,
    /// When.
    pub read_at: Option<Time>,
    /// How each channel stands, in the order of the plan.
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::BTreeMap<String, ChannelState>))]
    pub channels: ByChannel<ChannelState>,
    /// The send it was expanded from.
    pub send_id: Option<String>,
}

/// How one channel of a notification stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChannelState {
    /// How it stands.
    pub state: StateName,
    /// Why.
    pub reason: ReasonName,
}

impl From<&Step> for ChannelState {
    fn from(step: &Step) -> Self {
        let Step { channel: _, state, reason } = step;
        Self { state: StateName(*state), reason: ReasonName(*reason) }
    }
}

impl From<&Notification> for Item {
    fn from(notification: &Notification) -> Self {
        let Notification {
            id,
            user,
            content,
            number,
            changed,
            created_at,
            expires_at,
            delivered_at,
            attempts,
            read_at,
            deleted: _,
            channels,
            send,
        } = notification;
        let Content {
            notification_type,
            template_id,
            title,
            message,
            data,
            priority,
            locale,
            sender_id,
            sender_name,
            image,
            actions,
            link,
        } = &**content;
        Self {
            id: id.to_string(),
            user_id: user.to_string(),
            kind: notification_type.clone(),
            notification_type: notification_type.clone(),
            template_id: template_id.clone(),
            title: title.clone(),
            message: message.clone(),
            data: raw_value(data),
            priority: PriorityName(*priority),
            locale: locale.clone(),
            sender_id: sender_id.as_ref().map(ToString::to_string),
            sender_name: sender_name.clone(),
            image: image.clone(),
            actions: actions.as_ref().map(raw_value),
            link: link.clone(),
            replay_id: Some(FeedNumber(*number)),
            change_id: Some(FeedNumber(*changed)),
            created_at: Time(*created_at),
            expires_at: expires_at.map(Time),
            delivered: delivered_at.is_some(),
            delivered_at: delivered_at.map(Time),
            delivery_attempts: *attempts,
            read: read_at.is_some(),
            read_at: read_at.map(Time),
            channels: channels.iter().map(|step| (step.channel, step.into())).collect(),
            send_id: send.map(|send| send.to_string()),
        }
    }
}

/// How many notifications of the caller are unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UnreadCount {
    /// So many.
    pub unread_count: u64,
}

/// What marking all as read is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MarkAllRead {
    /// How many were unread.
    pub marked: u64,
    /// Covers notifications up to this number.
    pub up_to: FeedNumber,
    /// The number of the mark itself; null where nothing was unread.
    pub replay_id: Option<FeedNumber>,
}

/// Acknowledges what the caller has received, up to a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AckRequest {
    /// The last `replay_id` received.
    #[serde(alias = "replayId")]
    pub replay_id: FeedNumber,
    /// The device that received it; agrees with `X-Device-ID` where both are given.
    #[serde(default, alias = "deviceId", skip_serializing_if = "Option::is_none")]
    pub device_id: Option<IdText>,
}

impl AckRequest {
    /// Gives the number.
    pub fn number(&self) -> Number {
        self.replay_id.0
    }
}

/// What an acknowledgement is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AckAnswer {
    /// How many notifications it delivered for the first time.
    pub confirmed: u64,
}
