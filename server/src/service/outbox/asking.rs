//! Asking a provider what became of a text message of which no report came, before what waits
//! behind it is decided.
//!
//! What it says is stored as its report would have been, and only what ends the message counts. Must
//! never send anything.

use landfall_channels::sms::SmsReport;
use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::delivery::OnDue;
use landfall_core::plan::Reason;
use landfall_core::time::Timestamp;
use landfall_store::{Delivery, Settlement, Unit, Write};

use super::Facts;
use super::attempt::subject;
use super::ended::unchanged;
use crate::service::callbacks::SmsNews;
use crate::service::{ServiceError, Services};

impl Services {
    /// Asks about the text message before a delivery; the delivery is looked at again when that one
    /// has ended, or else then, or is not needed.
    pub(super) async fn ask_before(
        &self,
        delivery: Delivery,
        facts: &Facts,
        until: Option<Timestamp>,
    ) {
        let is_before = |other: &&Delivery| {
            other.position < delivery.position
                && (other.channel, other.state) == (Channel::Sms, DeliveryState::Sent)
        };
        let has_ended = match facts.others.iter().filter(is_before).max_by_key(|o| o.position) {
            Some(sms) => self.ask(sms).await,
            None => Ok(false),
        };
        let again = match has_ended {
            Ok(true) => Some(self.now()),
            Ok(false) => until,
            // The lease gives it back.
            Err(error) => {
                tracing::warn!(
                    error = error.cause(),
                    "what was asked about a message was not stored"
                );
                return;
            }
        };
        match again {
            Some(at) => self.due_again(&delivery, at).await,
            None => self.settle_without(delivery, OnDue::Skip(Reason::NotNeeded)).await,
        }
    }

    /// Asks what became of a text message and notes it; tells whether it has ended.
    async fn ask(&self, sms: &Delivery) -> Result<bool, ServiceError> {
        let named = sms.provider.as_deref().and_then(|name| self.outbox.registry.named(name));
        let Some((provider, reference)) = named.zip(sms.reference.as_deref()) else {
            return Ok(false);
        };
        let Some(report) = provider.inquire(reference).await else { return Ok(false) };
        let Some(news) = ending(report) else { return Ok(false) };
        self.note_sms(&subject(sms), &news).await?;
        let now = self.store.delivery(&sms.tenant, sms.id).await?;
        Ok(now.is_some_and(|now| now.state != DeliveryState::Sent))
    }

    /// Gives a claimed delivery back to be looked at then.
    async fn due_again(&self, delivery: &Delivery, at: Timestamp) {
        let due_at = Some(at);
        let state = DeliveryState::Queued;
        let settlement = Settlement { state, due_at, ..unchanged(delivery, self.now()) };
        let mut unit = Unit::new(&delivery.tenant);
        unit.writes.push(Write::Settle(Box::new(settlement)));
        self.commit_end(unit).await;
        self.outbox.woken.notify_one();
    }
}

/// Reads what says how a message ended; nothing of one that may still go either way.
fn ending(SmsReport { sid, status, error_code, to, fate }: SmsReport) -> Option<SmsNews> {
    let status = status.filter(|status| status.state().0 != DeliveryState::Sent)?;
    Some(SmsNews { sid, status, code: error_code, number: to, fate })
}
