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
mod tests {
    use super::*;
    use crate::gate::limits::CircuitLimits;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn limits(at_once: u32, per_second: u32, ramp: Duration) -> Limits {
        let circuit = CircuitLimits { failures: 3, ..CircuitLimits::default() };
        Limits { at_once, at_once_total: 1_000, per_second, ramp, patience: ms(500), circuit }
    }

    /// Asks so many times at one time: how many were let through, and when the others come back.
    fn ask(
        turnstile: &mut Turnstile,
        limits: &Limits,
        now: Duration,
        times: u32,
    ) -> (usize, Vec<Duration>) {
        let asked = (0..times).map(|_| turnstile.admit(limits, now, 1));
        let (passes, away): (Vec<_>, Vec<_>) = asked.partition(Result::is_ok);
        (passes.len(), away.into_iter().filter_map(Result::err).map(|away| away.after).collect())
    }

    #[test]
    fn no_more_than_its_places_are_under_way() {
        let limits = limits(3, 0, Duration::ZERO);
        let mut turnstile = Turnstile::new();
        let pass = turnstile.admit(&limits, ms(0), 1).expect("there is room");
        let (passed, away) = ask(&mut turnstile, &limits, ms(0), 4);
        assert_eq!((passed, away), (2, vec![ms(250), ms(251)]));
        turnstile.settle(&limits, ms(1), pass, Verdict::Well);
        assert_eq!(ask(&mut turnstile, &limits, ms(1), 2).0, 1);
    }

    #[test]
    fn a_pace_is_even_and_those_beyond_patience_come_back_one_by_one() {
        let limits = limits(100, 10, Duration::ZERO);
        let mut turnstile = Turnstile::new();
        let begins = [(); 6].map(|()| turnstile.admit(&limits, ms(0), 1).map(|pass| pass.at));
        assert_eq!(begins, [0, 100, 200, 300, 400, 500].map(|at| Ok(ms(at))));
        assert_eq!(ask(&mut turnstile, &limits, ms(0), 3).1, [ms(600), ms(700), ms(800)]);
        let pass = turnstile.admit(&limits, ms(600), 1).expect("its time has come");
        assert_eq!(pass.at, ms(600));
    }

    #[test]
    fn what_costs_more_takes_more_of_the_pace() {
        let limits = limits(100, 10, Duration::ZERO);
        let mut turnstile = Turnstile::new();
        let mut begin = |cost| turnstile.admit(&limits, ms(0), cost).map(|pass| pass.at);
        assert_eq!([begin(3), begin(1), begin(1)], [Ok(ms(0)), Ok(ms(300)), Ok(ms(400))]);
    }

    #[test]
    fn room_is_as_many_as_would_be_let_through() {
        let check = |limits: &Limits, turnstile: &Turnstile, at: u64| {
            let room = turnstile.room(limits, ms(at));
            let (passed, _) = ask(&mut turnstile.clone(), limits, ms(at), 500);
            assert_eq!(room as usize, passed, "at {at} ms");
            room
        };
        for limits in [
            limits(3, 0, Duration::ZERO),
            limits(64, 0, ms(8_000)),
            limits(100, 10, Duration::ZERO),
            limits(100, 40, ms(8_000)),
        ] {
            let mut turnstile = Turnstile::new();
            check(&limits, &turnstile, 0);
            let [first, second] =
                [(); 2].map(|()| turnstile.admit(&limits, ms(0), 1).expect("room"));
            check(&limits, &turnstile, 0);
            turnstile.settle(&limits, ms(100), first, Verdict::Well);
            check(&limits, &turnstile, 100);
            turnstile.settle(&limits, ms(200), second, Verdict::Asked(ms(5_000)));
            assert_eq!(check(&limits, &turnstile, 5_199), 0);
            assert_eq!(check(&limits, &turnstile, 5_200), 1);
            let pass = turnstile.admit(&limits, ms(5_200), 1).expect("one tries");
            assert_eq!(check(&limits, &turnstile, 5_200), 0);
            turnstile.settle(&limits, ms(5_300), pass, Verdict::Well);
            assert!(check(&limits, &turnstile, 9_000) > 0);
        }
    }

