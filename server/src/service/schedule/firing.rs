//! Telling members of what is scheduled when its time comes, and storing further occurrences.
//!
//! Nothing waits in memory. A round looks at what became due since the one before; each moment is noted in the
//! commit that stores what tells of it, so that it is told once, by whichever node and after whatever crash. Where
//! the round before ended is only remembered so that less has to be looked at.

use std::collections::{BTreeMap, HashMap};

use landfall_core::id::{EventId, Tenant, TopicId};
use landfall_core::schedule::{Event, LATE_END_MS, Lateness, Moment};
use landfall_core::time::Timestamp;
use landfall_store::{
    DueAsk, DueMoment, Firing, Outcome, ScheduleWrite, StoredEvent, StoredOccurrence, Track, Unit,
    Write,
};

use super::events::{DAY_MS, Expansion, expansion, schedule_of};
use super::stored::event_of;
use super::telling::content_of;
use crate::service::tally::Tally;
use crate::service::{ServiceError, Services};

/// Moments of one page, and occurrences that are looked at for the first time.
const PAGE: usize = 500;
/// Moments that one commit tells of.
const TOGETHER: usize = 100;
/// For so long it is shown what became of moments: 90 days.
const SHOWN_MS: i64 = 90 * 24 * 3_600_000;
/// Events of one round whose further occurrences are stored.
const EXPANDED_AT_ONCE: usize = 50;

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fired {
    /// Moments of which members are told.
    pub sent: u64,
    /// Moments that were worth nothing any more.
    pub missed: u64,
    /// What was written; at least one where more is to be looked at.
    pub pieces: usize,
}

/// A round that goes on.
struct Round {
    fired: Fired,
    tally: Tally,
}

impl Round {
    /// Counts what became of moments.
    fn count(&mut self, writes: &[Write], outcomes: &[Outcome]) {
        for (write, outcome) in writes.iter().zip(outcomes) {
            let Write::Schedule(write) = write else { continue };
            match &**write {
                ScheduleWrite::Fire { send, .. } if *outcome == Outcome::Done => match send {
                    Some(_) => self.fired.sent += 1,
                    None => self.fired.missed += 1,
                },
                _ => {}
            }
        }
    }
}

/// Writes of one tenant, each with the occurrence that it is about.
type Written = ((EventId, Timestamp), Write);

/// What is known of the events that a page is about.
#[derive(Default)]
struct Known {
    events: HashMap<(Tenant, EventId), Option<Event>>,
    titles: HashMap<(Tenant, TopicId), Option<String>>,
}

impl Services {
    /// Tells members of what became due.
    ///
    /// What cannot be told keeps nothing from others, and is looked at again until it is told or worth nothing.
    ///
    /// # Errors
    /// When the store is away, or nothing of what became due could be told.
    pub async fn fire_due(&self) -> Result<Fired, ServiceError> {
        let now = self.now();
        let place = self.clock_place(now).await?;
        let span = place.looks_at(now);
        let mut round = Round { fired: Fired::default(), tally: Tally::of("schedule") };
        for track in [Track::Reminders, Track::Starts, Track::Ends] {
            self.fire_track(track, (span.after(), span.by), &mut round).await?;
        }
        self.look_at_new(span.by, &mut round).await?;
        self.move_clock_to(place.behind(span, &round.tally)).await?;
        let pieces = round.tally.finish(&self.troubles)?;
        Ok(Fired { pieces: if span.by < now { pieces.max(1) } else { pieces }, ..round.fired })
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
        let mut units: BTreeMap<Tenant, Vec<Written>> = BTreeMap::new();
        for one in due {
            if let Some(write) = self.fired(one, &mut known).await? {
                let about = (one.occurrence.event, one.occurrence.span().starts);
                units.entry(one.occurrence.tenant.clone()).or_default().push((about, write));
            }
        }
        self.commit_together(units, round).await;
        Ok(())
    }

    /// Commits what is to be written for each tenant; what fails for one keeps nothing from the others. All nodes write
    /// in the order of events, so that none waits for another in a circle.
    async fn commit_together(&self, units: BTreeMap<Tenant, Vec<Written>>, round: &mut Round) {
        for (tenant, mut written) in units {
            written.sort_by_key(|(about, _)| *about);
            let writes: Vec<Write> = written.into_iter().map(|(_, write)| write).collect();
            for some in writes.chunks(TOGETHER) {
                let unit = Unit { writes: some.to_vec(), ..Unit::new(&tenant) };
                let committed = self.commit(unit).await.map_err(ServiceError::from);
                if let Ok(receipt) = &committed {
                    round.count(some, &receipt.outcomes);
                }
                let is_stopped = committed.is_err();
                round.tally.add_many(some.len(), committed);
                // That an occurrence was looked at must not be said without what was found.
                if is_stopped {
                    break;
                }
            }
        }
        if round.tally.has_done() {
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
        let mut units: BTreeMap<Tenant, Vec<Written>> = BTreeMap::new();
        for occurrence in &new {
            let about = (occurrence.event, occurrence.span().starts);
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
                    let write = self.fired(&due, &mut known).await?;
                    writes.extend(write.map(|write| (about, write)));
                }
            }
            let (event, starts_at) = about;
            let looked = ScheduleWrite::Looked {
                event,
                starts_at,
                version: occurrence.version,
                at: self.now(),
            };
            writes.push((about, Write::Schedule(Box::new(looked))));
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
        Ok(occurrences + firings)
    }

    /// Stores further occurrences of events that have some; tells of how many events.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn expand_events(&self) -> Result<usize, ServiceError> {
        let now = self.now();
        let due = self.store.events_to_expand(now, EXPANDED_AT_ONCE).await?;
        let mut tally = Tally::of("occurrences");
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
