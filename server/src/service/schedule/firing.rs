//! Telling members of what is scheduled when its time comes, and storing further occurrences.
//!
//! Nothing waits in memory. A round looks at what became due since the one before; each moment is noted in the
//! commit that stores what tells of it, so that it is told once, by whichever node and after whatever crash. Where
//! the round before ended is only remembered so that less has to be looked at.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use landfall_core::id::{EventId, Tenant, TopicId};
use landfall_core::schedule::{Event, LATE_END_MS, Lateness, Moment};
use landfall_core::time::Timestamp;
use landfall_store::{
    DueAsk, DueMoment, Firing, ScheduleWrite, StoredEvent, StoredOccurrence, Track, Unit, Write,
};

use super::events::{DAY_MS, Expansion, expansion, schedule_of};
use super::stored::event_of;
use super::telling::content_of;
use crate::service::tally::Tally;
use crate::service::{ServiceError, Services};

/// After an outage so much is looked at in one round.
const STEP_MS: i64 = DAY_MS;
/// What could not be told is tried again for so long: after that its time is over.
const TRIED_MS: i64 = LATE_END_MS;
/// Looked at again in each round, for what another node took up and did not finish.
const OVERLAP_MS: i64 = 5_000;
/// A clock that was put back by more than this is followed.
const SET_BACK_MS: i64 = 5_000;
/// How far the stored place may be behind.
const STORED_BEHIND_MS: i64 = 60_000;
/// Moments of one page, and occurrences that are looked at for the first time.
const PAGE: usize = 500;
/// Moments that one commit tells of.
const TOGETHER: usize = 100;
/// For so long it is shown what became of moments: 90 days.
const SHOWN_MS: i64 = 90 * 24 * 3_600_000;
/// Events of one round whose further occurrences are stored.
const EXPANDED_AT_ONCE: usize = 50;

/// Up to when moments have been looked at.
#[derive(Debug, Default)]
pub struct Clockwork(Mutex<Option<Place>>);

#[derive(Debug, Clone, Copy)]
struct Place {
    up_to: Timestamp,
    /// As it is in the store.
    stored: Timestamp,
    /// Since when something there could not be told.
    failing_since: Option<Timestamp>,
}

impl Clockwork {
    fn lock(&self) -> MutexGuard<'_, Option<Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a round did, and the first commit that failed in it.
#[derive(Default)]
struct Round {
    fired: usize,
    failed: Option<ServiceError>,
}

/// What is known of the events that a page is about.
#[derive(Default)]
struct Known {
    events: HashMap<(Tenant, EventId), Option<Event>>,
    titles: HashMap<(Tenant, TopicId), Option<String>>,
}

impl Services {
    /// Tells members of what became due; says how many moments that were, at least one where more is to be looked at.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn fire_due(&self) -> Result<usize, ServiceError> {
        let now = self.now();
        let mut place = self.place(now).await?;
        if now.plus_ms(SET_BACK_MS) < place.up_to {
            place = self.move_to(place, now).await?;
        }
        let up_to = place.up_to.min(now);
        let by = now.min(up_to.plus_ms(STEP_MS));
        let mut round = Round::default();
        for track in [Track::Reminders, Track::Starts, Track::Ends] {
            self.fire_track(track, (up_to.plus_ms(-OVERLAP_MS), by), &mut round).await?;
        }
        self.look_at_new(by, &mut round).await?;
        let Some(error) = round.failed else {
            self.move_to(Place { failing_since: None, ..place }, by).await?;
            return Ok(if by < now { round.fired.max(1) } else { round.fired });
        };
        // Others are told all the same; what failed is looked at again, as long as that may help.
        self.troubles.tell(&error);
        let since = place.failing_since.unwrap_or(now);
        let is_given_up = since.plus_ms(TRIED_MS) < now;
        let failing_since = (!is_given_up).then_some(since);
        let reached = if is_given_up { by } else { up_to };
        self.move_to(Place { failing_since, ..place }, reached).await?;
        Ok(0)
    }

    /// Gives where the last round ended: of this node, else of any.
    async fn place(&self, now: Timestamp) -> Result<Place, ServiceError> {
        let known = *self.clockwork.lock();
        if let Some(place) = known {
            return Ok(place);
        }
        let stored = match self.store.schedule_clock().await? {
            Some(stored) => stored,
            None => {
                self.store.set_schedule_clock(None, now).await?;
                now
            }
        };
        Ok(Place { up_to: stored, stored, failing_since: None })
    }

