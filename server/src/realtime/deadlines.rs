//! Which connections are due when: the ends of tokens, and of messages that have to be there by then.
//!
//! Finding who is due costs nothing for those who are not. Knows ids alone.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Connections by a time, in whatever unit the caller keeps to.
#[derive(Debug, Default)]
pub(super) struct Deadlines(Mutex<BTreeSet<(i64, u64)>>);

impl Deadlines {
    /// Notes that a connection is due at a time.
    pub(super) fn insert(&self, at: i64, id: u64) {
        self.all(|all| all.insert((at, id)));
    }

    /// Forgets it; says whether it was still to come.
    pub(super) fn remove(&self, at: i64, id: u64) -> bool {
        self.all(|all| all.remove(&(at, id)))
    }

    /// Takes everybody who is due.
    pub(super) fn take_until(&self, now: i64) -> Vec<u64> {
        let due = self.all(|all| {
            let later = all.split_off(&(now.saturating_add(1), 0));
            std::mem::replace(all, later)
        });
        due.into_iter().map(|(_, id)| id).collect()
    }

    fn all<T>(&self, does: impl FnOnce(&mut BTreeSet<(i64, u64)>) -> T) -> T {
        does(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_due_once_and_not_before_its_time() {
        let deadlines = Deadlines::default();
        for (at, id) in [(10, 1), (10, 2), (11, 3), (12, 4)] {
            deadlines.insert(at, id);
        }
        assert!(deadlines.remove(10, 2) && !deadlines.remove(10, 2));
        assert_eq!(deadlines.take_until(9), Vec::<u64>::new());
        assert_eq!(deadlines.take_until(11), [1, 3]);
        assert!(!deadlines.remove(11, 3), "it was taken");
        assert_eq!(deadlines.take_until(i64::MAX), [4]);
    }
}
