//! One configured key set as it stands: its keys, and when it was last asked for.
//!
//! Must never lose the last good keys because of a fetch that failed.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::SetKey;
use super::document::{self, NoKeySet};
use crate::auth::Alg;

/// How trustworthy a set's content is at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// The last fetch succeeded.
    Fresh,
    /// The last fetch failed; the keys of an earlier one are in use.
    Stale,
    /// There are no keys yet.
    Empty,
}

/// The keys behind one `jwks_url`.
pub struct KeySet {
    id: String,
    alg: Alg,
    url: String,
    keys: RwLock<Option<Arc<[SetKey]>>>,
    state: Mutex<State>,
    wanted: Notify,
    /// Counts fetches that have ended, well or not.
    ended: watch::Sender<u64>,
}

/// How fetching stands.
#[derive(Debug, Default)]
struct State {
    /// A fetch is under way, or was asked for and begins at once.
    is_coming: bool,
    has_failed: bool,
    /// Until then a token alone brings no fetch about.
    rests_until: Option<Instant>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl KeySet {
    pub(in crate::auth) fn new(id: String, alg: Alg, url: String) -> Arc<Self> {
        Arc::new(Self {
            id,
            alg,
            url,
            keys: RwLock::default(),
            state: Mutex::default(),
            wanted: Notify::new(),
            ended: watch::channel(0).0,
        })
    }

    /// Returns the id of the configured key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the one algorithm whose keys are taken.
    pub fn alg(&self) -> Alg {
        self.alg
    }

    /// Returns where the set is fetched from.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Tells how its content stands.
    pub fn freshness(&self) -> Freshness {
        match (self.keys().is_some(), lock(&self.state).has_failed) {
            (false, _) => Freshness::Empty,
            (true, true) => Freshness::Stale,
            (true, false) => Freshness::Fresh,
        }
    }

    /// Counts the keys in use.
    pub fn len(&self) -> usize {
        self.keys().map_or(0, |keys| keys.len())
    }

    /// Tells whether there is no key in use.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the keys in use; `None` as long as none were ever fetched.
    pub(in crate::auth) fn keys(&self) -> Option<Arc<[SetKey]>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for a fetch because a token names a key that is not here. Says whether one is on its way; it is not when the
    /// last has only just ended, so that junk cannot make this server hammer the issuer.
    pub(in crate::auth) fn ask(&self) -> bool {
        let mut state = lock(&self.state);
        let now = Instant::now();
        if !state.is_coming && state.rests_until.is_none_or(|rest| rest <= now) {
            state.is_coming = true;
            self.wanted.notify_one();
        }
        state.is_coming
    }

    /// Waits for the end of the fetch that is on its way, if one is.
    pub(in crate::auth) fn coming(&self) -> Option<impl Future<Output = ()> + use<>> {
        let mut ended = self.ended.subscribe();
        let wait = async move {
            let _ = ended.changed().await;
        };
        lock(&self.state).is_coming.then_some(wait)
    }

    /// Takes a document's keys in place of those in use. A document without any that suits is refused: an issuer's
    /// mishap would otherwise log everybody out.
    pub(super) fn take(&self, document: &[u8]) -> Result<(), NoKeySet> {
        let found = document::read(document, self.alg)?;
        let (count, left_out) = (found.keys.len(), found.left_out);
        if count == 0 {
            return Err(NoKeySet::NoneFits);
        }
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(found.keys.into());
        tracing::debug!(key = self.id, count, left_out, "a key set was read");
        Ok(())
    }

    pub(super) async fn is_wanted(&self) {
        self.wanted.notified().await;
    }

    pub(super) fn begins(&self) {
        lock(&self.state).is_coming = true;
        // Who asked before this fetch began is served by it.
        let _ = self.wanted.notified().now_or_never();
    }

    pub(super) fn ends(&self, outcome: Outcome, rest: Duration) {
        *lock(&self.state) = State {
            is_coming: false,
            has_failed: outcome == Outcome::Failed,
            rests_until: Some(Instant::now() + rest),
        };
        self.ended.send_modify(|count| *count += 1);
    }
}

/// How a fetch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Taken,
    Failed,
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet")
            .field("id", &self.id)
            .field("alg", &self.alg)
            .finish_non_exhaustive()
    }
}
