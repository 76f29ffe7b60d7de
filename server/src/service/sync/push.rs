//! Push: operations of a device are decided and committed, some at a time, in their order.
//!
//! Whatever was answered is stored. A push that breaks off is sent again as it was: what was
//! decided answers as it did.

use landfall_core::auth::{Caller, Scope};
use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::TopicId;
use landfall_core::sync::{Desk, Refused, Seen, Status, Taken, Why};
use landfall_core::time::Timestamp;
use landfall_core::topic::MemberRole;
use landfall_store::{
    DeviceNext, Guard, SessionCounts, SessionNext, Standings, StoredDevice, SyncWrite, Unit, Write,
};
use uuid::Uuid;

use super::activities;
use super::bases::Bases;
use super::desk;
use super::kinds::{Kind, Owner};
use super::misfit::Misfit;
use super::{Brought, PushAsk, Pushed, Since, Wish};
use crate::service::revocations::unit_of;
use crate::service::{ServiceError, Services};

/// Operations that are decided and committed together.
const CHUNK: usize = 100;
/// A device that brings nothing for so long begins another session.
const SESSION_MS: i64 = 5 * 60 * 1_000;

/// Where the operations of a chunk belong, and what their user is there.
struct Ground {
    feed: FeedKey,
    /// The topic, with the user's role in it; nothing for their own entities.
    topic: Option<(TopicId, Option<MemberRole>)>,
    manages_all: bool,
}

/// What a chunk came to.
#[derive(Default)]
struct Decided {
    pushed: Vec<Pushed>,
    writes: Vec<SyncWrite>,
    counts: SessionCounts,
    /// The least role that is needed in the topic.
    needs: Option<MemberRole>,
}

impl Services {
    /// Decides what a device brings; each operation has its own outcome.
    ///
    /// # Errors
    /// `Invalid` for a cursor that was not given to this user; `Revoked`; when the store is away. What
    /// was decided before that stays decided.
    pub async fn push(&self, caller: &Caller, ask: &PushAsk) -> Result<Vec<Pushed>, ServiceError> {
        if let Since::Cursor(text, kinds) = &ask.has {
            self.places_in(caller, kinds, text)?;
        }
        let mut pushed = Vec::with_capacity(ask.operations.len());
        let mut rest = ask.operations.as_slice();
        while let Some(first) = rest.first() {
            let of_one_feed = rest.iter().take(CHUNK).take_while(|one| one.topic == first.topic);
            let (chunk, after) = rest.split_at(of_one_feed.count());
            let feed = match &first.topic {
                Some(topic) => FeedKey::topic(&caller.tenant, topic),
                None => FeedKey::data(&caller.tenant, &caller.user),
            };
            let push = || self.push_chunk(caller, ask, chunk);
            pushed.extend(self.feed_locks.deciding(&feed, push).await?);
            rest = after;
        }
        if let Some(device) = ask.device.as_ref().filter(|_| ask.operations.is_empty()) {
            self.heard_of(caller, device, (None, ask.pending)).await?;
        }
        Ok(pushed)
    }

    pub(super) async fn push_chunk(
        &self,
        caller: &Caller,
        ask: &PushAsk,
        chunk: &[Brought],
    ) -> Result<Vec<Pushed>, ServiceError> {
        let topic = chunk.first().and_then(|first| first.topic.as_ref());
        let ground = self.ground(caller, topic).await?;
        let had = self.had(caller, ask, &ground.feed, chunk).await?;
        let asked = desk::ask(caller, &ground.feed, ask, (chunk, had));
        let standings = self.kinds.standings(self.store.standings(asked).await?)?;
        let has = match desk::may_be_left(&standings) {
            true => self.has(caller, ask, &ground.feed, &standings).await?,
            false => Number::ZERO,
        };
        let device = desk::device_name(ask.device.as_ref());
        let seen = Seen { now: self.now(), sent_at: ask.sent_at };
        let mut desk = desk::fill(&device, seen, &standings, (ask, has))?;
        let bases = Bases::of(&standings, (ask, chunk), had, seen)?;
        let mut ends = desk::ends(&standings);
        let feed = &ground.feed;
        let mut place =
            desk::Place { feed, caller, device: &device, ends: &mut ends, at: seen.now };
        let mut decided = Decided::default();
        for brought in chunk {
            let based = bases.based(brought);
            self.decide(&mut desk, &mut place, (&based, &ground), &mut decided);
        }
        let stamp = desk.last().map(|stamp| (stamp.at, stamp.count));
        let unit = self.unit_of_push(caller, &ground, &mut decided);
        self.commit_push(caller, unit, (&standings, stamp), (&decided, ask)).await?;
        Ok(decided.pushed)
    }

