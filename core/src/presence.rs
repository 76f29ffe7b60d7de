//! Presence: who is there, and how others are told of it without drowning in it (contract 4).
//!
//! Somebody is there while any device of theirs is connected to any node. A node looks at whom a
//! connection came or went, and notes what that means: coming at once, going when the grace period has
//! passed without a return. Must never ask who may be told: that is for whoever tells.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use crate::id::{Tenant, UserId};
use crate::time::Timestamp;

/// Changes that one listener is told one by one in a turn; where there are more, it is told that there were.
pub const CHANGES_TOLD_MAX: usize = 20;
/// Between two such words to one listener, in seconds.
pub const RESET_SECONDS: u32 = 10;

/// Whether somebody is there, and when they last were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status {
    /// Whether any device of theirs is connected.
    pub is_online: bool,
    /// When one last was, exact to a minute; nothing of somebody who never was.
    pub last_seen_at: Option<Timestamp>,
}

/// Somebody's status became another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusChange {
    /// Of which tenant.
    pub tenant: Tenant,
    /// Whose.
    pub user: UserId,
    /// What it is now.
    pub status: Status,
}

/// What is to be noted of somebody at one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<K> {
    /// They came.
    Came(K),
    /// They went, at this time.
    Went(K, Timestamp),
}

/// How somebody stands at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Here,
    /// The last connection was missed at this time; it may come back.
    Leaving(Timestamp),
}

/// Who is at one node, by whatever names them.
#[derive(Debug)]
pub struct Attendance<K> {
    grace_ms: i64,
    places: HashMap<K, Place>,
    /// Those who are leaving, the longest first; some of them have come back since.
    leaving: VecDeque<(Timestamp, K)>,
    /// The last of each one's steps: when they went, or nothing where they came. So it never holds more than
    /// there are users, however often they come and go before somebody takes it.
    steps: HashMap<K, Option<Timestamp>>,
}

impl<K: Clone + Eq + Hash> Attendance<K> {
    /// Begins with nobody; whoever is back within `grace_ms` was never gone.
    pub fn new(grace_ms: i64) -> Self {
        Self { grace_ms, places: HashMap::new(), leaving: VecDeque::new(), steps: HashMap::new() }
    }

    /// Hears that somebody of whom a connection came or went is here.
    pub fn here(&mut self, who: &K) {
        if self.places.insert(who.clone(), Place::Here).is_none() {
            self.steps.insert(who.clone(), None);
        }
    }

    /// Hears that somebody of whom a connection came or went is missing now.
    pub fn missing(&mut self, who: &K, now: Timestamp) {
        match self.places.get(who) {
            // Both since it was last looked.
            None => {
                self.steps.insert(who.clone(), Some(now));
            }
            Some(Place::Here) => {
                self.places.insert(who.clone(), Place::Leaving(now));
                self.leaving.push_back((now, who.clone()));
            }
            Some(Place::Leaving(_)) => {}
        }
    }

    /// Takes what is to be noted by now.
    pub fn take(&mut self, now: Timestamp) -> Vec<Step<K>> {
        let due = |since: Timestamp| since.plus_ms(self.grace_ms) <= now || since > now;
        while let Some((since, _)) = self.leaving.front().filter(|(since, _)| due(*since)) {
            let since = *since;
            let Some((_, who)) = self.leaving.pop_front() else { break };
            if self.places.get(&who) == Some(&Place::Leaving(since)) {
                self.places.remove(&who);
                self.steps.insert(who, Some(since));
            }
        }
        let step = |(who, went_at)| match went_at {
            Some(at) => Step::Went(who, at),
            None => Step::Came(who),
        };
        std::mem::take(&mut self.steps).into_iter().map(step).collect()
    }

    /// Has everybody who is here noted anew, beside those who went: what was noted of this node is void.
    pub fn renew(&mut self) {
        self.steps.extend(self.places.keys().map(|who| (who.clone(), None)));
    }
}

/// How one listener is told of what changed in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Nothing.
    Nothing,
    /// Each change.
    Each,
    /// That there were too many: it asks anew for those whom it shows.
    Reset,
}

/// What one listener was told, and is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// Something changed that it was not told.
    is_owed: bool,
    /// From this second on it may be told so.
    free_at: u32,
}

impl Told {
    /// Decides how to tell of so many changes in a turn, in the second that it is.
    pub fn tell(&mut self, changes: usize, second: u32) -> Word {
        self.is_owed |= changes > CHANGES_TOLD_MAX;
        if self.is_owed && second >= self.free_at {
            *self = Self { is_owed: false, free_at: second.saturating_add(RESET_SECONDS) };
            return Word::Reset;
        }
        if (1..=CHANGES_TOLD_MAX).contains(&changes) { Word::Each } else { Word::Nothing }
    }

