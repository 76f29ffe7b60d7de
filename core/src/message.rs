//! Messages of a topic: what its members write to each other (S3, contract 4).
//!
//! A message has the number on its topic's feed with which it was sent, and keeps its place among the others by
//! it; each change takes a number of its own. What a member has not read is what others wrote behind the
//! member's mark, counted when somebody asks. This file must never decide who may read: that is `topic`.

use unicode_segmentation::UnicodeSegmentation as _;

use crate::attachment::{Attachment, AttachmentDraft};
use crate::feed::Number;
use crate::id::{MessageId, TopicId, UserId};
use crate::notify::FieldError;
use crate::time::Timestamp;

/// Unread messages are counted up to so many.
pub const UNREAD_MAX: u64 = 1_000;
/// Users that one message may mention.
pub const MENTIONS_MAX: usize = 50;
/// Files that one message may carry.
pub const ATTACHMENTS_MAX: usize = 10;
/// Characters of a preview (S3).
pub const PREVIEW_CHARS_MAX: usize = 100;

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
    /// Files that it carries.
    pub attachments: Vec<Attachment>,
}

/// What a device wants to say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageDraft {
    /// What, but for its files.
    pub body: MessageBody,
    /// Files that it is to carry.
    pub attachments: Vec<AttachmentDraft>,
    /// What the device calls it; sent again under the same name it is the same message.
    pub client_id: Option<String>,
}

impl MessageDraft {
    /// Checks what is to be said, as [`MessageBody::check`].
    ///
    /// # Errors
    /// Every fault.
    pub fn check(&self, chars_max: usize) -> Result<(), Vec<FieldError>> {
        self.body.check(chars_max, self.attachments.len())
    }
}

impl MessageBody {
    /// Checks what a message with so many `files` is to say; `chars_max` bounds its words, which may be none
    /// beside a file.
    ///
    /// # Errors
    /// Every fault.
    pub fn check(&self, chars_max: usize, files: usize) -> Result<(), Vec<FieldError>> {
        let mut faults = Vec::new();
        let mut fault = |pointer: &str, detail: String| {
            faults.push(FieldError::new(pointer, detail));
        };
        if self.is_wordless() && files == 0 {
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
        if files > ATTACHMENTS_MAX {
            fault("/attachments", format!("must have at most {ATTACHMENTS_MAX} entries"));
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    fn is_wordless(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// Gives the beginning of what it says, or of the name of its first file where it has no words: one line of
    /// at most [`PREVIEW_CHARS_MAX`] characters.
    pub fn preview(&self) -> String {
        match self.attachments.first() {
            Some(file) if self.is_wordless() => preview(&file.name),
            _ => preview(&self.text),
        }
    }
}

/// Gives the beginning of a message: one line of at most [`PREVIEW_CHARS_MAX`] characters, which ends between
/// two of what a reader takes for letters (grapheme clusters, UAX 29).
fn preview(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= PREVIEW_CHARS_MAX {
        return line;
    }
    let mut cut = String::new();
    let mut left = PREVIEW_CHARS_MAX - 1;
    for letter in line.graphemes(true) {
        let Some(rest) = left.checked_sub(letter.chars().count()) else { break };
        left = rest;
        cut.push_str(letter);
    }
    cut.truncate(cut.trim_end().len());
    cut.push('…');
    cut
}

/// What a member who is not there may be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News<'a> {
    /// The newest message that mentions them, or the newest of all.
    pub message: &'a Message,
    /// Whether it is told because it mentions them.
    pub is_mention: bool,
}

/// What members are told of: messages up to one number, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Latest {
    /// The newest.
    pub messages: Vec<Message>,
    /// The newest that mention somebody, which may be older than all of those.
    pub mentioning: Vec<Message>,
}

/// Up to where somebody has read, and was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Everything up to here is read.
    pub read: Number,
    /// Of everything up to here word was given, or kept back.
    pub told: Number,
}

impl<'a> News<'a> {
    /// Finds what somebody may be told of, the first that they want: a mention that they have not read, then the
    /// newest message, unless that mention is new. Nothing where nothing is behind both marks.
    pub fn of(user: &UserId, marks: Marks, latest: &'a Latest) -> impl Iterator<Item = Self> {
        let is_of_others = |message: &&Message| message.sender != *user && !message.is_deleted;
        let is_new = |message: &&Message| message.number > marks.read.max(marks.told);
        let mentions = |message: &&Message| {
            message.number > marks.read && message.body.mentions.contains(user)
        };
        let newest = latest.messages.iter().filter(is_new).find(is_of_others);
        let mention = latest.mentioning.iter().filter(mentions).find(is_of_others);
        let mention = mention.filter(|mention| newest.is_some() || is_new(mention));
        let newest = newest.filter(|_| !mention.is_some_and(|mention| is_new(&mention)));
        let mention = mention.map(|message| Self { message, is_mention: true });
        let newest = newest.map(|message| Self { message, is_mention: false });
        mention.into_iter().chain(newest)
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
        faults_with(body, 0)
    }

