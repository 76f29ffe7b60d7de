//! What becomes of the operations of one request, one after the other, each on what the one before
//! it left.
//!
//! Whoever has a desk filled it with what the store knows of the entities and operations that are
//! named, and stores what it hands out: all of it together, on condition that what it was filled
//! with still stands.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Basis, Branch, Decision, Dispute, Edit, Entity, EntityKind, EntityName, Follows, Memory, Next,
    Operation, Outcome, Refused, Said, Seen, Stamp, Status, Verb, Verdict, Why, basis, decide,
    stamp,
};
use crate::audit::Hash;
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

/// An operation that was decided before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The digest of what it said.
    pub digest: Hash,
    /// How it ended; nothing once that was forgotten.
    pub verdict: Option<Verdict>,
}

/// The desk.
#[derive(Debug)]
pub struct Desk<'k> {
    device: &'k str,
    seen: Seen,
    last: Option<Stamp>,
    standings: BTreeMap<EntityName, Standing>,
    known: BTreeMap<Box<str>, Known>,
}

/// What an operation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// What is answered.
    pub verdict: Verdict,
    /// What is to be stored; nothing of one that was decided before.
    pub effect: Option<Effect>,
}

/// What is to be stored with an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The entity's revision and version from which it was decided.
    pub from: (u64, u64),
    /// What the entity becomes, with its version; nothing where its row stays.
    pub next: Option<(Next, u64)>,
    /// What the device has after it; nothing where its branch stays.
    pub tip: Option<BranchTip>,
    /// What becomes of a conflict.
    pub conflict: Option<Contested>,
}

/// What becomes of a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contested {
    /// There is a new one.
    New(ConflictId, Dispute),
    /// An open one goes on with what the device has now; nothing where it deleted the entity.
    GoesOn(ConflictId, Option<Object>),
}

impl Memory for Standing {
    fn version(&self) -> u64 {
        self.version
    }

    fn fields(&self, version: u64) -> Option<&Object> {
        self.versions.get(&version)
    }
}

/// By what an operation is decided.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// How entities of its type behave.
    pub kind: &'a EntityKind,
    /// Says why an entity may not become what it would.
    pub fits: &'a dyn Fn(&Object) -> Result<(), Refused>,
}

impl<'a> From<&'a EntityKind> for Rules<'a> {
    fn from(kind: &'a EntityKind) -> Self {
        Self { kind, fits: &|_| Ok(()) }
    }
}

impl<'k> Desk<'k> {
    /// Takes a desk for what a device brings; `last` is the stamp of what it wrote before.
    pub fn new(device: &'k str, seen: Seen, last: Option<Stamp>) -> Self {
        Self { device, seen, last, standings: BTreeMap::new(), known: BTreeMap::new() }
    }

    /// Lays down what is known of an entity.
    pub fn lay(&mut self, name: EntityName, standing: Standing) {
        self.standings.insert(name, standing);
    }

    /// Lays down an operation that was decided before.
    pub fn lay_known(&mut self, id: Box<str>, known: Known) {
        self.known.insert(id, known);
    }

    /// Gives the stamp of what the device wrote last.
    pub const fn last(&self) -> Option<&Stamp> {
        self.last.as_ref()
    }

    /// Shows an entity as it stands by now.
    pub fn standing(&self, name: &EntityName) -> Option<&Standing> {
        self.standings.get(name)
    }

    /// Decides an operation by its type's rules, unless it is refused; `fresh` names a conflict, if it
    /// comes to one.
    pub fn take(
        &mut self,
        operation: &Operation,
        rules: Result<Rules<'_>, Refused>,
        fresh: ConflictId,
    ) -> Taken {
        if let Some(known) = self.known.get(&operation.id) {
            return Taken { verdict: again(known, operation), effect: None };
        }
        let taken = match (rules, self.hangs_in_the_air(operation)) {
            (Err(refused), _) => Err(refused),
            (Ok(_), true) => Err(Refused::DependsOn),
            (Ok(rules), false) => self.decide(operation, rules, fresh),
        };
        let taken = taken.unwrap_or_else(|refused| self.refuse(operation, refused));
        let verdict = Some(taken.verdict);
        self.known.insert(operation.id.clone(), Known { digest: operation.digest, verdict });
        taken
    }

