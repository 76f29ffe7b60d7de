//! What operations of one transaction rely on and leave behind, one after the other, before the
//! rows are written that the last of them leave.
//!
//! It knows no statement: whoever keeps operations tells it what stands, or what is taken to stand
//! until the row is written, and writes what it says.

use std::borrow::{Borrow as _, Cow};
use std::collections::HashMap;
use std::hash::Hash;

use landfall_core::audit;
use landfall_core::feed::Number;
use landfall_core::id::{ConflictId, Tenant};

use crate::{Answer, ConflictNext, OperationKeep, Outcome, StoreError, SyncWrite};

/// Names an entity: its feed's id, its type and its id.
pub(crate) type EntityKey<'w> = (i64, &'w str, &'w str);
/// Names a branch: its entity and its device.
pub(crate) type BranchKey<'w> = (EntityKey<'w>, &'w str);
/// Names an operation: its tenant, its user and its id.
pub(crate) type OperationKey<'w> = (&'w str, &'w str, &'w str);
/// Names a conflict: its tenant and its id.
pub(crate) type ConflictKey<'w> = (&'w str, ConflictId);

/// Where an entity stands; all zero where it never was there.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stand {
    pub(crate) revision: u64,
    pub(crate) changed: Number,
}

/// An operation that is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) digest: audit::Hash,
    /// Whether its activity failed.
    pub(crate) has_failed: bool,
}

/// An operation that is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept<'w> {
    pub(crate) tenant: &'w Tenant,
    pub(crate) feed: i64,
    pub(crate) write: &'w SyncWrite,
    /// The number that it took.
    pub(crate) number: Option<Number>,
    /// The number of the entity's last change after it.
    pub(crate) changed: Number,
}

impl<'w> Kept<'w> {
    pub(crate) fn entity(&self) -> EntityKey<'w> {
        entity_key(self.feed, self.write)
    }

    pub(crate) fn branch(&self) -> BranchKey<'w> {
        (self.entity(), &self.write.device)
    }

    pub(crate) fn outcome(&self) -> Outcome {
        self.number.map_or(Outcome::Done, Outcome::Numbered)
    }
}

pub(crate) fn entity_key(feed: i64, write: &SyncWrite) -> EntityKey<'_> {
    (feed, &write.name.kind, &write.name.id)
}

/// Says whether devices have something to see of an operation.
pub(crate) fn is_seen(write: &SyncWrite) -> bool {
    write.next.as_ref().is_some_and(|next| next.version != write.from_version)
}

/// What holds, and over it what would if the unit at hand were kept.
struct Layered<K, V> {
    kept: HashMap<K, V>,
    draft: HashMap<K, V>,
}

impl<K, V> Default for Layered<K, V> {
    fn default() -> Self {
        Self { kept: HashMap::new(), draft: HashMap::new() }
    }
}

impl<K: Eq + Hash, V> Layered<K, V> {
    fn get(&self, key: &K) -> Option<&V> {
        self.draft.get(key).or_else(|| self.kept.get(key))
    }

    fn keep(&mut self) {
        self.kept.extend(self.draft.drain());
    }
}

/// What stands, as far as anybody said, and what the operations at hand make of it.
#[derive(Default)]
pub(crate) struct Ledger<'w> {
    newest: Layered<i64, Number>,
    entities: Layered<EntityKey<'w>, Stand>,
    /// The operation with which it ends, where there is one.
    branches: Layered<BranchKey<'w>, Option<Cow<'w, str>>>,
    operations: Layered<OperationKey<'w>, Known>,
    /// Whether it is open.
    conflicts: Layered<ConflictKey<'w>, bool>,
}

impl<'w> Ledger<'w> {
    /// Says up to where a feed has given numbers out.
    pub(crate) fn lay_feed(&mut self, feed: i64, newest: Number) {
        self.newest.kept.insert(feed, newest);
    }

    pub(crate) fn lay_entity(&mut self, key: EntityKey<'w>, stand: Stand) {
        self.entities.kept.insert(key, stand);
    }

    pub(crate) fn lay_branch(&mut self, key: BranchKey<'w>, ends: Option<Cow<'w, str>>) {
        self.branches.kept.insert(key, ends);
    }

    pub(crate) fn lay_operation(&mut self, key: OperationKey<'w>, known: Known) {
        self.operations.kept.insert(key, known);
    }

    pub(crate) fn lay_open_conflict(&mut self, key: ConflictKey<'w>) {
        self.conflicts.kept.insert(key, true);
    }

    pub(crate) fn knows_feed(&self, feed: i64) -> bool {
        self.newest.get(&feed).is_some()
    }

    pub(crate) fn knows_entity(&self, key: &EntityKey<'w>) -> bool {
        self.entities.get(key).is_some()
    }

    pub(crate) fn knows_branch(&self, key: &BranchKey<'w>) -> bool {
        self.branches.get(key).is_some()
    }

    /// Keeps what was taken since the last time.
    pub(crate) fn keep(&mut self) {
        self.newest.keep();
        self.entities.keep();
        self.branches.keep();
        self.operations.keep();
        self.conflicts.keep();
    }

