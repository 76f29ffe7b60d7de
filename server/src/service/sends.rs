//! Expanding sends: one stored row becomes a notification per user, chunk by chunk, once it is due.
//!
//! Each chunk commits its notifications together with the send's new place, on condition of the
//! old one; so a user gets the notification once, however often a chunk is tried and by whomever.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use futures_util::{StreamExt as _, stream};
use landfall_core::audit::{Action, Details, Entity};
use landfall_core::due::Due;
use landfall_core::id::{SendId, Tenant, UserId};
use landfall_core::preference::{About, reminder_minutes};
use landfall_core::schedule::Moment;
use landfall_core::time::Timestamp;
use landfall_store::{
    AuditDraft, Later, Reminds, SendNext, SendState, SendTo, StoreError, StoredSend, Unit, Write,
};
use serde_json::json;

use super::compose::{Addressee, BroughtPhone, Letter, Worded};
use super::people::Wishes;
use super::routing::{Asked, Brought};
use super::tally::Tally;
use super::{ServiceError, Services};

/// Tenants that one round of expansion serves, and how many of them at once; the next round goes on with others.
const TENANTS_PER_ROUND: usize = 64;
const TENANTS_AT_ONCE: usize = 4;

/// Sends to many of one tenant that go on in its turn, at the same time, so that they share commits.
const SENDS_PER_TURN: usize = 8;

/// How far a send has come by a chunk.
struct Advanced {
    to: String,
    reached: u64,
}

/// What became of a chunk.
struct Chunked {
    /// How many users it reached.
    reached: u64,
    /// Until when a send to one user waits.
    put_off: Option<Timestamp>,
}

/// Notifications to one user each that go out in a tenant's turn, and how many of them at once: the more,
/// the better they share commits.
const ONES_PER_TURN: usize = 512;
const ONES_AT_ONCE: usize = 128;

/// Chunks that all of them share in a turn, since whoever comes meanwhile waits for its end; and chunks of one, since
/// reading a send again costs more the more users it names.
const CHUNKS_PER_TURN: usize = 32;
const CHUNKS_OF_ONE: usize = 10;

impl Services {
    /// Expands some chunks of the oldest and the newest sends of each of the tenants whose turn it is; tells how many
    /// sends it moved. A send that fails holds up nobody else.
    ///
    /// # Errors
    /// When nothing could be moved; what is committed stays, the rest is tried again.
    pub async fn expand_sends(&self) -> Result<usize, ServiceError> {
        let after = self.expansion_place().take();
        let mut tenants = self.store.active_tenants(after.clone(), TENANTS_PER_ROUND).await?;
        if tenants.is_empty() && after.is_some() {
            tenants = self.store.active_tenants(None, TENANTS_PER_ROUND).await?;
        }
        let last = tenants.last().filter(|_| tenants.len() == TENANTS_PER_ROUND);
        let (are_more, last) = (last.is_some(), last.cloned());
        *self.expansion_place() = last;
        let turn = |tenant: Tenant| async move { self.expand_turn(&tenant).await };
        let turns = stream::iter(tenants).map(turn).buffer_unordered(TENANTS_AT_ONCE);
        let results: Vec<_> = turns.collect().await;
        let mut tally = Tally::of("sends");
        results.into_iter().flatten().for_each(|result| tally.add(result));
        tally.finish(&self.troubles).map(|moved| moved.max(usize::from(are_more)))
    }

    fn expansion_place(&self) -> MutexGuard<'_, Option<Tenant>> {
        self.expanded_up_to.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a tenant's oldest notifications to one user each go out, and moves its sends to many on.
    async fn expand_turn(&self, tenant: &Tenant) -> Vec<Result<(), ServiceError>> {
        let (mut ones, many) = tokio::join!(self.expand_ones(tenant), self.expand_many(tenant));
        ones.extend(many);
        ones
    }

    async fn expand_ones(&self, tenant: &Tenant) -> Vec<Result<(), ServiceError>> {
        let ones = match self.store.active_ones(tenant, ONES_PER_TURN).await {
            Ok(ones) => ones,
            Err(error) => return vec![Err(error.into())],
        };
        let expand = |one: StoredSend| async move { self.expand_chunk(&one).await.map(drop) };
        stream::iter(ones).map(expand).buffered(ONES_AT_ONCE).collect().await
    }

    async fn expand_many(&self, tenant: &Tenant) -> Vec<Result<(), ServiceError>> {
        let sends = match self.store.active_sends(tenant, SENDS_PER_TURN).await {
            Ok(sends) => sends,
            Err(error) => return vec![Err(error.into())],
        };
        let chunks = (CHUNKS_PER_TURN / sends.len().max(1)).min(CHUNKS_OF_ONE);
        let expand = |send: StoredSend| async move { self.expand_some(send, chunks).await };
        stream::iter(sends).map(expand).buffer_unordered(SENDS_PER_TURN).collect().await
    }

