//! The contract of committing.

use std::sync::Arc;

use landfall_core::change::FeedChange;
use landfall_core::feed::{Epoch, FeedKey, Head, Number};

use super::error::Answered;
use super::unit::{Receipt, Unit};

/// Something that a commit did to a feed: the store's side of a nudge.
#[derive(Debug, Clone)]
pub struct Change {
    /// On which feed; for a conflict, the `data` feed of the user who has to say.
    pub feed: Arc<FeedKey>,
    /// What, and with which number.
    pub change: FeedChange,
}

/// Hears of changes after their commit: per feed in the order of their numbers, each at most
/// once, none before it is durable. It must not block; what it loses, readers find in the store.
pub type ChangeSink = Arc<dyn Fn(Vec<Change>) + Send + Sync>;

/// Makes decisions durable.
pub trait Commits {
    /// Commits a unit: all of it or nothing.
    ///
    /// - **Atomic and durable**: `Ok` means that the whole unit is on disk and survives a crash.
    ///   An error other than `Unavailable` means that nothing of it was done; `Unavailable` means
    ///   that it is unknown, and that repeating with the same idempotency key is safe.
    /// - **Preconditions**: guards and the conditions that writes name are checked in the same
    ///   transaction; `Stale` when one does not hold.
    /// - **Order**: numbers on a feed are gapless and in commit order; whoever reads a feed up to
    ///   number N finds everything that was or will be numbered up to N.
    /// - **Idempotency**: two units with the same key take effect once; the second gets
    ///   `Duplicate`, or `KeyReused` when its digest differs.
    /// - **Isolation of errors**: one unit's failure fails no other unit.
    fn commit(&self, unit: Unit) -> Answered<'_, Receipt>;

    /// Tells which life of the store this is, as it was last heard of; costs nothing.
    fn epoch(&self) -> Epoch;

    /// Gives where each feed stands, in the order asked; a feed nobody wrote to stands at zero.
    fn heads(&self, feeds: Vec<Arc<FeedKey>>) -> Answered<'_, Vec<Head>>;

    /// Forgets idempotency keys that were made before `before`, at most `limit`; tells how many.
    fn forget_keys(
        &self,
        before: landfall_core::time::Timestamp,
        limit: usize,
    ) -> Answered<'_, usize>;

    /// Answers when the store can read and write.
    fn check(&self) -> Answered<'_, ()>;

    /// Gives the highest number of any inbox of any tenant (S2's `replay_sequence`); costs nothing.
    fn replay_sequence(&self) -> Number;

    /// Stops taking units, finishes those taken, and closes.
    fn close(&self);
}
