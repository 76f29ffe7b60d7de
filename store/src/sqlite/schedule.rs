//! Binds what is scheduled to the statements.

use landfall_core::id::{EventId, QuizId, Tenant, TopicId, UserId};
use landfall_core::schedule::Moment;
use landfall_core::time::Timestamp;
use uuid::Uuid;

use super::Sqlite;
use super::runner::at_once;
use crate::sql::{events, firings, occurrences};
use crate::{
    Answered, DueAsk, DueMoment, EventFilter, Firing, Schedules, StoredEvent, StoredOccurrence,
    StoredQuiz,
};

impl Schedules for Sqlite {
    fn event(&self, tenant: &Tenant, id: EventId) -> Answered<'_, Option<StoredEvent>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(events::get(r, &tenant, id))))
    }

    fn event_of_quiz(&self, tenant: &Tenant, quiz: &QuizId) -> Answered<'_, Option<StoredEvent>> {
        let (tenant, quiz) = (tenant.clone(), quiz.clone());
        Box::pin(self.readers.run(move |r| at_once(events::of_quiz(r, &tenant, &quiz))))
    }

    fn events(&self, tenant: &Tenant, filter: EventFilter) -> Answered<'_, Vec<StoredEvent>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(events::list(r, &tenant, &filter))))
    }

    fn firings(
        &self,
        tenant: &Tenant,
        event: EventId,
        behind: Option<(Timestamp, Moment)>,
        limit: usize,
    ) -> Answered<'_, Vec<Firing>> {
        let tenant = tenant.clone();
        Box::pin(
            self.readers.run(move |r| at_once(firings::of_event(r, &tenant, event, behind, limit))),
        )
    }

    fn quiz(&self, tenant: &Tenant, id: &QuizId) -> Answered<'_, Option<StoredQuiz>> {
        let (tenant, id) = (tenant.clone(), id.clone());
        Box::pin(self.readers.run(move |r| at_once(events::quiz(r, &tenant, &id))))
    }

    fn calendar(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, Option<Uuid>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        Box::pin(self.readers.run(move |r| at_once(events::calendar(r, &tenant, &user))))
    }

    fn calendar_of(&self, nonce: Uuid) -> Answered<'_, Option<(Tenant, UserId)>> {
        Box::pin(self.readers.run(move |r| at_once(events::calendar_of(r, &nonce))))
    }

    fn schedule_clock(&self) -> Answered<'_, Option<Timestamp>> {
        Box::pin(self.readers.run(move |r| at_once(occurrences::clock(r))))
    }

    fn set_schedule_clock(&self, from: Option<Timestamp>, to: Timestamp) -> Answered<'_, bool> {
        Box::pin(self.committer.run(move |r| at_once(occurrences::set_clock(r, from, to))))
    }

    fn due_moments(&self, ask: DueAsk) -> Answered<'_, Vec<DueMoment>> {
        Box::pin(self.readers.run(move |r| at_once(occurrences::due(r, &ask))))
    }

    fn new_occurrences(&self, limit: usize) -> Answered<'_, Vec<StoredOccurrence>> {
        Box::pin(self.readers.run(move |r| at_once(occurrences::new(r, limit))))
    }

    fn reminders_of(&self, tenant: &Tenant, class: &TopicId) -> Answered<'_, Vec<u32>> {
        let (tenant, class) = (tenant.clone(), class.clone());
        Box::pin(self.readers.run(move |r| at_once(occurrences::reminders_of(r, &tenant, &class))))
    }

    fn events_to_expand(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Answered<'_, Vec<(Tenant, StoredEvent)>> {
        Box::pin(self.readers.run(move |r| at_once(events::to_expand(r, now, limit))))
    }

    fn forget_occurrences(&self, before: Timestamp, limit: usize) -> Answered<'_, usize> {
        Box::pin(self.committer.run(move |r| at_once(occurrences::forget(r, before, limit))))
    }

    fn forget_firings(&self, before: Timestamp, limit: usize) -> Answered<'_, usize> {
        Box::pin(self.committer.run(move |r| at_once(firings::forget(r, before, limit))))
    }
}
