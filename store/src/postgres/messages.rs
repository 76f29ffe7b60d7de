//! Questions about messages, each on a borrowed connection.

use landfall_core::feed::Number;
use landfall_core::id::{MessageId, Tenant, TopicId, UserId};
use landfall_core::message::{Message, Participation, Unread};
use landfall_core::time::Timestamp;

use super::Postgres;
use super::reads::{ask, transact};
use crate::sql::messages;
use crate::{Answered, MessageSlice, Messages, StoredMessage};

impl Messages for Postgres {
    fn message_of_client(
        &self,
        tenant: &Tenant,
        (topic, sender): (TopicId, UserId),
        client_id: String,
    ) -> Answered<'_, Option<StoredMessage>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| messages::of_client(r, &tenant, (&topic, &sender), &client_id))
    }

    fn message(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        id: MessageId,
    ) -> Answered<'_, Option<Message>> {
        let (tenant, topic) = (tenant.clone(), topic.clone());
        ask!(self.pool, |r| messages::get(r, &tenant, &topic, id))
    }

    fn newest_of(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        ids: Vec<MessageId>,
    ) -> Answered<'_, Option<Number>> {
        let (tenant, topic) = (tenant.clone(), topic.clone());
        ask!(self.pool, |r| messages::newest_of(r, &tenant, &topic, &ids))
    }

    fn messages(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        slice: MessageSlice,
        limit: usize,
    ) -> Answered<'_, Vec<Message>> {
        let (tenant, topic) = (tenant.clone(), topic.clone());
        ask!(self.pool, |r| messages::list(r, &tenant, &topic, slice, limit))
    }

    fn unread_messages(
        &self,
        tenant: &Tenant,
        user: &UserId,
        topics: Vec<TopicId>,
    ) -> Answered<'_, Vec<Option<Unread>>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        ask!(self.pool, |r| messages::unread_of(r, &tenant, &user, &topics))
    }

    fn participation(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        after: String,
        limit: usize,
    ) -> Answered<'_, Vec<Participation>> {
        let (tenant, topic) = (tenant.clone(), topic.clone());
        ask!(self.pool, |r| messages::participation(r, &tenant, &topic, &after, limit))
    }

    fn forget_messages(&self, now: Timestamp, limit: usize) -> Answered<'_, usize> {
        transact!(self.pool, |r| messages::sweep(r, now, limit))
    }
}