    async fn expand_some(&self, mut send: StoredSend, chunks: usize) -> Result<(), ServiceError> {
        for _ in 0..chunks {
            let Some(Advanced { to, reached }) = self.expand_chunk(&send).await? else { break };
            send.cursor = to;
            send.expanded += reached;
        }
        Ok(())
    }

    /// Expands the next chunk; gives the send's new place where there is more to do.
    async fn expand_chunk(&self, send: &StoredSend) -> Result<Option<Advanced>, ServiceError> {
        let chunk = self.settings.chunk;
        let users = self.next_users(&send.tenant, &send.to, &send.cursor, chunk).await?;
        let is_last = users.len() < chunk;
        let last = users.last().map_or(send.cursor.clone(), UserId::to_string);
        let mut unit = Unit::new(&send.tenant);
        let Chunked { reached, put_off } = self.compose_chunk(send, users, &mut unit).await?;
        let (to, next) = match put_off {
            Some(at) => (send.cursor.clone(), SendNext::WaitsUntil(at)),
            None if is_last => (last, SendNext::Ends),
            None => (last, SendNext::GoesOn),
        };
        let (id, from) = (send.id, send.cursor.clone());
        // One to a single user goes on in its digest.
        let joins = matches!(send.to, SendTo::One(..)) && send.digest.is_some() && reached > 0;
        if !joins {
            unit.writes.push(Write::AdvanceSend { id, from, to: to.clone(), reached, next });
        }
        // What one user gets is told by the notification.
        if next == SendNext::Ends && !matches!(send.to, SendTo::One(..)) {
            unit.audit.push(self.completed_entry(send, reached));
        }
        match self.commit(unit).await {
            Ok(_) => Ok((next == SendNext::GoesOn).then_some(Advanced { to, reached })),
            // Somebody else moved it on: nothing of this chunk was done.
            Err(StoreError::Stale) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Composes the send for each of these users for whom it is time, and leaves the others for later.
    async fn compose_chunk(
        &self,
        send: &StoredSend,
        users: Vec<UserId>,
        unit: &mut Unit,
    ) -> Result<Chunked, ServiceError> {
        let users = self.still_there(send, users).await?;
        let (letter, phone) = (self.letter_of_send(send), self.phone_of(send).await?);
        let (recipients, everybody) = self.addressees(&send.tenant, users, &letter).await?;
        let mut reached = 0;
        let mut too_early: BTreeMap<Timestamp, Vec<UserId>> = BTreeMap::new();
        for recipient in &recipients {
            let wishes = &Wishes::of(recipient, &everybody);
            let at = letter.goes_out(recipient, wishes);
            if at > letter.created_at {
                too_early.entry(at).or_default().push(recipient.user.clone());
                continue;
            }
            if !is_wanted(send, &letter, wishes) {
                continue;
            }
            reached += 1;
            if letter.digest.is_some() {
                self.put_into_digest(send, &letter, recipient, unit);
                continue;
            }
            let phone = phone.clone();
            let addressee = Addressee { recipient, wishes, phone, replaces: None };
            match self.composed(&send.tenant, &letter, &addressee) {
                Ok(composed) => {
                    unit.audit.push(self.created_entry(&composed.new));
                    composed.write(unit);
                }
                // The data fitted when the send was accepted; the template itself does not work.
                Err(error) => {
                    tracing::error!(%error, tenant = %send.tenant, send = %send.id, "a recipient is left out");
                }
            }
        }
        Ok(Chunked { reached, put_off: self.leave(send, too_early, unit) })
    }

    /// Leaves those for later whose clocks do not show the time yet: each hour of them is a send of its own.
    /// One to a single user waits itself, until the time that is given.
    fn leave(
        &self,
        send: &StoredSend,
        too_early: BTreeMap<Timestamp, Vec<UserId>>,
        unit: &mut Unit,
    ) -> Option<Timestamp> {
        if let SendTo::One(..) = send.to {
            return too_early.into_keys().next();
        }
        let parts = too_early.into_iter().map(|part| self.part_of(send, part));
        unit.writes.extend(parts.map(|part| Write::CreateSend(Box::new(part))));
        None
    }

    /// Makes what all recipients of a send share.
    pub(super) fn letter_of_send(&self, send: &StoredSend) -> Letter<'_> {
        let (now, later) = (self.now(), send.later.as_ref());
        let lives_ms = later.and_then(|later| later.lives_ms);
        let part_of = later.and_then(|later| later.part_of);
        let (topic, named) = match &send.to {
            SendTo::Topic(topic) | SendTo::Members(topic, _) => (Some(topic.clone()), None),
            SendTo::Users(_) => (None, None),
            SendTo::One(_, id, topic) => (topic.clone(), Some(*id)),
        };
        Letter {
            content: Arc::clone(&send.content),
            filled: self.refill(&send.content),
            asked: Asked::parse(&send.route),
            topic,
            send: part_of.or(named.is_none().then_some(send.id)),
            named,
            created_at: now,
            expires_at: send.expires_at.or(lives_ms.map(|ms| now.plus_ms(ms))),
            due: later.and_then(|later| later.local).map(Due::Local),
            digest: send.digest.clone(),
            forecast: None,
            worded: Worded::default(),
        }
    }

    /// Makes the send of those of another one whose clocks do not show its time yet.
    fn part_of(&self, send: &StoredSend, (due_at, users): (Timestamp, Vec<UserId>)) -> StoredSend {
        let part_of = Some(whole(send));
        StoredSend {
            id: self.ids.send(self.now()),
            accepted: users.len() as u64,
            to: match &send.to {
                SendTo::Topic(topic) | SendTo::Members(topic, _) => {
                    SendTo::Members(topic.clone(), users)
                }
                SendTo::Users(_) | SendTo::One(..) => SendTo::Users(users),
            },
            cursor: String::new(),
            expanded: 0,
            state: SendState::Waits,
            later: send.later.clone().map(|later| Later { due_at, part_of, ..later }),
            ..send.clone()
        }
    }

    /// Gives those of a send's users whom it still reaches: somebody may have left the topic since it was
    /// seen who is in it.
    async fn still_there(
        &self,
        send: &StoredSend,
        users: Vec<UserId>,
    ) -> Result<Vec<UserId>, ServiceError> {
        match &send.to {
            SendTo::Members(topic, _) => {
                Ok(self.store.members_among(&send.tenant, topic, users).await?)
            }
            SendTo::Topic(_) | SendTo::Users(_) | SendTo::One(..) => Ok(users),
        }
    }

    /// Takes the phone number that came along with a send to one user.
    pub(super) async fn phone_of(
        &self,
        send: &StoredSend,
    ) -> Result<Option<BroughtPhone>, ServiceError> {
        let sealed = send.later.as_ref().and_then(|later| later.phone.clone());
        let (Some(sealed), SendTo::One(user, ..)) = (sealed, &send.to) else { return Ok(None) };
        let brought = match self.open_brought(&send.tenant, user, &sealed) {
            Ok(phone) => self.brought(&send.tenant, Some(phone.expose())).await?,
            // The delivery asks for the key again when it is tried; the inbox need not wait for it.
            Err(error) => {
                tracing::error!(%error, tenant = %send.tenant, send = %send.id, "a phone number does not open");
                Brought::Phone(None)
            }
        };
        Ok(Some(BroughtPhone { sealed, brought }))
    }

    /// Makes sends active that are due, so many at most; tells how many.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn start_sends(&self, limit: usize) -> Result<usize, ServiceError> {
        let started = self.store.start_sends(self.now(), limit).await?;
        if started > 0 {
            self.send_accepted.notify_one();
        }
        Ok(started)
    }

