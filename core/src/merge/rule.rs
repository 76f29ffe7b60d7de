//! The rules by which values merge, as the configuration names them.

use std::collections::BTreeMap;

/// How two edits of one value become one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Rule {
    /// The later one is kept.
    #[default]
    LastWrite,
    /// The server's is kept.
    Server,
    /// The device's is kept.
    Client,
    /// The greater one: of two numbers by value, of two texts by code points.
    Max,
    /// The smaller one.
    Min,
    /// A whole number that both moved: both steps count.
    Counter,
    /// A list in which each element is once: what either added is there, what either removed is
    /// not.
    Set,
    /// True when either is.
    Or,
    /// True when both are.
    And,
    /// Members of an object, each by its rule.
    Map(Fields),
    /// A text: what either inserted is there, what either removed is not.
    Text(Overlap),
    /// One of several words in this order: the later one in it.
    Ordered(Vec<String>),
    /// A person says; until then the server's stays.
    Manual,
}

impl Rule {
    /// Names the rule as the configuration spells it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::LastWrite => "lww",
            Self::Server => "server",
            Self::Client => "client",
            Self::Max => "max",
            Self::Min => "min",
            Self::Counter => "counter",
            Self::Set => "set",
            Self::Or => "or",
            Self::And => "and",
            Self::Map(_) => "map",
            Self::Text(_) => "text",
            Self::Ordered(_) => "ordered",
            Self::Manual => "manual",
        }
    }
}

impl Rule {
    /// Says whether there is a counter in it, whose steps add up even where two edits came to the same.
    pub(crate) fn adds_up(&self) -> bool {
        match self {
            Self::Counter => true,
            Self::Map(fields) => fields.named.values().chain([&*fields.other]).any(Self::adds_up),
            _ => false,
        }
    }
}

/// The rules of an object's members.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fields {
    /// Those that are named.
    pub named: BTreeMap<String, Rule>,
    /// That of all others.
    pub other: Box<Rule>,
}

impl Fields {
    /// Gives the rule of a member.
    pub fn rule(&self, key: &str) -> &Rule {
        self.named.get(key).unwrap_or(&self.other)
    }
}

/// What becomes of words that both edits of a text put in the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Overlap {
    /// Both stay, the server's first.
    #[default]
    Both,
    /// The server's stay.
    Server,
    /// A person says; until then the server's whole text stays.
    Manual,
}

/// What becomes of what one side removed and the other changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Deletion {
    /// It is gone.
    DeleteWins,
    /// It is there again, as it was changed.
    #[default]
    UpdateRevives,
    /// A person says; until then it is as on the server.
    Manual,
}

impl Overlap {
    /// All of them.
    pub const ALL: [Overlap; 3] = [Self::Both, Self::Server, Self::Manual];

    /// Names it as the configuration spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Server => "server",
            Self::Manual => "manual",
        }
    }
}

impl Deletion {
    /// All of them.
    pub const ALL: [Deletion; 3] = [Self::DeleteWins, Self::UpdateRevives, Self::Manual];

    /// Names it as the configuration spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeleteWins => "delete_wins",
            Self::UpdateRevives => "update_revives",
            Self::Manual => "manual",
        }
    }

    /// Reads the configuration's name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|deletion| deletion.as_str() == text)
    }
}
