//! Making an attempt: opens the address, renders the words for the medium, and hands both over.

use std::time::Duration;

use landfall_channels::{Email, Load, Note, Outcome, Parcel, Sms, Turn};
use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::delivery::OnDue;
use landfall_core::id::AddressId;
use landfall_core::notification::Notification;
use landfall_core::plan::{Reason, Refusal};
use landfall_core::sms::TEXT_CHARS_MAX;
use landfall_store::{Address, Delivery, NewDelivery, Settlement, StoreError, Unit, Write};

use super::Facts;
use super::again::Again;
use super::ended::{Attempted, Target, unchanged};
use crate::service::compose::Tongue;
use crate::service::links::{Purpose, Subject};
use crate::service::people;
use crate::service::people::Wishes;
use crate::service::routing::{carried, refusal};
use crate::service::{ServiceError, Services};
use crate::templates::Rendered;

/// What decides about an attempt is no older than this when it is made; what is stored later than that
/// would be too late for a provider's answer anyway.
const FRESH: Duration = Duration::from_millis(100);

/// What became of a load.
enum Handed {
    /// The provider had it, and said so.
    Over(&'static str, Outcome),
    /// Nothing was sent.
    Kept(Again),
}

/// What an attempt is made of, or why there is none.
pub(super) enum Prepared {
    Ready(Box<Load>, Target),
    /// The way it was to go is closed by now.
    Closed(OnDue),
    /// It goes to several addresses, each of which becomes a delivery of its own.
    Split(Vec<AddressId>),
}

impl Services {
    /// Makes one attempt and stores how it ended.
    pub(super) async fn attempt(
        &self,
        delivery: Delivery,
        facts: Facts,
    ) -> Option<(Channel, Outcome)> {
        let prepared = match self.prepare(&delivery, &facts).await {
            Ok(prepared) => prepared,
            // Nothing was tried: the lease gives it back.
            Err(ServiceError::Store(StoreError::Unavailable(why))) => {
                tracing::warn!(why, "a delivery waits for the store");
                return None;
            }
            Err(error) => {
                tracing::error!(error = error.cause(), "a delivery cannot be prepared");
                Prepared::Closed(OnDue::Fail(Reason::Broken))
            }
        };
        match prepared {
            Prepared::Closed(decided) => {
                self.settle_without(delivery, decided).await;
                None
            }
            Prepared::Split(addresses) => {
                self.split(delivery, addresses).await;
                None
            }
            Prepared::Ready(load, target) => {
                let expires_at = facts.standing.notification.expires_at;
                match self.hand_over(&delivery, *load, target, &facts).await {
                    Handed::Over(provider, outcome) => {
                        let attempted = Attempted { outcome, provider, target, expires_at };
                        self.settle_attempt(&delivery, &attempted).await;
                        Some((delivery.channel, attempted.outcome))
                    }
                    Handed::Kept(again) => {
                        self.keep(delivery, again).await;
                        None
                    }
                }
            }
        }
    }

    /// Hands a load to its provider, unless its turn came late and it is not to go out any more.
    async fn hand_over(
        &self,
        delivery: &Delivery,
        load: Load,
        target: Target,
        facts: &Facts,
    ) -> Handed {
        let parcel = Parcel {
            delivery: delivery.id.0,
            notification: delivery.notification,
            priority: delivery.priority,
            expires_at: facts.standing.notification.expires_at,
            now: self.now(),
            load,
        };
        let Some(provider) = self.outbox.registry.for_parcel(&parcel) else {
            let code = "no provider takes it".to_owned();
            return Handed::Over("none", Outcome::Refused { code });
        };
        let Turn { waited, attempt } = provider.turn(&parcel).await;
        if waited.max(facts.read_at.elapsed()) >= FRESH {
            let again = self.look_again(delivery, target).await;
            if again != Again::Try {
                return Handed::Kept(again);
            }
        }
        Handed::Over(provider.name(), attempt.await)
    }

