//! What becomes of one operation.
//!
//! An edit that meets no other applies. Fields that only one of two edits changed are each as that
//! one left them. Where both changed the same field, the type's strategy decides for the operation
//! as a whole, so that a record is never half one's and half another's; only the strategy `merge`
//! decides field by field.

use std::collections::BTreeSet;

use super::{Entity, EntityKind, Reason, Stamp, Stamps, Strategy, Verb};
use crate::json::{Object, Value};
use crate::merge::{Base, Clash, Class, Deletion, Fields, Manner, Rule, Side, Sides, merge};

/// One operation, as far as the decision needs it.
#[derive(Debug, Clone, Copy)]
pub struct Edit<'a> {
    /// What it does.
    pub verb: Verb,
    /// The fields that it sets; what it does not name it does not touch.
    pub data: &'a Object,
    /// The fields that it takes away.
    pub removed: &'a BTreeSet<String>,
    /// What it began from.
    pub basis: Basis<'a>,
    /// When it was written.
    pub stamp: &'a Stamp,
}

/// What an edit began from.
#[derive(Debug, Clone, Copy)]
pub enum Basis<'a> {
    /// There was no such entity.
    Nothing,
    /// The entity as it stands now, deleted or not.
    Current,
    /// These fields.
    Fields(&'a Object),
    /// An earlier state that nobody has any more.
    Unknown,
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// As it was sent.
    Applied,
    /// Together with what others had done, by rule.
    Merged,
    /// A person has to say what becomes of it.
    Conflict,
}

/// What is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// How the operation ends.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// What the entity becomes; nothing where it stays as it is.
    pub next: Option<Next>,
    /// What was in the way of what, where anything was dropped or has to be decided.
    pub dispute: Option<Dispute>,
}

/// What an entity becomes. Where its fields are as they were and only a stamp is later, because two
/// wrote the same, there is nothing to tell anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// Its fields.
    pub data: Object,
    /// Whether it is deleted.
    pub is_deleted: bool,
    /// When its fields were written.
    pub stamps: Stamps,
}

/// Two edits that were in each other's way: kept, so that nothing that loses is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// Whether a person has to say; otherwise a rule has.
    pub is_open: bool,
    /// What decided, or is proposed: a strategy's or a deletion rule's name.
    pub by: &'static str,
    /// The fields that both began from, if they are known.
    pub base: Option<Object>,
    /// The fields that the server had; nothing of an entity that was not there.
    pub server: Option<Object>,
    /// The fields as the device has them; nothing where it deleted the entity.
    pub client: Option<Object>,
    /// What became of them for now; nothing where the entity is not there.
    pub result: Option<Object>,
    /// The fields in dispute; none where all of the entity is.
    pub clashes: Vec<Clash>,
}

/// Decides what becomes of an operation on an entity; `entity` is nothing where there never was one.
pub fn decide(kind: &EntityKind, entity: Option<&Entity>, edit: &Edit<'_>) -> Decision {
    match (entity, edit.verb) {
        (None, Verb::Delete) => plain(Outcome::Applied, Reason::NothingNew, None),
        (None, Verb::Create) => created(edit),
        (None, Verb::Update) if matches!(edit.basis, Basis::Nothing) => created(edit),
        (None, Verb::Update) => unknown(edit),
        (Some(entity), verb) => match (entity.is_deleted, verb) {
            (true, Verb::Delete) => plain(Outcome::Applied, Reason::NothingNew, None),
            (true, _) => on_deleted(kind, entity, edit),
            (false, Verb::Delete) => deletion(kind, entity, edit),
            (false, _) => update(kind, entity, edit),
        },
    }
}

const fn plain(outcome: Outcome, reason: Reason, next: Option<Next>) -> Decision {
    Decision { outcome, reason, next, dispute: None }
}

fn created(edit: &Edit<'_>) -> Decision {
    let stamps = Stamps { whole: edit.stamp.clone(), fields: Default::default() };
    let next = Next { data: edit.data.clone(), is_deleted: false, stamps };
    plain(Outcome::Applied, Reason::OnItsBase, Some(next))
}

/// The device had it from the server, which has forgotten even that it was deleted.
fn unknown(edit: &Edit<'_>) -> Decision {
    let base = edit.known_base().cloned();
    let dispute = Dispute {
        is_open: true,
        by: "manual",
        client: Some(edit.applied(base.as_ref())),
        base,
        server: None,
        result: None,
        clashes: Vec::new(),
    };
    let (outcome, reason) = (Outcome::Conflict, Reason::UnknownEntity);
    Decision { outcome, reason, next: None, dispute: Some(dispute) }
}

