//! A gate around a provider: how many attempts at once, how fast, and none while it is ill.
//!
//! What the gate keeps back is answered with `NotTried` and a time to come back; it never lets a
//! caller wait for longer than its turn at the pace needs. It decides in turnstiles, which know no
//! clock and no provider.

mod circuit;
mod limits;
mod turnstile;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use landfall_core::channel::Channel;
use tokio::time::Instant;

use crate::{Attempt, LoadKind, Outcome, Parcel, Provider};

pub use limits::{CircuitLimits, Limits};

use circuit::Verdict;
use turnstile::{Pass, TurnedAway, Turnstile};

/// Turnstiles can be named by what users supply, so that there is a bound; what is beyond shares one.
const TURNSTILES_MAX: usize = 4_096;
const SHARED: u64 = u64::MAX;
/// Stands for a provider as a whole.
const WHOLE: u64 = 0;
/// The shortest wait that a provider can ask for: "at once" after "too many" is no wish.
const ASKED_MIN: Duration = Duration::from_secs(1);
/// When all places of the gate are taken.
const FULL: TurnedAway = TurnedAway { after: Duration::from_millis(500), code: "busy" };

/// By which turnstile a parcel goes, and what it costs there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Toll {
    /// What shares limits and circuit: 0 for the provider as a whole, or one push service.
    pub turnstile: u64,
    /// What it takes of the pace, such as an SMS's segments; at least 1.
    pub cost: u32,
}

impl Toll {
    /// One turnstile for all, and each parcel costs the same.
    pub fn single(_: &Parcel) -> Self {
        Self { turnstile: WHOLE, cost: 1 }
    }
}

/// How a gate stands, for metrics and health.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Attempts under way.
    pub under_way: u32,
    /// Turnstiles that it remembers.
    pub turnstiles: usize,
    /// Those of them that are halted.
    pub halted: usize,
}

/// A provider behind its limits; a provider itself.
pub struct Gate {
    provider: Arc<dyn Provider>,
    limits: Limits,
    toll: fn(&Parcel) -> Toll,
    start: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    turnstiles: HashMap<u64, Turnstile>,
    under_way: u32,
}

/// An attempt under way; says what became of it at the latest when it is dropped.
struct Permit<'a> {
    gate: &'a Gate,
    toll: Toll,
    pass: Pass,
    verdict: Verdict,
}

impl Gate {
    /// Puts a provider behind limits; `toll` says by which turnstile each parcel goes.
    pub fn new(provider: Arc<dyn Provider>, limits: Limits, toll: fn(&Parcel) -> Toll) -> Self {
        Self { provider, limits, toll, start: Instant::now(), state: Mutex::default() }
    }

    /// Tells how it stands.
    pub fn standing(&self) -> Standing {
        let state = self.state();
        let halted = state.turnstiles.values().filter(|turnstile| turnstile.is_halted()).count();
        Standing { under_way: state.under_way, turnstiles: state.turnstiles.len(), halted }
    }

    fn admit(&self, toll: Toll) -> Result<Permit<'_>, TurnedAway> {
        let now = self.start.elapsed();
        let mut state = self.state();
        if state.under_way >= self.limits.at_once_total.max(1) {
            return Err(FULL);
        }
        let toll = Toll { turnstile: state.room_for(toll.turnstile, now), cost: toll.cost.max(1) };
        let turnstile = state.turnstiles.entry(toll.turnstile).or_insert_with(Turnstile::new);
        let pass = turnstile.admit(&self.limits, now, toll.cost)?;
        state.under_way += 1;
        Ok(Permit { gate: self, toll, pass, verdict: Verdict::Nothing })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Gives the turnstile itself, or the shared one when there are too many that have something to
    /// remember.
    fn room_for(&mut self, turnstile: u64, now: Duration) -> u64 {
        if self.turnstiles.len() >= TURNSTILES_MAX && !self.turnstiles.contains_key(&turnstile) {
            self.turnstiles.retain(|_, turnstile| !turnstile.is_idle(now));
            if self.turnstiles.len() >= TURNSTILES_MAX {
                return SHARED;
            }
        }
        turnstile
    }
}

impl Permit<'_> {
    /// Waits for its turn; the turnstile may have halted meanwhile.
    async fn turn(&self) -> Result<(), TurnedAway> {
        let begin = self.gate.start + self.pass.at;
        if begin <= Instant::now() {
            return Ok(());
        }
        tokio::time::sleep_until(begin).await;
        let now = self.gate.start.elapsed();
        let mut state = self.gate.state();
        let turnstile = state.turnstiles.entry(self.toll.turnstile).or_insert_with(Turnstile::new);
        turnstile.still_admits(&self.gate.limits, now, self.pass, self.toll.cost)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let now = self.gate.start.elapsed();
        let mut state = self.gate.state();
        state.under_way = state.under_way.saturating_sub(1);
        if let Some(turnstile) = state.turnstiles.get_mut(&self.toll.turnstile) {
            turnstile.settle(&self.gate.limits, now, self.pass, self.verdict);
        }
    }
}

impl Provider for Gate {
    fn name(&self) -> &'static str {
        self.provider.name()
    }

    fn channel(&self) -> Channel {
        self.provider.channel()
    }

    fn takes(&self, kind: LoadKind) -> bool {
        self.provider.takes(kind)
    }

    fn room(&self) -> usize {
        let now = self.start.elapsed();
        let state = self.state();
        let free = self.limits.at_once_total.max(1).saturating_sub(state.under_way);
        // One of many says nothing of the others: what it keeps back is told when it is offered.
        let has_many = state.turnstiles.keys().any(|turnstile| *turnstile != WHOLE);
        let room = match state.turnstiles.get(&WHOLE) {
            _ if has_many => free,
            Some(turnstile) => free.min(turnstile.room(&self.limits, now)),
            None => free.min(Turnstile::new().room(&self.limits, now)),
        };
        room as usize
    }

    fn is_healthy(&self) -> bool {
        let standing = self.standing();
        let is_open = standing.halted == 0 || standing.halted < standing.turnstiles;
        is_open && self.provider.is_healthy()
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> Attempt<'a> {
        Box::pin(async move {
            let mut permit = match self.admit((self.toll)(parcel)) {
                Ok(permit) => permit,
                Err(away) => return not_tried(away),
            };
            if let Err(away) = permit.turn().await {
                return not_tried(away);
            }
            let outcome = self.provider.send(parcel).await;
            permit.verdict = verdict(&outcome);
            outcome
        })
    }
}

fn not_tried(TurnedAway { after, code }: TurnedAway) -> Outcome {
    Outcome::NotTried { after, code: code.to_owned() }
}

fn verdict(outcome: &Outcome) -> Verdict {
    match outcome {
        Outcome::Sent { .. }
        | Outcome::Gone { .. }
        | Outcome::OptedOut { .. }
        | Outcome::Refused { .. } => Verdict::Well,
        Outcome::Later { after: Some(after), .. } => Verdict::Asked((*after).max(ASKED_MIN)),
        Outcome::Later { after: None, .. } | Outcome::Unknown { .. } => Verdict::Failing,
        Outcome::Broken { .. } => Verdict::Broken,
        Outcome::TooMany { .. } | Outcome::NotTried { .. } => Verdict::Nothing,
    }
}

#[cfg(test)]
mod tests;