    pub(super) async fn prepare(
        &self,
        delivery: &Delivery,
        facts: &Facts,
    ) -> Result<Prepared, ServiceError> {
        match delivery.channel {
            Channel::Push => self.prepare_push(delivery, facts),
            Channel::Sms => self.prepare_sms(delivery, facts).await,
            Channel::Email => self.prepare_email(delivery, facts),
            // Nothing puts it into the outbox.
            Channel::Websocket => Ok(Prepared::Closed(OnDue::Skip(Reason::NotConfigured))),
        }
    }

    fn prepare_push(&self, delivery: &Delivery, facts: &Facts) -> Result<Prepared, ServiceError> {
        let carries = |address: &&Address| self.outbox.registry.carries(carried(address.kind));
        let usable: Vec<&Address> = facts.recipient.addresses.iter().filter(carries).collect();
        let address = match (delivery.address, usable.as_slice()) {
            (Some(id), usable) => usable.iter().find(|address| address.id == id).copied(),
            (None, []) => return Ok(Prepared::Closed(OnDue::Skip(Reason::NoAddress))),
            (None, [only]) => Some(*only),
            (None, several) => {
                return Ok(Prepared::Split(several.iter().map(|address| address.id).collect()));
            }
        };
        let Some(address) = address else {
            return Ok(Prepared::Closed(OnDue::Fail(Reason::AddressGone)));
        };
        let note = self.note(delivery, facts);
        let load = match self.open_address(&delivery.tenant, address)? {
            people::Target::WebPush(subscription) => Load::WebPush(subscription, note),
            people::Target::Fcm(target) => Load::Fcm(target, note),
        };
        Ok(Prepared::Ready(Box::new(load), Target::Address(address.id)))
    }

    fn note(&self, delivery: &Delivery, facts: &Facts) -> Note {
        let Notification { id, content, number, .. } = &*facts.standing.notification;
        let now = self.now();
        Note {
            title: content.title.clone(),
            body: content.message.clone(),
            notification_type: content.notification_type.clone(),
            replay_id: Some(number.to_string()),
            data: content.data.clone(),
            image: content.image.clone(),
            actions: content.actions.clone(),
            link: content.link.clone(),
            locale: content.locale.clone(),
            receipt_url: self.links.make(Purpose::Receipt, &subject(delivery), now),
            badge: Some(facts.standing.unread),
            tag: id.to_string(),
        }
    }

    async fn prepare_sms(
        &self,
        delivery: &Delivery,
        facts: &Facts,
    ) -> Result<Prepared, ServiceError> {
        let tenant = &delivery.tenant;
        let phone = match (&delivery.to, &facts.recipient.person) {
            (Some(sealed), _) => Some(self.open_brought(tenant, &delivery.user, sealed)?),
            (None, Some(person)) => self.open_phone(tenant, person)?,
            (None, None) => None,
        };
        let Some(phone) = phone else {
            return Ok(Prepared::Closed(OnDue::Skip(Reason::NoAddress)));
        };
        let hash = self.address_hash(tenant, Channel::Sms, phone.expose());
        if delivery.to.is_some() {
            let held = self.store.suppression(tenant, Channel::Sms, hash).await?;
            let reason = match refusal(Channel::Sms, held.as_slice()) {
                Some(Refusal::OptedOut) => Some(Reason::OptedOut),
                Some(Refusal::Suppressed) => Some(Reason::Suppressed),
                None => None,
            };
            if let Some(reason) = reason {
                return Ok(Prepared::Closed(OnDue::Skip(reason)));
            }
        }
        let content = &facts.standing.notification.content;
        let rendered = self.rendered_for(facts, Channel::Sms);
        let plain = || plain_sms(&content.title, &content.message);
        let text = rendered.and_then(|rendered| rendered.sms).unwrap_or_else(plain);
        let callback_url = self.links.make(Purpose::SmsStatus, &subject(delivery), self.now());
        let sms = Sms { to: phone.expose().to_owned(), text, callback_url };
        Ok(Prepared::Ready(Box::new(Load::Sms(sms)), Target::Hashed(hash)))
    }

