//! All turnstiles of a gate together: how many, who has a place, and which of them count.
//!
//! Knows no clock. Users can name turnstiles, so must never let those that are only named cost
//! the others their places, their memory, or their health.

use std::collections::HashMap;
use std::time::Duration;

use super::circuit::Verdict;
use super::limits::Limits;
use super::turnstile::{Pass, TurnedAway, Turnstile};
use super::{Standing, Toll};

/// So many are remembered.
pub(super) const TURNSTILES_MAX: usize = 4_096;
/// Stands for a provider as a whole.
pub(super) const WHOLE: u64 = 0;
/// When all places of the gate are taken.
pub(super) const FULL: TurnedAway = TurnedAway { after: Duration::from_millis(500), code: "busy" };
/// Strangers, which never answered well, have this part of the places together.
const STRANGERS_PART: u32 = 4;
/// Strangers that are turned away come back at this distance, and no later than that.
const STRANGERS_STEP: Duration = Duration::from_millis(20);
const STRANGERS_SPREAD_MAX: Duration = Duration::from_secs(60);
/// What was asked for no later than that ago says how the provider is now.
const LATELY: Duration = Duration::from_secs(5 * 60);

#[derive(Default)]
pub(super) struct Turnstiles {
    all: HashMap<u64, Turnstile>,
    under_way: u32,
    strangers_under_way: u32,
    /// Up to when strangers that were turned away have been given times to come back.
    strangers_back: Duration,
}

/// An attempt that was let through: by which turnstile, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Admitted {
    pub(super) toll: Toll,
    pub(super) pass: Pass,
    is_stranger: bool,
}

impl Turnstiles {
    pub(super) fn admit(
        &mut self,
        limits: &Limits,
        now: Duration,
        toll: Toll,
    ) -> Result<Admitted, TurnedAway> {
        let toll = Toll { cost: toll.cost.max(1), ..toll };
        if self.under_way >= limits.at_once_total.max(1) || !self.make_room(limits, now, toll) {
            return Err(FULL);
        }
        let is_crowded = self.strangers_under_way >= strangers_max(limits);
        let turnstile = self.all.entry(toll.turnstile).or_insert_with(Turnstile::new);
        let is_stranger = toll.turnstile != WHOLE && !turnstile.is_known();
        if is_stranger && is_crowded && turnstile.room(limits, now) > 0 {
            return Err(self.turn_stranger_away(now));
        }
        let pass = turnstile.admit(limits, now, toll.cost)?;
        self.under_way += 1;
        self.strangers_under_way += u32::from(is_stranger);
        Ok(Admitted { toll, pass, is_stranger })
    }

    /// Says again, after the wait for its turn, whether an attempt may begin.
    pub(super) fn still_admits(
        &mut self,
        limits: &Limits,
        now: Duration,
        admitted: Admitted,
    ) -> Result<(), TurnedAway> {
        let Admitted { toll, pass, .. } = admitted;
        let turnstile = self.all.entry(toll.turnstile).or_insert_with(Turnstile::new);
        turnstile.still_admits(limits, now, pass, toll.cost)
    }

    /// Takes what an attempt said; it is no longer under way.
    pub(super) fn settle(
        &mut self,
        limits: &Limits,
        now: Duration,
        admitted: Admitted,
        verdict: Verdict,
    ) {
        let Admitted { toll, pass, is_stranger } = admitted;
        self.under_way = self.under_way.saturating_sub(1);
        self.strangers_under_way = self.strangers_under_way.saturating_sub(u32::from(is_stranger));
        if let Some(turnstile) = self.all.get_mut(&toll.turnstile) {
            turnstile.settle(limits, now, pass, verdict);
        }
    }

    /// Says how many attempts of cost 1 would be let through now.
    pub(super) fn room(&self, limits: &Limits, now: Duration) -> u32 {
        let free = limits.at_once_total.max(1).saturating_sub(self.under_way);
        // One of many says nothing of the others: what it keeps back is told when it is offered.
        let has_many = self.all.keys().any(|turnstile| *turnstile != WHOLE);
        match self.all.get(&WHOLE) {
            _ if has_many => free,
            Some(turnstile) => free.min(turnstile.room(limits, now)),
            None => free.min(Turnstile::new().room(limits, now)),
        }
    }

    pub(super) fn standing(&self) -> Standing {
        let halted = self.all.values().filter(|turnstile| turnstile.is_halted()).count();
        Standing { under_way: self.under_way, turnstiles: self.all.len(), halted }
    }

    /// Says whether any way that is in use is open: one that a user named counts only when it has
    /// answered well, and was asked for lately.
    pub(super) fn is_any_open(&self, now: Duration) -> bool {
        let counts = |(name, turnstile): &(&u64, &Turnstile)| {
            **name == WHOLE || (turnstile.is_known() && turnstile.unused(now) <= LATELY)
        };
        let mut counted = self.all.iter().filter(counts).peekable();
        counted.peek().is_none() || counted.any(|(_, turnstile)| !turnstile.is_halted())
    }

    /// Says whether the provider as a whole lets nothing through now, not even a try.
    pub(super) fn is_halted(&self, now: Duration) -> bool {
        self.all.get(&WHOLE).is_some_and(|whole| whole.lets_nothing_through(now))
    }

    /// Makes room for one more where there are too many: what has nothing to remember goes, else
    /// the one that was not asked for the longest, strangers first.
    fn make_room(&mut self, limits: &Limits, now: Duration, toll: Toll) -> bool {
        if self.all.len() < TURNSTILES_MAX || self.all.contains_key(&toll.turnstile) {
            return true;
        }
        self.all.retain(|_, turnstile| !turnstile.is_idle(limits, now));
        if self.all.len() < TURNSTILES_MAX {
            return true;
        }
        let resting = self.all.iter().filter(|(_, turnstile)| !turnstile.is_under_way());
        let order = |(_, one): &(&u64, &Turnstile)| (!one.is_known(), one.unused(now));
        let longest = resting.max_by_key(order).map(|(name, _)| *name);
        longest.and_then(|name| self.all.remove(&name)).is_some()
    }

    fn turn_stranger_away(&mut self, now: Duration) -> TurnedAway {
        let from = self.strangers_back.min(now + STRANGERS_SPREAD_MAX).max(now + FULL.after);
        self.strangers_back = from + STRANGERS_STEP;
        TurnedAway { after: from - now, code: "busy with services that never answered" }
    }
}

#[cfg(test)]
impl Turnstiles {
    pub(super) fn remembers(&self, name: u64) -> bool {
        self.all.contains_key(&name)
    }
}

fn strangers_max(limits: &Limits) -> u32 {
    (limits.at_once_total / STRANGERS_PART).max(1)
}
