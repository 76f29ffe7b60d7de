//! Quizzes, each of which one event holds once it is scheduled (S0).

use landfall_core::audit::Action;
use landfall_core::auth::Caller;
use landfall_core::id::QuizId;
use landfall_core::notify::FieldError;
use landfall_core::schedule::{
    Event, EventChange, EventKind, EventTimes, MINUTES_DEFAULT, MINUTES_MAX, QuizDraft,
    QuizSchedule, Unplanned, Words, words_faults,
};
use landfall_core::topic::TopicAction;
use landfall_store::{ScheduleWrite, StoredEvent, StoredQuiz, Write};
use serde_json::json;

use super::stored::event_of;
use super::{EventView, quiz_entity};
use crate::service::notify::RequestKey;
use crate::service::{ServiceError, Services, deciding};

impl Services {
    /// Makes or changes a quiz; tells whether it was made. What was scheduled of it changes with it.
    ///
    /// # Errors
    /// `Invalid` with every fault; `NotFound` for a class that the caller may not know; `Forbidden` where they may
    /// not schedule for it.
    pub async fn put_quiz(
        &self,
        caller: &Caller,
        id: &QuizId,
        draft: &QuizDraft,
    ) -> Result<(StoredQuiz, bool), ServiceError> {
        deciding(|| async {
            let old = self.store.quiz(&caller.tenant, id).await?;
            let quiz = self.quiz_of(caller, id, old.as_ref(), draft).await?;
            let mut unit = self.unit_of_schedule(caller, &quiz.class);
            unit.writes.push(put(&quiz));
            if let Some(stored) = self.store.event_of_quiz(&caller.tenant, id).await? {
                let old = event_of(&stored)?;
                let event = held(old.clone(), &quiz)?;
                if (&event.plan, &event.class) != (&old.plan, &old.class) {
                    self.put_event(caller, &event, json!({}), &mut unit)?;
                }
            }
            let metadata = json!({ "class_id": quiz.class.as_str() });
            unit.audit.push(self.entry(caller, Action::QuizPut, quiz_entity(id), metadata));
            self.commit(unit).await?;
            Ok((quiz, old.is_none()))
        })
        .await
    }

