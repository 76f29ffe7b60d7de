//! What is known of an entity at the desk, and how it moves on with what is decided.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Basis, Branch, Contested, Decision, Effect, Entity, Flips, Follows, Memory, Next, Operation,
    Outcome, Said, Status, Taken, Verb, Verdict, Why, basis,
};
use crate::id::ConflictId;
use crate::json::Object;

/// What is known of an entity.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// As it is; nothing where it never was there.
    pub entity: Option<Entity>,
    /// Its version; 0 where it never was there.
    pub version: u64,
    /// How often its row was written.
    pub revision: u64,
    /// What it was at earlier versions, as far as anybody asks for them and they are kept.
    pub versions: BTreeMap<u64, Object>,
    /// The device's branch of it.
    pub branch: Option<BranchTip>,
    /// The conflict of the device about it that waits for a person.
    pub open: Option<OpenConflict>,
    /// The device that wrote it last.
    pub writer: Box<str>,
    /// How often devices took it from each other lately.
    pub flips: Flips,
}

/// A device's branch, and the operation that it ends with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchTip {
    /// What the device has.
    pub branch: Branch,
    /// Its last operation.
    pub operation: Box<str>,
    /// Whether that was refused, so that what follows hangs in the air.
    pub is_refused: bool,
}

/// A conflict that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenConflict {
    /// Which.
    pub id: ConflictId,
    /// The fields as the device had them; nothing where it deleted the entity.
    pub client: Option<Object>,
}

impl Memory for Standing {
    fn version(&self) -> u64 {
        self.version
    }

    fn fields(&self, version: u64) -> Option<&Object> {
        self.versions.get(&version)
    }
}

impl Operation {
    /// Says whether its device has nothing of what it makes, whatever it may have had once: a topic's entities go
    /// with the membership.
    pub(super) fn begins_anew(&self) -> bool {
        self.verb == Verb::Create && self.base_version == Some(0) && self.after.is_none()
    }

    /// The fields that it takes away.
    pub(super) fn removed(&self) -> BTreeSet<String> {
        let fields = self.base_data.iter().flat_map(Object::keys);
        fields.filter(|field| !self.data.contains_key(*field)).cloned().collect()
    }
}

impl Standing {
    pub(super) fn basis<'a>(&'a self, operation: &'a Operation) -> Basis<'a> {
        let tip = self.branch.as_ref().filter(|tip| !tip.is_refused && !operation.begins_anew());
        let follows = match (&operation.after, tip) {
            (Some(after), Some(tip)) if *after == tip.operation => Follows::Branch,
            (Some(_), _) => Follows::Other,
            (None, _) => Follows::Nothing,
        };
        let said = Said {
            base_version: operation.base_version,
            base_data: operation.base_data.as_ref(),
            client_version: operation.client_version,
            follows,
        };
        basis(said, tip.map(|tip| &tip.branch), self)
    }

    /// Counts an operation of which nothing came: a device that only counts goes on from its number, and what it
    /// had before it is what it has.
    pub(super) fn counted_past(&self, operation: &Operation) -> Option<BranchTip> {
        let Operation { client_version, base_version, base_data, after, .. } = operation;
        let only_counts = base_version.is_none() && base_data.is_none() && after.is_none();
        let client_version = Some(client_version.filter(|_| only_counts)?);
        let on_nothing = self.branch.as_ref().is_some_and(|tip| tip.is_refused);
        let fields = match self.basis(operation) {
            _ if on_nothing => None,
            Basis::Fields(fields) => Some(fields.clone()),
            Basis::Current => self.entity.as_ref().map(|entity| entity.data.clone()),
            Basis::Nothing => None,
            Basis::Unknown => return None,
        };
        let base_version = self.branch.as_ref().map_or(self.version, |tip| tip.branch.base_version);
        let branch = Branch { client_version, base_version, fields, is_left: false };
        Some(BranchTip { branch, operation: operation.id.clone(), is_refused: false })
    }

