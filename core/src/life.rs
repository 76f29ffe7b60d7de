//! The lives of a store, and how it shows that one has ended without a word.
//!
//! A restore says so by beginning a new epoch. A file that was copied back, a volume's snapshot or
//! a database that lost its last commits says nothing: it only stands where it stood before. This
//! file compares what was known with what is found; it must never read or store anything.

use crate::feed::Epoch;

/// Which store this is, in which life, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// Names the store: random, given once, kept by its backups.
    pub store: String,
    /// Its life.
    pub epoch: Epoch,
    /// Grows with every commit that the trail tells of, and never goes back within a life.
    pub mark: u64,
}

/// How a store shows that it is not what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rollback {
    /// Another store is in its place.
    Replaced,
    /// It stands where it stood before.
    WentBack,
    /// The database server was restored, promoted or exchanged, and may lack its last commits.
    Moved,
}

impl Rollback {
    /// Names it as the trail spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replaced => "another store is in its place",
            Self::WentBack => "the store went back to an earlier state",
            Self::Moved => "the database server was restored, promoted or exchanged",
        }
    }
}

/// Where a database says it runs: its server's identity and timeline, as one text. Nothing where
/// the database has no such thing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Home {
    /// Where the store was when its life began, or when it was first seen.
    pub remembered: Option<String>,
    /// Where it is.
    pub found: Option<String>,
}

impl Home {
    /// Says whether the store has moved since it was remembered.
    pub fn has_moved(&self) -> bool {
        matches!((&self.remembered, &self.found), (Some(then), Some(now)) if then != now)
    }
}

/// Says whether a store that was known at one point can have come to stand where it is found
/// without going back. A later epoch is a new life that somebody began above everything before it,
/// and goes on from anywhere, whichever store it is.
pub fn rollback(known: &Life, found: &Life) -> Option<Rollback> {
    if found.epoch > known.epoch {
        None
    } else if known.store != found.store {
        Some(Rollback::Replaced)
    } else if (found.epoch, found.mark) < (known.epoch, known.mark) {
        Some(Rollback::WentBack)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(store: &str, epoch: u64, mark: u64) -> Life {
        Life { store: store.into(), epoch: Epoch(epoch), mark }
    }

    #[test]
    fn only_forward_is_no_rollback() {
        let known = life("a", 2, 10);
        for found in [life("a", 2, 10), life("a", 2, 11), life("a", 3, 1), life("b", 3, 1)] {
            assert_eq!(rollback(&known, &found), None, "{found:?}");
        }
        for found in [life("a", 2, 9), life("a", 1, 11), life("a", 1, 3)] {
            assert_eq!(rollback(&known, &found), Some(Rollback::WentBack), "{found:?}");
        }
        for found in [life("b", 2, 10), life("b", 1, 11)] {
            assert_eq!(rollback(&known, &found), Some(Rollback::Replaced), "{found:?}");
        }
    }

    #[test]
    fn a_store_has_moved_only_when_both_places_are_known() {
        let home = |remembered: Option<&str>, found: Option<&str>| {
            let text = |text: Option<&str>| text.map(str::to_owned);
            Home { remembered: text(remembered), found: text(found) }.has_moved()
        };
        assert!(home(Some("7/1"), Some("7/2")));
        assert!(!home(Some("7/1"), Some("7/1")));
        assert!(!home(None, Some("7/1")) && !home(Some("7/1"), None) && !home(None, None));
    }
}
