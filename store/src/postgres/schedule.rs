//! Binds what is scheduled to the statements.

use landfall_core::id::{EventId, QuizId, Tenant, TopicId, UserId};
use landfall_core::schedule::Moment;
use landfall_core::time::Timestamp;
use uuid::Uuid;

use super::Postgres;
use super::reads::ask;
use crate::sql::{events, firings, occurrences};
use crate::{
    Answered, DueAsk, DueMoment, EventFilter, Firing, Schedules, StoredEvent, StoredOccurrence,
    StoredQuiz,
};

impl Schedules for Postgres {
    fn event(&self, tenant: &Tenant, id: EventId) -> Answered<'_, Option<StoredEvent>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| events::get(r, &tenant, id))
    }

    fn event_of_quiz(&self, tenant: &Tenant, quiz: &QuizId) -> Answered<'_, Option<StoredEvent>> {
        let (tenant, quiz) = (tenant.clone(), quiz.clone());
        ask!(self.pool, |r| events::of_quiz(r, &tenant, &quiz))
    }

    fn events(&self, tenant: &Tenant, filter: EventFilter) -> Answered<'_, Vec<StoredEvent>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| events::list(r, &tenant, &filter))
    }

    fn firings(
        &self,
        tenant: &Tenant,
        event: EventId,
        behind: Option<(Timestamp, Moment)>,
        limit: usize,
    ) -> Answered<'_, Vec<Firing>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| firings::of_event(r, &tenant, event, behind, limit))
    }

    fn quiz(&self, tenant: &Tenant, id: &QuizId) -> Answered<'_, Option<StoredQuiz>> {
        let (tenant, id) = (tenant.clone(), id.clone());
        ask!(self.pool, |r| events::quiz(r, &tenant, &id))
    }

    fn calendar(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, Option<Uuid>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        ask!(self.pool, |r| events::calendar(r, &tenant, &user))
    }

    fn calendar_of(&self, nonce: Uuid) -> Answered<'_, Option<(Tenant, UserId)>> {
        ask!(self.pool, |r| events::calendar_of(r, &nonce))
    }

    fn schedule_clock(&self) -> Answered<'_, Option<Timestamp>> {
        ask!(self.pool, |r| occurrences::clock(r))
    }

    fn set_schedule_clock(&self, from: Option<Timestamp>, to: Timestamp) -> Answered<'_, bool> {
        ask!(self.pool, |r| occurrences::set_clock(r, from, to))
    }

    fn due_moments(&self, ask: DueAsk) -> Answered<'_, Vec<DueMoment>> {
        ask!(self.pool, |r| occurrences::due(r, &ask))
    }

    fn new_occurrences(&self, limit: usize) -> Answered<'_, Vec<StoredOccurrence>> {
        ask!(self.pool, |r| occurrences::new(r, limit))
    }

    fn reminders_of(&self, tenant: &Tenant, class: &TopicId) -> Answered<'_, Vec<u32>> {
        let (tenant, class) = (tenant.clone(), class.clone());
        ask!(self.pool, |r| occurrences::reminders_of(r, &tenant, &class))
    }

    fn events_to_expand(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Answered<'_, Vec<(Tenant, StoredEvent)>> {
        ask!(self.pool, |r| events::to_expand(r, now, limit))
    }

    fn forget_occurrences(&self, before: Timestamp, limit: usize) -> Answered<'_, usize> {
        ask!(self.pool, |r| occurrences::forget(r, before, limit))
    }

    fn forget_firings(&self, before: Timestamp, limit: usize) -> Answered<'_, usize> {
        ask!(self.pool, |r| firings::forget(r, before, limit))
    }
}
