//! Digests: what is sent to somebody under one key goes out as one notification at the end of a window
//! (contract 5).
//!
//! The window begins with the first of them. Whoever says a shorter one later makes it end sooner.

use std::sync::Arc;

use crate::id::{NotificationId, TopicId, UserId};
use crate::notification::{Content, Priority};
use crate::notify::FieldError;
use crate::time::Timestamp;

/// The longest window, in milliseconds: a week.
pub const WINDOW_MS_MAX: i64 = 7 * 24 * 3_600_000;
/// The shortest, in milliseconds.
pub const WINDOW_MS_MIN: i64 = 1_000;
/// Characters of a key.
pub const KEY_CHARS_MAX: usize = 128;
/// Notifications of one digest; what is more goes out in the next, at the same time.
pub const ITEMS_MAX: usize = 100;
/// The type of a digest of several types, and the template that says what is in one.
pub const DIGEST: &str = "digest";

/// With which others something goes out, and when at the latest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// What they share; each recipient has a digest of their own.
    pub key: String,
    /// Milliseconds from when it would go out alone.
    pub window_ms: i64,
}

impl Digest {
    /// Says every fault; nothing `Critical` waits for others.
    pub fn faults(&self, priority: Priority) -> Vec<FieldError> {
        let mut faults = Vec::new();
        let length = self.key.chars().count();
        if length == 0 || length > KEY_CHARS_MAX || self.key.chars().any(char::is_control) {
            let detail = format!(
                "must have 1 to {KEY_CHARS_MAX} characters, none of them a control character"
            );
            faults.push(FieldError::new("/digest/key", detail));
        }
        if !(WINDOW_MS_MIN..=WINDOW_MS_MAX).contains(&self.window_ms) {
            faults.push(FieldError::new("/digest/window", "must be between 1 second and 7 days"));
        }
        if priority == Priority::Critical {
            let detail = "goes with another priority: what is critical does not wait";
            faults.push(FieldError::new("/digest", detail));
        }
        faults
    }
}

/// One of those that go out together, in its recipient's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is called.
    pub id: NotificationId,
    /// What it says.
    pub content: Arc<Content>,
    /// To the members of which topic it was sent, if of one.
    pub topic: Option<TopicId>,
    /// When it was accepted.
    pub created_at: Timestamp,
}

/// What several notifications have in common; what they have not is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Common {
    /// Their type, or [`DIGEST`].
    pub notification_type: String,
    /// The topic.
    pub topic: Option<TopicId>,
    /// The highest priority.
    pub priority: Priority,
    /// Who sent them.
    pub sender: (Option<UserId>, Option<String>),
    /// Where a click leads.
    pub link: Option<String>,
}

/// Says what items have in common.
pub fn common(items: &[Item]) -> Common {
    let kind = shared(items, |item| Some(item.content.notification_type.clone()));
    let sender = shared(items, |item| item.content.sender_id.clone());
    let name = sender.is_some().then(|| shared(items, |item| item.content.sender_name.clone()));
    Common {
        notification_type: kind.unwrap_or_else(|| DIGEST.to_owned()),
        topic: shared(items, |item| item.topic.clone()),
        priority: items.iter().map(|item| item.content.priority).max().unwrap_or_default(),
        sender: (sender, name.flatten()),
        link: shared(items, |item| item.content.link.clone()),
    }
}

fn shared<T: PartialEq>(items: &[Item], of: impl Fn(&Item) -> Option<T>) -> Option<T> {
    let first = of(items.first()?)?;
    items.iter().all(|item| of(item).as_ref() == Some(&first)).then_some(first)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::notification::JsonText;

    fn item(kind: &str, link: Option<&str>, priority: Priority) -> Item {
        let content = Content {
            notification_type: kind.into(),
            template_id: None,
            title: "t".into(),
            message: String::new(),
            data: JsonText::trusted("{}"),
            priority,
            locale: None,
            sender_id: Some(UserId::parse("tom").unwrap()),
            sender_name: Some("Tom".into()),
            image: None,
            actions: None,
            link: link.map(Into::into),
        };
        let id = NotificationId(uuid::Uuid::from_u128(1));
        Item { id, content: Arc::new(content), topic: None, created_at: Timestamp::from_ms(0) }
    }

    #[test]
    fn several_have_in_common_what_all_of_them_say() {
        let (low, high) = (Priority::Low, Priority::High);
        let alike = common(&[item("grade", Some("/a"), low), item("grade", Some("/a"), high)]);
        assert_eq!((&*alike.notification_type, alike.priority), ("grade", high));
        assert_eq!((alike.link.as_deref(), alike.sender.1.as_deref()), (Some("/a"), Some("Tom")));
        let unlike = common(&[item("grade", Some("/a"), low), item("note", None, low)]);
        assert_eq!((&*unlike.notification_type, unlike.link), (DIGEST, None));
    }

    #[test]
    fn a_digest_has_a_key_a_window_and_nothing_critical() {
        let check = |key: &str, window_ms, priority| {
            let faults = Digest { key: key.into(), window_ms }.faults(priority);
            faults.into_iter().map(|fault| fault.pointer).collect::<Vec<_>>()
        };
        assert_eq!(check("k", 1_000, Priority::High), Vec::<String>::new());
        assert_eq!(check("k", WINDOW_MS_MAX, Priority::Critical), ["/digest"]);
        let all = ["/digest/key", "/digest/window"];
        assert_eq!(check("", 999, Priority::Low), all);
        assert_eq!(check(&"k".repeat(129), WINDOW_MS_MAX + 1, Priority::Low), all);
        assert_eq!(check("a\nb", i64::MAX, Priority::Low), all);
    }
}
