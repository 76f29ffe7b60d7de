//! A provider that answers from a script and remembers what it was given; for tests.
//!
//! Behind the feature `scripted`, so that no server can be configured with it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use landfall_core::channel::Channel;
use tokio::sync::{Semaphore, watch};

use crate::{Attempt, LoadKind, Outcome, Parcel, Provider, Turn, Wait};

/// A provider whose answers are written beforehand.
pub struct Scripted {
    name: &'static str,
    channel: Channel,
    takes: fn(LoadKind) -> bool,
    state: Mutex<State>,
    /// How many of the attempts that are held may be answered.
    released: Semaphore,
    begun: watch::Sender<usize>,
    /// How many of the turns that are held may come.
    turns: Semaphore,
    asked: watch::Sender<usize>,
}

struct State {
    script: VecDeque<Outcome>,
    otherwise: Outcome,
    parcels: Vec<Parcel>,
    holds: bool,
    /// For how long the attempts whose turn is held are said to have waited.
    waits: Option<Duration>,
}

impl Scripted {
    /// Takes the loads of which `takes` says so, and answers each with `Sent`.
    pub fn new(name: &'static str, channel: Channel, takes: fn(LoadKind) -> bool) -> Self {
        let otherwise = Outcome::Sent { reference: None, code: "scripted".to_owned() };
        let state = State {
            script: VecDeque::new(),
            otherwise,
            parcels: Vec::new(),
            holds: false,
            waits: None,
        };
        let (released, begun) = (Semaphore::new(0), watch::Sender::new(0));
        let (turns, asked) = (Semaphore::new(0), watch::Sender::new(0));
        Self { name, channel, takes, state: Mutex::new(state), released, begun, turns, asked }
    }

    /// Adds answers for the next attempts, in their order.
    pub fn answers(&self, outcomes: impl IntoIterator<Item = Outcome>) {
        self.state().script.extend(outcomes);
    }

    /// Sets what is answered when the script has come to its end.
    pub fn answers_otherwise(&self, outcome: Outcome) {
        self.state().otherwise = outcome;
    }

    /// Leaves every attempt that begins from now on unanswered until released.
    pub fn hold(&self) {
        self.state().holds = true;
    }

    /// Lets so many held attempts be answered.
    pub fn release(&self, attempts: usize) {
        self.released.add_permits(attempts);
    }

    /// Holds no attempt that begins from now on.
    pub fn resume(&self) {
        self.state().holds = false;
    }

    /// Lets every attempt from now on wait for its turn, which is said to have taken so long.
    pub fn hold_turns(&self, waited: Duration) {
        self.state().waits = Some(waited);
    }

    /// Lets so many turns come.
    pub fn release_turns(&self, turns: usize) {
        self.turns.add_permits(turns);
    }

    /// Waits until so many attempts wait for their turn, or did.
    pub async fn until_asked(&self, attempts: usize) {
        let mut asked = self.asked.subscribe();
        let waited = asked.wait_for(|asked| *asked >= attempts).await;
        waited.expect("the sender lives as long as self");
    }

    /// Gives what it was given so far.
    pub fn parcels(&self) -> Vec<Parcel> {
        self.state().parcels.clone()
    }

    /// Counts the attempts that have begun.
    pub fn begun(&self) -> usize {
        *self.begun.borrow()
    }

    /// Waits until so many attempts have begun.
    pub async fn until_begun(&self, attempts: usize) {
        let mut begun = self.begun.subscribe();
        let waited = begun.wait_for(|begun| *begun >= attempts).await;
        waited.expect("the sender lives as long as self");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Provider for Scripted {
    fn name(&self) -> &'static str {
        self.name
    }

    fn channel(&self) -> Channel {
        self.channel
    }

    fn takes(&self, kind: LoadKind) -> bool {
        (self.takes)(kind)
    }

    fn turn<'a>(&'a self, parcel: &'a Parcel) -> Wait<'a> {
        Box::pin(async move {
            let waits = self.state().waits;
            if waits.is_some() {
                self.asked.send_modify(|asked| *asked += 1);
                let turn = self.turns.acquire().await;
                turn.expect("nobody closes it").forget();
            }
            Turn { waited: waits.unwrap_or_default(), attempt: self.send(parcel) }
        })
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> Attempt<'a> {
        Box::pin(async move {
            let holds = {
                let mut state = self.state();
                state.parcels.push(parcel.clone());
                state.holds
            };
            self.begun.send_modify(|begun| *begun += 1);
            if holds {
                let place = self.released.acquire().await;
                place.expect("nobody closes it").forget();
            }
            let mut state = self.state();
            let scripted = state.script.pop_front();
            scripted.unwrap_or_else(|| state.otherwise.clone())
        })
    }
}