    /// Finds where operations belong. Who may not write there has them refused on their own feed.
    async fn ground(
        &self,
        caller: &Caller,
        topic: Option<&TopicId>,
    ) -> Result<Ground, ServiceError> {
        let manages_all = caller.may(&Scope::TopicsManage);
        let own = FeedKey::data(&caller.tenant, &caller.user);
        let Some(id) = topic else { return Ok(Ground { feed: own, topic: None, manages_all }) };
        let view = self.store.topic(&caller.tenant, id, &caller.user).await?;
        let role = view.as_ref().and_then(|view| view.role);
        let may_write = view.is_some() && (manages_all || role.is_some());
        let feed = if may_write { FeedKey::topic(&caller.tenant, id) } else { own };
        let manages_all = manages_all && view.is_some();
        Ok(Ground { feed, topic: Some((id.clone(), role)), manages_all })
    }

    /// Finds the number up to which the device has a feed, as it says or as it is known.
    pub(super) async fn has(
        &self,
        caller: &Caller,
        ask: &PushAsk,
        feed: &FeedKey,
        standings: &Standings,
    ) -> Result<Number, ServiceError> {
        let topic = super::topic_of(feed);
        Ok(match &ask.has {
            Since::Cursor(text, kinds) => {
                let places = self.places_in(caller, kinds, text)?.unwrap_or_default();
                match &topic {
                    None => places.own.number,
                    Some(topic) => places.topics.get(topic).map_or(Number::ZERO, |at| at.number),
                }
            }
            Since::Time(at) if self.store.epoch().is_after(*at) => Number::ZERO,
            Since::Time(at) => self.store.number_before(feed, *at).await?,
            Since::Beginning if topic.is_none() => {
                standings.device.as_ref().map_or(Number::ZERO, |device| device.place)
            }
            Since::Beginning => Number::ZERO,
        })
    }

    /// Decides one operation, and notes what is to be answered and stored.
    fn decide(
        &self,
        desk: &mut Desk<'_>,
        place: &mut desk::Place<'_>,
        (brought, ground): (&Brought, &Ground),
        decided: &mut Decided,
    ) {
        let operation = &brought.operation;
        let misfit = Misfit::default();
        let kind = self.kind_of(brought, ground, &misfit);
        if let Ok(Kind { owner: Owner::Topic { write }, .. }) = kind {
            decided.needs = decided.needs.max(Some(*write));
        }
        let fresh = self.ids.conflict(place.at, decided.pushed.len());
        let wish = brought.activity.as_ref().map_or(Wish::AsTyped, |activity| activity.wish);
        let current = kind.and_then(|kind| Ok((kind, kind.current(operation, &misfit)?)));
        let operation = current.as_ref().map_or(operation, |(_, current)| current);
        let kind = current.as_ref().map(|(kind, _)| *kind).map_err(|refused| *refused);
        let mut taken = desk::take(desk, operation, kind, (&misfit, fresh, wish));
        let verdict = taken.verdict;
        decided.count(&taken);
        decided.pushed.push(Pushed {
            id: operation.id.clone(),
            verdict,
            is_replay: is_replay(&taken),
            server: desk::server_data(desk, operation, &verdict),
            errors: misfit.into_errors(),
        });
        let Some(effect) = &mut taken.effect else { return };
        if brought.activity.is_some() {
            // Nothing depends on an activity that was refused.
            effect.tip.take_if(|tip| tip.is_refused);
        }
        let mut write = desk::write(place, operation, &verdict, taken.effect.expect("it is there"));
        activities::ride(brought, &verdict, &mut write);
        decided.writes.push(write);
    }