    /// Goes on from another place, and stores it where the stored one is far from it; where another node stored one
    /// meanwhile, that is as good.
    async fn move_to(&self, place: Place, up_to: Timestamp) -> Result<Place, ServiceError> {
        let behind = up_to.as_ms() - place.stored.as_ms();
        let stored = if (0..STORED_BEHIND_MS).contains(&behind) {
            place.stored
        } else if self.store.set_schedule_clock(Some(place.stored), up_to).await? {
            up_to
        } else {
            self.store.schedule_clock().await?.unwrap_or(up_to)
        };
        let place = Place { up_to, stored, ..place };
        *self.clockwork.lock() = Some(place);
        Ok(place)
    }

    async fn fire_track(
        &self,
        track: Track,
        (after, by): (Timestamp, Timestamp),
        round: &mut Round,
    ) -> Result<(), ServiceError> {
        let mut behind = None;
        loop {
            let ask = DueAsk { track, after, by, behind, limit: PAGE };
            let page = self.store.due_moments(ask).await?;
            let is_last = page.len() < PAGE;
            behind = page.last().cloned();
            self.fire(&page, round).await?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// Notes moments that are due and stores what tells of them.
    async fn fire(&self, due: &[DueMoment], round: &mut Round) -> Result<(), ServiceError> {
        let mut known = Known::default();
        let mut units: BTreeMap<Tenant, Vec<Write>> = BTreeMap::new();
        for one in due {
            if let Some(write) = self.fired(one, &mut known).await? {
                units.entry(one.occurrence.tenant.clone()).or_default().push(write);
            }
        }
        self.commit_together(units, round).await;
        Ok(())
    }

    /// Commits what is to be written for each tenant; what fails for one keeps nothing from the others.
    async fn commit_together(&self, units: BTreeMap<Tenant, Vec<Write>>, round: &mut Round) {
        for (tenant, writes) in units {
            for some in writes.chunks(TOGETHER) {
                let unit = Unit { writes: some.to_vec(), ..Unit::new(&tenant) };
                match self.commit(unit).await {
                    Ok(_) => round.fired += some.len(),
                    // That an occurrence was looked at must not be said without what was found.
                    Err(error) => {
                        round.failed.get_or_insert(error.into());
                        break;
                    }
                }
            }
        }
        if round.fired > 0 {
            self.send_accepted.notify_one();
        }
    }

    /// Says what is noted of a moment that is due, and what tells of it; nothing where its event is another by now.
    async fn fired(
        &self,
        DueMoment { occurrence, moment }: &DueMoment,
        known: &mut Known,
    ) -> Result<Option<Write>, ServiceError> {
        let Some(event) = self.known_event(occurrence, known).await? else { return Ok(None) };
        let now = self.now();
        let planned = occurrence.planned;
        let send = match moment.lateness(planned.span, now) {
            // What was over before it was scheduled so was not missed.
            Lateness::Missed if moment.due(planned.span) < event.updated_at => return Ok(None),
            Lateness::Missed => None,
            Lateness::Fires { until } => {
                let title = self.class_title(occurrence, &event, known).await?;
                let content = content_of(&event, &planned, *moment, title.as_deref());
                let send = self.send_of(occurrence, *moment, content, (now, until));
                Some(Box::new(send))
            }
        };
        let firing = Firing {
            event: event.id,
            name: planned.name,
            starts_at: planned.span.starts,
            moment: *moment,
            due_at: moment.due(planned.span),
            noted_at: now,
            send: send.as_ref().map(|send| send.id),
        };
        let fire = ScheduleWrite::Fire { firing, version: event.version, send };
        Ok(Some(Write::Schedule(Box::new(fire))))
    }

    async fn known_event(
        &self,
        occurrence: &StoredOccurrence,
        known: &mut Known,
    ) -> Result<Option<Event>, ServiceError> {
        let key = (occurrence.tenant.clone(), occurrence.event);
        if !known.events.contains_key(&key) {
            let stored = self.store.event(&key.0, key.1).await?;
            known.events.insert(key.clone(), stored.as_ref().and_then(readable));
        }
        let event = known.events.get(&key).cloned().flatten();
        Ok(event.filter(|event| event.version == occurrence.version))
    }

    async fn class_title(
        &self,
        occurrence: &StoredOccurrence,
        event: &Event,
        known: &mut Known,
    ) -> Result<Option<String>, ServiceError> {
        let key = (occurrence.tenant.clone(), occurrence.class.clone());
        if let Some(title) = known.titles.get(&key) {
            return Ok(title.clone());
        }
        let view = self.store.topic(&key.0, &key.1, &event.created_by).await?;
        let title = view.map(|view| view.topic.title).filter(|title| title != key.1.as_str());
        known.titles.insert(key, title.clone());
        Ok(title)
    }

    /// Tells of what was due by then of occurrences that were stored since, which no round has seen.
    async fn look_at_new(&self, by: Timestamp, round: &mut Round) -> Result<(), ServiceError> {
        let new = self.store.new_occurrences(PAGE).await?;
        let mut known = Known::default();
        let mut reminders: HashMap<(Tenant, TopicId), Vec<u32>> = HashMap::new();
        let mut units: BTreeMap<Tenant, Vec<Write>> = BTreeMap::new();
        for occurrence in &new {
            let class = (occurrence.tenant.clone(), occurrence.class.clone());
            if !reminders.contains_key(&class) {
                let of_class = self.store.reminders_of(&class.0, &class.1).await?;
                reminders.insert(class.clone(), of_class);
            }
            let asked = reminders.get(&class).into_iter().flatten();
            let moments = asked.map(|minutes| Moment::Reminder(*minutes));
            let writes = units.entry(occurrence.tenant.clone()).or_default();
            for moment in moments.chain([Moment::Start, Moment::End]) {
                if moment.due(occurrence.span()) <= by {
                    let due = DueMoment { occurrence: occurrence.clone(), moment };
                    writes.extend(self.fired(&due, &mut known).await?);
                }
            }
            writes.push(Write::Schedule(Box::new(ScheduleWrite::Looked {
                event: occurrence.event,
                starts_at: occurrence.span().starts,
                version: occurrence.version,
                at: self.now(),
            })));
        }
        self.commit_together(units, round).await;
        Ok(())
    }

    /// Forgets occurrences that are over, and what became of moments long ago; tells how many.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn forget_schedule(&self, limit: usize) -> Result<usize, ServiceError> {
        let now = self.now();
        // After an outage they are kept until their moments have been looked at.
        let up_to = self.store.schedule_clock().await?.unwrap_or(now).min(now);
        let over = up_to.plus_ms(-2 * LATE_END_MS);
        let occurrences = self.store.forget_occurrences(over, limit).await?;
        let firings = self.store.forget_firings(now.plus_ms(-SHOWN_MS), limit).await?;
        Ok(occurrences.max(firings))
    }

    /// Stores further occurrences of events that have some; tells of how many events.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn expand_events(&self) -> Result<usize, ServiceError> {
        let now = self.now();
        let due = self.store.events_to_expand(now, EXPANDED_AT_ONCE).await?;
        let mut tally = Tally::default();
        for (tenant, stored) in due {
            let mut unit = Unit::new(&tenant);
            unit.writes.push(Write::Schedule(Box::new(expanded(&stored, now))));
            tally.add(self.commit(unit).await.map_err(ServiceError::from));
        }
        tally.finish(&self.troubles)
    }
}

/// Finds what is to be stored of an event; of one that cannot be read nothing, and it is looked at again tomorrow.
fn expanded(stored: &StoredEvent, now: Timestamp) -> ScheduleWrite {
    let event = readable(stored);
    let Expansion { planned, to, again_at } = event
        .as_ref()
        .and_then(|event| schedule_of(&event.plan).ok())
        .map(|schedule| expansion(&schedule, stored.expanded_to, now))
        .unwrap_or_else(|| Expansion {
            planned: Vec::new(),
            to: stored.expanded_to,
            again_at: Some(now.plus_ms(DAY_MS)),
        });
    ScheduleWrite::Expand { id: stored.id, version: stored.version, planned, to, again_at }
}

/// Reads an event; one that cannot be read, which nobody's request could have stored, keeps nothing from the others.
fn readable(stored: &StoredEvent) -> Option<Event> {
    event_of(stored)
        .inspect_err(|error| tracing::error!(event = %stored.id, %error, "an event is not told of"))
        .ok()
}
