//! Making, changing and deleting events, as a whole or one occurrence.

use std::collections::BTreeMap;

use landfall_core::audit::Action;
use landfall_core::auth::Caller;
use landfall_core::due::LocalTime;
use landfall_core::id::{EventId, Tenant};
use landfall_core::recurrence::When;
use landfall_core::schedule::{
    Event, EventChange, EventDraft, LATE_END_MS, MINUTES_DEFAULT, Plan, Planned, Said, Schedule,
    faults,
};
use landfall_core::time::Timestamp;
use landfall_core::topic::TopicAction;
use landfall_core::zone::Zone;
use landfall_store::{ScheduleWrite, StoreError, StoredEvent, Unit, Write};
use serde_json::json;

use super::changing::{changed, kept_zone, with_changed, without};
use super::stored::{body_of, event_of, made, remade};
use super::{EVENTS_MAX, EventView, entity};
use crate::service::notify::RequestKey;
use crate::service::{ServiceError, Services, deciding};

/// Days ahead for which occurrences are stored: the earliest reminder, and a week in which nothing has to be done.
const AHEAD_DAYS: i64 = 29;
const WEEK_DAYS: i64 = 7;
const DAY_MS: i64 = 24 * 3_600_000;
/// Occurrences that are stored at a time.
const PASS_MAX: usize = 2_000;

