//! Routing one notification: what leads to its recipient, what they want, and the plan for it.
//!
//! Core decides; this file only gathers what it decides from, and turns its plan into deliveries.

use landfall_channels::LoadKind;
use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::id::{Tenant, TopicId};
use landfall_core::notification::Priority;
use landfall_core::plan::{Planned, Reach, Refusal, Route, Strategy, Way, plan};
use landfall_core::preference::About;
use landfall_core::time::Timestamp;
use landfall_store::{AddressKind, NewDelivery, Recipient, Suppression};
use serde::{Deserialize, Serialize};

use super::people::Wishes;
use super::{ServiceError, Services};

/// What a sender asked for of the channels: kept with a send, whose recipients each get a plan of
/// their own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Asked {
    /// The request's channels, in its order.
    pub(super) channels: Vec<String>,
    /// How they follow each other.
    pub(super) strategy: Option<String>,
    /// Milliseconds without a read after which a fallback goes on.
    pub(super) escalate_after_ms: Option<i64>,
}

impl Asked {
    /// Reads what was kept.
    pub(super) fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// Writes what is to be kept.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("it holds only strings and numbers")
    }

    fn channels(&self) -> Vec<Channel> {
        self.channels.iter().filter_map(|name| Channel::parse(name)).collect()
    }

    fn strategy(&self) -> Option<Strategy> {
        self.strategy.as_deref().and_then(Strategy::parse)
    }
}

/// A notification whose channels are to be planned.
pub(super) struct Unplanned<'a> {
    pub(super) asked: &'a Asked,
    /// The template's channels.
    pub(super) template: &'a [Channel],
    pub(super) priority: Priority,
    pub(super) notification_type: &'a str,
    pub(super) topic: Option<&'a TopicId>,
    pub(super) is_online: bool,
    /// What the request brought along.
    pub(super) brought: Brought,
    pub(super) now: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
}

impl Services {
    /// Plans a notification's channels for its recipient.
    pub(super) fn plan(
        &self,
        unplanned: &Unplanned<'_>,
        recipient: &Recipient,
        wishes: &Wishes<'_>,
    ) -> Vec<Planned> {
        let about =
            About { notification_type: unplanned.notification_type, topic: unplanned.topic };
        let preferences = wishes.resolved(about);
        plan(Route {
            requested: &unplanned.asked.channels(),
            template: unplanned.template,
            priority: unplanned.priority,
            strategy: unplanned.asked.strategy(),
            escalate_after_ms: unplanned.asked.escalate_after_ms,
            reach: &self.reach(recipient, unplanned.brought),
            preferences: &preferences,
            is_online: unplanned.is_online,
            now: unplanned.now,
            expires_at: unplanned.expires_at,
        })
    }

    /// Says how each channel leads to a recipient.
    pub(super) fn reach(&self, recipient: &Recipient, brought: Brought) -> Reach {
        let registry = &self.outbox.registry;
        let person = recipient.person.as_ref();
        Reach::of(|channel| Way {
            is_configured: registry.is_configured(channel),
            has_address: match channel {
                Channel::Websocket => true,
                Channel::Push => recipient
                    .addresses
                    .iter()
                    .any(|address| registry.carries(carried(address.kind))),
                Channel::Sms => {
                    brought != Brought::Nothing || person.is_some_and(|p| p.phone.is_some())
                }
                Channel::Email => person.is_some_and(|p| p.email.is_some()),
            },
            refusal: match (channel, brought) {
                (Channel::Sms, Brought::Phone(refusal)) => refusal,
                _ => refusal(channel, &recipient.suppressions),
            },
        })
    }

    /// Says what a request's phone number means for the plan: one read, where it brings one.
    pub(super) async fn brought(
        &self,
        tenant: &Tenant,
        phone: Option<&str>,
    ) -> Result<Brought, ServiceError> {
        let Some(phone) = phone else { return Ok(Brought::Nothing) };
        let hash = self.address_hash(tenant, Channel::Sms, phone);
        let held = self.store.suppression(tenant, Channel::Sms, hash).await?;
        Ok(Brought::Phone(refusal(Channel::Sms, held.as_slice())))
    }

    /// Turns a plan into the deliveries of the outbox.
    pub(super) fn new_deliveries(
        &self,
        planned: &[Planned],
        unplanned: &Unplanned<'_>,
        phone: Option<&[u8]>,
    ) -> Vec<NewDelivery> {
        let strategy = Strategy::of(unplanned.asked.strategy(), unplanned.priority);
        let leads_out = |(_, step): &(usize, &Planned)| {
            let waits = matches!(step.state, DeliveryState::Queued | DeliveryState::Held);
            waits && step.channel != Channel::Websocket
        };
        let delivery = |(position, step): (usize, &Planned)| NewDelivery {
            id: self.ids.delivery(unplanned.now),
            channel: step.channel,
            position: u8::try_from(position).unwrap_or(u8::MAX),
            address: None,
            state: step.state,
            reason: step.reason,
            due_at: step.due_at,
            strategy,
            escalate_after_ms: unplanned.asked.escalate_after_ms,
            to: phone.filter(|_| step.channel == Channel::Sms).map(<[u8]>::to_vec),
        };
        planned.iter().enumerate().filter(leads_out).map(delivery).collect()
    }
}

/// What a request brought along to reach its recipient by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Brought {
    Nothing,
    /// A phone number, and what holds for it instead of the profile's.
    Phone(Option<Refusal>),
}

/// Says which kind of load goes to an address.
pub(super) const fn carried(kind: AddressKind) -> LoadKind {
    match kind {
        AddressKind::Fcm => LoadKind::Fcm,
        AddressKind::WebPush => LoadKind::WebPush,
    }
}

/// Says what holds for a channel's address.
pub(super) fn refusal(channel: Channel, suppressions: &[Suppression]) -> Option<Refusal> {
    let found = suppressions.iter().find(|suppression| suppression.channel == channel)?;
    let opted_out = found.reason.starts_with("opted out");
    Some(if opted_out { Refusal::OptedOut } else { Refusal::Suppressed })
}
