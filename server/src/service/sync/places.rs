//! Where a device stands on the feeds that it may read: what a pull's cursor holds.

use std::collections::BTreeMap;

use landfall_core::auth::Caller;
use landfall_core::cursor::{Cursor, Position};
use landfall_core::feed::{Epoch, Head, Number};
use landfall_core::id::TopicId;
use landfall_core::notify::FieldError;

use crate::service::{ServiceError, Services};

/// A place on one feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    /// The last number that was given to the device.
    pub(super) number: Number,
    /// Where the feed stood when the device began at its beginning: what was gone by then it never had,
    /// so that up to there it does not miss that anything is gone.
    pub(super) began: Number,
    /// Up to here the device had every entity as it was. It lags behind `number` while a pull takes several
    /// pages: what changes between two of them is only given as it became.
    pub(super) whole: Number,
}

impl Place {
    /// Begins a feed.
    pub(super) const fn begin(head: Head) -> Self {
        Self { number: Number::ZERO, began: head.newest, whole: Number::ZERO }
    }

    /// Goes on from a number, up to which nobody knows what the device had.
    pub(super) const fn at(number: Number) -> Self {
        Self { number, began: Number::ZERO, whole: Number::ZERO }
    }

    /// Says whether the feed can go on from here: nothing was forgotten in between, and the place was given
    /// in the store's present life.
    pub(super) fn holds(self, head: Head) -> bool {
        self.number <= head.newest && self.number.max(self.began) >= head.horizon
    }
}

/// Where a device stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Places {
    /// On its user's own feed.
    pub(super) own: Place,
    /// On the feeds of topics.
    pub(super) topics: BTreeMap<TopicId, Place>,
}

/// Marks a topic's number, where a beginning was, and up to where a feed was had as a whole.
const TOPIC: char = ':';
const BEGAN: char = '^';
const WHOLE: char = '~';

impl Places {
    fn positions(&self) -> Vec<Position> {
        let mut positions = Vec::new();
        let mut put = |of: String, number| positions.push(Position { of, number });
        put(String::new(), self.own.number);
        let topics = self.topics.iter().map(|(topic, place)| (topic.as_str(), place));
        for (of, place) in std::iter::once(("", &self.own)).chain(topics) {
            if !of.is_empty() {
                put(format!("{TOPIC}{of}"), place.number);
            }
            // Behind it nothing of it matters any more.
            if place.began > place.number {
                put(format!("{BEGAN}{of}"), place.began);
            }
            if place.whole < place.number {
                put(format!("{WHOLE}{of}"), place.whole);
            }
        }
        positions
    }

    fn from_positions(positions: Vec<Position>) -> Option<Self> {
        let mut places = Self::default();
        for Position { of, number } in positions {
            let mut rest = of.chars();
            let mark = rest.next();
            let place = match rest.as_str() {
                "" => &mut places.own,
                topic => places.topics.entry(TopicId::parse(topic).ok()?).or_default(),
            };
            match mark {
                Some(BEGAN) => place.began = number,
                Some(WHOLE) => place.whole = number,
                // What tells that it is not whole comes behind it.
                Some(TOPIC) | None => (place.number, place.whole) = (number, number),
                Some(_) => return None,
            }
        }
        Some(places)
    }
}

/// Names what a cursor is for: one user's pulls of these types.
fn purpose(caller: &Caller, kinds: &[Box<str>]) -> String {
    let parts = [caller.tenant.as_str(), caller.user.as_str()];
    let parts = parts.into_iter().chain(kinds.iter().map(|kind| &**kind));
    parts.fold("pull".to_owned(), |text, part| format!("{text}/{}:{part}", part.len()))
}

impl Services {
    /// Seals where a device stands.
    pub(super) fn sealed(&self, caller: &Caller, kinds: &[Box<str>], places: &Places) -> String {
        let cursor = Cursor { epoch: self.store.epoch(), positions: places.positions() };
        cursor.seal(&self.cursor_key, &purpose(caller, kinds))
    }

    /// Opens what was sealed; nothing for what an earlier life of the store gave out.
    ///
    /// # Errors
    /// `Invalid` for what was not sealed here, for another user, or for other types.
    pub(super) fn places_in(
        &self,
        caller: &Caller,
        kinds: &[Box<str>],
        text: &str,
    ) -> Result<Option<Places>, ServiceError> {
        let cursor = Cursor::open(&self.cursor_key, &purpose(caller, kinds), text);
        let places = cursor.ok().and_then(|Cursor { epoch, positions }| {
            Places::from_positions(positions).map(|places| (epoch, places))
        });
        let not_ours = || {
            let detail = "is not a cursor of this user's pulls, with these entityTypes";
            ServiceError::Invalid(vec![FieldError::new("/cursor", detail)])
        };
        let (epoch, places): (Epoch, Places) = places.ok_or_else(not_ours)?;
        Ok((epoch == self.store.epoch()).then_some(places))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn place(number: u64, began: u64) -> Place {
        Place { number: Number(number), began: Number(began), whole: Number(number) }
    }

    #[test]
    fn places_come_back_as_they_went() {
        let topic = |id| TopicId::parse(id).unwrap();
        let topics = [(topic("a"), place(3, 9)), (topic("^b"), place(0, 0))];
        let places = Places { own: place(7, 8), topics: topics.into() };
        assert_eq!(Places::from_positions(places.positions()), Some(places));
        // Behind where it began, that is forgotten.
        let places = Places { own: place(8, 8), topics: BTreeMap::new() };
        assert_eq!(Places::from_positions(places.positions()).unwrap().own, place(8, 0));
        assert_eq!(Places::default().positions().len(), 1);
        // In the middle of several pages.
        let partly = Place { whole: Number(2), ..place(5, 0) };
        let topics = [(topic("c"), Place::at(Number(4)))];
        let places = Places { own: partly, topics: topics.into() };
        assert_eq!(Places::from_positions(places.positions()), Some(places));
    }

    #[test]
    fn a_place_holds_until_something_behind_it_is_forgotten() {
        let head = |newest, horizon| Head { newest: Number(newest), horizon: Number(horizon) };
        assert!(place(5, 0).holds(head(9, 5)));
        assert!(!place(5, 0).holds(head(9, 6)));
        // What was forgotten before it began it never had.
        assert!(place(5, 7).holds(head(9, 6)));
        assert!(!place(5, 7).holds(head(9, 8)));
        // Beyond the head: of a life that is no more.
        assert!(!place(10, 0).holds(head(9, 0)));
    }
}
