//! One turnstile through a gate: circuit, places, pace and ramp together, without a clock.
//!
//! `now` counts from the start of the gate. Must never make a caller wait longer than its
//! patience: who would have to is told when to come back, each at a time of its own.

use std::time::Duration;

use super::circuit::{Circuit, Reopened, Verdict, Why};
use super::limits::Limits;

/// What a turnstile begins with after a rest, as a part of its limits; after a halt it is nothing.
const FIRST_PART: f64 = 0.125;
/// How much slower a ramp is above its knee: where the provider asked to wait, too much is near.
const SLOWER: f64 = 0.1;
/// The slowest that a ramp makes the pace.
const PACE_PART_MIN: f64 = 0.02;
/// Where no pace is set, those turned away come back at this distance.
const STEP: Duration = Duration::from_millis(1);
/// When it is worth asking again for a place, or after the one attempt that tries.
const BUSY: Duration = Duration::from_millis(250);
/// The farthest that those turned away are spread.
const SPREAD_MAX: Duration = Duration::from_secs(60 * 60);

/// An attempt that was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pass {
    /// When it may begin.
    pub(super) at: Duration,
    /// The circuit's round that it belongs to.
    pub(super) round: u64,
}

/// An attempt that was not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TurnedAway {
    pub(super) after: Duration,
    pub(super) code: &'static str,
}

/// How a turnstile comes to its full limits.
#[derive(Debug, Clone, Copy)]
struct Ramp {
    from: Duration,
    /// The part of the limits that it began with.
    part: f64,
    /// The part above which it grows slowly.
    knee: f64,
}

/// What one turnstile remembers.
#[derive(Debug, Clone)]
pub(super) struct Turnstile {
    circuit: Circuit,
    under_way: u32,
    /// When the next attempt may begin at the pace.
    next: Duration,
    /// Up to when those turned away have been given times to come back.
    spread: Duration,
    ramp: Option<Ramp>,
    /// Half of the part of the limits at which the provider asked to wait.
    knee: f64,
    last_used: Duration,
    /// When somebody last asked for it, with or without being let through.
    last_asked: Duration,
    /// Whether it has answered well, once at least.
    is_known: bool,
}

impl Turnstile {
    pub(super) fn new() -> Self {
        let zero = Duration::ZERO;
        Self {
            circuit: Circuit::new(),
            under_way: 0,
            next: zero,
            spread: zero,
            ramp: None,
            knee: 1.0,
            last_used: zero,
            last_asked: zero,
            is_known: false,
        }
    }

    /// Lets an attempt through, or says when it should come back.
    pub(super) fn admit(
        &mut self,
        limits: &Limits,
        now: Duration,
        cost: u32,
    ) -> Result<Pass, TurnedAway> {
        self.last_asked = now;
        self.begin_ramp(limits, now);
        let was_closed = self.circuit.is_closed();
        let part = self.part(limits, now);
        if was_closed && self.under_way >= places(limits, part) {
            return Err(self.turn_away(limits, now, now + BUSY, cost, "busy"));
        }
        let at = self.next.max(now);
        if was_closed && at - now > limits.patience {
            return Err(self.turn_away(limits, now, at, cost, "paced"));
        }
        let round = match self.circuit.admit(now) {
            Ok(round) => round,
            Err((until, why)) => return Err(self.halted(limits, now, until, why, cost)),
        };
        self.next = at + interval(limits, part).saturating_mul(cost);
        self.under_way += 1;
        self.last_used = now;
        Ok(Pass { at: if was_closed { at } else { now }, round })
    }

    /// Says how many attempts of cost 1 would be let through now.
    pub(super) fn room(&self, limits: &Limits, now: Duration) -> u32 {
        if !self.circuit.is_closed() {
            // Without this one it would stay halted for ever.
            return u32::from(self.circuit.wants_a_try(now));
        }
        let mut soon = self.clone();
        soon.begin_ramp(limits, now);
        let part = soon.part(limits, now);
        let free = places(limits, part).saturating_sub(self.under_way);
        let Some(left) = (now + limits.patience).checked_sub(self.next.max(now)) else {
            return 0;
        };
        match interval(limits, part) {
            Duration::ZERO => free,
            step => free.min((left.div_duration_f64(step) as u32).saturating_add(1)),
        }
    }

