//! Making, changing and deleting events, as a whole or one occurrence.

use landfall_core::audit::Action;
use landfall_core::auth::Caller;
use landfall_core::due::LocalTime;
use landfall_core::id::EventId;
use landfall_core::schedule::{
    Event, EventChange, EventDraft, EventTimes, LATE_END_MS, Plan, Planned, Schedule, Unplanned,
    Words,
};
use landfall_core::time::Timestamp;
use landfall_core::topic::TopicAction;
use landfall_core::zone::Zone;
use landfall_store::{ScheduleWrite, StoreError, StoredEvent, Unit, Write};
use serde_json::{Value, json};

use super::stored::{body_of, event_of, first_put, put};
use super::{EventView, entity};
use crate::service::notify::RequestKey;
use crate::service::{ServiceError, Services, deciding};

/// Events of one class that are not over.
const EVENTS_MAX: usize = 10_000;
pub(super) const DAY_MS: i64 = 24 * 3_600_000;
/// For so long ahead occurrences are stored: as far as the earliest reminder can be, and a day.
const AHEAD_MS: i64 = 29 * DAY_MS;
/// And so much further, so that nothing has to be done for a week.
const SPARE_MS: i64 = 7 * DAY_MS;
/// Occurrences that are stored at a time: more than go on at once, of an event as long and as often as it may be.
const PASS_MAX: usize = 2_500;

/// Occurrences that are to be stored.
pub(super) struct Expansion {
    /// Which.
    pub(super) planned: Vec<Planned>,
    /// All that start before then are among them, or were.
    pub(super) to: Timestamp,
    /// When there are more to store.
    pub(super) again_at: Option<Timestamp>,
}

/// Finds the occurrences of the weeks ahead that are not over at `since`.
pub(super) fn expansion(schedule: &Schedule<'_>, since: Timestamp, now: Timestamp) -> Expansion {
    let horizon = now.plus_ms(AHEAD_MS + SPARE_MS);
    let planned = schedule.planned(since, horizon, PASS_MAX);
    let full = planned.last().filter(|_| planned.len() == PASS_MAX);
    let to = full.map_or(horizon, |last| last.span.starts);
    let is_over = full.is_none() && schedule.over_by().is_some_and(|over_by| over_by <= to);
    let again_at = (!is_over).then(|| to.plus_ms(-AHEAD_MS));
    Expansion { planned, to, again_at }
}

impl Services {
    /// Schedules an event.
    ///
    /// # Errors
    /// `Invalid` with every fault; `NotFound` for a class that the caller may not know; `Forbidden` where they may
    /// not schedule for it; `Conflict` where it has too many events; `InFlight` and `KeyReused` by the key.
    pub async fn create_event(
        &self,
        caller: &Caller,
        draft: &EventDraft,
        key: Option<RequestKey>,
    ) -> Result<EventView, ServiceError> {
        let _held = self.held(caller, key.as_ref())?;
        let plan = self.event_plan(caller, &draft.words, &draft.times).await?;
        deciding(|| async {
            self.class_of_events(caller, &draft.class, TopicAction::Schedule).await?;
            let now = self.now();
            let event = Event {
                id: self.ids.event(now),
                class: draft.class.clone(),
                kind: draft.kind,
                quiz: None,
                plan: plan.clone(),
                version: 1,
                created_by: caller.user.clone(),
                created_at: now,
                updated_at: now,
            };
            let mut unit = self.unit_of_schedule(caller, &event.class);
            self.put_event(caller, &event, json!({}), &mut unit)?;
            self.commit_event(event, unit, key.as_ref()).await
        })
        .await
    }

    /// Makes a plan; it is told by the caller's clocks where nobody said by which.
    pub(super) async fn event_plan(
        &self,
        caller: &Caller,
        words: &Words,
        times: &EventTimes,
    ) -> Result<Plan, ServiceError> {
        let zone = self.own_zone(caller).await?.unwrap_or_else(Zone::utc);
        Ok(Plan::of(words.clone(), times, zone)?)
    }

    /// Puts an event, new or changed, into a unit, with its occurrences of the weeks ahead and what the trail says.
    pub(super) fn put_event(
        &self,
        caller: &Caller,
        event: &Event,
        mut metadata: Value,
        unit: &mut Unit,
    ) -> Result<(), ServiceError> {
        let schedule = schedule_of(&event.plan)?;
        let now = self.now();
        let since = now.plus_ms(-LATE_END_MS);
        let Expansion { planned, to, again_at } = expansion(&schedule, since, now);
        let begins_at = schedule.first().map_or(now, |first| first.span.starts);
        let stored = StoredEvent {
            id: event.id,
            class: event.class.clone(),
            quiz: event.quiz.clone(),
            body: body_of(event.kind, &event.plan),
            version: event.version,
            begins_at,
            over_by: schedule.over_by(),
            expanded_to: to,
            expand_at: again_at,
            created_by: event.created_by.clone(),
            created_at: event.created_at,
            updated_at: event.updated_at,
        };
        let put = ScheduleWrite::PutEvent {
            event: Box::new(stored),
            since,
            planned,
            class_max: EVENTS_MAX,
        };
        unit.writes.push(Write::Schedule(Box::new(put)));
        let is_new = event.version == 1;
        let action = if is_new { Action::EventScheduled } else { Action::EventChanged };
        metadata["class_id"] = json!(event.class.as_str());
        metadata["version"] = json!(event.version);
        unit.audit.push(self.entry(caller, action, entity(event.id), metadata));
        Ok(())
    }