    fn faults_with(body: &MessageBody, files: usize) -> Vec<String> {
        let faults = body.check(5, files).err().unwrap_or_default();
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
        assert_eq!(faults_with(&said(" "), 1), [""; 0], "a picture says enough");
        let many = faults_with(&said("a"), ATTACHMENTS_MAX + 1);
        assert_eq!(many, ["/attachments must have at most 10 entries"]);
    }

    #[test]
    fn a_message_without_words_is_known_by_its_first_file() {
        let hash = crate::blob::BlobHash([0; 32]);
        let (name, media_type) = ("Tree  by me.png".into(), "image/png".into());
        let attachments = vec![Attachment { hash, name, media_type, bytes: 1 }];
        let body = MessageBody { text: " ".into(), attachments, ..MessageBody::default() };
        assert_eq!(body.preview(), "Tree by me.png");
        assert_eq!(MessageBody { text: "Look".into(), ..body }.preview(), "Look");
    }

    #[test]
    fn a_preview_ends_between_letters() {
        assert_eq!(preview(" a \n\t b "), "a b");
        assert_eq!(preview(&"é".repeat(100)), "é".repeat(100));
        let cut = preview(&"x".repeat(101));
        assert_eq!((cut.chars().count(), cut.ends_with("x…")), (100, true));
        // A family of four is seven characters and one letter.
        let family = "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}\u{200D}\u{1F466}";
        let cut = preview(&family.repeat(15));
        assert_eq!(cut, format!("{}…", family.repeat(14)));
        assert_eq!(preview(&format!("{} b", "x".repeat(98) + " " + "yy")), "x".repeat(98) + "…");
    }

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    fn message(number: u64, sender: &str, mentions: &[&str]) -> Message {
        Message {
            id: MessageId(uuid::Uuid::from_u128(number.into())),
            topic: TopicId::parse("c").unwrap(),
            number: Number(number),
            changed: Number(number),
            sender: user(sender),
            sender_name: None,
            client_id: None,
            body: MessageBody {
                mentions: mentions.iter().map(|name| user(name)).collect(),
                ..MessageBody::default()
            },
            created_at: Timestamp::from_ms(0),
            edited_at: None,
            is_deleted: false,
        }
    }

    /// Gives the number of each message that somebody may be told of, and whether as a mention.
    fn news(name: &str, (read, told): (u64, u64), latest: &Latest) -> Vec<(u64, bool)> {
        let marks = Marks { read: Number(read), told: Number(told) };
        News::of(&user(name), marks, latest)
            .map(|news| (news.message.number.0, news.is_mention))
            .collect()
    }

    #[test]
    fn news_is_what_was_neither_read_nor_told_and_a_mention_comes_first() {
        let mention = message(3, "b", &["a", "e"]);
        let messages = vec![message(5, "b", &[]), message(4, "a", &[]), mention.clone()];
        let latest = Latest { messages, mentioning: vec![mention] };
        assert_eq!(news("a", (0, 0), &latest), [(3, true)]);
        assert_eq!(news("a", (3, 0), &latest), [(5, false)]);
        assert_eq!(news("d", (0, 0), &latest), [(5, false)]);
        assert_eq!(news("b", (0, 0), &latest), [(4, false)], "one's own are no news");
        assert_eq!(news("b", (4, 0), &latest), []);
        assert_eq!(news("a", (5, 0), &latest), []);
    }

    #[test]
    fn a_mention_stays_one_until_it_is_read() {
        let mentioning = vec![message(6, "b", &["e"]), message(3, "b", &["a"])];
        let latest = Latest { messages: vec![message(9, "b", &[])], mentioning };
        // Behind more messages than are looked at.
        assert_eq!(news("a", (0, 0), &latest), [(3, true)]);
        // They were told of it, and have not read it; who wants no mentions still hears of the rest.
        assert_eq!(news("a", (0, 3), &latest), [(3, true), (9, false)]);
        assert_eq!(news("a", (3, 3), &latest), [(9, false)]);
        assert_eq!(news("a", (0, 9), &latest), [], "nothing came since");
        let only_own = Latest { messages: vec![message(9, "a", &[])], ..latest };
        assert_eq!(news("a", (0, 0), &only_own), [(3, true)]);
        assert_eq!(news("a", (0, 3), &only_own), []);
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
