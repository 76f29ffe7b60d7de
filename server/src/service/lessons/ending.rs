//! The end of a lesson: somebody deletes it, or its time is over.

use landfall_core::audit::Action;
use landfall_core::auth::Caller;
use landfall_core::id::LessonId;
use landfall_core::topic::{TopicAction, Verdict};
use landfall_store::{EndedLesson, StoreError, Unit, Write};
use serde_json::json;

use super::{BasedOn, NO_VERSION, NOT_THERE, entity, moved_on, stored_key};
use crate::service::notify::RequestKey;
use crate::service::{ServiceError, Services, deciding};

impl Services {
    /// Deletes a lesson; what is left tells devices to forget it.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` for a member who may not write it; `Conflict` when it is not what
    /// `based_on` says; by the idempotency key `InFlight` and `KeyReused`.
    pub async fn delete_lesson(
        &self,
        caller: &Caller,
        id: &LessonId,
        based_on: BasedOn,
        key: Option<RequestKey>,
    ) -> Result<(), ServiceError> {
        let _held = self.held(caller, key.as_ref())?;
        deciding(|| self.delete_lesson_once(caller, id, based_on, key.as_ref())).await
    }

    async fn delete_lesson_once(
        &self,
        caller: &Caller,
        id: &LessonId,
        based_on: BasedOn,
        key: Option<&RequestKey>,
    ) -> Result<(), ServiceError> {
        let old = self.store.lesson(&caller.tenant, id).await?.ok_or(NOT_THERE)?;
        match self.class(caller, &old.class, TopicAction::WriteLessons).await? {
            (Some(_), Verdict::Yes) => {}
            (Some(view), Verdict::No) if view.role.is_some() && old.is_there(self.now()) => {
                let why = "needs the scope lessons:manage, and to be a teacher of this class";
                return Err(ServiceError::Forbidden(why.into()));
            }
            _ => return Err(NOT_THERE),
        }
        let at = self.now();
        let there = Some(&old).filter(|lesson| lesson.is_there(at));
        let holds = there.is_some() && based_on.holds(there);
        let version = if holds { old.version } else { NO_VERSION };
        let mut unit = self.unit_of_class(caller, &old.class);
        let metadata = json!({ "class_id": old.class.as_str(), "version": old.version + 1 });
        unit.audit.push(self.entry(caller, Action::LessonDeleted, entity(id), metadata));
        unit.idempotency = key.map(|key| stored_key(key, String::new(), at));
        let (id, class) = (id.clone(), old.class.clone());
        unit.writes.push(Write::DeleteLesson { id, class, version, at });
        match self.commit(unit).await {
            Ok(_) | Err(StoreError::Duplicate(_)) => Ok(()),
            Err(StoreError::Stale) if there.is_none() => Err(NOT_THERE),
            Err(StoreError::Stale) if !holds => Err(moved_on(there)),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes lessons whose time is over; tells how many.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn end_lessons(&self, limit: usize) -> Result<usize, ServiceError> {
        let ended = self.store.ended_lessons(self.now(), limit).await?;
        let mut done = 0;
        for EndedLesson { tenant, id, class, version } in ended {
            let mut unit = Unit::new(&tenant);
            let metadata = json!({ "class_id": class.as_str(), "version": version + 1 });
            unit.audit.push(self.entry_of_nobody(Action::LessonExpired, entity(&id), metadata));
            unit.writes.push(Write::DeleteLesson { id, class, version, at: self.now() });
            match self.commit(unit).await {
                // Somebody changed it, or another server was quicker.
                Ok(_) | Err(StoreError::Stale) => done += 1,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(done)
    }
}