    /// Finds an operation's type, or why it is refused.
    fn kind_of(
        &self,
        brought: &Brought,
        ground: &Ground,
        misfit: &Misfit,
    ) -> Result<&Kind, Refused> {
        let Some(kind) = self.kinds.get(&brought.operation.name.kind) else {
            if brought.activity.is_some() {
                misfit.note("/activity_type", "is no type that this server knows");
            }
            return Err(Refused::UnknownType);
        };
        if let Some(fault) = brought.activity.as_ref().and_then(|one| one.fault.as_ref()) {
            misfit.note(&fault.pointer, &fault.detail);
            return Err(Refused::Invalid);
        }
        match (&kind.owner, &ground.topic) {
            (Owner::User, None) => Ok(kind),
            (Owner::User, Some(_)) => {
                misfit
                    .note("/topicId", "must be absent: entities of this type are their user's own");
                Err(Refused::Invalid)
            }
            (Owner::Topic { .. }, None) => {
                misfit.note("/topicId", "is required: entities of this type belong to a topic");
                Err(Refused::Invalid)
            }
            (Owner::Topic { write }, Some((_, role))) => {
                let may = ground.manages_all || role.is_some_and(|role| role >= *write);
                if may { Ok(kind) } else { Err(Refused::Forbidden) }
            }
        }
    }

    /// Begins a unit of what was decided, on condition that the user still may.
    fn unit_of_push(&self, caller: &Caller, ground: &Ground, decided: &mut Decided) -> Unit {
        let mut unit = unit_of(caller);
        if let (Some((topic, _)), Some(least)) = (&ground.topic, decided.needs) {
            unit.guards.push(if ground.manages_all {
                Guard::TopicThere(topic.clone())
            } else {
                Guard::MemberAtLeast(topic.clone(), caller.user.clone(), least)
            });
        }
        for write in std::mem::take(&mut decided.writes) {
            unit.audit.extend(self.entry_of_dispute(caller, &write));
            unit.writes.push(Write::Sync(Box::new(write)));
        }
        unit
    }

    async fn commit_push(
        &self,
        caller: &Caller,
        mut unit: Unit,
        (standings, stamp): (&Standings, Option<(Timestamp, u32)>),
        (decided, ask): (&Decided, &PushAsk),
    ) -> Result<(), ServiceError> {
        // What was all decided before changes nothing.
        if unit.writes.is_empty() && ask.pending.is_none() && ask.generation.is_none() {
            return Ok(());
        }
        let at = self.now();
        // Whoever asks to decide anew may do so for another device.
        let is_here = !ask.operations.iter().any(desk::is_again);
        if let Some(device) = ask.device.as_ref().filter(|_| is_here) {
            let id = self.session_of(standings.device.as_ref(), at);
            unit.writes.push(Write::Synced(Box::new(DeviceNext {
                stamp,
                session: Some(SessionNext { id, counts: decided.counts }),
                pending: ask.pending,
                generation: ask.generation,
                ..DeviceNext::seen(&caller.user, device.as_str(), at)
            })));
        }
        self.commit(unit).await?;
        Ok(())
    }

    /// Names the session in which a device syncs now.
    pub(super) fn session_of(&self, known: Option<&StoredDevice>, at: Timestamp) -> Uuid {
        let running = known.filter(|known| known.seen_at.plus_ms(SESSION_MS) > at);
        running.and_then(|known| known.session).unwrap_or_else(|| self.ids.session(at))
    }
}

impl Decided {
    fn count(&mut self, taken: &Taken) {
        let counts = &mut self.counts;
        counts.operations += 1;
        let of_status = match taken.verdict.status {
            _ if taken.effect.is_none() => &mut counts.replayed,
            Status::Applied => &mut counts.applied,
            Status::Merged => &mut counts.merged,
            Status::Conflict => &mut counts.conflicts,
            Status::Rejected | Status::Duplicate => &mut counts.rejected,
        };
        *of_status += 1;
    }
}

/// Says whether an outcome is one that was stored before.
fn is_replay(taken: &Taken) -> bool {
    let is_other = matches!(taken.verdict.why, Why::Refused(Refused::IdReused) | Why::Forgotten);
    taken.effect.is_none() && !is_other
}
