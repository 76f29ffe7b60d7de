//! Digests: what is sent to somebody under one key goes out as one notification, with a list of it (contract 5).
//!
//! What waits for its digest is a send to one user. A digest goes out in the commit that ends it and all in it, on
//! condition that nothing joined or was taken back since it was read: so one goes out, by whichever node.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use landfall_core::audit::{Action, Entity};
use landfall_core::digest::{Common, DIGEST, ITEMS_MAX, Item, common};
use landfall_core::id::{NotificationId, SendId, Tenant, UserId};
use landfall_core::notification::{Content, JsonText};
use landfall_core::time::Timestamp;
use landfall_store::{
    AuditDraft, DigestNext, DigestWrite, DueDigest, Later, Recipient, SendState, SendTo,
    StoreError, StoredSend, Unit, Write,
};
use serde_json::{Value, json};

use super::compose::{Addressee, BroughtPhone, Letter, Worded};
use super::notify::{joins, tell_due};
use super::people::{Found, Wishes};
use super::routing::Asked;
use super::sends::whole;
use super::tally::Tally;
use super::{ServiceError, Services};

/// Digests that are put together at a time.
const AT_ONCE: usize = 64;

impl Services {
    /// Lets digests go out that are due, so many at most; tells how many.
    ///
    /// # Errors
    /// When nothing could be done; what is done stays, the rest is tried again.
    pub async fn close_digests(&self, limit: usize) -> Result<usize, ServiceError> {
        let due = self.store.due_digests(self.now(), limit).await?;
        let close = |digest: DueDigest| async move { self.close(digest).await };
        let closed: Vec<_> = stream::iter(due).map(close).buffered(AT_ONCE).collect().await;
        let mut tally = Tally::of("digests");
        closed.into_iter().for_each(|closed| tally.add(closed));
        tally.finish(&self.troubles)
    }

