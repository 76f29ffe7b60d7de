//! Entities: what they are made of, and by which rules edits of a kind of them meet.

use std::collections::BTreeMap;

use super::Stamp;
use crate::json::Object;
use crate::merge::{Deletion, Fields};

/// An entity as the server has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// Its fields; of one that was deleted, those that it had.
    pub data: Object,
    /// Whether it was deleted.
    pub is_deleted: bool,
    /// When its fields were written.
    pub stamps: Stamps,
}

/// When the fields of an entity were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamps {
    /// When it was created: holds for every field that is not named.
    pub whole: Stamp,
    /// Fields that were written since.
    pub fields: BTreeMap<String, Stamp>,
}

impl Stamps {
    /// Says when a field was written.
    pub fn of(&self, field: &str) -> &Stamp {
        self.fields.get(field).unwrap_or(&self.whole)
    }
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Makes an entity.
    Create,
    /// Changes the fields that it names.
    Update,
    /// Removes the entity.
    Delete,
}

impl Verb {
    /// All of them.
    pub const ALL: [Verb; 3] = [Self::Create, Self::Update, Self::Delete];

    /// Names it as S1 spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }

    /// Says what was done last to an entity that is there in this version. One that came back from the
    /// dead was updated.
    pub const fn of_version(version: u64) -> Self {
        if version == 1 { Self::Create } else { Self::Update }
    }

    /// Reads S1's word in either case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str().eq_ignore_ascii_case(text))
    }
}

/// What decides where two edits changed the same fields (S1's table; contract 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strategy {
    /// What the server has stays.
    ServerWins,
    /// What the device brings is kept.
    ClientWins,
    /// What was written later is kept.
    LastWriteWins,
    /// Each field by its rule.
    Merge(Fields),
    /// A person says; until then what the server has stays.
    Manual,
}

impl Strategy {
    /// Names it as the configuration and the wire spell it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::ServerWins => "server_wins",
            Self::ClientWins => "client_wins",
            Self::LastWriteWins => "last_write_wins",
            Self::Merge(_) => "merge",
            Self::Manual => "manual",
        }
    }
}

/// How entities of one type behave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityKind {
    /// What decides where two edits changed the same.
    pub strategy: Strategy,
    /// What decides where one deleted it and the other changed it.
    pub deletion: Deletion,
}