/// Somebody deleted what the device goes on to change.
fn on_deleted(kind: &EntityKind, entity: &Entity, edit: &Edit<'_>) -> Decision {
    let base = edit.known_base();
    let revived = || {
        // A new one begins with its own fields alone.
        let from = if edit.verb == Verb::Create { None } else { base.or(Some(&entity.data)) };
        Next { data: edit.applied(from), is_deleted: false, stamps: edit.stamps_on(entity) }
    };
    if matches!(edit.basis, Basis::Current) {
        return plain(Outcome::Applied, Reason::OnItsBase, Some(revived()));
    }
    let client = Some(edit.applied(base));
    let dispute = |result| Dispute {
        is_open: kind.deletion == Deletion::Manual,
        by: kind.deletion.as_str(),
        base: base.cloned(),
        server: None,
        client,
        result,
        clashes: Vec::new(),
    };
    let (outcome, reason, next) = match kind.deletion {
        Deletion::DeleteWins => (Outcome::Merged, Reason::DeleteWins, None),
        Deletion::UpdateRevives => (Outcome::Merged, Reason::UpdateRevives, Some(revived())),
        Deletion::Manual => (Outcome::Conflict, Reason::AsksAPerson, None),
    };
    let result = next.as_ref().map(|next| next.data.clone());
    Decision { outcome, reason, next, dispute: Some(dispute(result)) }
}

/// The device deletes what others may have changed since.
fn deletion(kind: &EntityKind, entity: &Entity, edit: &Edit<'_>) -> Decision {
    let deleted = || Next {
        data: entity.data.clone(),
        is_deleted: true,
        stamps: Stamps { whole: edit.stamp.clone(), fields: Default::default() },
    };
    let is_unchanged = match edit.basis {
        Basis::Current => true,
        Basis::Fields(base) => *base == entity.data,
        Basis::Nothing | Basis::Unknown => false,
    };
    if is_unchanged {
        return plain(Outcome::Applied, Reason::OnItsBase, Some(deleted()));
    }
    let (outcome, reason, next) = match kind.deletion {
        Deletion::DeleteWins => (Outcome::Merged, Reason::DeleteWins, Some(deleted())),
        Deletion::UpdateRevives => (Outcome::Merged, Reason::UpdateRevives, None),
        Deletion::Manual => (Outcome::Conflict, Reason::AsksAPerson, None),
    };
    let dispute = Dispute {
        is_open: kind.deletion == Deletion::Manual,
        by: kind.deletion.as_str(),
        base: edit.known_base().cloned(),
        server: Some(entity.data.clone()),
        client: None,
        result: next.is_none().then(|| entity.data.clone()),
        clashes: Vec::new(),
    };
    Decision { outcome, reason, next, dispute: Some(dispute) }
}

fn update(kind: &EntityKind, entity: &Entity, edit: &Edit<'_>) -> Decision {
    let meeting = Meeting::of(kind, entity, edit);
    if meeting.contested.is_empty() {
        let is_as_it_was =
            |base: &Object| base.iter().all(|(field, value)| entity.data.get(field) == Some(value));
        let is_current = match edit.basis {
            Basis::Current => true,
            Basis::Fields(base) => is_as_it_was(base),
            Basis::Nothing | Basis::Unknown => false,
        };
        let next = meeting.with(Side::Client);
        let is_new = next.as_ref().is_some_and(|next| next.data != entity.data);
        return match (next, is_current) {
            (next, _) if !is_new => plain(Outcome::Applied, Reason::NothingNew, next),
            (next, true) => plain(Outcome::Applied, Reason::OnItsBase, next),
            (next, false) => plain(Outcome::Merged, Reason::OtherFields, next),
        };
    }
    let (outcome, reason, kept) = match &kind.strategy {
        Strategy::Merge(fields) => return meeting.by_rules(fields, kind.deletion),
        Strategy::ServerWins => (Outcome::Merged, Reason::ServerWins, Side::Server),
        Strategy::ClientWins => (Outcome::Merged, Reason::ClientWins, Side::Client),
        Strategy::LastWriteWins if meeting.is_later() => {
            (Outcome::Merged, Reason::WrittenLater, Side::Client)
        }
        Strategy::LastWriteWins => (Outcome::Merged, Reason::WrittenEarlier, Side::Server),
        Strategy::Manual => (Outcome::Conflict, Reason::AsksAPerson, Side::Server),
    };
    let next = meeting.with(kept);
    let class = if outcome == Outcome::Conflict { Class::Open } else { Class::Hard };
    let rule = kind.strategy.as_str();
    let clash = |field: &&String| Clash {
        pointer: crate::merge::pointer([field.as_str()]),
        rule,
        class,
        kept: Some(kept),
    };
    let clashes = meeting.contested.iter().map(clash).collect();
    let dispute = meeting.dispute(class, rule, next.as_ref(), clashes);
    Decision { outcome, reason, next, dispute: Some(dispute) }
}

impl Edit<'_> {
    pub(super) fn known_base(&self) -> Option<&Object> {
        if let Basis::Fields(base) = self.basis { Some(base) } else { None }
    }

    /// Gives the fields as the device has them.
    pub(super) fn applied(&self, base: Option<&Object>) -> Object {
        let mut fields = base.cloned().unwrap_or_default();
        fields.retain(|field, _| !self.removed.contains(field));
        fields.extend(self.data.iter().map(|(field, value)| (field.clone(), value.clone())));
        fields
    }

    fn stamps_on(&self, entity: &Entity) -> Stamps {
        let mut stamps = entity.stamps.clone();
        let touched = self.data.keys().chain(self.removed).cloned();
        stamps.fields.extend(touched.map(|field| (field, self.stamp.clone())));
        stamps
    }
}

