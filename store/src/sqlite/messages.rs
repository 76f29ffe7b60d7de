//! Binds messages to the statements.

use landfall_core::feed::Number;
use landfall_core::id::{MessageId, Tenant, TopicId, UserId};
use landfall_core::message::{Message, Participation, Unread};
use landfall_core::time::Timestamp;

use super::Sqlite;
use super::runner::at_once;
use crate::sql::messages;
use crate::{Answered, MessageSlice, Messages, StoredMessage};

impl Messages for Sqlite {
    fn message_of_client(
        &self,
        tenant: &Tenant,
        (topic, sender): (TopicId, UserId),
        client_id: String,
    ) -> Answered<'_, Option<StoredMessage>> {
        let tenant = tenant.clone();
        Box::pin(
            self.readers.run(move |r| {
                at_once(messages::of_client(r, &tenant, (&topic, &sender), &client_id))
            }),
        )
    }

    fn message(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        id: MessageId,
    ) -> Answered<'_, Option<Message>> {
        let (tenant, topic) = (tenant.clone(), topic.clone());
        Box::pin(self.readers.run(move |r| at_once(messages::get(r, &tenant, &topic, id))))
    }

    fn newest_of(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        ids: Vec<MessageId>,
    ) -> Answered<'_, Option<Number>> {
        let (tenant, topic) = (tenant.clone(), topic.clone());
        Box::pin(self.readers.run(move |r| at_once(messages::newest_of(r, &tenant, &topic, &ids))))
    }

    fn messages(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        slice: MessageSlice,
        limit: usize,
    ) -> Answered<'_, Vec<Message>> {
        let (tenant, topic) = (tenant.clone(), topic.clone());
        Box::pin(
            self.readers.run(move |r| at_once(messages::list(r, &tenant, &topic, slice, limit))),
        )
    }

    fn unread_messages(
        &self,
        tenant: &Tenant,
        user: &UserId,
        topics: Vec<TopicId>,
    ) -> Answered<'_, Vec<Option<Unread>>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        Box::pin(
            self.readers.run(move |r| at_once(messages::unread_of(r, &tenant, &user, &topics))),
        )
    }

    fn participation(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        after: String,
        limit: usize,
    ) -> Answered<'_, Vec<Participation>> {
        let (tenant, topic) = (tenant.clone(), topic.clone());
        Box::pin(
            self.readers
                .run(move |r| at_once(messages::participation(r, &tenant, &topic, &after, limit))),
        )
    }

    fn forget_messages(&self, now: Timestamp, limit: usize) -> Answered<'_, usize> {
        Box::pin(self.committer.run(move |r| at_once(messages::sweep(r, now, limit))))
    }
}
