//! Keeps who is there, and tells those who listen (contract 4).
//!
//! Whoever adds or removes a connection only says of whom; twice a second it is looked who of them is there,
//! what that means is noted together, and listeners are told. So a storm of comings costs a few commits and
//! a few frames to each. Must never hold up a connection, and lives on whatever the store does.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use landfall_core::feed::FeedKey;
use landfall_core::id::{NodeId, Tenant, TopicId, UserId};
use landfall_core::presence::{Attendance, CHANGES_TOLD_MAX, StatusChange, Step};
use landfall_core::time::Timestamp;
use landfall_core::topic::Member;
use landfall_store::Attended;
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::hub::Hub;
use super::statuses::{self, Statuses, Told};
use crate::service::presence::StatusAudience;
use crate::service::{Connections as _, ServiceError, Services};

/// Between two looks.
const TURN: Duration = Duration::from_millis(500);
/// Of so many users it is noted at a time that they came or went.
const ATTENDED_MAX: usize = 500;
/// Listeners that are told before others get a turn.
const TOLD_AT_ONCE: usize = 256;

/// Of whom a connection came or went.
#[derive(Default)]
pub(super) struct Presence {
    touched: Mutex<HashSet<Arc<FeedKey>>>,
    /// Whether any listener is still to be told that many changed.
    pub(super) is_owed: AtomicBool,
}

impl Presence {
    /// Notes that a connection of whoever has this inbox came or went; called after it did.
    pub(super) fn touch(&self, feed: &Arc<FeedKey>) {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).insert(Arc::clone(feed));
    }

    fn take(&self) -> HashSet<Arc<FeedKey>> {
        std::mem::take(&mut *self.touched.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Keeps presence until it is cancelled. What it noted stays: those who do not come back to another node in
/// time are gone when the lease of this one ends.
pub async fn keep_presence(hub: Arc<Hub>, services: Arc<Services>, cancel: CancellationToken) {
    let mut turns = tokio::time::interval(TURN);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut keeper = Keeper {
        there: Attendance::new(services.settings.presence.grace_ms),
        hub,
        services,
        node: None,
        said_at: None,
        waiting: Vec::new(),
    };
    let mut is_failing = false;
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = turns.tick() => {}
        }
        let turned = tokio::select! {
            () = cancel.cancelled() => return,
            turned = keeper.turn() => turned,
        };
        match turned {
            Ok(()) => is_failing = false,
            Err(error) if !std::mem::replace(&mut is_failing, true) => {
                tracing::warn!(%error, "presence cannot be noted; it is tried again");
            }
            Err(_) => {}
        }
    }
}

/// What this node knows of who is there.
struct Keeper {
    hub: Arc<Hub>,
    services: Arc<Services>,
    there: Attendance<Arc<FeedKey>>,
    node: Option<NodeId>,
    /// When it last said that it runs.
    said_at: Option<Timestamp>,
    /// What is to be noted.
    waiting: Vec<Attended>,
}

impl Keeper {
    async fn turn(&mut self) -> Result<(), ServiceError> {
        let now = self.services.now();
        for feed in self.hub.presence.take() {
            if self.hub.count(&feed) > 0 {
                self.there.here(&feed);
            } else {
                self.there.missing(&feed, now);
            }
        }
        let has_said = self.say_that_it_runs(now).await?;
        // While the store is away nothing more is taken: of each user only the last step is kept.
        if self.waiting.is_empty() {
            self.waiting = self.there.take(now).into_iter().filter_map(attended).collect();
        }
        let Some(node) = self.node else { return Ok(()) };
        let mut changes = Vec::new();
        let mut noted = self.note(node, &mut changes).await;
        if has_said && noted.is_ok() {
            noted = self.end_others(&mut changes).await;
        }
        // What was noted is told, whatever happened to the rest.
        self.tell(changes).await;
        noted
    }

    /// Says that this node runs where it is time to; says whether it did.
    async fn say_that_it_runs(&mut self, now: Timestamp) -> Result<bool, ServiceError> {
        let every = self.services.settings.presence.lease_ms / 3;
        let is_due = |said: Timestamp| said.plus_ms(every) <= now || said > now;
        if !self.said_at.is_none_or(is_due) {
            return Ok(false);
        }
        let lives = match self.node {
            Some(node) => self.services.node_lives(node).await?,
            None => false,
        };
        if !lives {
            self.node = Some(self.services.begin_node().await?);
            self.there.renew();
        }
        self.said_at = Some(now);
        Ok(true)
    }