    /// Forgets what was taken since the last time.
    pub(crate) fn forget(&mut self) {
        self.newest.draft.clear();
        self.entities.draft.clear();
        self.branches.draft.clear();
        self.operations.draft.clear();
        self.conflicts.draft.clear();
    }

    /// Takes an operation; `Stale` unless its entity and its branch stand where it was decided from.
    pub(crate) fn take(
        &mut self,
        tenant: &'w Tenant,
        feed: i64,
        write: &'w SyncWrite,
    ) -> Answer<Kept<'w>> {
        let entity = entity_key(feed, write);
        let stand = self.entities.get(&entity).copied().unwrap_or_default();
        let branch = (entity, &*write.device);
        let ends = self.branches.get(&branch).and_then(Option::as_ref);
        let ends: Option<&str> = ends.map(|ends| ends.borrow());
        if stand.revision != write.from || ends != write.from_branch.as_deref() {
            return Err(StoreError::Stale);
        }
        let number = is_seen(write).then(|| self.next(feed));
        let changed = number.unwrap_or(stand.changed);
        if write.next.is_some() {
            let next = Stand { revision: write.from + 1, changed };
            self.entities.draft.insert(entity, next);
        }
        if write.branch.is_some() {
            let ends = Some(Cow::Borrowed(&*write.operation.id));
            self.branches.draft.insert(branch, ends);
        }
        Ok(Kept { tenant, feed, write, number, changed })
    }

    fn next(&mut self, feed: i64) -> Number {
        let number = self.newest.get(&feed).copied().unwrap_or_default().next();
        self.newest.draft.insert(feed, number);
        number
    }

    /// Takes an operation's id; `Stale` unless it is there, or not, as it was decided from.
    pub(crate) fn take_operation(
        &mut self,
        tenant: &'w Tenant,
        write: &'w SyncWrite,
    ) -> Answer<()> {
        let key = operation_key(tenant, write);
        let digest = write.operation.digest;
        let known = self.operations.get(&key);
        let holds = match write.keeps {
            OperationKeep::New => known.is_none(),
            OperationKeep::Again => {
                known.is_some_and(|known| known.has_failed && known.digest == digest)
            }
        };
        let had_failed = known.is_some_and(|known| known.has_failed);
        let activity = write.activity.as_ref();
        let has_failed = activity
            .map_or(had_failed, |activity| activity.status == crate::ActivityStatus::Failed);
        self.operations.draft.insert(key, Known { digest, has_failed });
        if holds { Ok(()) } else { Err(StoreError::Stale) }
    }

    /// Takes what becomes of a conflict; `Stale` unless one is open that is to be.
    pub(crate) fn take_conflict(&mut self, tenant: &'w Tenant, write: &'w SyncWrite) -> Answer<()> {
        let Some((id, is_new, is_open)) = write.conflict.as_deref().map(conflict) else {
            return Ok(());
        };
        let key = (tenant.as_str(), id);
        let holds = is_new || self.conflicts.get(&key).copied().unwrap_or_default();
        self.conflicts.draft.insert(key, is_open);
        if holds { Ok(()) } else { Err(StoreError::Stale) }
    }
}

pub(crate) fn operation_key<'w>(tenant: &'w Tenant, write: &'w SyncWrite) -> OperationKey<'w> {
    (tenant.as_str(), write.user.as_str(), &write.operation.id)
}

/// Gives which conflict it is, whether it is a new one, and whether it is open after it.
fn conflict(next: &ConflictNext) -> (ConflictId, bool, bool) {
    match next {
        ConflictNext::New(conflict) => (conflict.id, true, conflict.is_open),
        ConflictNext::GoesOn { id, .. } => (*id, false, true),
        ConflictNext::Resolved { id, .. } => (*id, false, false),
    }
}

/// A row to be written of a key, by the first and the last operation that say something of it.
pub(crate) struct Ends<'k, 'w> {
    pub(crate) first: &'k Kept<'w>,
    pub(crate) last: &'k Kept<'w>,
}

/// Gives, for each key, the first and the last of the operations about it, in the order of the first.
pub(crate) fn ends<'k, 'w, K: Eq + Hash>(
    kept: impl Iterator<Item = &'k Kept<'w>>,
    key: impl Fn(&Kept<'w>) -> K,
) -> Vec<Ends<'k, 'w>>
where
    'w: 'k,
{
    let mut places: HashMap<K, usize> = HashMap::new();
    let mut found: Vec<Ends<'k, 'w>> = Vec::new();
    for one in kept {
        match places.entry(key(one)) {
            std::collections::hash_map::Entry::Occupied(place) => found[*place.get()].last = one,
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(found.len());
                found.push(Ends { first: one, last: one });
            }
        }
    }
    found
}

/// Gives how many numbers each feed gave out, in the order of their ids.
pub(crate) fn given(kept: &[Kept<'_>]) -> Vec<(i64, u64)> {
    let mut given = std::collections::BTreeMap::new();
    for one in kept.iter().filter(|one| one.number.is_some()) {
        *given.entry(one.feed).or_default() += 1;
    }
    given.into_iter().collect()
}
