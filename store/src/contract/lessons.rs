//! The contract of reading lessons.

use landfall_core::feed::Number;
use landfall_core::id::{LessonId, Tenant, TopicId};
use landfall_core::lesson::Lesson;
use landfall_core::time::Timestamp;

use super::error::Answered;

/// Which lessons of a class a list is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LessonFilter {
    /// Whose.
    pub class: TopicId,
    /// Behind this one, by id.
    pub after: Option<LessonId>,
    /// Not those that have expired by then.
    pub now: Timestamp,
    /// So many at most.
    pub limit: usize,
}

/// A lesson whose time is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedLesson {
    /// Whose server.
    pub tenant: Tenant,
    /// Which.
    pub id: LessonId,
    /// Whose.
    pub class: TopicId,
    /// In which version.
    pub version: u64,
}

/// Reads lessons.
pub trait Lessons {
    /// Finds a lesson, or what is left of it.
    fn lesson(&self, tenant: &Tenant, id: &LessonId) -> Answered<'_, Option<Lesson>>;

    /// Lists lessons of a class that are there, by id; without their data, which is `{}` in all.
    fn lessons(&self, tenant: &Tenant, filter: LessonFilter) -> Answered<'_, Vec<Lesson>>;

    /// Gives lessons of a class that changed after a number, or what is left of them, in the order
    /// of their changes. All that changed with one number come together, so that it can be a few
    /// more than `limit`.
    fn changed_lessons(
        &self,
        tenant: &Tenant,
        class: &TopicId,
        after: Number,
        limit: usize,
    ) -> Answered<'_, Vec<Lesson>>;

    /// Counts the lessons of a class; those that have expired count until they are deleted.
    fn lesson_count(&self, tenant: &Tenant, class: &TopicId) -> Answered<'_, u64>;

    /// Finds lessons of any tenant that have expired by `now` and wait for
    /// [`Write::DeleteLesson`](crate::Write::DeleteLesson), oldest first.
    fn ended_lessons(&self, now: Timestamp, limit: usize) -> Answered<'_, Vec<EndedLesson>>;
}
