//! Whether the store takes work: told by what becomes of writes, and asked at most once a second
//! however many want to know.
//!
//! Must say what is wrong in words that tell an outsider nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use landfall_core::id::Tenant;
use landfall_core::time::Timestamp;
use landfall_store::{Answer, IdempotencyKey, Receipt, StoreError, Unit, Write};
use tokio::time::Instant;

use super::Services;

/// How long the store may take to answer, and for how long the answer counts.
const FRESH: Duration = Duration::from_secs(1);

/// What a trial takes, about as much as the largest notification.
const TRIAL_BYTES: usize = 65_536;

/// What is wrong with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It reads, but has no room to write.
    DiskFull,
    /// It does not answer.
    Away,
}

/// What is known of the store.
#[derive(Debug, Default)]
pub(super) struct Probe {
    /// When it was learnt, and what.
    known: Mutex<Option<(Instant, Option<Trouble>)>>,
    /// Whether a write failed since the last one that was made to find out.
    writes_fail: AtomicBool,
}

impl Probe {
    /// Gives what is known. Who finds it stale asks anew; the others go on with what was known.
    fn fresh(&self) -> Option<Option<Trouble>> {
        let mut known = self.known();
        let (at, trouble) = (*known)?;
        if at.elapsed() < FRESH {
            return Some(trouble);
        }
        *known = Some((Instant::now(), trouble));
        None
    }

    fn learn(&self, trouble: Option<Trouble>) {
        *self.known() = Some((Instant::now(), trouble));
    }

    fn known(&self) -> MutexGuard<'_, Option<(Instant, Option<Trouble>)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns from a write that failed. One that did not shows little: a full disk still takes what
    /// fits into a page that has room.
    fn wrote<T>(&self, answer: &Answer<T>) {
        let Err(StoreError::Unavailable(why)) = answer else { return };
        if let Some(trouble) = trouble_of(why) {
            self.writes_fail.store(true, Ordering::Relaxed);
            self.learn(Some(trouble));
        }
    }
}

/// Reads what a backend says of itself; too much work at once is no trouble of the store.
fn trouble_of(why: &str) -> Option<Trouble> {
    const FULL: [&str; 3] = ["DiskFull", "disk full", "No space left"];
    if FULL.iter().any(|word| why.contains(word)) {
        return Some(Trouble::DiskFull);
    }
    (!why.starts_with("too many ")).then_some(Trouble::Away)
}

impl Services {
    /// Commits a unit, remembers whether the store takes units, and wakes the outbox where
    /// something was put into it.
    pub(super) async fn commit(&self, unit: Unit) -> Answer<Receipt> {
        let enqueues = unit.writes.iter().any(|write| matches!(write, Write::Enqueue { .. }));
        let answer = self.store.commit(unit).await;
        self.probe.wrote(&answer);
        if enqueues && answer.is_ok() {
            self.outbox.woken.notify_one();
        }
        answer
    }

    /// Says what is wrong with the store, as it was within the last second; nothing when it reads
    /// and writes.
    pub async fn store_trouble(&self) -> Option<Trouble> {
        if let Some(known) = self.probe.fresh() {
            return known;
        }
        let trouble = match tokio::time::timeout(FRESH, self.ask_store()).await {
            Ok(Ok(())) => None,
            Ok(Err(StoreError::Unavailable(why))) => trouble_of(&why),
            _ => Some(Trouble::Away),
        };
        self.probe.learn(trouble);
        trouble
    }

    /// Once writes have failed, only a write as large as they come shows that they work again.
    async fn ask_store(&self) -> Answer<()> {
        self.store.check().await?;
        if self.probe.writes_fail.load(Ordering::Relaxed) {
            self.store.commit(self.trial()).await?;
            self.probe.writes_fail.store(false, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Makes a unit that needs room and means nothing: a key that is long out of date, which is
    /// forgotten with the others.
    fn trial(&self) -> Unit {
        let tenant = Tenant::parse("default").expect("it is a name for a tenant");
        let key = u128::from_be_bytes(self.ids.bytes());
        let mut unit = Unit::new(&tenant);
        unit.idempotency = Some(IdempotencyKey {
            scope: "health".to_owned(),
            key: format!("{key:032x}"),
            digest: [0; 32],
            memo: " ".repeat(TRIAL_BYTES),
            at: Timestamp::from_ms(0),
        });
        unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backends_words_become_ours() {
        let check = |why: &str, expected| assert_eq!(trouble_of(why), expected, "{why}");
        check("SQLite says DiskFull", Some(Trouble::DiskFull));
        check("could not extend file: No space left on device", Some(Trouble::DiskFull));
        check("it is closed", Some(Trouble::Away));
        check("too many writes wait", None);
    }
}