    /// Says whether an operation follows one that was refused.
    fn hangs_in_the_air(&self, operation: &Operation) -> bool {
        let refused = |id: &str| {
            let verdict = self.known.get(id).and_then(|known| known.verdict);
            verdict.is_some_and(|verdict| verdict.status == Status::Rejected)
        };
        let standing = self.standings.get(&operation.name);
        let tip = standing.and_then(|standing| standing.branch.as_ref());
        let on_refused = tip.is_some_and(|tip| {
            let counts_on = operation.client_version.zip(tip.branch.client_version);
            let is_next = counts_on.is_some_and(|(this, last)| this == last + 1);
            tip.is_refused && operation.base_version.is_none() && is_next
        });
        operation.after.as_deref().is_some_and(refused) || on_refused
    }

    fn refuse(&mut self, operation: &Operation, refused: Refused) -> Taken {
        let standing = self.standings.entry(operation.name.clone()).or_default();
        let from = (standing.revision, standing.version);
        // What was made of nothing stays refused with all that builds on it.
        let tip = match standing.version {
            0 => Some(BranchTip {
                branch: Branch {
                    client_version: operation.client_version,
                    base_version: 0,
                    fields: None,
                    is_left: false,
                },
                operation: operation.id.clone(),
                is_refused: true,
            }),
            _ => standing.counted_past(operation),
        };
        if tip.is_some() {
            standing.branch.clone_from(&tip);
        }
        let why = Why::Refused(refused);
        let verdict =
            Verdict { status: Status::Rejected, why, version: standing.version, conflict: None };
        Taken { verdict, effect: Some(Effect { from, next: None, tip, conflict: None }) }
    }

    fn decide(
        &mut self,
        operation: &Operation,
        rules: Rules<'_>,
        fresh: ConflictId,
    ) -> Result<Taken, Refused> {
        let stamp = stamp(self.device, operation.written, self.seen, self.last.as_ref());
        self.last = Some(stamp.clone());
        let standing = self.standings.entry(operation.name.clone()).or_default();
        let from = (standing.revision, standing.version);
        let removed = operation.removed();
        let base = standing.basis(operation);
        let edit = Edit {
            verb: operation.verb,
            data: &operation.data,
            removed: &removed,
            basis: base,
            stamp: &stamp,
        };
        let tip = standing.tip(operation, &removed, base);
        if let Some(open) = &standing.open {
            let id = open.id;
            let client = standing.goes_on(operation, &removed);
            standing.branch = Some(tip.clone());
            let (status, why) = (Status::Conflict, Why::GoesOn);
            let verdict = Verdict { status, why, version: from.1, conflict: Some(id) };
            let conflict = Some(Contested::GoesOn(id, client));
            return Ok(Taken {
                verdict,
                effect: Some(Effect { from, next: None, tip: Some(tip), conflict }),
            });
        }
        let decision = decide(rules.kind, standing.entity.as_ref(), &edit);
        if let Some(next) = decision.next.as_ref().filter(|next| !next.is_deleted) {
            (rules.fits)(&next.data)?;
        }
        Ok(standing.settle(decision, (from, tip), fresh))
    }
}

/// Answers an operation that was decided before.
fn again(known: &Known, operation: &Operation) -> Verdict {
    let nothing = |status, why| Verdict { status, why, version: 0, conflict: None };
    if known.digest != operation.digest {
        return nothing(Status::Rejected, Why::Refused(Refused::IdReused));
    }
    known.verdict.unwrap_or(nothing(Status::Duplicate, Why::Forgotten))
}

impl Operation {
    /// Says whether its device has nothing of what it makes, whatever it may have had once: a topic's entities go
    /// with the membership.
    fn begins_anew(&self) -> bool {
        self.verb == Verb::Create && self.base_version == Some(0) && self.after.is_none()
    }

    /// The fields that it takes away.
    fn removed(&self) -> BTreeSet<String> {
        let fields = self.base_data.iter().flat_map(Object::keys);
        fields.filter(|field| !self.data.contains_key(*field)).cloned().collect()
    }
}

impl Standing {
    fn basis<'a>(&'a self, operation: &'a Operation) -> Basis<'a> {
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
    fn counted_past(&self, operation: &Operation) -> Option<BranchTip> {
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
    fn tip(&self, operation: &Operation, removed: &BTreeSet<String>, base: Basis<'_>) -> BranchTip {
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

    /// Gives what the device has now of the entity of an open conflict.
    fn goes_on(&mut self, operation: &Operation, removed: &BTreeSet<String>) -> Option<Object> {
        let open = self.open.as_mut()?;
        let is_there = operation.verb != Verb::Delete;
        open.client = is_there.then(|| laid_over(open.client.as_ref(), operation, removed));
        open.client.clone()
    }

    /// Moves on to what was decided.
    fn settle(
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
        Taken { verdict, effect: Some(Effect { from, next, tip: Some(tip), conflict }) }
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
