//! What comes back about a delivery after it went out: receipts, reports, opt-outs.
//!
//! It comes late, twice and out of order; core says what is news. Whoever calls has no token but a
//! signed link, or a provider's signature that was checked before.

use landfall_core::audit::{Action, Entity};
use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::delivery::{self, AddressFate, Next, Receipt, Report, apply};
use landfall_core::plan::Reason;
use landfall_core::preference::PreferenceRule;
use landfall_store::{AuditDraft, Delivery, IdempotencyKey, StoreError, Suppression, Unit, Write};
use serde_json::json;

use super::links::{Purpose, Subject};
use super::{ServiceError, Services, deciding};

/// What a provider reports of a text message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmsNews {
    /// The provider's name of the message.
    pub sid: String,
    /// How far it has come.
    pub status: Report,
    /// The provider's code of what went wrong.
    pub code: Option<u32>,
    /// The number that it went to.
    pub number: Option<String>,
    /// What the code says of that number.
    pub fate: AddressFate,
}

/// News about a delivery.
struct News<'a> {
    to: DeliveryState,
    reason: Reason,
    action: Action,
    /// The provider's code.
    code: Option<&'a str>,
    /// Names the news among those about the delivery, so that once more changes nothing.
    name: &'a str,
    /// An address to which nothing may be sent any more.
    suppression: Option<Suppression>,
}

impl Services {
    /// Notes what a device says about a push that reached it.
    ///
    /// # Errors
    /// `NotFound` for a link that is not ours or has ended, or a delivery that is gone.
    pub async fn receipt(&self, signed: &str, receipt: Receipt) -> Result<(), ServiceError> {
        let about = self.linked(Purpose::Receipt, signed)?;
        let (to, reason) = receipt.state();
        let action = match receipt {
            Receipt::Delivered => Action::ReceiptDelivered,
            Receipt::Shown => Action::ReceiptShown,
            Receipt::Clicked => Action::ReceiptClicked,
            Receipt::Dismissed => Action::ReceiptDismissed,
        };
        let news =
            News { to, reason, action, code: None, name: receipt.as_str(), suppression: None };
        self.note_news(&about, &news).await
    }

    /// Notes what a provider reports of a text message. A number of which it says that its owner
    /// opted out, or that it is none, is suppressed as after an attempt that was answered so.
    ///
    /// # Errors
    /// As [`Services::receipt`].
    pub async fn sms_report(&self, signed: &str, told: &SmsNews) -> Result<(), ServiceError> {
        let about = self.linked(Purpose::SmsStatus, signed)?;
        self.note_sms(&about, told).await
    }

    /// Notes what a provider says of a text message, reported or asked for: once, whichever comes
    /// first.
    pub(super) async fn note_sms(
        &self,
        about: &Subject,
        told: &SmsNews,
    ) -> Result<(), ServiceError> {
        let found = self.store.delivery(&about.tenant, about.delivery).await?;
        let newest = found.and_then(|delivery| delivery.reference);
        if newest.is_some_and(|newest| newest != told.sid) {
            // The delivery was tried once more since: what became of the first message is no news.
            return Ok(());
        }
        let (sid, report) = (&told.sid, told.status);
        let code = match told.code {
            Some(code) => format!("{} {code}", report.as_str()),
            None => report.as_str().to_owned(),
        };
        let (to, reason) = match (report.state(), told.fate) {
            ((DeliveryState::Failed, _), AddressFate::Suppressed) => {
                (DeliveryState::Failed, Reason::OptedOut)
            }
            ((DeliveryState::Failed, _), AddressFate::Removed) => {
                (DeliveryState::Failed, Reason::AddressGone)
            }
            (plain, _) => plain,
        };
        let suppression = told.number.as_ref().filter(|_| to == DeliveryState::Failed);
        let suppression = suppression.and_then(|number| {
            let address = self.address_hash(&about.tenant, Channel::Sms, number);
            self.suppression(Channel::Sms, address, told.fate, &code)
        });
        let (action, name) = (Action::ProviderReported, format!("{sid} {}", report.as_str()));
        let news = News { to, reason, action, code: Some(&code), name: &name, suppression };
        self.note_news(about, &news).await
    }

