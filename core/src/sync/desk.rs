//! What becomes of the operations of one request, one after the other, each on what the one before
//! it left.
//!
//! Whoever has a desk filled it with what the store knows of the entities and operations that are
//! named, and stores what it hands out: all of it together, on condition that what it was filled
//! with still stands.

use std::collections::BTreeMap;

use super::flips::frozen;
use super::{
    Branch, BranchTip, Dispute, Edit, EntityKind, EntityName, Flips, Next, Operation, Refused,
    Seen, Stamp, Standing, Status, Verdict, Why, decide, stamp,
};
use crate::audit::Hash;
use crate::id::ConflictId;
use crate::json::Object;

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
    /// How often devices took the entity from each other, with this.
    pub flips: Flips,
}

/// What becomes of a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contested {
    /// There is a new one.
    New(ConflictId, Dispute),
    /// An open one goes on with what the device has now; nothing where it deleted the entity.
    GoesOn(ConflictId, Option<Object>),
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
        let flips = standing.flips;
        Taken { verdict, effect: Some(Effect { from, next: None, tip, conflict: None, flips }) }
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
        if let Some(open) = standing.open.clone() {
            return Ok(standing.goes_on(open, (operation, &removed), (from, tip)));
        }
        let entity = standing.entity.as_ref();
        let mut decision = decide(rules.kind, entity, &edit);
        let is_other = || *standing.writer != *self.device;
        let flips = standing.flips.after(entity, &decision, is_other, self.seen.now);
        if flips.are_too_many() {
            let client = edit.applied(edit.known_base().or(entity.map(|entity| &entity.data)));
            decision = frozen(entity, &edit, client);
        } else {
            standing.flips = flips;
        }
        if let Some(next) = decision.next.as_ref().filter(|next| !next.is_deleted) {
            (rules.fits)(&next.data)?;
        }
        if decision.next.is_some() {
            standing.writer = self.device.into();
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