    /// Changes an event, or the occurrence of it that is called so.
    ///
    /// # Errors
    /// As [`Services::create_event`]; `NotFound` without the event or the occurrence; `Conflict` where it is there in
    /// another version than the one that was named.
    pub async fn change_event(
        &self,
        caller: &Caller,
        id: EventId,
        occurrence: Option<LocalTime>,
        change: &EventChange,
    ) -> Result<EventView, ServiceError> {
        deciding(|| async {
            let old = self.event_to_change(caller, id, change.version).await?;
            let plan = match occurrence {
                None => old.plan.changed(change)?,
                Some(name) => old.plan.with_changed(name, change)?,
            };
            self.store_change(caller, old, plan, occurrence).await
        })
        .await
    }

    /// Deletes an event, or leaves the occurrence of it out that is called so; what was sent for it and has not gone
    /// out is taken back.
    ///
    /// # Errors
    /// As [`Services::change_event`].
    pub async fn delete_event(
        &self,
        caller: &Caller,
        id: EventId,
        occurrence: Option<LocalTime>,
    ) -> Result<(), ServiceError> {
        deciding(|| async {
            let old = self.event_to_change(caller, id, None).await?;
            if let Some(name) = occurrence {
                let plan = old.plan.without(name)?;
                return self.store_change(caller, old, plan, occurrence).await.map(drop);
            }
            let mut unit = self.unit_of_schedule(caller, &old.class);
            let delete = ScheduleWrite::DeleteEvent { id, version: old.version, at: self.now() };
            unit.writes.push(Write::Schedule(Box::new(delete)));
            let metadata = json!({ "class_id": old.class.as_str() });
            unit.audit.push(self.entry(caller, Action::EventDeleted, entity(id), metadata));
            self.commit(unit).await?;
            Ok(())
        })
        .await
    }

    /// Commits a unit that puts an event; gives the one that was put first under the key.
    pub(super) async fn commit_event(
        &self,
        event: Event,
        mut unit: Unit,
        key: Option<&RequestKey>,
    ) -> Result<EventView, ServiceError> {
        unit.idempotency = key.map(|key| put(key, &event));
        match self.commit(unit).await {
            Ok(_) => self.event_view(event),
            Err(StoreError::Duplicate(answer)) => self.event_view(first_put(event, &answer)?),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn event_to_change(
        &self,
        caller: &Caller,
        id: EventId,
        version: Option<u64>,
    ) -> Result<Event, ServiceError> {
        let stored = self.store.event(&caller.tenant, id).await?;
        let event = event_of(&stored.ok_or(ServiceError::NotFound("event"))?)?;
        match self.class_of_events(caller, &event.class, TopicAction::Schedule).await {
            Err(ServiceError::NotFound(_)) => return Err(ServiceError::NotFound("event")),
            other => other?,
        };
        if version.is_some_and(|version| version != event.version) {
            let detail = format!("the event is there in version {}", event.version);
            return Err(ServiceError::Conflict(detail));
        }
        Ok(event)
    }

    /// Stores an event with another plan.
    async fn store_change(
        &self,
        caller: &Caller,
        old: Event,
        plan: Plan,
        occurrence: Option<LocalTime>,
    ) -> Result<EventView, ServiceError> {
        if old.plan == plan {
            return self.event_view(old);
        }
        let now = self.now();
        let event = Event { plan, version: old.version + 1, updated_at: now, ..old };
        let mut unit = self.unit_of_schedule(caller, &event.class);
        let alone = occurrence.map(|name| json!({ "occurrence": name.to_string() }));
        let metadata = alone.unwrap_or_else(|| json!({}));
        self.put_event(caller, &event, metadata, &mut unit)?;
        self.commit_event(event, unit, None).await
    }

    /// Shows an event with the next time at which it is.
    pub(super) fn event_view(&self, event: Event) -> Result<EventView, ServiceError> {
        let schedule = schedule_of(&event.plan)?;
        let end_of_time = Timestamp::from_ms(i64::MAX / 2);
        let next = schedule.planned(self.now(), end_of_time, 1).first().copied();
        Ok(EventView { next, occurrences: Vec::new(), event })
    }
}

/// A plan that was checked can be looked up.
pub(super) fn schedule_of(plan: &Plan) -> Result<Schedule<'_>, ServiceError> {
    Schedule::new(plan).map_err(|error| {
        ServiceError::Store(StoreError::Internal(format!("a stored event {error}").into()))
    })
}

impl From<Unplanned> for ServiceError {
    fn from(unplanned: Unplanned) -> Self {
        match unplanned {
            Unplanned::Invalid(faults) => Self::Invalid(faults),
            Unplanned::NoSuchOccurrence => Self::NotFound("occurrence of this event"),
        }
    }
}
