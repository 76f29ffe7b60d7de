//! A person's word on a conflict. It is an edit like any other, made on what the person was shown, and what others
//! did to other fields meanwhile stays.

use std::collections::BTreeSet;

use super::{Basis, Edit, Entity, EntityKind, Next, Stamp, Strategy, Verb, decide};
use crate::json::Object;
use crate::merge::Deletion;

/// What a person says is to become of two edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// What the server had.
    ServerWins,
    /// What the device has.
    ClientWins,
    /// These fields, written by hand.
    Manual(Object),
    /// These fields, made of both.
    Merge(Object),
}

impl Resolution {
    /// Names it as the wire spells it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::ServerWins => "server_wins",
            Self::ClientWins => "client_wins",
            Self::Manual(_) => "manual",
            Self::Merge(_) => "merge",
        }
    }
}

/// What a person was shown.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// What the server had; nothing where the entity was not there.
    pub server: Option<&'a Object>,
    /// What the device has; nothing where it deleted the entity.
    pub client: Option<&'a Object>,
}

/// Decides what an entity becomes by a person's word; nothing where it stays as it is.
pub fn resolve(
    entity: Option<&Entity>,
    shown: Shown<'_>,
    resolution: &Resolution,
    stamp: &Stamp,
) -> Option<Next> {
    let data = match resolution {
        Resolution::ServerWins => return None,
        Resolution::ClientWins => shown.client,
        Resolution::Manual(data) | Resolution::Merge(data) => Some(data),
    };
    let (nothing, none) = (Object::new(), BTreeSet::new());
    let before = shown.server.unwrap_or(&nothing);
    let gone = |data: &Object| {
        before.keys().filter(|field| !data.contains_key(*field)).cloned().collect::<BTreeSet<_>>()
    };
    let removed = data.map_or(none, gone);
    let verb = match (data, shown.server) {
        (None, _) => Verb::Delete,
        (Some(_), None) => Verb::Create,
        (Some(_), Some(_)) => Verb::Update,
    };
    let basis = Basis::Fields(before);
    let edit = Edit { verb, data: data.unwrap_or(&nothing), removed: &removed, basis, stamp };
    // Of a word that was given nothing is in dispute any more: it deletes what it deletes, and
    // writes what it writes.
    let deletion = if data.is_some() { Deletion::UpdateRevives } else { Deletion::DeleteWins };
    let kind = EntityKind { strategy: Strategy::ClientWins, deletion };
    let is_new = |next: &Next| {
        entity
            .is_none_or(|entity| (&entity.data, entity.is_deleted) != (&next.data, next.is_deleted))
    };
    decide(&kind, entity, &edit).next.filter(is_new)
}
