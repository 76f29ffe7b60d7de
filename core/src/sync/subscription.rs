//! What one socket wants to hear of entities, and whether it may have missed something (S1,
//! "WebSocket Messages"; contract 4).
//!
//! What is told here is no state: a device that hears it pulls. So what a socket cannot be told one
//! by one is told as a whole, once; a subscription never keeps what it could not pass on.

use std::collections::BTreeSet;

use crate::feed::Number;

/// Stands for every type.
pub const ANY: &str = "*";
/// The longest name of a type, in bytes.
pub const TYPE_BYTES_MAX: usize = 64;
/// How many types one socket may name.
pub const TYPES_MAX: usize = 100;

/// Says what is wrong with the name of a type, if anything is.
pub fn type_fault(name: &str) -> Option<&'static str> {
    let is_plain =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.' | b'-');
    let fits = (1..=TYPE_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_plain);
    let fault = "must be `*`, or 1 to 64 of the characters a-z, 0-9, `_`, `.` and `-`";
    (name != ANY && !fits).then_some(fault)
}

/// A socket would name more types than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("would name more than {TYPES_MAX} types")]
pub struct TooManyTypes;

/// What a socket wants to hear, and what it is owed. It begins empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subscription {
    types: BTreeSet<Box<str>>,
    /// The last number of its user's `data` feed that is known to have been passed to it.
    seen: Option<Number>,
    /// A head that was ahead of `seen` at the last comparison.
    suspected: Option<Number>,
    /// Whether it has to be told that something changed, no matter what.
    owes: bool,
}

impl Subscription {
    /// Adds types; those that it has already count once.
    ///
    /// # Errors
    /// When it would name too many: then none is added.
    pub fn add<'a>(&mut self, types: impl Iterator<Item = &'a str>) -> Result<(), TooManyTypes> {
        let mut all = self.types.clone();
        all.extend(types.map(Box::from));
        if all.len() > TYPES_MAX {
            return Err(TooManyTypes);
        }
        self.types = all;
        Ok(())
    }

    /// Takes types out; `*` takes out all. A type that is taken out while `*` is in is still heard.
    pub fn remove<'a>(&mut self, types: impl Iterator<Item = &'a str>) {
        for name in types {
            if name == ANY {
                self.types.clear();
            }
            self.types.remove(name);
        }
        if self.types.is_empty() {
            // Whoever comes back begins anew.
            *self = Self::default();
        }
    }

    /// Gives the types, sorted.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.types.iter().map(|name| &**name)
    }

    /// Says whether it wants to hear nothing.
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// Says whether it wants to hear of a type.
    pub fn wants(&self, kind: &str) -> bool {
        self.types.contains(ANY) || self.types.contains(kind)
    }

    /// Hears that the user's `data` feed grew to a number, whether it wants that or not. Numbers are
    /// gapless: where one was skipped, something is owed.
    pub fn on_number(&mut self, number: Number) {
        match self.seen {
            Some(seen) if number <= seen => return,
            Some(seen) if number > seen.next() => self.owe(),
            _ => {}
        }
        self.seen = Some(number);
    }

    /// Hears at heartbeat time where the user's `data` feed stands. What was on its way at one
    /// comparison and did not come by the next one is owed.
    pub fn on_head(&mut self, newest: Number) {
        match (self.seen, self.suspected) {
            (None, _) => self.seen = Some(newest),
            (Some(seen), Some(suspected)) if seen < suspected => {
                self.owe();
                self.seen = Some(suspected);
            }
            _ => {}
        }
        self.suspected = (self.seen < Some(newest)).then_some(newest);
    }

    /// Owes word that something changed: it could not be told what.
    pub fn owe(&mut self) {
        self.owes = !self.is_empty();
    }

    /// Hears that changes may have been lost, or that the store has another life.
    pub fn resync(&mut self) {
        self.owe();
        (self.seen, self.suspected) = (None, None);
    }

    /// Says whether it has to be told that something changed.
    pub fn is_owed(&self) -> bool {
        self.owes
    }

    /// Takes what is owed: whether the socket is to be told that something changed.
    pub fn take_owed(&mut self) -> bool {
        std::mem::take(&mut self.owes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn subscription(types: &[&str]) -> Subscription {
        let mut subscription = Subscription::default();
        subscription.add(types.iter().copied()).unwrap();
        subscription
    }

    #[test]
    fn names_are_plain_and_bounded() {
        for good in ["*", "a", "learning_session", "x.y-9", &"a".repeat(64)] {
            assert_eq!(type_fault(good), None, "{good}");
        }
        for bad in ["", "**", "A", "a b", "ü", &"a".repeat(65)] {
            assert!(type_fault(bad).is_some(), "{bad}");
        }
        let names: Vec<String> = (0..=TYPES_MAX).map(|n| format!("t{n}")).collect();
        let mut subscription = Subscription::default();
        assert_eq!(subscription.add(names.iter().map(String::as_str)), Err(TooManyTypes));
        assert!(subscription.is_empty());
        assert_eq!(subscription.add(names[1..].iter().map(String::as_str)), Ok(()));
        assert_eq!(subscription.add(names[1..].iter().map(String::as_str)), Ok(()));
        assert_eq!(subscription.add(names[..1].iter().map(String::as_str)), Err(TooManyTypes));
        assert_eq!(subscription.types().count(), TYPES_MAX);
    }

    #[test]
    fn it_hears_what_it_names() {
        let mut one = subscription(&["notes", "progress"]);
        assert!(one.wants("notes") && !one.wants("note") && !one.wants("*"));
        one.add(["*"].into_iter()).unwrap();
        one.remove(["notes"].into_iter());
        assert!(one.wants("notes") && one.wants("settings"));
        assert_eq!(one.types().collect::<Vec<_>>(), ["*", "progress"]);
        one.remove(["*"].into_iter());
        assert!(one.is_empty() && !one.wants("progress"));
    }

    #[test]
    fn what_is_skipped_is_owed_once() {
        let mut one = subscription(&["notes"]);
        for number in [4, 5, 5, 3, 6] {
            one.on_number(Number(number));
            assert!(!one.take_owed(), "{number}");
        }
        one.on_number(Number(8));
        assert!(one.take_owed() && !one.take_owed());
        one.on_number(Number(9));
        assert!(!one.take_owed());
        one.resync();
        one.on_number(Number(100));
        assert!(one.take_owed() && !one.take_owed());
        let mut nothing = Subscription::default();
        nothing.resync();
        assert!(!nothing.take_owed(), "it wants to hear nothing");
    }

    #[test]
    fn what_did_not_come_by_the_second_heartbeat_is_owed() {
        let mut one = subscription(&["notes"]);
        let mut beat = |newest: u64| {
            one.on_head(Number(newest));
            one.take_owed()
        };
        assert!(!beat(4), "here it begins");
        assert!(!beat(5), "it may be on its way");
        assert!(beat(5));
        assert!(!beat(5));
        assert!(!beat(7));
        one.on_number(Number(6));
        one.on_number(Number(7));
        one.on_head(Number(8));
        assert!(!one.take_owed(), "it came");
        one.on_head(Number(0));
        assert!(one.take_owed(), "a head that could not be read says nothing");
    }
}
