//! Lessons: what a class is given to learn, so that its devices can keep it offline (S1).
//!
//! A lesson belongs to one class for good. One that was deleted or has expired leaves a tombstone
//! that still has its version, so that a device can tell what it has to forget. This file must
//! never decide who may see a lesson: that is the class's (`topic`).

use crate::attachment::Attachment;
use crate::feed::Number;
use crate::id::{LessonId, TopicId};
use crate::notification::JsonText;
use crate::time::Timestamp;

/// A lesson.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lesson {
    /// Its name within the tenant.
    pub id: LessonId,
    /// Whose it is; for good.
    pub class: TopicId,
    /// What people call it; empty once it is deleted.
    pub title: String,
    /// The app's own data: a JSON object, `{}` once it is deleted.
    pub data: JsonText,
    /// What it refers to; nothing once it is deleted.
    pub attachments: Vec<Attachment>,
    /// From then on it is not there any more.
    pub expires_at: Option<Timestamp>,
    /// Grows by one with each change, a deletion and a return included; the first is 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// The number of its last change on its class's feed; zero before it is stored.
    pub changed: Number,
    /// Whether this is what is left of it.
    pub is_deleted: bool,
}

impl Lesson {
    /// Says whether it is there at a time.
    pub fn is_there(&self, now: Timestamp) -> bool {
        !self.is_deleted && self.expires_at.is_none_or(|at| at > now)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_lesson_is_there_until_it_expires_or_is_deleted() {
        let at = Timestamp::from_ms;
        let lesson = Lesson {
            id: LessonId::parse("l").unwrap(),
            class: TopicId::parse("c").unwrap(),
            title: String::new(),
            data: JsonText::trusted("{}"),
            attachments: vec![],
            expires_at: Some(at(5)),
            version: 1,
            created_at: at(0),
            updated_at: at(0),
            changed: Number(1),
            is_deleted: false,
        };
        assert!(lesson.is_there(at(4)) && !lesson.is_there(at(5)));
        assert!(Lesson { expires_at: None, ..lesson.clone() }.is_there(at(99)));
        assert!(!Lesson { is_deleted: true, ..lesson }.is_there(at(0)));
    }
}
