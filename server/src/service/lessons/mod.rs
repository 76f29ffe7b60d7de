//! Lessons: who may write them, who may read them, and what stands against a lost update (S1).

mod ending;
mod putting;

use landfall_core::attachment::AttachmentDraft;
use landfall_core::audit::{Action, Details, Entity};
use landfall_core::auth::{Caller, Scope};
use landfall_core::id::{LessonId, TopicId};
use landfall_core::lesson::Lesson;
use landfall_core::notification::JsonText;
use landfall_core::notify::FieldError;
use landfall_core::time::Timestamp;
use landfall_core::topic::{MemberRole, TopicAction, Verdict, may};
use landfall_store::{AuditDraft, Guard, IdempotencyKey, LessonFilter, TopicView, Unit};

use super::notify::RequestKey;
use super::revocations::unit_of;
use super::topics::{standing, still};
use super::{ServiceError, Services};

/// What a lesson is to be.
#[derive(Debug, Clone)]
pub struct LessonDraft {
    /// Whose.
    pub class: TopicId,
    /// What people call it.
    pub title: String,
    /// The app's own data: a JSON object.
    pub data: JsonText,
    /// What it refers to.
    pub attachments: Vec<AttachmentDraft>,
    /// From then on it is not there any more.
    pub expires_at: Option<Timestamp>,
}

/// What a caller takes a lesson to be before they change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BasedOn {
    /// Whatever it is.
    Anything,
    /// Not there.
    Nothing,
    /// There, in any version.
    AnyVersion,
    /// There in this version.
    Version(u64),
}

/// What putting a lesson did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutLesson {
    /// The lesson, as it was stored.
    pub lesson: Lesson,
    /// Whether it was not there before.
    pub is_new: bool,
}

impl BasedOn {
    fn holds(self, there: Option<&Lesson>) -> bool {
        match (self, there) {
            (Self::Anything, _) | (Self::Nothing, None) | (Self::AnyVersion, Some(_)) => true,
            (Self::Version(version), Some(lesson)) => lesson.version == version,
            _ => false,
        }
    }
}

/// No stored version follows this one, so that a write of it is refused; the request's key is looked
/// at before that.
const NO_VERSION: u64 = 0;

impl Services {
    /// Gives a lesson that the caller may read.
    ///
    /// # Errors
    /// `NotFound` when it is not there, has expired, or is of a class that the caller is not in.
    pub async fn lesson(&self, caller: &Caller, id: &LessonId) -> Result<Lesson, ServiceError> {
        let lesson = self.store.lesson(&caller.tenant, id).await?;
        let lesson = lesson.filter(|lesson| lesson.is_there(self.now()));
        let lesson = lesson.ok_or(NOT_THERE)?;
        match self.class(caller, &lesson.class, TopicAction::ReadLessons).await? {
            (Some(_), Verdict::Yes) => Ok(lesson),
            _ => Err(NOT_THERE),
        }
    }

    /// Lists the lessons of a class by id, without their data, after `after`.
    ///
    /// # Errors
    /// `NotFound` for a class that the caller may not see; `Forbidden` for one that they are not in.
    pub async fn lessons(
        &self,
        caller: &Caller,
        class: TopicId,
        after: Option<LessonId>,
        limit: usize,
    ) -> Result<Vec<Lesson>, ServiceError> {
        self.class_for(caller, &class, TopicAction::ReadLessons).await?;
        let filter = LessonFilter { class, after, now: self.now(), limit };
        Ok(self.store.lessons(&caller.tenant, filter).await?)
    }

    async fn class(
        &self,
        caller: &Caller,
        class: &TopicId,
        action: TopicAction,
    ) -> Result<(Option<TopicView>, Verdict), ServiceError> {
        let view = self.store.topic(&caller.tenant, class, &caller.user).await?;
        let verdict =
            view.as_ref().map_or(Verdict::Hidden, |view| may(action, standing(caller, view)));
        Ok((view, verdict))
    }

    async fn class_for(
        &self,
        caller: &Caller,
        class: &TopicId,
        action: TopicAction,
    ) -> Result<TopicView, ServiceError> {
        match self.class(caller, class, action).await? {
            (Some(view), Verdict::Yes) => Ok(view),
            (Some(_), Verdict::No) => {
                let why = match action {
                    TopicAction::ReadLessons => "you are not in this class",
                    _ => "needs the scope lessons:manage, and to be a teacher of this class",
                };
                Err(ServiceError::Forbidden(why.into()))
            }
            _ => Err(ServiceError::NotFound("class")),
        }
    }

    /// Begins a unit that relies on the class and on what the caller is in it.
    fn unit_of_class(&self, caller: &Caller, class: &TopicId) -> Unit {
        let mut unit = unit_of(caller);
        unit.guards.push(Guard::TopicThere(class.clone()));
        unit.guards.extend(still(caller, class, MemberRole::Teacher));
        unit
    }

    /// Makes an entry that nobody causes.
    pub(super) fn entry_of_nobody(
        &self,
        action: Action,
        entity: Entity,
        metadata: serde_json::Value,
    ) -> AuditDraft {
        let details = Details { actor: None, target: None, metadata: metadata.to_string() };
        AuditDraft { at: self.now(), action, entity, details: self.ids.salted(details) }
    }
}

const NOT_THERE: ServiceError = ServiceError::NotFound("lesson");

fn entity(id: &LessonId) -> Entity {
    Entity::Other("lesson", id.to_string())
}

fn invalid(pointer: &str, detail: &str) -> ServiceError {
    ServiceError::Invalid(vec![FieldError::new(pointer, detail)])
}

fn moved_on(there: Option<&Lesson>) -> ServiceError {
    ServiceError::Conflict(match there {
        Some(lesson) => format!("the lesson is there in version {}", lesson.version),
        None => "the lesson is not there".into(),
    })
}

fn stored_key(key: &RequestKey, memo: String, at: Timestamp) -> IdempotencyKey {
    let RequestKey { scope, key, digest } = key.clone();
    IdempotencyKey { scope, key, digest, memo, at }
}

/// Says whether a caller reads every class's lessons.
pub(super) fn reads_all(caller: &Caller) -> bool {
    caller.may(&Scope::TopicsManage)
}
