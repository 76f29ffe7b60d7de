//! Why a use case did not happen; the edge maps each to its status.

use landfall_core::notify::FieldError;
use landfall_store::StoreError;

/// Why a use case did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The request is readable but wrong, in these places.
    #[error("the request is not valid")]
    Invalid(Vec<FieldError>),
    /// The caller may not do this; the text says what is missing.
    #[error("{0}")]
    Forbidden(String),
    /// It is not there, or not the caller's.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// It is known, but its bytes are not where they should be; the text says so.
    #[error("{0}")]
    Missing(String),
    /// The state of things does not allow it; the text says why.
    #[error("{0}")]
    Conflict(String),
    /// It is larger than allowed; the text says what is.
    #[error("{0}")]
    TooLarge(String),
    /// Another device pushed under this one's name.
    #[error("another device pushed under this name")]
    Forked,
    /// The same request is under way at this moment.
    #[error("a request with this idempotency key is under way")]
    InFlight,
    /// The idempotency key was used for another request.
    #[error("this idempotency key was used for another request")]
    KeyReused,
    /// The caller's token was revoked while the request was under way; nothing was done.
    #[error("the token was revoked")]
    Revoked,
    /// The store did not take it.
    #[error(transparent)]
    Store(StoreError),
}

impl ServiceError {
    /// Says what lies behind it, for logs alone.
    pub fn cause(&self) -> Option<String> {
        match self {
            Self::Store(StoreError::Internal(source)) => Some(source.to_string()),
            _ => None,
        }
    }

    /// Refuses for want of a scope.
    pub fn needs(scope: &str) -> Self {
        Self::Forbidden(format!("needs the scope {scope}"))
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::KeyReused => Self::KeyReused,
            StoreError::Revoked => Self::Revoked,
            other => Self::Store(other),
        }
    }
}
