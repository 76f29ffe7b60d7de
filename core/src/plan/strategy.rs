//! One channel after the other, or all at once (contract 3, rule 4).

use crate::notification::Priority;

/// How the channels of a plan follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// One after the other, until one succeeds.
    Fallback,
    /// All at once.
    All,
}

impl Strategy {
    /// Both strategies.
    pub const ALL: [Strategy; 2] = [Self::Fallback, Self::All];

    /// Names the strategy as the wire spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fallback => "fallback",
            Self::All => "all",
        }
    }

    /// Reads the wire's name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|strategy| strategy.as_str() == text)
    }

    /// Gives the strategy that holds: the one that was named, else that of the priority.
    pub const fn of(named: Option<Self>, priority: Priority) -> Self {
        match (named, priority) {
            (Some(named), _) => named,
            (None, Priority::Low | Priority::Normal) => Self::Fallback,
            (None, Priority::High | Priority::Critical) => Self::All,
        }
    }
}
