//! Composing a notification for one recipient: its words by template and language, its channels by
//! plan, and what goes into the outbox.
//!
//! The same for a single notification and for each recipient of a send.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use landfall_core::channel::Channel;
use landfall_core::digest::Digest;
use landfall_core::due::Due;
use landfall_core::feed::FeedKey;
use landfall_core::id::{NotificationId, SendId, Tenant, TopicId, UserId};
use landfall_core::notification::{Content, JsonText, NewNotification, Priority};
use landfall_core::notify::{Draft, FieldError};
use landfall_core::preference::Preferences;
use landfall_core::time::Timestamp;
use landfall_core::zone::Zone;
use landfall_store::{Recipient, Recipients, Unit, Write};

use super::forecast::Forecast;
use super::people::{Found, Wishes, read_wishes};
use super::routing::{Asked, Brought, Unplanned};
use super::{ServiceError, Services};
use crate::templates::{Ask, Fields, RenderError, Rendered, Template, is_kind_of};

/// A template with data that was checked against it.
pub(crate) struct Filled<'t> {
    pub(crate) template: &'t Template,
    pub(crate) fields: Fields,
}

/// What all recipients of one request share.
pub(crate) struct Letter<'t> {
    /// What it says; title and message may be left to the template.
    pub(super) content: Arc<Content>,
    pub(crate) filled: Option<Filled<'t>>,
    pub(super) asked: Asked,
    pub(super) topic: Option<TopicId>,
    /// The send that it is part of.
    pub(crate) send: Option<SendId>,
    /// What the notification is called, where that was said before.
    pub(crate) named: Option<NotificationId>,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
    /// When it goes out; at once where absent.
    pub(super) due: Option<Due>,
    /// With which others it goes out; alone where absent.
    pub(super) digest: Option<Digest>,
    /// What it was forecast to do, where its sender asked for that.
    pub(super) forecast: Option<Box<Forecast>>,
    pub(super) worded: Worded,
}

/// The words of a send in each language and zone in which somebody got it: the next who shares
/// them gets the same.
#[derive(Debug, Default)]
pub(super) struct Worded(Mutex<HashMap<Tongue, Arc<Content>>>);

impl Worded {
    fn known(&self) -> MutexGuard<'_, HashMap<Tongue, Arc<Content>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Letter<'_> {
    /// Says when it goes out to a recipient.
    pub(super) fn goes_out(&self, recipient: &Recipient, wishes: &Wishes<'_>) -> Timestamp {
        let due = self.due.map(|due| due.in_zone(&zone_of(recipient, wishes)));
        due.map_or(self.created_at, |at| at.max(self.created_at))
    }

    /// Gives what its channels are planned from, for one recipient to whom it goes out at `now`.
    pub(super) fn unplanned(
        &self,
        connections: usize,
        brought: Brought,
        now: Timestamp,
    ) -> Unplanned<'_> {
        let waits_ms = now.as_ms().saturating_sub(self.created_at.as_ms());
        Unplanned {
            asked: &self.asked,
            template: self.filled.as_ref().map_or(&[][..], |filled| filled.template.channels()),
            priority: self.content.priority,
            notification_type: &self.content.notification_type,
            topic: self.topic.as_ref(),
            is_online: connections > 0,
            brought,
            now,
            expires_at: self.expires_at.map(|at| at.plus_ms(waits_ms)),
        }
    }
}

/// A recipient with what they want.
pub(crate) struct Addressee<'a> {
    pub(crate) recipient: &'a Recipient,
    pub(crate) wishes: &'a Wishes<'a>,
    /// A phone number that the request brought along.
    pub(crate) phone: Option<BroughtPhone>,
    /// The notification whose place this one takes.
    pub(crate) replaces: Option<NotificationId>,
}

/// A phone number that a request brought along.
#[derive(Clone)]
pub(crate) struct BroughtPhone {
    /// As it waits with its delivery.
    pub(super) sealed: Vec<u8>,
    /// What it means for the plan.
    pub(super) brought: Brought,
}

/// A notification that is ready to be committed, with what goes into the outbox.
pub(crate) struct Composed {
    pub(crate) new: NewNotification,
    enqueued: Option<Write>,
    replaces: bool,
}

