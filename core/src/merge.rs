//! Three-way merge of people's work: what the server has and what a device made of the same base
//! become one, field by field, each by its own rule (contract 6).
//!
//! A pure function of values. It knows no clock (its caller says which side is later), no entity
//! and no version, and decides nothing about them. Whatever a rule drops is named in the result, so
//! that it can be kept.

mod fields;
mod rule;
mod set;
mod text;
mod values;
mod written;

#[cfg(test)]
mod tests;

pub use rule::{Deletion, Fields, Overlap, Rule};
pub use written::RuleFault;

use crate::json::Value;

/// The three values that are merged, and which of the two edits is the later one.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// What both edits began from; nothing where it was not there.
    pub base: Option<&'a Value>,
    /// What the server has now.
    pub server: Option<&'a Value>,
    /// What the device made of it.
    pub client: Option<&'a Value>,
}

/// What holds for a whole merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// Which side was written later; ties are settled before.
    pub later: Side,
    /// What becomes of a field that one side removed and the other changed.
    pub deletion: Deletion,
    /// Whether the base is what it was, and not merely unknown: a counter cannot tell how far it
    /// was moved from a base that nobody knows.
    pub base: Base,
}

/// One of the two that are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// What the server has.
    Server,
    /// What the device brings.
    Client,
}

impl Side {
    /// Names the side as vectors and the wire spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

/// Whether the base of an edit is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Base {
    /// It is what the edit began from.
    Known,
    /// Nobody has it any more; the merge goes on as if there had been nothing.
    Unknown,
}

/// How much two edits were in each other's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// At most one of them changed anything.
    None,
    /// Both did, and nothing of either was dropped.
    Soft,
    /// Both changed the same, and a rule decided what is kept.
    Hard,
    /// Both changed the same, and a person has to say what is kept.
    Open,
}

impl Class {
    /// Every class, the gravest last.
    pub const ALL: [Class; 4] = [Self::None, Self::Soft, Self::Hard, Self::Open];

    /// Names the class as vectors and the wire spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Soft => "soft",
            Self::Hard => "hard",
            Self::Open => "open",
        }
    }
}

/// A value that was in the way of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    /// Where, as a JSON pointer (RFC 6901); empty for the whole.
    pub pointer: String,
    /// The rule that decided, by its name.
    pub rule: &'static str,
    /// [`Class::Hard`] or [`Class::Open`].
    pub class: Class,
    /// Whose value is there now; nothing where both are in it.
    pub kept: Option<Side>,
}

/// What came out of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The value; nothing where it is not there any more.
    pub value: Option<Value>,
    /// How much the edits were in each other's way, all in all.
    pub class: Class,
    /// Where a rule or a person has to drop something, in the order of the fields.
    pub clashes: Vec<Clash>,
}

/// Merges one value by one rule.
///
/// `merge(b, s, b)` is `s` and `merge(b, b, c)` is `c`, whatever the rule; `merge(b, x, x)` is `x`
/// for all but counters, whose steps add up.
pub fn merge(rule: &Rule, sides: Sides<'_>, manner: Manner) -> Merged {
    let mut merging = Merging { manner, class: Class::None, clashes: Vec::new(), path: Vec::new() };
    let value = merging.value(rule, sides);
    let Merging { class, clashes, .. } = merging;
    Merged { value, class, clashes }
}

/// Writes the keys that lead to a value as a JSON pointer (RFC 6901).
pub fn pointer<'k>(keys: impl IntoIterator<Item = &'k str>) -> String {
    keys.into_iter().fold(String::new(), |pointer, key| {
        pointer + "/" + &key.replace('~', "~0").replace('/', "~1")
    })
}

/// A merge under way.
struct Merging<'k> {
    manner: Manner,
    class: Class,
    clashes: Vec<Clash>,
    /// The keys that lead to where it is.
    path: Vec<&'k str>,
}

impl Merging<'_> {
    fn soft(&mut self) {
        self.class = self.class.max(Class::Soft);
    }

    fn clash(&mut self, rule: &Rule, class: Class, kept: Option<Side>) {
        self.class = self.class.max(class);
        let pointer = pointer(self.path.iter().copied());
        self.clashes.push(Clash { pointer, rule: rule.as_str(), class, kept });
    }
}