    /// Gives the branch as it is after an operation.
    pub(super) fn tip(
        &self,
        operation: &Operation,
        removed: &BTreeSet<String>,
        base: Basis<'_>,
    ) -> BranchTip {
        let before = match base {
            Basis::Fields(fields) => Some(fields),
            Basis::Current => self.entity.as_ref().map(|entity| &entity.data),
            Basis::Nothing | Basis::Unknown => None,
        };
        let on_branch = self.branch.as_ref().filter(|tip| !tip.is_refused);
        let base_version = match (base, on_branch) {
            (Basis::Fields(_), Some(tip)) if operation.base_version.is_none() => {
                tip.branch.base_version
            }
            _ => operation.base_version.unwrap_or(self.version),
        };
        let fields =
            (operation.verb != Verb::Delete).then(|| laid_over(before, operation, removed));
        let client_version = operation.client_version;
        let branch = Branch { client_version, base_version, fields, is_left: false };
        BranchTip { branch, operation: operation.id.clone(), is_refused: false }
    }

    /// Leaves an entity as it is whose conflict waits for a person, and keeps what the device has now.
    pub(super) fn goes_on(
        &mut self,
        OpenConflict { id, client }: OpenConflict,
        (operation, removed): (&Operation, &BTreeSet<String>),
        (from, tip): ((u64, u64), BranchTip),
    ) -> Taken {
        let is_there = operation.verb != Verb::Delete;
        let client = is_there.then(|| laid_over(client.as_ref(), operation, removed));
        self.open = Some(OpenConflict { id, client: client.clone() });
        self.branch = Some(tip.clone());
        let (status, why) = (Status::Conflict, Why::GoesOn);
        let verdict = Verdict { status, why, version: from.1, conflict: Some(id) };
        let (tip, conflict) = (Some(tip), Some(Contested::GoesOn(id, client)));
        let effect = Effect { from, next: None, tip, conflict, flips: self.flips };
        Taken { verdict, effect: Some(effect) }
    }

    /// Moves on to what was decided.
    pub(super) fn settle(
        &mut self,
        decision: Decision,
        (from, tip): ((u64, u64), BranchTip),
        fresh: ConflictId,
    ) -> Taken {
        let Decision { outcome, reason, next, dispute } = decision;
        let next = next.map(|next| {
            let is_seen = self.entity.as_ref().is_none_or(|entity| {
                (&entity.data, entity.is_deleted) != (&next.data, next.is_deleted)
            });
            self.version += u64::from(is_seen);
            self.revision += 1;
            if is_seen && !next.is_deleted {
                self.versions.insert(self.version, next.data.clone());
            }
            let Next { data, is_deleted, stamps } = next.clone();
            self.entity = Some(Entity { data, is_deleted, stamps });
            (next, self.version)
        });
        self.branch = Some(tip.clone());
        if let Some(dispute) = dispute.as_ref().filter(|dispute| dispute.is_open) {
            self.open = Some(OpenConflict { id: fresh, client: dispute.client.clone() });
        }
        let conflict = dispute.is_some().then_some(fresh);
        let status = status(outcome);
        let why = Why::Decided(reason);
        let verdict = Verdict { status, why, version: self.version, conflict };
        let conflict = dispute.map(|dispute| Contested::New(fresh, dispute));
        let flips = self.flips;
        Taken { verdict, effect: Some(Effect { from, next, tip: Some(tip), conflict, flips }) }
    }
}

const fn status(outcome: Outcome) -> Status {
    match outcome {
        Outcome::Applied => Status::Applied,
        Outcome::Merged => Status::Merged,
        Outcome::Conflict => Status::Conflict,
    }
}

/// Lays what an operation says over fields.
fn laid_over(before: Option<&Object>, operation: &Operation, removed: &BTreeSet<String>) -> Object {
    let mut fields = before.cloned().unwrap_or_default();
    fields.retain(|field, _| !removed.contains(field));
    fields.extend(operation.data.iter().map(|(field, value)| (field.clone(), value.clone())));
    fields
}