    /// Finds a quiz of a class that the caller is in.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn quiz(&self, caller: &Caller, id: &QuizId) -> Result<StoredQuiz, ServiceError> {
        let quiz = self.store.quiz(&caller.tenant, id).await?;
        let quiz = quiz.ok_or(ServiceError::NotFound("quiz"))?;
        match self.class_of_events(caller, &quiz.class, TopicAction::ReadLessons).await {
            Ok(_) => Ok(quiz),
            Err(ServiceError::Store(error)) => Err(ServiceError::Store(error)),
            Err(_) => Err(ServiceError::NotFound("quiz")),
        }
    }

    /// Schedules a quiz, or moves it where it was; tells whether it was not scheduled before.
    ///
    /// # Errors
    /// As [`Services::put_quiz`]; `NotFound` for a quiz of which nothing is known and nothing was said; `InFlight` and
    /// `KeyReused` by the key.
    pub async fn schedule_quiz(
        &self,
        caller: &Caller,
        id: &QuizId,
        wanted: &QuizSchedule,
        key: Option<RequestKey>,
    ) -> Result<(EventView, bool), ServiceError> {
        let _held = self.held(caller, key.as_ref())?;
        deciding(|| async {
            let old = self.store.quiz(&caller.tenant, id).await?;
            if old.is_none() && wanted.quiz == QuizDraft::default() {
                return Err(ServiceError::NotFound("quiz"));
            }
            let quiz = self.quiz_of(caller, id, old.as_ref(), &wanted.quiz).await?;
            let stored = self.store.event_of_quiz(&caller.tenant, id).await?;
            let event = self.event_holding(caller, &quiz, wanted, stored.as_ref()).await?;
            let mut unit = self.unit_of_schedule(caller, &quiz.class);
            unit.writes.push(put(&quiz));
            let metadata = json!({ "quiz_id": id.as_str() });
            self.put_event(caller, &event, metadata, &mut unit)?;
            let view = self.commit_event(event, unit, key.as_ref()).await?;
            let is_new = view.event.version == 1;
            Ok((view, is_new))
        })
        .await
    }

    /// Makes the event that holds a quiz, anew or in place of when it was to be.
    async fn event_holding(
        &self,
        caller: &Caller,
        quiz: &StoredQuiz,
        wanted: &QuizSchedule,
        stored: Option<&StoredEvent>,
    ) -> Result<Event, ServiceError> {
        let QuizSchedule { quiz: _, description, link, times } = wanted.clone();
        let words = Words { title: quiz.title.clone(), description, link };
        let times = EventTimes { minutes: Some(quiz.minutes), ..times };
        let plan = self.event_plan(caller, &words, &times).await?;
        let now = quiz.updated_at;
        let (id, version, created_at) = match stored {
            Some(stored) => (stored.id, stored.version + 1, stored.created_at),
            None => (self.ids.event(now), 1, now),
        };
        Ok(Event {
            id,
            class: quiz.class.clone(),
            kind: EventKind::Quiz,
            quiz: Some(quiz.id.clone()),
            plan,
            version,
            created_by: caller.user.clone(),
            created_at,
            updated_at: now,
        })
    }

    /// Says what a quiz is to be, and whether the caller may make it so.
    async fn quiz_of(
        &self,
        caller: &Caller,
        id: &QuizId,
        old: Option<&StoredQuiz>,
        draft: &QuizDraft,
    ) -> Result<StoredQuiz, ServiceError> {
        let QuizDraft { class, title, minutes } = draft.clone();
        if let Some(old) = old {
            // Whoever takes a quiz to another class has to be allowed to in both.
            match self.class_of_events(caller, &old.class, TopicAction::Schedule).await {
                Err(ServiceError::NotFound(_)) => return Err(ServiceError::NotFound("quiz")),
                other => other?,
            };
        }
        let needed = |pointer: &str| FieldError::new(pointer, "is required for a new quiz");
        let class = class.or_else(|| old.map(|old| old.class.clone()));
        let title = title.or_else(|| old.map(|old| old.title.clone()));
        let minutes = minutes.or(old.map(|old| old.minutes)).unwrap_or(MINUTES_DEFAULT);
        let mut faults = Vec::new();
        faults.extend(class.is_none().then(|| needed("/class_id")));
        let named = |title| Words { title, ..Words::default() };
        faults.extend(match title.clone().map(named) {
            None => vec![needed("/title")],
            Some(words) => words_faults(&words),
        });
        if minutes == 0 || minutes > MINUTES_MAX {
            let detail = format!("must be between 1 and {MINUTES_MAX} minutes");
            faults.push(FieldError::new("/duration_minutes", detail));
        }
        let (Some(class), Some(title), true) = (class, title, faults.is_empty()) else {
            return Err(ServiceError::Invalid(faults));
        };
        self.class_of_events(caller, &class, TopicAction::Schedule).await?;
        let now = self.now();
        let created_at = old.map_or(now, |old| old.created_at);
        Ok(StoredQuiz { id: id.clone(), class, title, minutes, created_at, updated_at: now })
    }
}

fn put(quiz: &StoredQuiz) -> Write {
    Write::Schedule(Box::new(ScheduleWrite::PutQuiz(Box::new(quiz.clone()))))
}

/// Makes an event that holds a quiz follow it.
fn held(old: Event, quiz: &StoredQuiz) -> Result<Event, Unplanned> {
    let (title, minutes) = (Some(quiz.title.clone()), Some(quiz.minutes));
    let plan = old.plan.changed(&EventChange { title, minutes, ..EventChange::default() })?;
    let (class, updated_at) = (quiz.class.clone(), quiz.updated_at);
    Ok(Event { class, plan, version: old.version + 1, updated_at, ..old })
}
