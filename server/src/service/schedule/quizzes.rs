//! Quizzes, each of which one event holds once it is scheduled (S0).

use landfall_core::audit::Action;
use landfall_core::auth::Caller;
use landfall_core::id::QuizId;
use landfall_core::notify::FieldError;
use landfall_core::schedule::{
    Event, EventDraft, EventKind, MINUTES_DEFAULT, MINUTES_MAX, QuizDraft, TITLE_CHARS_MAX, Words,
};
use landfall_core::topic::TopicAction;
use landfall_store::{ScheduleWrite, StoredQuiz, Write};
use serde_json::json;

use super::stored::event_of;
use super::{EventView, entity, quiz_entity};
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
                let event = Event { updated_at: quiz.updated_at, ..held(old.clone(), &quiz) };
                if event.plan != old.plan || event.class != old.class {
                    let event = Event { version: old.version + 1, ..event };
                    self.write_event(&event, &mut unit)?;
                    let metadata = json!({ "class_id": event.class.as_str() });
                    let action = Action::EventChanged;
                    unit.audit.push(self.entry(caller, action, entity(event.id), metadata));
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
    /// As [`Services::put_quiz`]; `NotFound` for a quiz of which nothing is known and nothing was said.
    pub async fn schedule_quiz(
        &self,
        caller: &Caller,
        id: &QuizId,
        quiz: &QuizDraft,
        times: impl Fn(&StoredQuiz) -> EventDraft,
    ) -> Result<(EventView, bool), ServiceError> {
        let times = &times;
        deciding(|| async move {
            let old = self.store.quiz(&caller.tenant, id).await?;
            if old.is_none() && *quiz == QuizDraft::default() {
                return Err(ServiceError::NotFound("quiz"));
            }
            let quiz = self.quiz_of(caller, id, old.as_ref(), quiz).await?;
            let plan = self.event_plan(caller, &times(&quiz)).await?;
            let now = quiz.updated_at;
            let stored = self.store.event_of_quiz(&caller.tenant, id).await?;
            let before = stored.as_ref().map(event_of).transpose()?;
            let event = Event {
                id: before.as_ref().map_or_else(|| self.ids.event(now), |before| before.id),
                class: quiz.class.clone(),
                kind: EventKind::Quiz,
                quiz: Some(id.clone()),
                version: before.as_ref().map_or(0, |before| before.version) + 1,
                created_by: caller.user.clone(),
                created_at: before.as_ref().map_or(now, |before| before.created_at),
                updated_at: now,
                plan,
            };
            let mut unit = self.unit_of_schedule(caller, &quiz.class);
            unit.writes.push(put(&quiz));
            self.write_event(&event, &mut unit)?;
            if before.is_some() {
                self.take_back(&caller.tenant, event.id, Some(&event.plan), &mut unit).await?;
            }
            let action = match before {
                None => Action::EventScheduled,
                Some(_) => Action::EventChanged,
            };
            let metadata = json!({ "class_id": quiz.class.as_str(), "quiz_id": id.as_str() });
            unit.audit.push(self.entry(caller, action, entity(event.id), metadata));
            self.commit(unit).await?;
            Ok((self.event_view(event)?, before.is_none()))
        })
        .await
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
        faults.extend(match &title {
            None => Some(needed("/title")),
            Some(title) => title_fault(title),
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

fn title_fault(title: &str) -> Option<FieldError> {
    let detail = if title.trim().is_empty() {
        "must hold words".to_owned()
    } else if title.chars().count() > TITLE_CHARS_MAX {
        format!("must have at most {TITLE_CHARS_MAX} characters")
    } else {
        return None;
    };
    Some(FieldError::new("/title", detail))
}

fn put(quiz: &StoredQuiz) -> Write {
    Write::Schedule(Box::new(ScheduleWrite::PutQuiz(Box::new(quiz.clone()))))
}

/// Makes an event hold a quiz as it is now.
fn held(mut event: Event, quiz: &StoredQuiz) -> Event {
    event.class = quiz.class.clone();
    event.plan.words = Words { title: quiz.title.clone(), ..event.plan.words };
    event.plan.minutes = quiz.minutes;
    event
}