impl Composed {
    /// Puts the notification and its deliveries into a unit.
    pub(super) fn write(self, unit: &mut Unit) {
        let new = Box::new(self.new);
        let write = if self.replaces { Write::Replace(new) } else { Write::Publish(new) };
        unit.writes.push(write);
        unit.writes.extend(self.enqueued);
    }
}

impl Services {
    /// Finds a draft's template and checks the data against it.
    ///
    /// A name that no template has is only a label, as long as the request brings its own words.
    pub(crate) fn fill(&self, draft: &Draft) -> Result<Option<Filled<'_>>, Vec<FieldError>> {
        let Some(id) = draft.template_id.as_deref() else { return Ok(None) };
        match self.templates.get(id) {
            Some(template) => {
                let fields = template.read(draft.data.as_ref())?;
                Ok(Some(Filled { template, fields }))
            }
            None if draft.title.is_some() || draft.message.is_some() => Ok(None),
            None => {
                let detail = "is not a template of this server, and there is no title or message";
                Err(vec![FieldError::new("/template_id", detail)])
            }
        }
    }

    /// Finds a stored content's template again.
    pub(super) fn refill(&self, content: &Content) -> Option<Filled<'_>> {
        let template = self.templates.get(content.template_id.as_deref()?)?;
        let fields = template.read(Some(&content.data)).ok()?;
        Some(Filled { template, fields })
    }

    /// Says when what is sent now expires, if ever; `ttl_seconds` is its sender's word.
    pub(super) fn expiry(&self, ttl_seconds: Option<u64>, now: Timestamp) -> Option<Timestamp> {
        let seconds = ttl_seconds.or(self.settings.ttl_seconds)?;
        let ms = i64::try_from(seconds).ok()?.checked_mul(1_000)?;
        Some(now.plus_ms(ms))
    }

    /// Says whether anything has to be known of recipients to compose for them.
    pub(super) fn needs_recipients(&self, letter: &Letter<'_>) -> bool {
        matches!(letter.due, Some(Due::Local(_)))
            || letter.filled.is_some()
            || self.outbox.registry.leading_out().next().is_some()
    }

    /// Reads what is needed to compose for these users, in their order.
    pub(super) async fn addressees(
        &self,
        tenant: &Tenant,
        users: Vec<UserId>,
        letter: &Letter<'_>,
    ) -> Result<(Vec<Recipient>, Preferences), ServiceError> {
        if !self.needs_recipients(letter) {
            return Ok((users.into_iter().map(unknown).collect(), Preferences::default()));
        }
        let Recipients { users, everybody } = self.store.recipients(tenant, users).await?;
        Ok((users, read_wishes(everybody.as_ref())))
    }

    /// Reads what is needed to compose for one user, together with others who wait for the same.
    pub(super) async fn addressee(
        &self,
        tenant: &Tenant,
        user: &UserId,
        letter: &Letter<'_>,
    ) -> Result<Found, ServiceError> {
        if !self.needs_recipients(letter) {
            return Ok(Found { recipient: unknown(user.clone()), tenant_wishes: Arc::default() });
        }
        Ok(self.gathering.recipient(tenant, user).await?)
    }

    /// Composes a letter for one recipient.
    ///
    /// # Errors
    /// When the template does not work for them.
    pub(crate) fn composed(
        &self,
        tenant: &Tenant,
        letter: &Letter<'_>,
        addressee: &Addressee<'_>,
    ) -> Result<Composed, RenderError> {
        let Addressee { recipient, wishes, phone, replaces } = addressee;
        let content = self.worded(letter, recipient, wishes)?;
        let user = recipient.user.clone();
        let connections = self.connections.count(&FeedKey::inbox(tenant, &user));
        let brought = phone.as_ref().map_or(Brought::Nothing, |phone| phone.brought);
        let unplanned = letter.unplanned(connections, brought, letter.created_at);
        let planned = self.plan(&unplanned, recipient, wishes);
        let sealed = phone.as_ref().map(|phone| &*phone.sealed);
        let deliveries = self.new_deliveries(&planned, &unplanned, sealed);
        let priority = content.priority;
        let new = NewNotification {
            id: replaces
                .or(letter.named)
                .unwrap_or_else(|| self.ids.notification(letter.created_at)),
            user: user.clone(),
            created_at: letter.created_at,
            expires_at: letter.expires_at,
            channels: planned.iter().map(|planned| planned.step()).collect(),
            send: letter.send,
            content,
        };
        let at = letter.created_at;
        let enqueued = (!deliveries.is_empty()).then_some(Write::Enqueue {
            notification: new.id,
            user,
            priority,
            at,
            deliveries,
        });
        Ok(Composed { new, enqueued, replaces: replaces.is_some() })
    }

    /// Gives the words for a recipient: the request's own, else the template's in their language.
    pub(super) fn worded(
        &self,
        letter: &Letter<'_>,
        recipient: &Recipient,
        wishes: &Wishes<'_>,
    ) -> Result<Arc<Content>, RenderError> {
        let content = &letter.content;
        let Some(filled) = &letter.filled else {
            // A template may have gone while its send waited.
            let says_nothing = content.title.is_empty() && content.message.is_empty();
            return if says_nothing { Err(RenderError::Unknown) } else { Ok(Arc::clone(content)) };
        };
        let tongue = Tongue::of(content, recipient, wishes);
        // A notification to one person has nobody to share its words with.
        if letter.send.is_none() {
            return in_tongue(content, filled, &tongue).map(Arc::new);
        }
        if let Some(known) = letter.worded.known().get(&tongue) {
            return Ok(Arc::clone(known));
        }
        let worded = Arc::new(in_tongue(content, filled, &tongue)?);
        letter.worded.known().insert(tongue, Arc::clone(&worded));
        Ok(worded)
    }
}

