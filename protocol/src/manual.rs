//! Sends that a person makes by hand, what they cost, and a test of one's own channels (S0, S4,
//! contract 3).
//!
//! A manual send is a request to notify with one word more, `dry_run`.

use std::collections::BTreeMap;

use landfall_core::notify::{Draft, FieldError};
use serde::{Deserialize, Serialize};

use crate::list::ByChannel;
use crate::names::{ReasonName, StateName};
use crate::notify::{NotifyAnswer, NotifyRequest, Rejected, SendAnswer};
use crate::text::{FeedNumber, Time};

/// What is to become of a manual send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// It is sent.
    Send,
    /// It is only forecast.
    Forecast,
}

impl NotifyRequest {
    /// Makes the draft of a manual send, which is of the type `usual` where the request names
    /// neither a type nor a template.
    pub fn manual(mut self, usual: &str) -> Result<(Draft, Intent), Vec<FieldError>> {
        let is_dry = self.dry_run.take().unwrap_or_default();
        if self.notification_type.is_none() && self.template_id.is_none() {
            self.notification_type = Some(usual.to_owned());
        }
        let intent = if is_dry { Intent::Forecast } else { Intent::Send };
        Ok((self.draft()?, intent))
    }
}

/// What a manual send is answered with: what `/notify` answers, or, of a dry run, who would not
/// get it; and what it costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ManualAnswer {
    /// Whether nothing was sent.
    pub dry_run: bool,
    /// How it was stored.
    #[serde(flatten)]
    pub outcome: ManualOutcome,
    /// What it does, as planned at this moment.
    pub forecast: ForecastAnswer,
}

/// What became of a manual send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum ManualOutcome {
    /// One user: stored.
    Notification(NotifyAnswer),
    /// Many users: stored.
    Send(SendAnswer),
    /// A dry run: nothing was stored.
    Nothing {
        /// Users that it would not go to.
        rejected: Vec<Rejected>,
    },
}

/// What a send does, by channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ForecastAnswer {
    /// Recipients that were looked at.
    pub recipients: u64,
    /// Whether a topic has more members than that; the numbers are of the first ones then.
    pub capped: bool,
    /// What becomes of each channel.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, ChannelForecast>))]
    pub channels: ByChannel<ChannelForecast>,
    /// What its text messages come to.
    pub sms: SmsForecast,
}

/// What becomes of one channel of a send.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChannelForecast {
    /// Recipients for whom it is to be tried, now or later; in a fallback, if it is their turn.
    pub planned: u64,
    /// Those among them for whom it is put off, such as by quiet hours.
    pub held: u64,
    /// Recipients for whom it is not tried, by reason.
    pub skipped: BTreeMap<String, u64>,
}

/// What the text messages of a send come to, if every one that is planned goes out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SmsForecast {
    /// Messages.
    pub messages: u64,
    /// Their segments, which is what a provider bills.
    pub segments: u64,
    /// Seconds that they take at the sender's pace, `sms.segments_per_second`.
    pub seconds: u64,
}

/// Words of a test notification; both may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct TestRequest {
    /// Headline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Text; `body` is S0's name of it.
    #[serde(alias = "body", skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What became of a test notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TestAnswer {
    /// Its name; its timeline tells the rest.
    pub notification_id: String,
    /// Its number on the inbox feed.
    pub replay_id: FeedNumber,
    /// When it was stored.
    pub timestamp: Time,
    /// Live connections of the caller at that time.
    pub websocket_connections: u64,
    /// How each channel stands now.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, TestedChannel>))]
    pub channels: ByChannel<TestedChannel>,
}

/// How one channel of a test stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TestedChannel {
    /// How.
    pub state: StateName,
    /// Why.
    pub reason: ReasonName,
    /// Which provider was asked; null where none was.
    pub provider: Option<String>,
    /// What the provider answered, in its own words.
    pub code: Option<String>,
}