    /// Says again, after the wait for its turn, whether an attempt may begin.
    pub(super) fn still_admits(
        &mut self,
        limits: &Limits,
        now: Duration,
        pass: Pass,
        cost: u32,
    ) -> Result<(), TurnedAway> {
        if self.circuit.still_admits(pass.round) {
            return Ok(());
        }
        Err(self.turn_away(limits, now, now + BUSY, cost, "halted while waiting"))
    }

    /// Takes what an attempt said; it is no longer under way.
    pub(super) fn settle(&mut self, limits: &Limits, now: Duration, pass: Pass, verdict: Verdict) {
        self.under_way = self.under_way.saturating_sub(1);
        (self.last_used, self.last_asked) = (now, now);
        self.is_known |= verdict == Verdict::Well;
        let was_closed = self.circuit.is_closed();
        let reopened = self.circuit.settle(&limits.circuit, now, pass.round, verdict);
        if was_closed && !self.circuit.is_closed() {
            self.knee = match verdict {
                Verdict::Asked(_) => self.part(limits, now) / 2.0,
                _ => 1.0,
            };
        }
        if reopened == Reopened::Yes {
            self.ramp = Some(Ramp { from: now, part: 0.0, knee: self.knee });
        }
    }

    /// Says whether forgetting it changes nothing of weight: it has nothing to remember, or nobody
    /// asked for it while the longest halt would have gone by.
    pub(super) fn is_idle(&self, limits: &Limits, now: Duration) -> bool {
        let is_fresh = self.circuit.is_fresh() && self.next <= now;
        self.under_way == 0 && (is_fresh || self.unused(now) > limits.circuit.halt_max)
    }

    /// Says how long nobody has asked for it.
    pub(super) fn unused(&self, now: Duration) -> Duration {
        now.saturating_sub(self.last_asked)
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.under_way > 0
    }

    pub(super) fn is_known(&self) -> bool {
        self.is_known
    }

    pub(super) fn lets_nothing_through(&self, now: Duration) -> bool {
        self.is_halted() && !self.circuit.wants_a_try(now)
    }

    pub(super) fn is_halted(&self) -> bool {
        !self.circuit.is_closed()
    }

    fn halted(
        &mut self,
        limits: &Limits,
        now: Duration,
        until: Duration,
        why: Why,
        cost: u32,
    ) -> TurnedAway {
        self.turn_away(limits, now, until.max(now + BUSY), cost, why.code())
    }

    /// Gives each of those turned away a time of its own, as the pace allows.
    fn turn_away(
        &mut self,
        limits: &Limits,
        now: Duration,
        not_before: Duration,
        cost: u32,
        code: &'static str,
    ) -> TurnedAway {
        let step = if limits.per_second == 0 { STEP } else { interval(limits, 1.0) };
        let from = self.spread.min(now + SPREAD_MAX).max(not_before);
        self.spread = from + step.saturating_mul(cost);
        TurnedAway { after: from - now, code }
    }

    /// A turnstile that rested for as long as its ramp lasts begins anew, though not from nothing:
    /// single messages after a rest are the usual case.
    fn begin_ramp(&mut self, limits: &Limits, now: Duration) {
        let rested = self.under_way == 0 && now.saturating_sub(self.last_used) > limits.ramp;
        if self.ramp.is_none() || rested {
            self.ramp = Some(Ramp { from: now, part: FIRST_PART, knee: 1.0 });
        }
    }

    /// The part of the limits that holds now.
    fn part(&self, limits: &Limits, now: Duration) -> f64 {
        match self.ramp {
            Some(ramp) if !limits.ramp.is_zero() => {
                let since = now.saturating_sub(ramp.from);
                let part = ramp.part + since.div_duration_f64(limits.ramp);
                let above = (part - ramp.knee).max(0.0);
                (part - above + above * SLOWER).min(1.0)
            }
            _ => 1.0,
        }
    }
}

fn places(limits: &Limits, part: f64) -> u32 {
    (f64::from(limits.at_once) * part).ceil().max(1.0) as u32
}

/// The distance between two attempts of cost 1.
fn interval(limits: &Limits, part: f64) -> Duration {
    match limits.per_second {
        0 => Duration::ZERO,
        rate => Duration::from_secs_f64(1.0 / (f64::from(rate) * part.max(PACE_PART_MIN))),
    }
}

#[cfg(test)]
mod tests;