    #[test]
    fn a_ramp_opens_more_and_more_places() {
        let limits = limits(64, 0, ms(8_000));
        let places = |at: u64| {
            let mut turnstile = Turnstile::new();
            let pass = turnstile.admit(&limits, ms(0), 1).expect("the first one passes");
            turnstile.settle(&limits, ms(at), pass, Verdict::Well);
            ask(&mut turnstile, &limits, ms(at), 100).0
        };
        assert_eq!([0, 1_000, 4_000, 7_000, 8_000].map(places), [8, 16, 40, 64, 64]);
        // It rested for longer than the ramp lasts.
        assert_eq!(places(8_000 * 2), 64);
        let mut turnstile = Turnstile::new();
        let pass = turnstile.admit(&limits, ms(0), 1).expect("the first one passes");
        turnstile.settle(&limits, ms(0), pass, Verdict::Well);
        assert_eq!(ask(&mut turnstile, &limits, ms(8_001), 100).0, 8);
    }

    #[test]
    fn after_a_halt_one_tries_and_the_ramp_begins_with_nothing() {
        let limits = limits(64, 0, ms(8_000));
        let mut turnstile = Turnstile::new();
        let pass = turnstile.admit(&limits, ms(0), 1).expect("it passes");
        turnstile.settle(&limits, ms(0), pass, Verdict::Asked(ms(5_000)));
        let away = ask(&mut turnstile, &limits, ms(1_000), 3);
        assert_eq!(away, (0, vec![ms(4_000), ms(4_001), ms(4_002)]));
        let pass = turnstile.admit(&limits, ms(5_000), 1).expect("one tries");
        assert_eq!(ask(&mut turnstile, &limits, ms(5_000), 5).0, 0);
        turnstile.settle(&limits, ms(5_100), pass, Verdict::Well);
        assert_eq!(ask(&mut turnstile, &limits, ms(5_100), 5).0, 1);
        assert_eq!(ask(&mut turnstile, &limits, ms(5_600), 20).0, 3);
        // Above half of what was too much, an eighth of the places, it grows a tenth as fast.
        assert_eq!(ask(&mut turnstile, &limits, ms(6_100), 20).0, 1);
        assert_eq!(ask(&mut turnstile, &limits, ms(11_100), 20).0, 4);
    }

    #[test]
    fn what_waited_for_its_turn_while_the_turnstile_halted_is_turned_away() {
        let limits = limits(64, 10, Duration::ZERO);
        let mut turnstile = Turnstile::new();
        let [first, second] =
            [(); 2].map(|()| turnstile.admit(&limits, ms(0), 1).expect("they pass"));
        assert_eq!(turnstile.still_admits(&limits, ms(0), second, 1), Ok(()));
        turnstile.settle(&limits, ms(50), first, Verdict::Asked(ms(5_000)));
        assert!(turnstile.still_admits(&limits, ms(100), second, 1).is_err());
    }

    #[test]
    fn a_turnstile_is_idle_when_it_has_nothing_to_remember() {
        let limits = limits(64, 0, Duration::ZERO);
        let mut turnstile = Turnstile::new();
        let pass = turnstile.admit(&limits, ms(0), 1).expect("it passes");
        assert!(!turnstile.is_idle(&limits, ms(0)));
        turnstile.settle(&limits, ms(1), pass, Verdict::Well);
        assert!(turnstile.is_idle(&limits, ms(1)));
        let pass = turnstile.admit(&limits, ms(1), 1).expect("it passes");
        turnstile.settle(&limits, ms(1), pass, Verdict::Failing);
        assert!(!turnstile.is_idle(&limits, ms(2)));
        let longest = limits.circuit.halt_max + ms(1);
        assert!(!turnstile.is_idle(&limits, longest));
        assert!(turnstile.is_idle(&limits, longest + ms(1)));
        turnstile.admit(&limits, longest, 1).expect("it passes");
        assert!(!turnstile.is_idle(&limits, longest * 3));
    }
}