    async fn note(
        &mut self,
        node: NodeId,
        changes: &mut Vec<StatusChange>,
    ) -> Result<(), ServiceError> {
        while !self.waiting.is_empty() {
            let count = self.waiting.len().min(ATTENDED_MAX);
            changes.extend(self.services.attend(node, self.waiting[..count].to_vec()).await?);
            self.waiting.drain(..count);
        }
        Ok(())
    }

    /// Ends what nodes noted that are gone.
    async fn end_others(&self, changes: &mut Vec<StatusChange>) -> Result<(), ServiceError> {
        loop {
            let (ended, is_more) = self.services.end_nodes().await?;
            changes.extend(ended);
            if !is_more {
                return Ok(());
            }
        }
    }

    /// Tells those who listen and may know.
    async fn tell(&self, changes: Vec<StatusChange>) {
        let mut by_tenant: BTreeMap<Tenant, Vec<StatusChange>> = BTreeMap::new();
        for change in changes {
            by_tenant.entry(change.tenant.clone()).or_default().push(change);
        }
        for (tenant, changes) in by_tenant {
            let statuses = match self.services.settings.presence.audience {
                StatusAudience::Nobody => continue,
                // One of them may be the listener.
                _ if changes.len() > CHANGES_TOLD_MAX + 1 => Statuses::Many,
                StatusAudience::Tenant => Statuses::Same(changes.iter().map(Told::new).collect()),
                StatusAudience::Topic => self.shared(&tenant, &changes).await,
            };
            self.tell_listeners(self.hub.audience.of(&tenant), &statuses).await;
        }
        if self.hub.presence.is_owed.swap(false, Ordering::Relaxed) {
            let nothing_new = Statuses::Same(Vec::new());
            self.tell_listeners(self.hub.audience.everybody(), &nothing_new).await;
        }
    }

    async fn tell_listeners(&self, listeners: Vec<Arc<Connection>>, statuses: &Statuses) {
        let reset = statuses::reset();
        for (index, connection) in listeners.iter().enumerate() {
            self.hub.tell_statuses(connection, statuses, &reset);
            if index % TOLD_AT_ONCE == TOLD_AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Finds out who shares a topic with those who changed.
    async fn shared(&self, tenant: &Tenant, changes: &[StatusChange]) -> Statuses {
        match self.sharers(tenant, changes).await {
            Ok(places) => Statuses::Each(changes.iter().map(Told::new).collect(), places),
            Err(error) => {
                tracing::warn!(%error, "who shares a topic could not be asked for");
                Statuses::Many
            }
        }
    }

    /// Gives the places of the changes that each user is to hear of, who is connected here.
    async fn sharers(
        &self,
        tenant: &Tenant,
        changes: &[StatusChange],
    ) -> Result<HashMap<UserId, Vec<usize>>, ServiceError> {
        let mut topics: BTreeMap<TopicId, Vec<usize>> = BTreeMap::new();
        for (place, change) in changes.iter().enumerate() {
            for topic in self.services.topics_of_user(tenant, &change.user).await? {
                topics.entry(topic).or_default().push(place);
            }
        }
        let mut told: HashMap<UserId, BTreeSet<usize>> = HashMap::new();
        for (topic, places) in topics {
            let note = |member: Member| {
                if self.hub.count(&FeedKey::inbox(tenant, &member.user)) > 0 {
                    told.entry(member.user).or_default().extend(&places);
                }
            };
            self.services.walk_members(tenant, &topic, note).await?;
        }
        let in_order = |(user, places): (UserId, BTreeSet<usize>)| (user, Vec::from_iter(places));
        Ok(told.into_iter().map(in_order).collect())
    }
}

fn attended(step: Step<Arc<FeedKey>>) -> Option<Attended> {
    let (feed, went_at) = match step {
        Step::Came(feed) => (feed, None),
        Step::Went(feed, at) => (feed, Some(at)),
    };
    let user = UserId::parse(&feed.owner).ok()?;
    Some(Attended { tenant: feed.tenant.clone(), user, went_at })
}
