//! Values for the cases about messages.

use landfall_core::feed::Number;
use landfall_core::id::MessageId;
use landfall_core::message::{Message, MessageBody};
use landfall_store::Write;
use uuid::Uuid;

use super::make::{at, topic_id, user};

/// A message of a user in the topic `c`.
pub fn message(id: u128, sender: &str, text: &str) -> Message {
    Message {
        id: MessageId(Uuid::from_u128(id)),
        topic: topic_id("c"),
        number: Number::ZERO,
        changed: Number::ZERO,
        sender: user(sender),
        sender_name: None,
        client_id: None,
        body: MessageBody { text: text.into(), ..MessageBody::default() },
        created_at: at(id as i64),
        edited_at: None,
        is_deleted: false,
    }
}

pub fn send(message: &Message) -> Write {
    Write::SendMessage { message: Box::new(message.clone()), digest: [7; 32] }
}