/// How somebody is written to: whoever shares it reads the same words.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Tongue {
    locale: Option<String>,
    zone: Option<Zone>,
}

impl Tongue {
    /// Says in which language and zone a recipient is written to.
    pub(super) fn of(
        content: &Content,
        recipient: &Recipient,
        Wishes { own, tenant }: &Wishes<'_>,
    ) -> Self {
        let person = recipient.person.as_ref();
        let locale = content.locale.as_ref().or(own.locale.as_ref());
        let locale = locale.or_else(|| person?.locale.as_ref()).or(tenant.locale.as_ref());
        Self { locale: locale.cloned(), zone: known_zone(recipient, (own, tenant)) }
    }

    /// Fills a template in for whoever shares it.
    pub(super) fn fill_in(
        &self,
        Filled { template, fields }: &Filled<'_>,
        channels: &[Channel],
    ) -> Result<Rendered, RenderError> {
        let zone = self.zone.clone();
        template.render(fields, &Ask { locale: self.locale.as_deref(), zone, channels })
    }
}

/// Puts a template's words where the request brought none of its own.
fn in_tongue(
    content: &Content,
    filled: &Filled<'_>,
    tongue: &Tongue,
) -> Result<Content, RenderError> {
    let rendered = tongue.fill_in(filled, &[])?;
    let mut worded = Content::clone(content);
    if worded.title.is_empty() {
        worded.title = rendered.title;
    }
    if worded.message.is_empty() {
        worded.message = rendered.message;
    }
    // What goes out later is filled in by this one: a country's way of writing stays.
    let kept = tongue.locale.clone().filter(|asked| is_kind_of(asked, &rendered.locale));
    worded.locale = Some(kept.unwrap_or(rendered.locale));
    Ok(worded)
}

/// Says in which zone a recipient is, where anybody said.
fn known_zone(recipient: &Recipient, (own, tenant): (&Preferences, &Preferences)) -> Option<Zone> {
    let person = recipient.person.as_ref();
    let zone = own.tz.clone();
    let zone = zone.or_else(|| Zone::parse(person?.tz.as_ref()?).ok());
    zone.or_else(|| tenant.tz.clone())
}

/// Says by which zone's clocks something reaches a recipient: theirs, else the tenant's, else UTC.
pub(super) fn zone_of(recipient: &Recipient, wishes: &Wishes<'_>) -> Zone {
    known_zone(recipient, (&wishes.own, wishes.tenant)).unwrap_or_else(Zone::utc)
}

/// Somebody of whom nothing has to be known.
pub(super) fn unknown(user: UserId) -> Recipient {
    Recipient { user, person: None, preferences: None, addresses: vec![], suppressions: vec![] }
}

/// The priority of a draft: its own, else its template's, else the usual.
pub(super) fn priority(draft: &Draft, filled: Option<&Filled<'_>>) -> Priority {
    let of_template = || filled.map(|filled| filled.template.priority());
    draft.priority.or_else(of_template).unwrap_or_default()
}

/// Nothing but an empty object.
pub(super) fn no_data() -> JsonText {
    JsonText::trusted("{}")
}
