//! Whether a turnstile is open for attempts, as a state machine without a clock.
//!
//! `now` counts from any start that stays the same. Must never let more than one attempt through
//! after a halt until that one has shown that the provider is well.

use std::collections::VecDeque;
use std::time::Duration;

use super::limits::CircuitLimits;

/// What an attempt said about the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It works, whatever it answered.
    Well,
    /// It did not answer, or that it is ill.
    Failing,
    /// It refuses our credentials or settings, by its word to an address where that matters.
    Broken { address: Option<u64> },
    /// It asked to be left alone for so long.
    Asked(Duration),
    /// The attempt was given up or not made, or its answer was about one address alone.
    Nothing,
}

/// Why a turnstile is halted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Failing,
    Broken,
    Asked,
}

impl Why {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Failing => "circuit open",
            Self::Broken => "circuit open: credentials",
            Self::Asked => "provider asked to wait",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open {
        until: Duration,
        why: Why,
    },
    /// One attempt is under way to see whether the provider is well again.
    Trying {
        why: Why,
    },
}

/// One turnstile's circuit breaker.
#[derive(Debug, Clone)]
pub(super) struct Circuit {
    state: State,
    /// Counts the changes of state: what was let through in an earlier one no longer decides.
    round: u64,
    /// The last outcomes while closed, the latest in the lowest bit; 1 is a failure.
    history: u32,
    seen: u32,
    /// To whom it said in a row that our credentials are wrong, each address once.
    broken_to: VecDeque<Option<u64>>,
    /// Halts in a row without a good try in between.
    halts: u32,
}

/// How many of the last outcomes are looked at.
const LOOKED_AT: u32 = 20;
/// How many addresses are remembered that were told that our credentials are wrong.
const BROKEN_TO_MAX: usize = 64;

impl Circuit {
    pub(super) fn new() -> Self {
        let state = State::Closed;
        Self { state, round: 0, history: 0, seen: 0, broken_to: VecDeque::new(), halts: 0 }
    }

    /// Lets an attempt through and gives its round, or says until when and why not.
    pub(super) fn admit(&mut self, now: Duration) -> Result<u64, (Duration, Why)> {
        match self.state {
            State::Closed => Ok(self.round),
            State::Open { until, why } if until <= now => {
                self.enter(State::Trying { why });
                Ok(self.round)
            }
            State::Open { until, why } => Err((until, why)),
            State::Trying { why } => Err((now, why)),
        }
    }

    /// Says whether an attempt that was let through earlier may still begin.
    pub(super) fn still_admits(&self, round: u64) -> bool {
        self.round == round
    }