/// Moments, the newest first, whose sends are taken back with their event.
const TAKEN_BACK_MAX: usize = 50;

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
    let day = |days: i64| days * DAY_MS;
    let horizon = now.plus_ms(day(AHEAD_DAYS + WEEK_DAYS));
    let planned = schedule.planned(since, horizon, PASS_MAX);
    let full = planned.last().filter(|_| planned.len() == PASS_MAX);
    let to = full.map_or(horizon, |last| last.span.starts);
    let is_over = schedule.over_by().is_some_and(|over_by| over_by <= to) && full.is_none();
    let again_at = (!is_over).then(|| to.plus_ms(-day(AHEAD_DAYS)));
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
        let _held = match &key {
            Some(key) => Some(self.in_flight.take(&caller.tenant, &key.scope, &key.key)?),
            None => None,
        };
        let plan = self.event_plan(caller, draft).await?;
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
            self.write_event(&event, &mut unit)?;
            let metadata = json!({ "class_id": event.class.as_str() });
            unit.audit.push(self.entry(caller, Action::EventScheduled, entity(event.id), metadata));
            unit.idempotency = key.as_ref().map(|key| made(key, &event));
            match self.commit(unit).await {
                Ok(_) => self.event_view(event),
                Err(StoreError::Duplicate(answer)) => self.event_view(remade(event, &answer)?),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    /// Makes a plan of a draft and checks it.
    pub(super) async fn event_plan(
        &self,
        caller: &Caller,
        draft: &EventDraft,
    ) -> Result<Plan, ServiceError> {
        let zone = match &draft.zone {
            Some(zone) => zone.clone(),
            None => self.own_zone(caller).await?.unwrap_or_else(Zone::utc),
        };
        let zone = kept_zone(draft.start, zone, draft.rule.as_ref())?;
        let local = |said: &Said| said.local(&zone).shown();
        let plan = Plan {
            words: draft.words.clone(),
            when: When {
                start: local(&draft.start),
                rule: draft.rule.clone(),
                added: draft.added.iter().map(local).collect(),
                left_out: draft.left_out.iter().map(local).collect(),
                zone: zone.clone(),
            },
            minutes: draft.minutes.unwrap_or(MINUTES_DEFAULT),
            changes: BTreeMap::new(),
        };
        checked(plan)
    }

    /// Puts an event and its occurrences of the weeks ahead into a unit.
    pub(super) fn write_event(&self, event: &Event, unit: &mut Unit) -> Result<(), ServiceError> {
        let schedule = schedule_of(&event.plan)?;
        let now = self.now();
        let since = now.plus_ms(-LATE_END_MS);
        let Expansion { planned, to, again_at } = expansion(&schedule, since, now);
        let first = Timestamp::from_ms(i64::MIN / 2);
        let begins_at = schedule.planned(first, Timestamp::from_ms(i64::MAX / 2), 1);
        let stored = StoredEvent {
            id: event.id,
            class: event.class.clone(),
            quiz: event.quiz.clone(),
            body: body_of(event.kind, &event.plan),
            version: event.version,
            begins_at: begins_at.first().map_or(now, |first| first.span.starts),
            over_by: schedule.over_by(),
            expanded_to: to,
            expand_at: again_at,
            created_by: event.created_by.clone(),
            created_at: event.created_at,
            updated_at: event.updated_at,
        };
        let event = Box::new(stored);
        let put = ScheduleWrite::PutEvent { event, since, planned, class_max: EVENTS_MAX };
        unit.writes.push(Write::Schedule(Box::new(put)));
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
                None => changed(&old.plan, change)?,
                Some(name) => with_changed(&old.plan, name, change)?,
            };
            self.store_change(caller, old, checked(plan)?, occurrence).await
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
        version: Option<u64>,
    ) -> Result<(), ServiceError> {
        deciding(|| async {
            let old = self.event_to_change(caller, id, version).await?;
            if let Some(name) = occurrence {
                let plan = without(&old.plan, name)?;
                return self.store_change(caller, old, checked(plan)?, occurrence).await.map(drop);
            }
            let mut unit = self.unit_of_schedule(caller, &old.class);
            let delete = ScheduleWrite::DeleteEvent { id, version: old.version };
            unit.writes.push(Write::Schedule(Box::new(delete)));
            self.take_back(&caller.tenant, id, None, &mut unit).await?;
            let metadata = json!({ "class_id": old.class.as_str() });
            unit.audit.push(self.entry(caller, Action::EventDeleted, entity(id), metadata));
            self.commit(unit).await?;
            Ok(())
        })
        .await
    }

    /// Takes back what was sent of an event and is still worth something, but for occurrences that are there as they
    /// were: those of `plan`, where there is one.
    pub(super) async fn take_back(
        &self,
        tenant: &Tenant,
        id: EventId,
        plan: Option<&Plan>,
        unit: &mut Unit,
    ) -> Result<(), ServiceError> {
        let schedule = plan.map(schedule_of).transpose()?;
        let now = self.now();
        for firing in self.store.firings(tenant, id, None, TAKEN_BACK_MAX).await? {
            let starts = firing.starts_at;
            let stays = schedule.as_ref().is_some_and(|schedule| {
                let there = schedule.planned(starts, starts.plus_ms(1), PASS_MAX);
                there.iter().any(|one| one.span.starts == starts)
            });
            let Some(send) = firing.send.filter(|_| !stays) else { continue };
            let send = self.store.send(tenant, send).await?.filter(|send| {
                send.canceled_at.is_none() && send.expires_at.is_none_or(|expires| expires > now)
            });
            if let Some(send) = send {
                unit.writes.push(Write::CancelSend { id: send.id, at: now, recalls: false });
            }
        }
        Ok(())
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
    pub(super) async fn store_change(
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
        self.write_event(&event, &mut unit)?;
        self.take_back(&caller.tenant, event.id, Some(&event.plan), &mut unit).await?;
        let mut metadata = json!({ "class_id": event.class.as_str(), "version": event.version });
        if let Some(name) = occurrence {
            metadata["occurrence"] = json!(name.to_string());
        }
        unit.audit.push(self.entry(caller, Action::EventChanged, entity(event.id), metadata));
        self.commit(unit).await?;
        self.event_view(event)
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

fn checked(plan: Plan) -> Result<Plan, ServiceError> {
    let faults = faults(&plan);
    if faults.is_empty() { Ok(plan) } else { Err(ServiceError::Invalid(faults)) }
}