    /// Gives the next users of a send after one of them, in their order.
    pub(super) async fn next_users(
        &self,
        tenant: &Tenant,
        to: &SendTo,
        after: &str,
        limit: usize,
    ) -> Result<Vec<UserId>, ServiceError> {
        match to {
            SendTo::Users(users) | SendTo::Members(_, users) => {
                let reached = users.partition_point(|user| user.as_str() <= after);
                Ok(users[reached..].iter().take(limit).cloned().collect())
            }
            SendTo::One(user, ..) => {
                Ok(Some(user.clone()).filter(|user| user.as_str() > after).into_iter().collect())
            }
            SendTo::Topic(topic) => {
                let members = self.store.members(tenant, topic, after.to_owned(), limit).await?;
                Ok(members.into_iter().map(|member| member.user).collect())
            }
        }
    }

    /// Says that a send, or what it left for later, reached its end.
    fn completed_entry(&self, send: &StoredSend, last_chunk: u64) -> AuditDraft {
        let metadata = json!({ "reached": send.expanded + last_chunk });
        let details = Details {
            actor: send.content.sender_id.clone(),
            target: None,
            metadata: metadata.to_string(),
        };
        AuditDraft {
            at: self.now(),
            action: Action::SendCompleted,
            entity: Entity::Other("send", whole(send).to_string()),
            details: self.ids.salted(details),
        }
    }
}

/// Gives the send that one is, or is a part of.
pub(super) fn whole(send: &StoredSend) -> SendId {
    send.later.as_ref().and_then(|later| later.part_of).unwrap_or(send.id)
}

/// Says whether a recipient wants what a send reminds of so long before it starts.
fn is_wanted(send: &StoredSend, letter: &Letter<'_>, wishes: &Wishes<'_>) -> bool {
    send.reminds.is_none_or(|Reminds { minutes, starts_at }| {
        let notification_type = &letter.content.notification_type;
        let about = About { notification_type, topic: letter.topic.as_ref() };
        let wanted = reminder_minutes(wishes.tenant, &wishes.own, about);
        Moment::reminds(minutes, &wanted, starts_at, send.created_at)
    })
}