    /// Says whether one attempt, and no more, would be let through to see how the provider is.
    pub(super) fn wants_a_try(&self, now: Duration) -> bool {
        matches!(self.state, State::Open { until, .. } if until <= now)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Says whether forgetting it changes nothing.
    pub(super) fn is_fresh(&self) -> bool {
        self.is_closed() && self.history == 0 && self.broken_to.is_empty() && self.halts == 0
    }

    /// Takes what an attempt said; gives true when the turnstile has just closed again.
    pub(super) fn settle(
        &mut self,
        limits: &CircuitLimits,
        now: Duration,
        round: u64,
        verdict: Verdict,
    ) -> Reopened {
        let is_current = round == self.round;
        match (self.state, verdict) {
            // Attempts that were under way together may each bring the same word.
            (State::Open { until, .. }, Verdict::Asked(wait)) => {
                let until = until.max(now + wait.min(limits.halt_max));
                self.state = State::Open { until, why: Why::Asked };
            }
            (_, Verdict::Asked(wait)) if is_current => {
                let until = now + wait.min(limits.halt_max);
                self.enter(State::Open { until, why: Why::Asked });
            }
            (State::Closed, verdict) if is_current => self.note(limits, now, verdict),
            (State::Trying { why }, verdict) if is_current => {
                return self.tried(limits, now, verdict, why);
            }
            _ => {}
        }
        Reopened::No
    }

    fn note(&mut self, limits: &CircuitLimits, now: Duration, verdict: Verdict) {
        let failed = match verdict {
            Verdict::Well => 0,
            Verdict::Broken { address } if !self.is_news(address) => return,
            Verdict::Failing | Verdict::Broken { .. } => 1,
            Verdict::Asked(_) | Verdict::Nothing => return,
        };
        self.history = self.history << 1 | failed;
        self.seen = (self.seen + 1).min(LOOKED_AT);
        if !matches!(verdict, Verdict::Broken { .. }) {
            self.broken_to.clear();
        } else if self.broken_to.len() >= (limits.broken as usize).clamp(1, BROKEN_TO_MAX) {
            return self.halt(limits, now, Why::Broken);
        }
        let lately = self.history & ((1 << LOOKED_AT) - 1);
        let is_half = self.seen == LOOKED_AT && lately.count_ones() >= LOOKED_AT / 2;
        if self.history.trailing_ones() >= limits.failures.clamp(1, u32::BITS) || is_half {
            self.halt(limits, now, Why::Failing);
        }
    }

    fn tried(
        &mut self,
        limits: &CircuitLimits,
        now: Duration,
        verdict: Verdict,
        why: Why,
    ) -> Reopened {
        match verdict {
            Verdict::Well => {
                self.enter(State::Closed);
                (self.history, self.seen, self.halts) = (0, 0, 0);
                self.broken_to.clear();
                return Reopened::Yes;
            }
            // The next one tries at once.
            Verdict::Nothing => self.enter(State::Open { until: now, why }),
            Verdict::Broken { address } if !self.is_news(address) => {
                self.enter(State::Open { until: now, why });
            }
            Verdict::Broken { .. } => self.halt(limits, now, Why::Broken),
            Verdict::Failing | Verdict::Asked(_) => self.halt(limits, now, Why::Failing),
        }
        Reopened::No
    }

    /// Notes who was told that our credentials are wrong; gives whether that says anything new.
    fn is_news(&mut self, address: Option<u64>) -> bool {
        if address.is_some() && self.broken_to.contains(&address) {
            return false;
        }
        self.broken_to.push_back(address);
        if self.broken_to.len() > BROKEN_TO_MAX {
            self.broken_to.pop_front();
        }
        true
    }

    fn halt(&mut self, limits: &CircuitLimits, now: Duration, why: Why) {
        let doubled = limits.halt.saturating_mul(1 << self.halts.min(16));
        self.halts += 1;
        self.enter(State::Open { until: now + doubled.min(limits.halt_max), why });
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.round += 1;
    }
}

/// Whether a turnstile has just become open for all again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reopened {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: CircuitLimits = CircuitLimits {
        failures: 3,
        broken: 2,
        halt: Duration::from_secs(10),
        halt_max: Duration::from_secs(35),
    };

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Lets one attempt through and settles it.
    fn attempt(circuit: &mut Circuit, at: u64, verdict: Verdict) -> Reopened {
        let round = circuit.admit(s(at)).expect("it is let through");
        circuit.settle(&LIMITS, s(at), round, verdict)
    }

    fn attempts(verdicts: &[Verdict]) -> Circuit {
        let mut circuit = Circuit::new();
        for verdict in verdicts {
            attempt(&mut circuit, 0, *verdict);
        }
        circuit
    }

    use Verdict::{Asked, Failing, Nothing, Well};

    const BROKEN: Verdict = Verdict::Broken { address: None };

    fn broken_to(address: u64) -> Verdict {
        Verdict::Broken { address: Some(address) }
    }

    #[test]
    fn failures_in_a_row_halt_it() {
        assert!(attempts(&[Failing, Failing, Well, Failing, Failing, Nothing]).is_closed());
        let mut halted = attempts(&[Failing, Failing, Failing]);
        assert_eq!(halted.admit(s(9)), Err((s(10), Why::Failing)));
        assert!(halted.admit(s(10)).is_ok());
    }

    #[test]
    fn half_of_the_last_twenty_halts_it() {
        let pairs = |count: usize| [Failing, Well].repeat(count);
        assert!(attempts(&pairs(9)).is_closed());
        assert!(!attempts(&pairs(10)).is_closed());
        assert!(attempts(&[Well, Well, Failing].repeat(30)).is_closed());
    }

    #[test]
    fn wrong_credentials_have_a_count_of_their_own() {
        assert!(attempts(&[BROKEN, Well, BROKEN]).is_closed());
        let mut halted = attempts(&[BROKEN, BROKEN]);
        assert_eq!(halted.admit(s(0)), Err((s(10), Why::Broken)));
    }

    #[test]
    fn what_one_address_brings_neither_halts_it_nor_prolongs_a_halt() {
        let mut circuit = attempts(&[broken_to(1)].repeat(30));
        assert!(circuit.is_closed());
        attempt(&mut circuit, 0, broken_to(2));
        assert_eq!(circuit.admit(s(9)), Err((s(10), Why::Broken)));
        attempt(&mut circuit, 10, broken_to(1));
        attempt(&mut circuit, 10, broken_to(2));
        assert!(circuit.clone().admit(s(10)).is_ok(), "the next one tries at once");
        attempt(&mut circuit, 10, broken_to(3));
        assert_eq!(circuit.admit(s(29)), Err((s(30), Why::Broken)));
        attempt(&mut circuit, 30, Well);
        assert!(circuit.is_fresh());
    }

    #[test]
    fn one_attempt_tries_and_its_success_opens_for_all() {
        let mut circuit = attempts(&[Failing, Failing, Failing]);
        let round = circuit.admit(s(10)).expect("the first one tries");
        assert_eq!(circuit.admit(s(10)), Err((s(10), Why::Failing)));
        assert_eq!(circuit.settle(&LIMITS, s(11), round, Well), Reopened::Yes);
        assert!(circuit.is_fresh());
        assert!(circuit.admit(s(11)).is_ok() && circuit.admit(s(11)).is_ok());
    }

    #[test]
    fn each_failed_try_doubles_the_halt_up_to_the_longest() {
        let mut circuit = attempts(&[Failing, Failing, Failing]);
        let mut ends = Vec::new();
        for _ in 0..4 {
            let (until, _) = circuit.admit(Duration::ZERO).expect_err("it is halted");
            ends.push(until.as_secs());
            let round = circuit.admit(until).expect("it is tried");
            circuit.settle(&LIMITS, until, round, Failing);
        }
        assert_eq!(ends, [10, 30, 65, 100]);
    }

    #[test]
    fn a_try_that_was_given_up_lets_the_next_one_try() {
        let mut circuit = attempts(&[Failing, Failing, Failing]);
        attempt(&mut circuit, 10, Nothing);
        assert!(circuit.admit(s(10)).is_ok());
    }

    #[test]
    fn the_providers_word_halts_it_at_once_and_the_longest_counts() {
        let mut circuit = Circuit::new();
        let rounds = [(); 3].map(|()| circuit.admit(s(0)).expect("all are let through"));
        for (round, wait) in rounds.into_iter().zip([5, 20, 7]) {
            circuit.settle(&LIMITS, s(1), round, Asked(s(wait)));
        }
        assert_eq!(circuit.admit(s(1)), Err((s(21), Why::Asked)));
    }

    #[test]
    fn no_word_of_a_provider_halts_it_for_longer_than_the_longest() {
        let mut circuit = attempts(&[Asked(Duration::MAX)]);
        assert_eq!(circuit.admit(s(0)), Err((s(35), Why::Asked)));
    }

    #[test]
    fn what_was_under_way_before_a_halt_neither_ends_nor_prolongs_it() {
        let mut circuit = Circuit::new();
        let rounds = [(); 5].map(|()| circuit.admit(s(0)).expect("all are let through"));
        for (round, verdict) in rounds.into_iter().zip([Failing, Failing, Failing, Well, Failing]) {
            circuit.settle(&LIMITS, s(0), round, verdict);
        }
        assert_eq!(circuit.admit(s(9)), Err((s(10), Why::Failing)));
    }
}
