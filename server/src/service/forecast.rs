//! What a send would do before it does: recipients by channel, text messages and how long they take.
//!
//! Plans as sending plans, from the same facts; commits nothing and says nothing to the trail.

use std::collections::{BTreeMap, HashMap};

use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::feed::FeedKey;
use landfall_core::id::{Tenant, UserId};
use landfall_core::plan::Planned;
use landfall_core::sms;
use landfall_store::{Recipient, SendTo};
use serde::{Deserialize, Serialize};

use super::compose::{Letter, Tongue};
use super::notify::Reach;
use super::outbox::plain_sms;
use super::people::Wishes;
use super::routing::Brought;
use super::{ServiceError, Services};

/// Recipients that are read at once.
const CHUNK: usize = 500;

/// What a send does, as planned at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// Recipients that were looked at.
    pub recipients: u64,
    /// Whether there are more.
    pub is_capped: bool,
    /// What becomes of each channel, in the order of [`Channel::ALL`].
    pub channels: [ChannelForecast; Channel::ALL.len()],
    /// Text messages, if every one that is planned goes out.
    pub messages: u64,
    /// Their segments.
    pub segments: u64,
    /// Seconds that they take at the sender's pace.
    pub seconds: u64,
}

/// What becomes of one channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelForecast {
    /// Recipients for whom it is to be tried, now or later.
    pub planned: u64,
    /// Those among them for whom it is put off.
    pub held: u64,
    /// Recipients for whom it is not tried, by reason.
    pub skipped: BTreeMap<String, u64>,
}

/// Segments of the text in each language and zone.
type Texts = HashMap<Tongue, u64>;

impl Forecast {
    fn add(&mut self, planned: &[Planned], segments: u64) {
        self.recipients += 1;
        for step in planned {
            let channel = &mut self.channels[step.channel as usize];
            if step.state == DeliveryState::Skipped {
                *channel.skipped.entry(step.reason.as_str().to_owned()).or_default() += 1;
                continue;
            }
            channel.planned += 1;
            channel.held += u64::from(step.state == DeliveryState::Held);
            if step.channel == Channel::Sms {
                self.messages += 1;
                self.segments += segments;
            }
        }
    }
}

impl Services {
    /// Forecasts a letter to those whom it may reach, as of when it goes out to each, up to as many as one request may name.
    ///
    /// # Errors
    /// `Invalid` when the template does not work in one of their languages.
    pub(super) async fn forecast(
        &self,
        tenant: &Tenant,
        letter: &Letter<'_>,
        reach: &Reach,
        brought: Brought,
    ) -> Result<Forecast, ServiceError> {
        let is_large = reach.accepted > CHUNK as u64;
        let _turn = if is_large { self.turns.forecasting.acquire().await.ok() } else { None };
        let max = self.settings.notify.recipients;
        let (mut forecast, mut texts, mut after) = (Forecast::default(), Texts::new(), None);
        loop {
            let room = max.saturating_sub(forecast.recipients as usize).min(CHUNK);
            let from = after.as_ref().map_or("", UserId::as_str);
            let users = self.next_users(tenant, &reach.to, from, room).await?;
            after = users.last().cloned();
            let is_last = users.len() < room || room == 0;
            let (recipients, everybody) = self.addressees(tenant, users, letter).await?;
            for recipient in &recipients {
                let wishes = Wishes::of(recipient, &everybody);
                let user = FeedKey::inbox(tenant, &recipient.user);
                let (connections, at) =
                    (self.connections.count(&user), letter.goes_out(recipient, &wishes));
                let unplanned = letter.unplanned(connections, brought, at);
                let planned = self.plan(&unplanned, recipient, &wishes);
                let segments = self.segments(letter, recipient, &wishes, &mut texts)?;
                forecast.add(&planned, segments);
            }
            if is_last {
                break;
            }
        }
        let is_topic = matches!(reach.to, SendTo::Topic(_));
        forecast.is_capped = is_topic && reach.accepted > forecast.recipients;
        forecast.seconds = sms::seconds(forecast.segments, self.settings.segments_per_second);
        Ok(forecast)
    }

    /// Counts the segments of the text message that a recipient would get.
    fn segments(
        &self,
        letter: &Letter<'_>,
        recipient: &Recipient,
        wishes: &Wishes<'_>,
        texts: &mut Texts,
    ) -> Result<u64, ServiceError> {
        let tongue = Tongue::of(&letter.content, recipient, wishes);
        if let Some(known) = texts.get(&tongue) {
            return Ok(*known);
        }
        let content = &letter.content;
        let text = match &letter.filled {
            Some(filled) => {
                let rendered = tongue.fill_in(filled, &[Channel::Sms]);
                let rendered =
                    rendered.map_err(|error| ServiceError::Invalid(error.into_faults()))?;
                let plain = || plain_sms(&rendered.title, &rendered.message);
                rendered.sms.clone().unwrap_or_else(plain)
            }
            None => plain_sms(&content.title, &content.message),
        };
        let count = u64::from(sms::segments(&text).count);
        texts.insert(tongue, count);
        Ok(count)
    }
}
