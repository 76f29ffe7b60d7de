//! What can go wrong in a store, as far as a caller can do something about it.

use std::future::Future;
use std::pin::Pin;

use super::unit::StoredAnswer;

/// The result of asking the store.
pub type Answer<T> = Result<T, StoreError>;

/// An [`Answer`] on its way; boxed so that the backend can be chosen at run time.
pub type Answered<'a, T> = Pin<Box<dyn Future<Output = Answer<T>> + Send + 'a>>;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A precondition of the unit no longer holds; nothing was done; decide again.
    #[error("a precondition no longer holds")]
    Stale,
    /// The caller's token was revoked by then; nothing was done, and nothing is told.
    #[error("the caller's token was revoked")]
    Revoked,
    /// The unit's idempotency key is taken by the same request; here is what it answered.
    #[error("the same request was answered before")]
    Duplicate(Box<StoredAnswer>),
    /// The unit's idempotency key is taken by another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The store cannot take it now; the effect of a write is unknown, so repeat it with the
    /// same idempotency key.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// A fault of ours.
    #[error("the store failed")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}
