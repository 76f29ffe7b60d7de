//! Reading what is scheduled: one event, those of a class, those of a person, and what became of an event's moments.

use landfall_core::auth::Caller;
use landfall_core::id::{EventId, TopicId};
use landfall_core::schedule::Moment;
use landfall_core::time::Timestamp;
use landfall_core::topic::TopicAction;
use landfall_store::{EventFilter, EventsOf, Firing};

use super::EventView;
use super::events::schedule_of;
use super::stored::event_of;
use crate::service::{ServiceError, Services};

/// Occurrences of one event that a list shows.
const OCCURRENCES_MAX: usize = 500;

/// Which events are asked for, and which of their occurrences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsAsk {
    /// Those that are not over by then.
    pub from: Timestamp,
    /// Those that begin before then.
    pub to: Timestamp,
    /// Behind this one.
    pub behind: Option<EventId>,
    /// So many at most.
    pub limit: usize,
}

impl Services {
    /// Gives an event that the caller may know of.
    ///
    /// # Errors
    /// `NotFound` when it is not there, or of a class that they are not in.
    pub async fn event(&self, caller: &Caller, id: EventId) -> Result<EventView, ServiceError> {
        let stored = self.store.event(&caller.tenant, id).await?;
        let event = event_of(&stored.ok_or(ServiceError::NotFound("event"))?)?;
        match self.class_of_events(caller, &event.class, TopicAction::ReadLessons).await {
            Ok(_) => self.event_view(event),
            Err(ServiceError::Store(error)) => Err(ServiceError::Store(error)),
            Err(_) => Err(ServiceError::NotFound("event")),
        }
    }

    /// Lists the events of a class by id, each with its occurrences within the time that is asked for.
    ///
    /// # Errors
    /// `NotFound` for a class that the caller may not see; `Forbidden` for one that they are not in.
    pub async fn events_of_class(
        &self,
        caller: &Caller,
        class: TopicId,
        ask: &EventsAsk,
    ) -> Result<Vec<EventView>, ServiceError> {
        self.class_of_events(caller, &class, TopicAction::ReadLessons).await?;
        self.events_within(caller, EventsOf::Class(class), ask).await
    }

    /// Lists the events of all classes that the caller is in, as [`Services::events_of_class`].
    ///
    /// # Errors
    /// When the store is away.
    pub async fn own_events(
        &self,
        caller: &Caller,
        ask: &EventsAsk,
    ) -> Result<Vec<EventView>, ServiceError> {
        self.events_within(caller, EventsOf::User(caller.user.clone()), ask).await
    }

    async fn events_within(
        &self,
        caller: &Caller,
        of: EventsOf,
        ask: &EventsAsk,
    ) -> Result<Vec<EventView>, ServiceError> {
        let EventsAsk { from, to, behind, limit } = *ask;
        let filter = EventFilter { of, behind, from, to, limit };
        let stored = self.store.events(&caller.tenant, filter).await?;
        let mut shown = Vec::with_capacity(stored.len());
        for stored in &stored {
            let view = self.event_view(event_of(stored)?)?;
            let occurrences = schedule_of(&view.event.plan)?.planned(from, to, OCCURRENCES_MAX);
            shown.push(EventView { occurrences, ..view });
            // A rule that counts to ten thousand is counted through, in some milliseconds.
            tokio::task::yield_now().await;
        }
        Ok(shown)
    }

    /// Gives what became of the moments of an event, the newest first; for who may schedule for its class.
    ///
    /// # Errors
    /// As [`Services::change_event`].
    pub async fn event_timeline(
        &self,
        caller: &Caller,
        id: EventId,
        behind: Option<(Timestamp, Moment)>,
        limit: usize,
    ) -> Result<Vec<Firing>, ServiceError> {
        self.event_to_change(caller, id, None).await?;
        Ok(self.store.firings(&caller.tenant, id, behind, limit).await?)
    }
}