    async fn close(&self, digest: DueDigest) -> Result<(), ServiceError> {
        let DueDigest { tenant, user, key, .. } = &digest;
        let gathered = self.store.gathered(tenant, user, key, ITEMS_MAX + 1).await?;
        let listed = &gathered[..gathered.len().min(ITEMS_MAX)];
        let letters: Vec<_> = listed.iter().map(|send| self.letter_of_send(send)).collect();
        let items = self.items(tenant, user, (listed, &letters)).await?;
        let together = fitting(key, &items, self.settings.notify.data_bytes);
        let sends = &listed[..together];
        let next = if together == gathered.len() { DigestNext::Ends } else { DigestNext::GoesOn };
        let ids = sends.iter().map(|send| send.id).collect();
        let close = DigestWrite::Close { digest: digest.clone(), sends: ids, next };
        // Whoever comes second is refused by the first write.
        let mut unit = Unit::new(tenant);
        unit.writes.push(Write::Digest(Box::new(close)));
        let (letters, items) = (&letters[..together], &items[..together]);
        if !self.goes_as_one(key, (user, sends), (letters, items), &mut unit).await? {
            // As if they had never waited.
            for (send, letter) in sends.iter().zip(letters) {
                let phone = self.phone_of(send).await?;
                self.goes_out(letter, (user, phone), &mut unit).await?;
            }
        }
        match self.commit(unit).await {
            // Another node let it go out, or it has changed, and is looked at again.
            Ok(_) | Err(StoreError::Stale) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives what is listed of sends, in their recipient's words.
    async fn items(
        &self,
        tenant: &Tenant,
        user: &UserId,
        (sends, letters): (&[StoredSend], &[Letter<'_>]),
    ) -> Result<Vec<Item>, ServiceError> {
        let Found { recipient, tenant_wishes } = self.gathering.recipient(tenant, user).await?;
        let wishes = Wishes::of(&recipient, &tenant_wishes);
        let item = |(send, letter): (&StoredSend, &Letter<'_>)| {
            let content = self.worded(letter, &recipient, &wishes).unwrap_or_else(|error| {
                tracing::error!(%error, %tenant, send = %send.id, "a digest lists one without words");
                Arc::clone(&letter.content)
            });
            let (topic, created_at) = (letter.topic.clone(), send.created_at);
            Item { id: NotificationId(send.id.0), content, topic, created_at }
        };
        Ok(sends.iter().zip(letters).map(item).collect())
    }

    /// Lets several go out as one; says whether it did: not a single one, and not where the template does not work.
    async fn goes_as_one(
        &self,
        key: &str,
        (user, sends): (&UserId, &[StoredSend]),
        (letters, items): (&[Letter<'_>], &[Item]),
        unit: &mut Unit,
    ) -> Result<bool, ServiceError> {
        if items.len() < 2 {
            return Ok(false);
        }
        let letter = self.letter_of_digest(key, letters, items);
        let phone = self.first_phone(sends).await?;
        let goes = self.goes_out(&letter, (user, phone), unit).await?;
        if goes {
            self.tell_digested(user, (key, &letter), items, unit);
        }
        Ok(goes)
    }

    /// Gives the phone number that the first brought that brought one.
    async fn first_phone(
        &self,
        sends: &[StoredSend],
    ) -> Result<Option<BroughtPhone>, ServiceError> {
        for send in sends {
            if let Some(phone) = self.phone_of(send).await? {
                return Ok(Some(phone));
            }
        }
        Ok(None)
    }

    /// Lets a letter go out; says whether it did.
    async fn goes_out(
        &self,
        letter: &Letter<'_>,
        (user, phone): (&UserId, Option<BroughtPhone>),
        unit: &mut Unit,
    ) -> Result<bool, ServiceError> {
        let tenant = unit.tenant.clone();
        let Found { recipient, tenant_wishes } = self.addressee(&tenant, user, letter).await?;
        let wishes = &Wishes::of(&recipient, &tenant_wishes);
        let addressee = Addressee { recipient: &recipient, wishes, phone, replaces: None };
        match self.composed(&tenant, letter, &addressee) {
            Ok(composed) => {
                unit.audit.push(self.created_entry(&composed.new));
                composed.write(unit);
                Ok(true)
            }
            // Its data fitted when it was accepted; the template itself does not work.
            Err(error) => {
                let template = letter.content.template_id.as_deref();
                tracing::error!(%error, %tenant, template, "what waited for its digest has no words");
                Ok(false)
            }
        }
    }

    /// Makes one letter of several; it goes the way that the first of them asked for.
    fn letter_of_digest<'t>(
        &'t self,
        key: &str,
        letters: &[Letter<'_>],
        items: &[Item],
    ) -> Letter<'t> {
        let Common { notification_type, topic, priority, sender, link } = common(items);
        let (first, now) = (letters.first(), self.now());
        let content = Content {
            notification_type,
            template_id: Some(DIGEST.to_owned()),
            title: String::new(),
            message: String::new(),
            data: JsonText::trusted(&data_of(key, items).to_string()),
            priority,
            locale: first.and_then(|letter| letter.content.locale.clone()),
            sender_id: sender.0,
            sender_name: sender.1,
            image: None,
            actions: None,
            link,
        };
        let expiries: Option<Vec<_>> = letters.iter().map(|letter| letter.expires_at).collect();
        Letter {
            filled: self.refill(&content),
            content: Arc::new(content),
            asked: first.map_or_else(Asked::default, way_of),
            topic,
            send: None,
            named: Some(self.ids.notification(now)),
            created_at: now,
            // As long as any of them is worth something.
            expires_at: expiries.and_then(|all| all.into_iter().max()),
            due: None,
            digest: None,
            forecast: None,
            worded: Worded::default(),
        }
    }

    /// Says in the trail with which others each went out.
    fn tell_digested(
        &self,
        user: &UserId,
        (key, letter): (&str, &Letter<'_>),
        items: &[Item],
        unit: &mut Unit,
    ) {
        let id = letter.named.map(|id| id.to_string()).unwrap_or_default();
        let reason = format!("went out with others as {id}");
        let told = json!({ "digest": key, "notification_id": id, "reason": reason });
        for item in items {
            let (action, entity) = (Action::NotificationDigested, Entity::Notification(item.id));
            let details = self.details_about(user, told.clone());
            unit.audit.push(AuditDraft { at: letter.created_at, action, entity, details });
        }
    }

    /// Puts what a send brings one of its recipients into their digest. To a single user it is the send itself that
    /// waits there, else one of its own.
    pub(super) fn put_into_digest(
        &self,
        send: &StoredSend,
        letter: &Letter<'_>,
        recipient: &Recipient,
        unit: &mut Unit,
    ) {
        let user = &recipient.user;
        if let SendTo::One(..) = send.to {
            unit.writes.extend(joins(letter, send.id, user));
            return;
        }
        let (now, id) = (letter.created_at, self.ids.notification(letter.created_at));
        let lives = |until: Timestamp| until.as_ms().saturating_sub(now.as_ms());
        let one = StoredSend {
            id: SendId(id.0),
            to: SendTo::One(user.clone(), id, letter.topic.clone()),
            cursor: String::new(),
            accepted: 1,
            expanded: 0,
            state: SendState::Active,
            later: Some(Later {
                due_at: now,
                local: None,
                lives_ms: letter.expires_at.map(lives),
                part_of: Some(whole(send)),
                phone: None,
            }),
            created_at: now,
            expires_at: None,
            ..send.clone()
        };
        let mut told = json!({ "send_id": whole(send).to_string() });
        tell_due(letter, &mut told);
        let (action, entity) = (Action::NotificationScheduled, Entity::Notification(id));
        let details = self.details_about(user, told);
        unit.audit.push(AuditDraft { at: now, action, entity, details });
        unit.writes.push(Write::CreateSend(Box::new(one)));
        unit.writes.extend(joins(letter, SendId(id.0), user));
    }
}

/// Says which way a letter asks for: its request's, else its template's.
fn way_of(letter: &Letter<'_>) -> Asked {
    let mut asked = letter.asked.clone();
    if asked.channels.is_empty() {
        let of_template = letter.filled.iter().flat_map(|filled| filled.template.channels());
        asked.channels = of_template.map(|channel| channel.as_str().to_owned()).collect();
    }
    asked
}

/// Says how many items one notification can hold, at least one where there is any.
fn fitting(key: &str, items: &[Item], data_bytes: usize) -> usize {
    let around = json!({ "key": key, "count": ITEMS_MAX, "items": [] }).to_string();
    let mut left = data_bytes.saturating_sub(around.len());
    let fits = |item: &&Item| {
        let bytes = listed(item).to_string().len() + 1;
        let fits = bytes <= left;
        left = left.saturating_sub(bytes);
        fits
    };
    items.iter().take_while(fits).count().max(items.len().min(1))
}

/// Says what templates and apps get to know of a digest.
fn data_of(key: &str, items: &[Item]) -> Value {
    let listed: Vec<Value> = items.iter().map(listed).collect();
    json!({ "key": key, "count": items.len(), "items": listed })
}

fn listed(Item { id, content, topic, created_at }: &Item) -> Value {
    json!({
        "notification_id": id.to_string(),
        "notification_type": content.notification_type,
        "title": content.title,
        "message": content.message,
        "data": serde_json::from_str::<Value>(content.data.as_str()).unwrap_or_default(),
        "link": content.link,
        "sender_id": content.sender_id.as_ref().map(UserId::as_str),
        "sender_name": content.sender_name,
        "topic_id": topic.as_ref().map(|topic| topic.as_str()),
        "created_at": created_at.to_string(),
    })
}
