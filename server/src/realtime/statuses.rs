//! Telling listeners who came and went: one by one, or in a storm that many did (core's rule, `presence`).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use landfall_core::id::UserId;
use landfall_core::presence::{CHANGES_TOLD_MAX, StatusChange, Word};
use landfall_protocol::frame::TopicFrame;

use super::connection::{Connection, Ending};
use super::hub::Hub;
use super::spelled::Spelled;

/// Clients that are told that many changed ask anew within so many milliseconds, each at a moment of its own.
const WITHIN_MS: u64 = 5_000;

/// That somebody came or went.
pub(super) struct Told {
    user: UserId,
    frame: Spelled,
}

impl Told {
    pub(super) fn new(change: &StatusChange) -> Self {
        let frame = Spelled::new(&TopicFrame::of_status(&change.user, change.status));
        Self { user: change.user.clone(), frame }
    }
}

/// What of one turn listeners are told.
pub(super) enum Statuses {
    /// All of them the same.
    Same(Vec<Told>),
    /// Each what stands at these places.
    Each(Vec<Told>, HashMap<UserId, Vec<usize>>),
    /// Too much to look who may know what.
    Many,
}

impl Statuses {
    /// Gives what one user is told, and how much that is.
    fn of(&self, user: &UserId) -> (Vec<&Told>, usize) {
        let told: Vec<&Told> = match self {
            Self::Same(all) => all.iter().filter(|told| told.user != *user).collect(),
            Self::Each(all, places) => {
                let places = places.get(user).into_iter().flatten();
                places.map(|place| &all[*place]).filter(|told| told.user != *user).collect()
            }
            Self::Many => return (Vec::new(), CHANGES_TOLD_MAX + 1),
        };
        let count = told.len();
        (told, count)
    }
}

/// Says that many came and went.
pub(super) fn reset() -> Spelled {
    Spelled::new(&TopicFrame::presence_reset(WITHIN_MS))
}

impl Hub {
    /// Tells a listener what it has not heard of others.
    pub(super) fn tell_statuses(
        &self,
        connection: &Arc<Connection>,
        statuses: &Statuses,
        reset: &Spelled,
    ) {
        if !connection.listens.to_statuses {
            return;
        }
        let (told, count) = statuses.of(&connection.user);
        let mut state = connection.lock();
        if state.ending != Ending::Open {
            return;
        }
        match state.statuses.tell(count, self.second()) {
            Word::Nothing => {}
            Word::Each => {
                for told in told {
                    connection.push_live(&mut state, told.frame.of(connection.codec));
                }
            }
            Word::Reset => connection.push_live(&mut state, reset.of(connection.codec)),
        }
        if state.statuses.is_owed() {
            self.presence.is_owed.store(true, Ordering::Relaxed);
        }
        connection.flush(&mut state);
    }
}
