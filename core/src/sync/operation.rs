//! Operations as devices bring them, and how they end.

use super::{Reason, Verb, Written};
use crate::audit::Hash;
use crate::id::ConflictId;
use crate::json::Object;

/// Names an entity on its feed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityName {
    /// Its type.
    pub kind: Box<str>,
    /// Its id, which its app gave it.
    pub id: Box<str>,
}

/// What a device did to an entity (S1; contract 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its name: no other operation of the user has it.
    pub id: Box<str>,
    /// The digest of all that it says.
    pub digest: Hash,
    /// The entity.
    pub name: EntityName,
    /// What it does.
    pub verb: Verb,
    /// The fields that it sets.
    pub data: Object,
    /// What the fields that it touches were before; one that `data` has not is taken away.
    pub base_data: Option<Object>,
    /// The last server version that the device had.
    pub base_version: Option<u64>,
    /// The device's own count of versions, with this one.
    pub client_version: Option<u64>,
    /// The operation that it follows.
    pub after: Option<Box<str>>,
    /// The version of its type that its app knows; the first one where it does not say.
    pub schema_version: Option<u64>,
    /// When it was written.
    pub written: Written,
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// As it was sent.
    Applied,
    /// Together with what others had done, by rule.
    Merged,
    /// A person has to say what becomes of it.
    Conflict,
    /// It has no effect, and will have none however often it comes.
    Rejected,
    /// It was decided so long ago that how is not known any more.
    Duplicate,
}

impl Status {
    /// All of them.
    pub const ALL: [Status; 5] =
        [Self::Applied, Self::Merged, Self::Conflict, Self::Rejected, Self::Duplicate];

    /// Names it as the wire spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Merged => "merged",
            Self::Conflict => "conflict",
            Self::Rejected => "rejected",
            Self::Duplicate => "duplicate",
        }
    }

    /// Reads the wire's name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// Why an operation has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refused {
    /// Another operation has its name.
    IdReused,
    /// What it follows was refused.
    DependsOn,
    /// There is no such type.
    UnknownType,
    /// There is no such version of its type yet.
    UnknownSchema,
    /// Its user may not do it.
    Forbidden,
    /// What it says is not what its type asks for.
    Invalid,
    /// It says more than its type allows.
    TooLarge,
}

impl Refused {
    /// All of them.
    pub const ALL: [Refused; 7] = [
        Self::IdReused,
        Self::DependsOn,
        Self::UnknownType,
        Self::UnknownSchema,
        Self::Forbidden,
        Self::Invalid,
        Self::TooLarge,
    ];

    /// Names it as the wire spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IdReused => "id_reused",
            Self::DependsOn => "depends_on",
            Self::UnknownType => "unknown_type",
            Self::UnknownSchema => "unknown_schema",
            Self::Forbidden => "forbidden",
            Self::Invalid => "invalid",
            Self::TooLarge => "too_large",
        }
    }
}

/// What is answered to an operation, and kept with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// How it ended.
    pub status: Status,
    /// Why.
    pub why: Why,
    /// The entity's version after it; 0 where there is none.
    pub version: u64,
    /// The conflict that it began or goes on with.
    pub conflict: Option<ConflictId>,
}

/// Why an operation ended as it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// It was decided.
    Decided(Reason),
    /// It was refused.
    Refused(Refused),
    /// It goes on with a conflict of its device that waits for a person.
    GoesOn,
    /// It is not known any more.
    Forgotten,
}

impl Why {
    /// Says it in a word or a few, as the wire spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decided(reason) => reason.as_str(),
            Self::Refused(refused) => refused.as_str(),
            Self::GoesOn => "goes on with its conflict",
            Self::Forgotten => "decided long ago",
        }
    }

    /// Reads what was kept.
    pub fn parse(text: &str) -> Option<Self> {
        let decided = Reason::ALL.into_iter().map(Self::Decided);
        let refused = Refused::ALL.into_iter().map(Self::Refused);
        let mut all = decided.chain(refused).chain([Self::GoesOn, Self::Forgotten]);
        all.find(|why| why.as_str() == text)
    }
}
