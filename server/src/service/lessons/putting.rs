//! Making and changing a lesson: decided on what is there, and again where that has changed.

use landfall_core::attachment::Attachment;
use landfall_core::audit::Action;
use landfall_core::auth::Caller;
use landfall_core::feed::Number;
use landfall_core::id::{LessonId, TopicId};
use landfall_core::lesson::Lesson;
use landfall_core::time::Timestamp;
use landfall_core::topic::{TopicAction, TopicKind, Verdict};
use landfall_store::{StoreError, StoredAnswer, Unit, Write};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    BasedOn, LessonDraft, NO_VERSION, NOT_THERE, PutLesson, entity, invalid, moved_on, stored_key,
};
use crate::service::notify::RequestKey;
use crate::service::{ServiceError, Services, deciding};

/// What the answer to a repeated request is made from, besides the request.
#[derive(Serialize, Deserialize)]
struct Memo {
    version: u64,
    is_new: bool,
    created_at: i64,
    updated_at: i64,
    /// Of each attachment its length and its type.
    attachments: Vec<(u64, String)>,
}

impl Services {
    /// Makes or changes a lesson.
    ///
    /// # Errors
    /// `Forbidden` and `NotFound` by the class; `Invalid`, also for a blob that is not there;
    /// `Conflict` when it is not what `based_on` says, or the class has no room; by the idempotency
    /// key `InFlight` and `KeyReused`.
    pub async fn put_lesson(
        &self,
        caller: &Caller,
        id: &LessonId,
        draft: &LessonDraft,
        based_on: BasedOn,
        key: Option<RequestKey>,
    ) -> Result<PutLesson, ServiceError> {
        let _held = self.held(caller, key.as_ref())?;
        deciding(|| self.put_lesson_once(caller, id, draft, (based_on, key.as_ref()))).await
    }

    async fn put_lesson_once(
        &self,
        caller: &Caller,
        id: &LessonId,
        draft: &LessonDraft,
        (based_on, key): (BasedOn, Option<&RequestKey>),
    ) -> Result<PutLesson, ServiceError> {
        let view = self.class_for(caller, &draft.class, TopicAction::WriteLessons).await?;
        if view.topic.kind != TopicKind::Class {
            return Err(invalid("/class_id", "is a topic that is no class"));
        }
        let now = self.now();
        if draft.expires_at.is_some_and(|at| at <= now) {
            return Err(invalid("/expires_at", "must be in the future"));
        }
        let old = self.store.lesson(&caller.tenant, id).await?;
        self.refuse_move(caller, old.as_ref(), &draft.class).await?;
        let attachments = self.attachments(caller, &draft.attachments).await?;
        let there = old.as_ref().filter(|lesson| lesson.is_there(now));
        let holds = based_on.holds(there);
        let version = old.as_ref().map_or(1, |lesson| lesson.version + 1);
        let lesson = Lesson {
            id: id.clone(),
            class: draft.class.clone(),
            title: draft.title.clone(),
            data: draft.data.clone(),
            attachments,
            expires_at: draft.expires_at,
            version: if holds { version } else { NO_VERSION },
            created_at: there.map_or(now, |lesson| lesson.created_at),
            updated_at: now,
            changed: Number::ZERO,
            is_deleted: false,
        };
        let put = PutLesson { lesson, is_new: there.is_none() };
        match self.commit(self.unit_of_put(caller, &put, key)).await {
            Ok(_) => Ok(put),
            Err(StoreError::Duplicate(answer)) => repeated(put.lesson, &answer),
            Err(StoreError::Stale) if !holds => Err(moved_on(there)),
            Err(StoreError::Stale) => self.refuse_full(caller, &put).await,
            Err(error) => Err(error.into()),
        }
    }

    /// A lesson stays in its class, as devices of the old one would never hear that it went.
    async fn refuse_move(
        &self,
        caller: &Caller,
        old: Option<&Lesson>,
        to: &TopicId,
    ) -> Result<(), ServiceError> {
        let Some(old) = old.filter(|old| old.class != *to) else { return Ok(()) };
        match self.class(caller, &old.class, TopicAction::ReadLessons).await? {
            (Some(_), Verdict::Yes) => {
                Err(invalid("/class_id", "must be the class that the lesson was made for"))
            }
            _ => Err(NOT_THERE),
        }
    }

    fn unit_of_put(&self, caller: &Caller, put: &PutLesson, key: Option<&RequestKey>) -> Unit {
        let lesson = &put.lesson;
        let mut unit = self.unit_of_class(caller, &lesson.class);
        let metadata = json!({
            "class_id": lesson.class.as_str(),
            "version": lesson.version,
            "attachments": lesson.attachments.len(),
        });
        unit.audit.push(self.entry(caller, Action::LessonChanged, entity(&lesson.id), metadata));
        let types = lesson.attachments.iter().map(|one| (one.bytes, one.media_type.clone()));
        let memo = Memo {
            version: lesson.version,
            is_new: put.is_new,
            created_at: lesson.created_at.as_ms(),
            updated_at: lesson.updated_at.as_ms(),
            attachments: types.collect(),
        };
        unit.idempotency = key.map(|key| {
            let memo = serde_json::to_string(&memo).expect("it holds numbers and texts");
            stored_key(key, memo, lesson.updated_at)
        });
        let class_max = self.settings.classes.lessons_max;
        unit.writes.push(Write::PutLesson { lesson: Box::new(lesson.clone()), class_max });
        unit
    }

    /// Says that the class has no room, if that is why; else it is to be decided again.
    async fn refuse_full(
        &self,
        caller: &Caller,
        put: &PutLesson,
    ) -> Result<PutLesson, ServiceError> {
        let max = self.settings.classes.lessons_max;
        let count = self.store.lesson_count(&caller.tenant, &put.lesson.class).await?;
        if put.is_new && count >= max as u64 {
            let why = format!("the class has {count} lessons, of {max} at most; delete one first");
            return Err(ServiceError::Conflict(why));
        }
        Err(ServiceError::Store(StoreError::Stale))
    }
}

/// Gives the first answer again: the request is the same, and so is the lesson that it made.
fn repeated(asked: Lesson, answer: &StoredAnswer) -> Result<PutLesson, ServiceError> {
    let memo: Option<Memo> = serde_json::from_str(&answer.memo).ok();
    let memo = memo.filter(|memo| memo.attachments.len() == asked.attachments.len());
    let memo = memo.ok_or_else(|| {
        ServiceError::Store(StoreError::Internal("a stored answer cannot be read".into()))
    })?;
    let Memo { version, is_new, created_at, updated_at, attachments } = memo;
    let told = asked.attachments.into_iter().zip(attachments);
    let attachments =
        told.map(|(one, (bytes, media_type))| Attachment { bytes, media_type, ..one });
    let lesson = Lesson {
        version,
        created_at: Timestamp::from_ms(created_at),
        updated_at: Timestamp::from_ms(updated_at),
        attachments: attachments.collect(),
        ..asked
    };
    Ok(PutLesson { lesson, is_new })
}
