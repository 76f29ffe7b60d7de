//! Messages of a topic: what its members write to each other (S3, contract 4).
//!
//! A message has the number on its topic's feed with which it was sent, and keeps its place among the others by
//! it; each change takes a number of its own. What a member has not read is what others wrote behind the
//! member's mark, counted when somebody asks. This file must never decide who may read: that is `topic`.

use crate::feed::Number;
use crate::id::{MessageId, TopicId, UserId};
use crate::notify::FieldError;
use crate::time::Timestamp;

/// Unread messages are counted up to so many.
pub const UNREAD_MAX: u64 = 1_000;
/// Users that one message may mention.
pub const MENTIONS_MAX: usize = 50;
/// Characters of the name that a device gives a message.
pub const CLIENT_ID_CHARS_MAX: usize = 128;

/// A message, or what is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its name within the tenant.
    pub id: MessageId,
    /// Whose it is; for good.
    pub topic: TopicId,
    /// The number on its topic's feed with which it was sent.
    pub number: Number,
    /// The number of its last change there.
    pub changed: Number,
    /// Who wrote it.
    pub sender: UserId,
    /// What the sender was called then.
    pub sender_name: Option<String>,
    /// What the sender's device called it; no other message of the sender in this topic is called so.
    pub client_id: Option<String>,
    /// What its sender said; it may be changed, and is empty once it was deleted.
    pub body: MessageBody,
    /// When it was sent.
    pub created_at: Timestamp,
    /// When it was last changed, if it was.
    pub edited_at: Option<Timestamp>,
    /// Whether this is what is left of it.
    pub is_deleted: bool,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageBody {
    /// The words.
    pub text: String,
    /// Whom they name, in order and each once.
    pub mentions: Vec<UserId>,
    /// A label that is stored and echoed, never an access boundary.
    pub room_id: Option<String>,
    /// The message that it answers, which need not be there any more.
    pub reply_to: Option<MessageId>,
}

impl MessageBody {
    /// Checks a body; `chars_max` bounds its words.
    ///
    /// # Errors
    /// Every fault.
    pub fn check(&self, chars_max: usize) -> Result<(), Vec<FieldError>> {
        let mut faults = Vec::new();
        let mut fault = |pointer: &str, detail: String| {
            faults.push(FieldError::new(pointer, detail));
        };
        if self.text.trim().is_empty() {
            fault("/message", "must hold words".into());
        } else if self.text.chars().count() > chars_max {
            fault("/message", format!("must have at most {chars_max} characters"));
        }
        if self.text.contains('\0') {
            fault("/message", "must not hold the character U+0000".into());
        }
        if self.mentions.len() > MENTIONS_MAX {
            fault("/mentions", format!("must name at most {MENTIONS_MAX} users"));
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

/// What a member has not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unread {
    /// Others' messages behind the mark, [`UNREAD_MAX`] at most.
    pub count: u64,
    /// Whether there are more.
    pub is_capped: bool,
    /// The mark: up to this number of the topic's feed everything is read.
    pub read_up_to: Number,
}

impl Unread {
    /// Makes it of what was counted, which is one more than [`UNREAD_MAX`] where there are more.
    pub fn counted(count: u64, read_up_to: Number) -> Self {
        Self { count: count.min(UNREAD_MAX), is_capped: count > UNREAD_MAX, read_up_to }
    }
}

/// How a member takes part in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participation {
    /// Who.
    pub user: UserId,
    /// How many messages of theirs are there.
    pub messages: u64,
    /// When they wrote the last one of them.
    pub last_message_at: Option<Timestamp>,
    /// What they have not read.
    pub unread: Unread,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn faults(body: &MessageBody) -> Vec<String> {
        let faults = body.check(5).err().unwrap_or_default();
        faults.into_iter().map(|fault| format!("{} {}", fault.pointer, fault.detail)).collect()
    }

    #[test]
    fn a_body_has_words_and_bounds() {
        let said = |text: &str| MessageBody { text: text.into(), ..MessageBody::default() };
        assert_eq!(faults(&said("hi")), [""; 0]);
        assert_eq!(faults(&said("häéöü")), [""; 0]);
        assert_eq!(faults(&said(" \n")), ["/message must hold words"]);
        assert_eq!(faults(&said("abcdef")), ["/message must have at most 5 characters"]);
        assert_eq!(faults(&said("a\0")), ["/message must not hold the character U+0000"]);
        let user = UserId::parse("u").unwrap();
        let many = MessageBody { mentions: vec![user; MENTIONS_MAX + 1], ..said("a") };
        assert_eq!(faults(&many), ["/mentions must name at most 50 users"]);
    }

    #[test]
    fn unread_is_counted_up_to_a_bound() {
        let counted = |count| {
            let Unread { count, is_capped, .. } = Unread::counted(count, Number(3));
            (count, is_capped)
        };
        assert_eq!(counted(0), (0, false));
        assert_eq!(counted(UNREAD_MAX), (UNREAD_MAX, false));
        assert_eq!(counted(UNREAD_MAX + 1), (UNREAD_MAX, true));
    }
}
