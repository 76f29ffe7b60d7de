//! Telling members of what is scheduled when its time comes, and storing further occurrences.
//!
//! Nothing waits in memory. A round looks at what became due since the one before; each moment is noted in the
//! commit that stores what tells of it, so that it is told once, by whichever node and after whatever crash. Where
//! the round before ended is only remembered so that less has to be looked at.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use landfall_core::id::{EventId, QuizId, Tenant, TopicId};
use landfall_core::notification::{Content, JsonText, Priority};
use landfall_core::schedule::{Event, LATE_END_MS, Lateness, Moment, Planned};
use landfall_core::time::Timestamp;
use landfall_store::{
    DueAsk, DueMoment, Firing, Reminds, ScheduleWrite, SendState, SendTo, StoreError,
    StoredOccurrence, StoredSend, Track, Unit, Write,
};
use serde_json::{Value, json};

use super::events::{Expansion, expansion, schedule_of};
use super::stored::event_of;
use super::words_of;
use crate::service::routing::Asked;
use crate::service::{ServiceError, Services};

/// After an outage so much is looked at in one round.
const STEP_MS: i64 = 24 * 3_600_000;
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
}

impl Clockwork {
    fn lock(&self) -> MutexGuard<'_, Option<Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        let Place { up_to, stored } = self.place(now).await?;
        if now.plus_ms(SET_BACK_MS) < up_to {
            self.move_to(stored, now).await?;
        }
        let up_to = up_to.min(now);
        let by = now.min(up_to.plus_ms(STEP_MS));
        let mut fired = 0;
        for track in [Track::Reminders, Track::Starts, Track::Ends] {
            fired += self.fire_track(track, (up_to.plus_ms(-OVERLAP_MS), by)).await?;
        }
        fired += self.look_at_new(by).await?;
        if by.as_ms() - stored.as_ms() >= STORED_BEHIND_MS {
            self.move_to(stored, by).await?;
        } else {
            *self.clockwork.lock() = Some(Place { up_to: by, stored });
        }
        Ok(if by < now { fired.max(1) } else { fired })
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
        Ok(Place { up_to: stored, stored })
    }

    /// Goes on from another place, and stores it; where another node stored one meanwhile, that is as good.
    async fn move_to(&self, stored: Timestamp, to: Timestamp) -> Result<(), ServiceError> {
        let is_stored = self.store.set_schedule_clock(Some(stored), to).await?;
        let stored = match is_stored {
            true => to,
            false => self.store.schedule_clock().await?.unwrap_or(to),
        };
        *self.clockwork.lock() = Some(Place { up_to: to, stored });
        Ok(())
    }

    async fn fire_track(
        &self,
        track: Track,
        (after, by): (Timestamp, Timestamp),
    ) -> Result<usize, ServiceError> {
        let (mut fired, mut behind) = (0, None);
        loop {
            let ask = DueAsk { track, after, by, behind, limit: PAGE };
            let page = self.store.due_moments(ask).await?;
            let is_last = page.len() < PAGE;
            behind = page.last().cloned();
            fired += self.fire(&page).await?;
            if is_last {
                return Ok(fired);
            }
        }
    }

    /// Notes moments that are due and stores what tells of them.
    async fn fire(&self, due: &[DueMoment]) -> Result<usize, ServiceError> {
        let mut known = Known::default();
        let mut units: BTreeMap<Tenant, Vec<Write>> = BTreeMap::new();
        for one in due {
            if let Some(write) = self.fired(one, &mut known).await? {
                units.entry(one.occurrence.tenant.clone()).or_default().push(write);
            }
        }
        self.commit_together(units).await
    }

    async fn commit_together(
        &self,
        units: BTreeMap<Tenant, Vec<Write>>,
    ) -> Result<usize, ServiceError> {
        let mut done = 0;
        for (tenant, writes) in units {
            for some in writes.chunks(TOGETHER) {
                let unit = Unit { writes: some.to_vec(), ..Unit::new(&tenant) };
                self.commit(unit).await?;
                done += some.len();
            }
        }
        if done > 0 {
            self.send_accepted.notify_one();
        }
        Ok(done)
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
            let event = stored.as_ref().map(event_of).transpose()?;
            known.events.insert(key.clone(), event);
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

    /// Makes the send that tells the members of a class of a moment.
    fn send_of(
        &self,
        occurrence: &StoredOccurrence,
        moment: Moment,
        content: Content,
        (now, until): (Timestamp, Timestamp),
    ) -> StoredSend {
        let filled = content.template_id.as_deref().and_then(|id| self.templates.get(id));
        let priority = filled.map(|template| template.priority()).unwrap_or_default();
        let starts_at = occurrence.span().starts;
        StoredSend {
            id: self.ids.send(now),
            tenant: occurrence.tenant.clone(),
            content: Arc::new(Content { priority, ..content }),
            route: Asked::default().text(),
            to: SendTo::Topic(occurrence.class.clone()),
            cursor: String::new(),
            accepted: 0,
            expanded: 0,
            state: SendState::Active,
            later: None,
            reminds: match moment {
                Moment::Reminder(minutes) => Some(Reminds { minutes, starts_at }),
                Moment::Start | Moment::End => None,
            },
            canceled_at: None,
            created_at: now,
            expires_at: Some(until),
        }
    }

    /// Tells of what was due by then of occurrences that were stored since, which no round has seen.
    async fn look_at_new(&self, by: Timestamp) -> Result<usize, ServiceError> {
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
        self.commit_together(units).await
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
        let count = due.len();
        for (tenant, stored) in due {
            let event = event_of(&stored)?;
            let schedule = schedule_of(&event.plan)?;
            let Expansion { planned, to, again_at } = expansion(&schedule, stored.expanded_to, now);
            let expand = ScheduleWrite::Expand {
                id: event.id,
                version: event.version,
                planned,
                to,
                again_at,
            };
            let mut unit = Unit::new(&tenant);
            unit.writes.push(Write::Schedule(Box::new(expand)));
            match self.commit(unit).await {
                Ok(_) | Err(StoreError::Stale) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(count)
    }
}

/// Makes what members are told of a moment; its words are the template's.
fn content_of(
    event: &Event,
    planned: &Planned,
    moment: Moment,
    class_title: Option<&str>,
) -> Content {
    let notification_type = moment.notification_type(event.kind);
    let data = data_of(event, planned, moment, class_title);
    Content {
        template_id: Some(notification_type.clone()),
        notification_type,
        title: String::new(),
        message: String::new(),
        data: JsonText::trusted(&data.to_string()),
        priority: Priority::default(),
        locale: None,
        sender_id: Some(event.created_by.clone()),
        sender_name: None,
        image: None,
        actions: None,
        link: words_of(&event.plan, planned).link.clone(),
    }
}

/// Says what templates and apps get to know of a moment.
fn data_of(event: &Event, planned: &Planned, moment: Moment, class_title: Option<&str>) -> Value {
    let (words, span) = (words_of(&event.plan, planned), planned.span);
    let mut data = json!({
        "event_id": event.id.to_string(),
        "event_type": event.kind.as_str(),
        "occurrence": planned.name.to_string(),
        "class_id": event.class.as_str(),
        "title": words.title,
        "scheduled_at": span.starts.to_string(),
        "ends_at": span.ends.to_string(),
        "duration_minutes": (span.ends.as_ms() - span.starts.as_ms()) / 60_000,
    });
    let texts = [
        ("class_title", class_title),
        ("description", words.description.as_deref()),
        ("link", words.link.as_deref()),
        ("quiz_id", event.quiz.as_ref().map(QuizId::as_str)),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            data[name] = json!(text);
        }
    }
    if let Moment::Reminder(minutes) = moment {
        data["reminder_minutes"] = json!(minutes);
    }
    data
}
