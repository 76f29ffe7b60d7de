//! Expanding sends: one stored row becomes a notification per user, chunk by chunk.
//!
//! Each chunk commits its notifications together with the send's new place, on condition of the
//! old one; so a user gets the notification once, however often a chunk is tried and by whomever.

use std::sync::{Arc, MutexGuard, PoisonError};

use landfall_core::audit::{Action, Details, Entity};
use landfall_core::id::{Tenant, UserId};
use landfall_store::{AuditDraft, SendNext, SendTo, StoreError, StoredSend, Unit, Write};
use serde_json::json;

use super::compose::{Addressee, Letter, Worded};
use super::people::Wishes;
use super::routing::Asked;
use super::tally::Tally;
use super::{ServiceError, Services};

/// Sends that one round of expansion serves, one per tenant; the next round goes on with others.
const TENANTS_PER_ROUND: usize = 64;

/// How far a send has come by a chunk.
struct Advanced {
    to: String,
    reached: u64,
}

/// Chunks of one send that are expanded in a turn: reading a send again costs more the more users
/// it names.
const CHUNKS_PER_TURN: usize = 10;

impl Services {
    /// Expands some chunks of the oldest send of each of the tenants whose turn it is; tells how
    /// many sends it moved. A send that fails holds up its tenant alone.
    ///
    /// # Errors
    /// When nothing could be moved; what is committed stays, the rest is tried again.
    pub async fn expand_sends(&self) -> Result<usize, ServiceError> {
        let after = self.expansion_place().take();
        let mut sends = self.store.active_sends(after.clone(), TENANTS_PER_ROUND).await?;
        if sends.is_empty() && after.is_some() {
            sends = self.store.active_sends(None, TENANTS_PER_ROUND).await?;
        }
        let last = sends.last().filter(|_| sends.len() == TENANTS_PER_ROUND);
        *self.expansion_place() = last.map(|send| send.tenant.clone());
        let mut tally = Tally::default();
        for send in sends {
            tally.add(self.expand_turn(send).await);
        }
        tally.finish(&self.troubles)
    }

    fn expansion_place(&self) -> MutexGuard<'_, Option<Tenant>> {
        self.expanded_up_to.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn expand_turn(&self, mut send: StoredSend) -> Result<(), ServiceError> {
        for _ in 0..CHUNKS_PER_TURN {
            match self.expand_chunk(&send).await? {
                Some(Advanced { to, reached }) => {
                    send.cursor = to;
                    send.expanded += reached;
                }
                None => break,
            }
        }
        Ok(())
    }

    /// Expands the next chunk; gives the send's new place where there is more to do.
    async fn expand_chunk(&self, send: &StoredSend) -> Result<Option<Advanced>, ServiceError> {
        let chunk = self.settings.chunk;
        let users = self.next_users(&send.tenant, &send.to, &send.cursor, chunk).await?;
        let is_complete = users.len() < chunk;
        let mut unit = Unit::new(&send.tenant);
        self.compose_chunk(send, &users, &mut unit).await?;
        let to = users.last().map_or(send.cursor.clone(), UserId::to_string);
        let reached = users.len() as u64;
        unit.writes.push(Write::AdvanceSend {
            id: send.id,
            from: send.cursor.clone(),
            to: to.clone(),
            reached,
            next: if is_complete { SendNext::Ends } else { SendNext::GoesOn },
        });
        if is_complete {
            unit.audit.push(self.completed_entry(send, reached));
        }
        match self.commit(unit).await {
            Ok(_) => Ok((!is_complete).then_some(Advanced { to, reached })),
            // Somebody else moved it on: nothing of this chunk was done.
            Err(StoreError::Stale) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Composes the send for each of these users.
    async fn compose_chunk(
        &self,
        send: &StoredSend,
        users: &[UserId],
        unit: &mut Unit,
    ) -> Result<(), ServiceError> {
        let letter = Letter {
            content: Arc::clone(&send.content),
            filled: self.refill(&send.content),
            asked: Asked::parse(&send.route),
            topic: match &send.to {
                SendTo::Topic(topic) | SendTo::Members(topic, _) => Some(topic.clone()),
                SendTo::Users(_) | SendTo::One(..) => None,
            },
            send: Some(send.id),
            created_at: self.now(),
            expires_at: send.expires_at,
            forecast: None,
            worded: Worded::default(),
        };
        let (recipients, everybody) =
            self.addressees(&send.tenant, users.to_vec(), &letter).await?;
        for recipient in &recipients {
            let wishes = &Wishes::of(recipient, &everybody);
            let addressee = Addressee { recipient, wishes, phone: None, replaces: None };
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
        Ok(())
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
            SendTo::One(user, _) => {
                Ok(Some(user.clone()).filter(|user| user.as_str() > after).into_iter().collect())
            }
            SendTo::Topic(topic) => {
                let members = self.store.members(tenant, topic, after.to_owned(), limit).await?;
                Ok(members.into_iter().map(|member| member.user).collect())
            }
        }
    }

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
            entity: Entity::Other("send", send.id.to_string()),
            details: self.ids.salted(details),
        }
    }
}
