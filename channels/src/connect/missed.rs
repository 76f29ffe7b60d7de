//! Why a request brought no answer, and whether it can have arrived.
//!
//! Must never repeat a word of the libraries' texts: they hold the URL or the host's name.

use std::error::Error;
use std::io::{self, ErrorKind};

use super::resolve::{Forbidden, Unknown};
use crate::Outcome;

/// Why there is no answer, as a short code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missed {
    /// The name leads to an address that is not allowed; nothing was sent.
    #[error("address not allowed: {0}")]
    Forbidden(&'static str),
    /// Nothing was sent.
    #[error("{0}")]
    NotSent(&'static str),
    /// It was sent, in part or as a whole, and may have been taken.
    #[error("{0}")]
    NoAnswer(&'static str),
}

impl Missed {
    /// Says how an attempt ended that had no answer.
    pub fn outcome(&self) -> Outcome {
        let code = self.to_string();
        match self {
            Self::Forbidden(_) => Outcome::Refused { code },
            Self::NotSent(_) => Outcome::Later { after: None, code },
            Self::NoAnswer(_) => Outcome::Unknown { code },
        }
    }

    /// Reads the client's error.
    pub(super) fn of(error: &reqwest::Error) -> Self {
        if let Some(Forbidden(word)) = find(error) {
            return Self::Forbidden(word);
        }
        if error.is_builder() {
            return Self::NotSent("request not possible");
        }
        if error.is_connect() {
            return Self::NotSent(connecting(error));
        }
        if find(error).is_some_and(hyper::Error::is_canceled) {
            return Self::NotSent("connection closed");
        }
        Self::NoAnswer(exchanging(error))
    }
}

fn connecting(error: &reqwest::Error) -> &'static str {
    if find::<Unknown>(error).is_some() || error.is_dns() {
        return "name not found";
    }
    if is_tls(error) {
        return "tls";
    }
    if error.is_timeout() {
        return "connect timed out";
    }
    match find(error).map(io::Error::kind) {
        Some(ErrorKind::ConnectionRefused) => "connect refused",
        Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => "unreachable",
        _ => "connect failed",
    }
}

fn exchanging(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        return "timed out";
    }
    if find(error).is_some_and(hyper::Error::is_parse) {
        return "no http";
    }
    "connection lost"
}

/// Says whether TLS failed: an unknown authority, another name, or a server that speaks none.
pub(crate) fn is_tls(error: &(dyn Error + 'static)) -> bool {
    find::<rustls::Error>(error).is_some()
}

/// Says whether nobody listens at the address.
pub(crate) fn is_refused(error: &(dyn Error + 'static)) -> bool {
    find(error).is_some_and(|error: &io::Error| error.kind() == ErrorKind::ConnectionRefused)
}

/// Finds the first cause of one type; what an I/O error wraps is not among its sources.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    if let Some(found) = error.downcast_ref() {
        return Some(found);
    }
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    if let Some(found) = wrapped.and_then(|wrapped| find(wrapped)) {
        return Some(found);
    }
    error.source().and_then(find)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sent_is_unknown() {
        let outcome = |missed: Missed| missed.outcome();
        let code = |text: &str| text.to_owned();
        assert_eq!(
            outcome(Missed::Forbidden("loopback")),
            Outcome::Refused { code: code("address not allowed: loopback") }
        );
        assert_eq!(
            outcome(Missed::NotSent("tls")),
            Outcome::Later { after: None, code: code("tls") }
        );
        assert_eq!(
            outcome(Missed::NoAnswer("timed out")),
            Outcome::Unknown { code: code("timed out") }
        );
    }

    #[test]
    fn a_cause_is_found_behind_an_io_error() {
        let inner = io::Error::other(rustls::Error::HandshakeNotComplete);
        let outer = io::Error::other(io::Error::new(ErrorKind::ConnectionRefused, inner));
        assert!(find::<rustls::Error>(&outer).is_some());
        assert!(find::<Forbidden>(&outer).is_none());
    }
}
