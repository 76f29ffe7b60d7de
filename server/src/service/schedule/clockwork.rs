//! Up to when what is scheduled has been looked at, and what of it could not be told.
//!
//! A round begins where the one before ended. What it could not tell is looked at again each minute, until it is told
//! or noted as missed; the place in the store, from which whoever begins anew goes on, stays before it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use landfall_core::time::Timestamp;

use super::events::DAY_MS;
use crate::service::tally::Tally;
use crate::service::{ServiceError, Services};

/// After so long what could not be told is looked at again.
const AGAIN_MS: i64 = 60_000;
/// After an outage so much is looked at in one round.
const STEP_MS: i64 = DAY_MS;
/// Looked at again in each round, for what another node took up and did not finish.
const OVERLAP_MS: i64 = 5_000;
/// A clock that was put back by more than this is followed.
const SET_BACK_MS: i64 = 5_000;
/// How far the stored place may be behind.
const STORED_BEHIND_MS: i64 = 60_000;

/// Up to when moments have been looked at.
#[derive(Debug, Default)]
pub struct Clockwork(Mutex<Option<Place>>);

/// Where a round goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Up to when a round looked.
    up_to: Timestamp,
    /// As it is in the store.
    stored: Timestamp,
    /// What could not be told.
    failed: Option<Failed>,
}

/// Moments of which some could not be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Failed {
    since: Timestamp,
    again_at: Timestamp,
}

/// What a round looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Looked {
    from: Timestamp,
    /// Up to then.
    pub(super) by: Timestamp,
    now: Timestamp,
}

impl Looked {
    /// It looks at what is due after then.
    pub(super) fn after(&self) -> Timestamp {
        self.from.plus_ms(-OVERLAP_MS)
    }
}

impl Place {
    const fn at(stored: Timestamp) -> Self {
        Self { up_to: stored, stored, failed: None }
    }

    /// Up to when all has been told or noted as missed.
    fn done_up_to(&self) -> Timestamp {
        self.failed.map_or(self.up_to, |failed| failed.since.min(self.up_to))
    }

    /// Says what the next round looks at.
    pub(super) fn looks_at(&self, now: Timestamp) -> Looked {
        let is_set_back = now.plus_ms(SET_BACK_MS) < self.up_to;
        let up_to = if is_set_back { now } else { self.up_to };
        let looks_again = self.failed.is_some_and(|failed| failed.again_at <= now);
        let from = if looks_again { self.done_up_to() } else { up_to };
        Looked { from: from.min(now), by: now.min(up_to.plus_ms(STEP_MS)), now }
    }

    /// Gives the place behind a round.
    pub(super) fn behind(self, Looked { from, by, now }: Looked, tally: &Tally) -> Self {
        let not_looked_at = self.failed.filter(|failed| failed.since < from);
        let again_at = now.plus_ms(AGAIN_MS);
        let anew = tally.has_failed().then_some(Failed { since: from, again_at });
        Self { up_to: by, failed: not_looked_at.or(anew), ..self }
    }
}

impl Clockwork {
    fn lock(&self) -> MutexGuard<'_, Option<Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Services {
    /// Says up to when all that was due has been told or noted as missed; now, where no round has looked yet.
    pub fn told_up_to(&self) -> Timestamp {
        let known = *self.clockwork.lock();
        known.map_or_else(|| self.now(), |place| place.done_up_to())
    }

    /// Gives where the last round ended: of this node, else of any.
    pub(super) async fn clock_place(&self, now: Timestamp) -> Result<Place, ServiceError> {
        let known = *self.clockwork.lock();
        if let Some(place) = known {
            return Ok(place);
        }
        let stored = match self.store.schedule_clock().await? {
            Some(stored) => stored,
            None => {
                self.store.set_schedule_clock(None, now).await?;
                now
            }
        };
        Ok(Place::at(stored))
    }

    /// Goes on from another place, and stores it where the stored one is far from it; where another node stored one
    /// meanwhile, that is as good.
    pub(super) async fn move_clock_to(&self, mut place: Place) -> Result<(), ServiceError> {
        let done_up_to = place.done_up_to();
        let behind = done_up_to.as_ms() - place.stored.as_ms();
        if !(0..STORED_BEHIND_MS).contains(&behind) {
            let is_moved = self.store.set_schedule_clock(Some(place.stored), done_up_to).await?;
            let stored = if is_moved { None } else { self.store.schedule_clock().await? };
            place.stored = stored.unwrap_or(done_up_to);
        }
        *self.clockwork.lock() = Some(place);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: i64 = 60_000;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_ms(minutes * MINUTE_MS)
    }

    /// Lets a round go over a place; gives what it looked at.
    fn round(place: &mut Place, minutes: i64, works: Result<(), ServiceError>) -> (i64, i64) {
        let looked = place.looks_at(at(minutes));
        let mut tally = Tally::of("test");
        tally.add(works);
        *place = place.behind(looked, &tally);
        (looked.from.as_ms() / MINUTE_MS, looked.by.as_ms() / MINUTE_MS)
    }

    fn fails() -> Result<(), ServiceError> {
        Err(ServiceError::NotFound("room"))
    }

    #[test]
    fn what_failed_is_looked_at_again_and_others_go_on() {
        let mut place = Place::at(at(100));
        assert_eq!(round(&mut place, 101, Ok(())), (100, 101));
        assert_eq!(round(&mut place, 102, fails()), (101, 102));
        assert_eq!(round(&mut place, 103, fails()), (101, 103), "a minute later");
        assert_eq!(place.done_up_to(), at(101));
        place.failed = place.failed.map(|failed| Failed { again_at: at(110), ..failed });
        assert_eq!(round(&mut place, 104, Ok(())), (103, 104));
        assert_eq!(round(&mut place, 105, fails()), (104, 105), "one failure more moves nothing");
        assert_eq!(place.done_up_to(), at(101));
        assert_eq!(round(&mut place, 110, Ok(())), (101, 110));
        assert_eq!(place.done_up_to(), at(110));
    }

    #[test]
    fn a_clock_that_is_put_back_is_followed_and_one_that_jumps_is_walked() {
        let mut place = Place::at(at(100));
        assert_eq!(round(&mut place, 50, Ok(())), (50, 50));
        assert_eq!(round(&mut place, 51, Ok(())), (50, 51));
        let day = DAY_MS / MINUTE_MS;
        assert_eq!(round(&mut place, 51 + 2 * day, Ok(())), (51, 51 + day));
        assert_eq!(round(&mut place, 51 + 2 * day, Ok(())), (51 + day, 51 + 2 * day));
    }
}