/// An edit and the entity that it meets.
struct Meeting<'a> {
    entity: &'a Entity,
    edit: &'a Edit<'a>,
    /// What the edit's fields were before it; nothing where nobody knows.
    base: Option<&'a Object>,
    /// Fields that the edit changed.
    changed: Vec<&'a String>,
    /// Those among them that others changed, too, and not to the same.
    contested: Vec<&'a String>,
}

static EMPTY: Object = Object::new();

impl<'a> Meeting<'a> {
    fn of(kind: &EntityKind, entity: &'a Entity, edit: &'a Edit<'a>) -> Self {
        let base = match edit.basis {
            Basis::Nothing => Some(&EMPTY),
            Basis::Current => Some(&entity.data),
            Basis::Fields(base) => Some(base),
            Basis::Unknown => None,
        };
        let mut meeting = Self { entity, edit, base, changed: Vec::new(), contested: Vec::new() };
        let touched: BTreeSet<&String> = edit.data.keys().chain(edit.removed).collect();
        for field in touched {
            let Sides { base: before, server, client } = meeting.sides(field);
            if base.is_some() && client == before || base.is_none() && client == server {
                continue;
            }
            meeting.changed.push(field);
            let by_others = base.is_none() || server != before;
            if by_others && (server != client || adds_up(kind, field)) {
                meeting.contested.push(field);
            }
        }
        meeting
    }

    fn sides(&self, field: &str) -> Sides<'a> {
        Sides {
            base: self.base.and_then(|base| base.get(field)),
            server: self.entity.data.get(field),
            client: self.edit.data.get(field),
        }
    }

    /// Gives the entity with all that the edit changed, or as it is.
    fn with(&self, kept: Side) -> Option<Next> {
        if kept == Side::Server {
            return None;
        }
        let of_client = |field: &&'a String| (*field, self.edit.data.get(*field).cloned());
        self.changed_to(self.changed.iter().map(of_client).collect())
    }

    /// Gives the entity with these fields; nothing where they are so already, and were written as late.
    fn changed_to(&self, fields: Vec<(&String, Option<Value>)>) -> Option<Next> {
        let (mut data, mut stamps) = (self.entity.data.clone(), self.entity.stamps.clone());
        for (field, value) in fields {
            // What the rules left as it was goes on standing there since it was written.
            let is_left =
                data.get(field) == value.as_ref() && value.as_ref() != self.edit.data.get(field);
            if !is_left && self.edit.stamp > stamps.of(field) {
                stamps.fields.insert(field.clone(), self.edit.stamp.clone());
            }
            match value {
                Some(value) => _ = data.insert(field.clone(), value),
                None => _ = data.remove(field),
            }
        }
        let is_new = data != self.entity.data || stamps != self.entity.stamps;
        is_new.then_some(Next { data, is_deleted: false, stamps })
    }

    /// Says whether the edit was written later than everything that it contests.
    fn is_later(&self) -> bool {
        self.contested.iter().all(|field| self.edit.stamp > self.entity.stamps.of(field))
    }

    fn by_rules(&self, fields: &Fields, deletion: Deletion) -> Decision {
        let (mut merged, mut clashes, mut class) = (Vec::new(), Vec::new(), Class::None);
        for field in &self.changed {
            let is_later = self.edit.stamp > self.entity.stamps.of(field);
            let manner = Manner {
                later: if is_later { Side::Client } else { Side::Server },
                deletion,
                base: if self.base.is_some() { Base::Known } else { Base::Unknown },
            };
            let found = merge(fields.rule(field), self.sides(field), manner);
            class = class.max(found.class);
            let within = |clash: Clash| Clash {
                pointer: crate::merge::pointer([field.as_str()]) + &clash.pointer,
                ..clash
            };
            clashes.extend(found.clashes.into_iter().map(within));
            merged.push((*field, found.value));
        }
        let next = self.changed_to(merged);
        let (outcome, reason) = match class {
            Class::Open => (Outcome::Conflict, Reason::AsksAPerson),
            _ => (Outcome::Merged, Reason::ByRules),
        };
        let is_kept = class >= Class::Hard;
        let dispute = is_kept.then(|| self.dispute(class, "merge", next.as_ref(), clashes));
        Decision { outcome, reason, next, dispute }
    }

    fn dispute(
        &self,
        class: Class,
        by: &'static str,
        next: Option<&Next>,
        clashes: Vec<Clash>,
    ) -> Dispute {
        Dispute {
            is_open: class == Class::Open,
            by,
            base: self.base.cloned(),
            server: Some(self.entity.data.clone()),
            client: Some(self.edit.applied(self.base)),
            result: Some(next.map_or(&self.entity.data, |next| &next.data).clone()),
            clashes,
        }
    }
}

fn adds_up(kind: &EntityKind, field: &str) -> bool {
    let Strategy::Merge(fields) = &kind.strategy else { return false };
    Rule::adds_up(fields.rule(field))
}
