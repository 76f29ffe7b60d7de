//! The contract of a store's lives: which one it is in, and how the next begins.

use landfall_core::feed::Epoch;
use landfall_core::life::{Home, Life};
use landfall_core::time::Timestamp;

use super::error::Answered;
use super::unit::AuditDraft;

/// What a new life begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEpoch {
    /// The life that ends.
    pub from: Epoch,
    /// The one that begins; later than `from`.
    pub to: Epoch,
    /// What the trail of every tenant that has one says of it.
    pub entry: AuditDraft,
}

/// Tells a store's life and begins the next.
pub trait Lives {
    /// Tells which store this is, its life, and how far it has come, as committed. From then on
    /// `epoch()` tells the same life, whoever began it.
    fn life(&self) -> Answered<'_, Life>;

    /// Tells where the database runs, and remembers it if nothing was remembered.
    fn home(&self) -> Answered<'_, Home>;

    /// Tells up to when everything is in a backup that the operator vouched for; nothing where none
    /// was. A new life keeps it: whatever has it has all that it speaks of.
    fn backed_up_to(&self) -> Answered<'_, Option<Timestamp>>;

    /// Begins a new life in one transaction: every counter skips ahead to [`Epoch::base`] and
    /// leaves its horizon there, feeds that are made later begin there too, the trails say so, and where the database runs is forgotten. `Stale` when the store is
    /// not in the life that should end.
    fn begin_epoch(&self, new: NewEpoch) -> Answered<'_, ()>;
}