    fn prepare_email(&self, delivery: &Delivery, facts: &Facts) -> Result<Prepared, ServiceError> {
        let tenant = &delivery.tenant;
        let person = facts.recipient.person.as_ref();
        let mailbox = person.map(|person| self.open_email(tenant, person)).transpose()?.flatten();
        let Some(mailbox) = mailbox else {
            return Ok(Prepared::Closed(OnDue::Skip(Reason::NoAddress)));
        };
        let hash = self.address_hash(tenant, Channel::Email, mailbox.expose());
        let content = &facts.standing.notification.content;
        let rendered = self.rendered_for(facts, Channel::Email).and_then(|all| all.email);
        let (subject_line, text, html) = match rendered {
            Some(mail) => (mail.subject, mail.text, mail.html),
            None => {
                (plain_subject(&content.title, &content.message), content.message.clone(), None)
            }
        };
        let now = self.now();
        // What is critical is not ended by the link of another mail, so it has none either.
        let may_end = delivery.priority < landfall_core::notification::Priority::Critical;
        let unsubscribe_url = may_end
            .then(|| self.links.make(Purpose::Unsubscribe, &subject(delivery), now))
            .flatten();
        let email = Email {
            to: mailbox.expose().to_owned(),
            name: person.and_then(|person| person.name.clone()),
            subject: subject_line,
            text,
            html,
            unsubscribe_url,
        };
        Ok(Prepared::Ready(Box::new(Load::Email(Box::new(email))), Target::Hashed(hash)))
    }

    /// Renders a notification's template for one medium; nothing without a template, or where it
    /// does not fit the data any more.
    fn rendered_for(&self, facts: &Facts, channel: Channel) -> Option<Rendered> {
        let content = &facts.standing.notification.content;
        let filled = self.refill(content)?;
        let wishes = Wishes::of(&facts.recipient, &facts.tenant_wishes);
        let tongue = Tongue::of(content, &facts.recipient, &wishes);
        tongue.fill_in(&filled, &[channel]).ok()
    }

    /// Makes a delivery of its own of each address.
    async fn split(&self, delivery: Delivery, addresses: Vec<AddressId>) {
        let at = self.now();
        let of = |address: &AddressId| NewDelivery {
            id: self.ids.delivery(at),
            channel: delivery.channel,
            position: delivery.position,
            address: Some(*address),
            state: DeliveryState::Queued,
            reason: delivery.reason,
            due_at: Some(at),
            strategy: delivery.strategy,
            escalate_after_ms: delivery.escalate_after_ms,
            to: None,
        };
        let split = addresses.iter().skip(1).map(of).collect();
        let settlement = Settlement {
            state: DeliveryState::Queued,
            reason: delivery.reason,
            due_at: Some(at),
            address: addresses.first().copied(),
            split,
            ..unchanged(&delivery, at)
        };
        let mut unit = Unit::new(&delivery.tenant);
        unit.writes.push(Write::Settle(Box::new(settlement)));
        self.commit_end(unit).await;
        self.outbox.woken.notify_one();
    }
}

/// Says whom a delivery is about, for links and news.
pub(in crate::service) fn subject(delivery: &Delivery) -> Subject {
    Subject {
        tenant: delivery.tenant.clone(),
        user: delivery.user.clone(),
        notification: delivery.notification,
        delivery: delivery.id,
    }
}

/// Joins headline and text, cut to what a text message may hold.
pub(in crate::service) fn plain_sms(title: &str, message: &str) -> String {
    let text = match (title.trim(), message.trim()) {
        ("", message) => message.to_owned(),
        (title, "") => title.to_owned(),
        (title, message) => format!("{title}: {message}"),
    };
    text.chars().filter(|c| !c.is_control() || *c == '\n').take(TEXT_CHARS_MAX).collect()
}

/// A mail needs a subject: the headline, else the beginning of the text, on one line.
fn plain_subject(title: &str, message: &str) -> String {
    let text = if title.trim().is_empty() { message } else { title };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}