    /// Says whether it is still to be told that something changed.
    pub const fn is_owed(&self) -> bool {
        self.is_owed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop, prop_assert_eq, proptest};

    use super::*;

    const fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    #[test]
    fn whoever_is_back_within_the_grace_was_never_gone() {
        let mut there = Attendance::new(10);
        there.here(&"ada");
        assert_eq!(there.take(at(0)), [Step::Came("ada")]);
        there.missing(&"ada", at(5));
        assert_eq!(there.take(at(14)), []);
        there.here(&"ada");
        there.missing(&"ada", at(20));
        assert_eq!(there.take(at(29)), [], "the grace begins anew");
        assert_eq!(there.take(at(30)), [Step::Went("ada", at(20))]);
        assert_eq!(there.take(at(90)), []);
    }

    #[test]
    fn whoever_came_and_went_unseen_was_there() {
        let mut there = Attendance::new(10);
        there.missing(&"ada", at(7));
        assert_eq!(there.take(at(7)), [Step::Went("ada", at(7))]);
    }

    #[test]
    fn of_whoever_comes_and_goes_before_anybody_looks_the_last_step_is_left() {
        let mut there = Attendance::new(0);
        for n in 0..1_000 {
            there.here(&"ada");
            there.missing(&"ada", at(n));
            there.missing(&"eve", at(n));
        }
        let mut steps = there.take(at(1_000));
        steps.sort_by_key(|step| format!("{step:?}"));
        assert_eq!(steps, [Step::Went("ada", at(999)), Step::Went("eve", at(999))]);
        there.here(&"eve");
        there.renew();
        assert_eq!(there.take(at(1_001)), [Step::Came("eve")]);
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nobody() {
        let mut there = Attendance::new(10);
        there.here(&"ada");
        there.missing(&"ada", at(1_000));
        there.take(at(1_000));
        assert_eq!(there.take(at(3)), [Step::Went("ada", at(1_000))]);
    }

    #[test]
    fn renewing_notes_those_who_are_here_or_may_be_back() {
        let mut there = Attendance::new(10);
        for who in ["ada", "ben", "eve"] {
            there.here(&who);
        }
        there.missing(&"eve", at(0));
        there.missing(&"ben", at(1));
        assert!(there.take(at(10)).contains(&Step::Went("eve", at(0))));
        there.renew();
        let mut steps = there.take(at(10));
        steps.sort_by_key(|step| format!("{step:?}"));
        assert_eq!(steps, [Step::Came("ada"), Step::Came("ben")]);
        assert_eq!(there.take(at(11)), [Step::Went("ben", at(1))]);
    }

    #[test]
    fn a_storm_is_one_word_in_ten_seconds() {
        let mut told = Told::default();
        assert_eq!(told.tell(0, 0), Word::Nothing);
        assert_eq!(told.tell(CHANGES_TOLD_MAX, 0), Word::Each);
        assert_eq!(told.tell(CHANGES_TOLD_MAX + 1, 0), Word::Reset);
        assert_eq!(told.tell(5_000, 1), Word::Nothing);
        assert!(told.is_owed());
        assert_eq!(told.tell(1, 2), Word::Each, "what is new is true all the same");
        assert_eq!(told.tell(0, RESET_SECONDS), Word::Reset);
        assert!(!told.is_owed());
        assert_eq!(told.tell(0, RESET_SECONDS + 1), Word::Nothing);
    }

    proptest! {
        // Whatever comes and goes: what was noted last of everybody agrees with how they were seen last.
        #[test]
        fn what_is_noted_ends_as_it_was_seen(
            seen in prop::collection::vec((0_u8..3, prop::bool::ANY, 0_i64..15), 1..60),
        ) {
            let mut there = Attendance::new(10);
            let (mut now, mut noted, mut last) = (0, HashMap::new(), HashMap::new());
            for (who, is_here, later) in seen {
                now += later;
                if is_here { there.here(&who) } else { there.missing(&who, at(now)) }
                last.insert(who, is_here);
                for step in there.take(at(now)) {
                    match step {
                        Step::Came(who) => noted.insert(who, true),
                        Step::Went(who, _) => noted.insert(who, false),
                    };
                }
            }
            for step in there.take(at(now + 10)) {
                match step {
                    Step::Came(who) => noted.insert(who, true),
                    Step::Went(who, _) => noted.insert(who, false),
                };
            }
            prop_assert_eq!(noted, last);
        }
    }
}
