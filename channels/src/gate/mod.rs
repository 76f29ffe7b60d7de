//! A gate around a provider: how many attempts at once, how fast, and none while it is ill.
//!
//! What the gate keeps back is answered with `NotTried` and a time to come back; it never lets a
//! caller wait for longer than its turn at the pace needs. It decides in turnstiles, which know no
//! clock and no provider.

mod circuit;
mod limits;
mod turnstile;
mod turnstiles;

use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use landfall_core::channel::Channel;
use landfall_core::time::Timestamp;
use tokio::time::Instant;

use crate::sms::SmsReport;
use crate::{Attempt, Inquiry, LoadKind, NoAnswer, Outcome, Parcel, Provider, Turn, Wait};

pub use limits::{CircuitLimits, Limits};

use circuit::Verdict;
use turnstile::TurnedAway;
use turnstiles::{Admitted, Turnstiles, WHOLE};

/// The shortest wait that a provider can ask for: "at once" after "too many" is no wish.
const ASKED_MIN: Duration = Duration::from_secs(1);

/// By which turnstile a parcel goes, and what it costs there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Toll {
    /// What shares limits and circuit: 0 for the provider as a whole, or one push service.
    pub turnstile: u64,
    /// What it takes of the pace, such as an SMS's segments; at least 1.
    pub cost: u32,
    /// To whom it goes, where one address can be refused without ours being wrong: what it alone
    /// brings then neither halts a turnstile nor prolongs a halt.
    pub address: Option<u64>,
}

impl Toll {
    /// One turnstile for all, and each parcel costs the same.
    pub fn single(_: &Parcel) -> Self {
        Self { turnstile: WHOLE, cost: 1, address: None }
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
    state: Mutex<Turnstiles>,
    /// Until then the provider asked that nobody puts a question to it.
    no_questions: Mutex<Duration>,
}

/// An attempt under way; says what became of it at the latest when it is dropped.
struct Permit<'a> {
    gate: &'a Gate,
    admitted: Admitted,
    verdict: Verdict,
}

impl Gate {
    /// Puts a provider behind limits; `toll` says by which turnstile each parcel goes.
    pub fn new(provider: Arc<dyn Provider>, limits: Limits, toll: fn(&Parcel) -> Toll) -> Self {
        Self {
            provider,
            limits,
            toll,
            start: Instant::now(),
            state: Mutex::default(),
            no_questions: Mutex::default(),
        }
    }

    /// Tells how it stands.
    pub fn standing(&self) -> Standing {
        self.state().standing()
    }

    fn admit(&self, toll: Toll) -> Result<Permit<'_>, TurnedAway> {
        let admitted = self.state().admit(&self.limits, self.start.elapsed(), toll)?;
        Ok(Permit { gate: self, admitted, verdict: Verdict::Nothing })
    }

    /// Makes the attempt of a permit, which has its place until the attempt ended or is dropped.
    async fn attempt(&self, mut permit: Permit<'_>, parcel: &Parcel) -> Outcome {
        let outcome = self.provider.send(parcel).await;
        permit.verdict = verdict(&outcome, permit.admitted.toll.address);
        outcome
    }

    /// Puts a question, unless the provider is halted or asked to be left alone.
    async fn question(
        &self,
        reference: &str,
        now: Timestamp,
    ) -> Result<Option<SmsReport>, NoAnswer> {
        let kept_back = |code: &str, after| NoAnswer { after, code: code.to_owned() };
        let since = self.start.elapsed();
        if self.state().is_halted(since) {
            return Err(kept_back("circuit open", None));
        }
        let left = self.no_questions().saturating_sub(since);
        if !left.is_zero() {
            return Err(kept_back("provider asked to wait", Some(left)));
        }
        let answer = self.provider.inquire(reference, now).await;
        if let Err(NoAnswer { after: Some(after), .. }) = &answer {
            let rest = (*after).min(self.limits.circuit.halt_max);
            let mut until = self.no_questions();
            *until = (*until).max(self.start.elapsed() + rest);
        }
        answer
    }

    fn no_questions(&self) -> MutexGuard<'_, Duration> {
        self.no_questions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, Turnstiles> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// Waits for its turn and tells for how long; the turnstile may have halted meanwhile.
    async fn turn(&self) -> Result<Duration, TurnedAway> {
        let (asked, begin) = (Instant::now(), self.gate.start + self.admitted.pass.at);
        if begin <= asked {
            return Ok(Duration::ZERO);
        }
        tokio::time::sleep_until(begin).await;
        let now = self.gate.start.elapsed();
        self.gate.state().still_admits(&self.gate.limits, now, self.admitted)?;
        Ok(asked.elapsed())
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let now = self.gate.start.elapsed();
        self.gate.state().settle(&self.gate.limits, now, self.admitted, self.verdict);
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
        self.state().room(&self.limits, self.start.elapsed()) as usize
    }

    fn is_healthy(&self) -> bool {
        self.state().is_any_open(self.start.elapsed()) && self.provider.is_healthy()
    }

    /// A question takes no place and none of the pace, and none is asked while the provider is
    /// halted; once a try is let through, a question is, too.
    fn inquire<'a>(&'a self, reference: &'a str, now: Timestamp) -> Inquiry<'a> {
        Box::pin(self.question(reference, now))
    }

    fn turn<'a>(&'a self, parcel: &'a Parcel) -> Wait<'a> {
        Box::pin(async move {
            let permit = match self.admit((self.toll)(parcel)) {
                Ok(permit) => permit,
                Err(away) => return not_tried(away),
            };
            match permit.turn().await {
                Ok(waited) => Turn { waited, attempt: Box::pin(self.attempt(permit, parcel)) },
                Err(away) => not_tried(away),
            }
        })
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> Attempt<'a> {
        Box::pin(async move { self.turn(parcel).await.attempt.await })
    }
}

/// Nothing goes out, so that nobody has to look at anything again.
fn not_tried<'a>(TurnedAway { after, code }: TurnedAway) -> Turn<'a> {
    let outcome = Outcome::NotTried { after, code: code.to_owned() };
    Turn { waited: Duration::ZERO, attempt: Box::pin(ready(outcome)) }
}

fn verdict(outcome: &Outcome, address: Option<u64>) -> Verdict {
    match outcome {
        Outcome::Sent { .. }
        | Outcome::Gone { .. }
        | Outcome::OptedOut { .. }
        | Outcome::Refused { .. } => Verdict::Well,
        Outcome::Later { after: Some(after), .. } => Verdict::Asked((*after).max(ASKED_MIN)),
        Outcome::Later { after: None, .. } | Outcome::Unknown { .. } => Verdict::Failing,
        Outcome::Broken { .. } => Verdict::Broken { address },
        Outcome::TooMany { .. } | Outcome::NotTried { .. } => Verdict::Nothing,
    }
}

#[cfg(test)]
mod tests;