    /// Gives whom a link is about.
    ///
    /// # Errors
    /// `NotFound` for one that is not ours, not for this, or has ended.
    pub fn linked(&self, purpose: Purpose, signed: &str) -> Result<Subject, ServiceError> {
        self.links.open(purpose, signed, self.now()).ok_or(ServiceError::NotFound("link"))
    }

    /// Brings news to a delivery: its state where it changes, and an entry of the trail. The same
    /// news once more are none.
    async fn note_news(&self, about: &Subject, news: &News<'_>) -> Result<(), ServiceError> {
        deciding(|| async move {
            let found = self.store.delivery(&about.tenant, about.delivery).await?;
            let delivery = found.ok_or(ServiceError::NotFound("delivery"))?;
            let mut unit = Unit::new(&about.tenant);
            let (at, mut wakes) = (self.now(), false);
            unit.idempotency = Some(self.once(&delivery, news));
            if let Some(to) = apply(delivery.state, news.to) {
                let next = delivery::next(delivery.channel, to, at);
                wakes = next != Next::Wait;
                unit.writes.push(Write::Report {
                    id: delivery.id,
                    from: delivery.state,
                    to,
                    reason: news.reason,
                    code: news.code.map(str::to_owned),
                    next,
                    at,
                });
            }
            let suppression = news.suppression.clone();
            unit.writes.extend(suppression.map(|one| Write::Suppress(Box::new(one))));
            unit.audit.push(AuditDraft { at, ..self.news_entry(&delivery, news) });
            match self.commit(unit).await {
                Ok(_) => {
                    if wakes {
                        self.outbox.woken.notify_one();
                    }
                    Ok(())
                }
                Err(StoreError::Duplicate(_) | StoreError::KeyReused) => Ok(()),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    fn once(&self, delivery: &Delivery, news: &News<'_>) -> IdempotencyKey {
        IdempotencyKey {
            scope: format!("news {}", delivery.id),
            key: format!("{} {}", news.action.as_str(), news.name),
            digest: [0; 32],
            memo: String::new(),
            at: self.now(),
        }
    }

    fn news_entry(&self, delivery: &Delivery, news: &News<'_>) -> AuditDraft {
        let metadata = json!({
            "channel": delivery.channel.as_str(),
            "delivery": delivery.id.to_string(),
            "state": news.to.as_str(),
            "reason": news.reason.as_str(),
            "provider": delivery.provider,
            "code": news.code,
        });
        let entity = Entity::Notification(delivery.notification);
        self.own_entry(&delivery.user, news.action, entity, metadata)
    }

    /// Says what the link of a mail would end: the kind of news.
    ///
    /// # Errors
    /// As [`Services::receipt`].
    pub async fn unsubscribable(&self, signed: &str) -> Result<(Subject, String), ServiceError> {
        let about = self.linked(Purpose::Unsubscribe, signed)?;
        let found =
            self.store.notification_standings(&about.tenant, vec![about.notification]).await?;
        let standing = found.into_iter().next().ok_or(ServiceError::NotFound("notification"))?;
        Ok((about, standing.notification.content.notification_type.clone()))
    }

    /// Ends the e-mails of a kind for whom a link was made (RFC 8058); what is critical still comes.
    ///
    /// # Errors
    /// As [`Services::receipt`].
    pub async fn unsubscribe(&self, signed: &str) -> Result<String, ServiceError> {
        let (about, kind) = self.unsubscribable(signed).await?;
        let rule = PreferenceRule {
            notification_type: Some(kind.clone()),
            channel: Some(Channel::Email),
            topic: None,
            enabled: Some(false),
            reminder_minutes: None,
        };
        self.add_rule(&about.tenant, &about.user, rule).await?;
        Ok(kind)
    }
}
