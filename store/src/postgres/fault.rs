//! What PostgreSQL's errors mean to a caller.
//!
//! An error's detail can hold a row's values, so that only its code, its message and the name of
//! the constraint are kept.

use tokio_postgres::error::{DbError, SqlState};

use crate::StoreError;

/// A statement that PostgreSQL refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("PostgreSQL says {code}: {text}")]
pub(super) struct Refused {
    /// The five characters of its SQLSTATE.
    pub(super) code: String,
    text: String,
    constraint: Option<String>,
}

impl Refused {
    fn new(error: &DbError) -> Self {
        let code = error.code().code().to_owned();
        // The message of "invalid byte sequence" and its like quotes what came in.
        let text = match (error.constraint(), &code[..2]) {
            (Some(constraint), _) => format!("the constraint {constraint} does not hold"),
            (None, "22") => "a value cannot be stored".to_owned(),
            (None, _) => error.message().to_owned(),
        };
        Self { code, text, constraint: error.constraint().map(str::to_owned) }
    }

    /// Makes what a transaction says that finds itself overtaken by another.
    pub(super) fn overtaken(text: &str) -> Self {
        let code = SqlState::T_R_SERIALIZATION_FAILURE.code().to_owned();
        Self { code, text: text.to_owned(), constraint: None }
    }

    /// Says whether this database does not have, or does not show, what was asked for.
    pub(super) fn is_unknown_here(&self) -> bool {
        let unknown = [
            SqlState::UNDEFINED_FUNCTION,
            SqlState::INSUFFICIENT_PRIVILEGE,
            SqlState::FEATURE_NOT_SUPPORTED,
        ];
        unknown.iter().any(|state| state.code() == self.code)
    }

    /// Says whether another transaction was in the way, so that the same one may pass now. One
    /// that took the same idempotency key or the same operation meanwhile is found by then, and
    /// answered for.
    pub(super) fn is_passing(&self) -> bool {
        let passing = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
        let taken = ["idempotency_pkey", "operation_pkey"];
        passing.iter().any(|state| state.code() == self.code)
            || self.constraint.as_deref().is_some_and(|constraint| taken.contains(&constraint))
    }

    /// Says whether the server, not the statement, is the reason: it is full, stopping, starting,
    /// read only, or took too long.
    fn is_of_the_server(&self) -> bool {
        let server = [
            SqlState::QUERY_CANCELED,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            SqlState::INVALID_CATALOG_NAME,
        ];
        // Connections, resources, an operator's hand, the system.
        let classes = ["08", "53", "57", "58"];
        classes.contains(&&self.code[..2]) || server.iter().any(|state| state.code() == self.code)
    }
}

/// Says what an error means. One that passes is still told as refused, so that whoever has the
/// whole transaction can try it again; see [`told`].
pub(super) fn fault(error: tokio_postgres::Error) -> StoreError {
    let Some(refused) = error.as_db_error().map(Refused::new) else { return away(&error) };
    if refused.is_of_the_server() {
        return StoreError::Unavailable(refused.to_string());
    }
    StoreError::Internal(Box::new(refused))
}

/// Tells a lost connection, which passes, from values that cannot be sent or read.
fn away(error: &tokio_postgres::Error) -> StoreError {
    let source = std::error::Error::source(error);
    let text = source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
    let is_ours = ["error serializing", "error deserializing", "expected ", "invalid column"];
    if is_ours.iter().any(|start| text.starts_with(start)) {
        return StoreError::Internal(text.into());
    }
    StoreError::Unavailable(format!("PostgreSQL is away: {text}"))
}

/// Gives what PostgreSQL refused, if that is what an error is.
pub(super) fn refused(error: &StoreError) -> Option<&Refused> {
    match error {
        StoreError::Internal(source) => source.downcast_ref(),
        _ => None,
    }
}

/// Makes an error for those outside: what would pass on a second try is unavailable.
pub(super) fn told(error: StoreError) -> StoreError {
    match refused(&error) {
        Some(refused) if refused.is_passing() => StoreError::Unavailable(refused.to_string()),
        _ => error,
    }
}
