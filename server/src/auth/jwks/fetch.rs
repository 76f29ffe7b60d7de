//! Fetches a key set from its issuer: bounded in time and size, from the configured address and nowhere else.
//!
//! Must never follow a redirect: whoever can redirect could choose the keys. The address is the operator's, so it may
//! lie in a private network.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

use reqwest::header::CACHE_CONTROL;
use reqwest::{Client, StatusCode, redirect};

use super::document::NoKeySet;

/// A key set is a few kilobytes; an answer that is larger than this is something else.
const BYTES_MAX: usize = 256 * 1_024;

/// Why a key set could not be fetched; its text holds no part of the address.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No connection, a broken one, a bad certificate, or too slow.
    #[error("the issuer does not answer: {0}")]
    Away(&'static str),
    /// Another status than 200; a redirect is one.
    #[error("the issuer answers with status {0}")]
    Status(u16),
    /// More bytes than a key set can have.
    #[error("the answer is larger than {} KiB", BYTES_MAX / 1_024)]
    TooLarge,
    /// The answer is no key set.
    #[error(transparent)]
    NoKeySet(#[from] NoKeySet),
}

/// What an issuer answered.
#[derive(Debug)]
pub(super) struct Fetched {
    pub document: Vec<u8>,
    /// For how long it may be used unasked, where the issuer says so.
    pub max_age: Option<Duration>,
}

/// Fetches key sets over one pool of connections.
#[derive(Debug, Clone)]
pub struct Fetcher(Client);

impl Fetcher {
    /// Prepares the client; reads the system's list of certificate authorities. A fetch is given up after `patience`.
    ///
    /// # Errors
    /// When the system has no such list.
    pub fn new(patience: Duration) -> Result<Self, FetchError> {
        let client = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(patience)
            .pool_max_idle_per_host(0)
            .user_agent(concat!("landfall/", env!("CARGO_PKG_VERSION")))
            .build();
        client.map(Self).map_err(|_| FetchError::Away("no list of certificate authorities here"))
    }

    pub(super) async fn fetch(&self, url: &str) -> Result<Fetched, FetchError> {
        let away = |error: reqwest::Error| FetchError::Away(reason(&error));
        let mut response = self.0.get(url).send().await.map_err(away)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let caching = response.headers().get(CACHE_CONTROL).and_then(|value| value.to_str().ok());
        let max_age = caching.and_then(max_age);
        let mut document = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(away)? {
            if document.len() + chunk.len() > BYTES_MAX {
                return Err(FetchError::TooLarge);
            }
            document.extend_from_slice(&chunk);
        }
        Ok(Fetched { document, max_age })
    }
}

/// Says it in words of this file: the libraries' texts repeat the address, or the host name that a certificate is not
/// for, which is nobody's business.
fn reason(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        return "it took too long";
    }
    let (mut known, mut next) = (None, error.source());
    while let Some(cause) = next {
        known = known_cause(cause).or(known);
        next = cause.source();
    }
    known.unwrap_or(match error.is_connect() {
        true => "no connection came about",
        false => "the exchange failed",
    })
}

fn known_cause(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        // What it wraps is not among its sources.
        let wrapped = error.get_ref().and_then(|inner| known_cause(inner));
        return wrapped.or(match error.kind() {
            ErrorKind::ConnectionRefused => Some("the connection was refused"),
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                Some("no way leads there")
            }
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof => Some("the connection broke"),
            _ => None,
        });
    }
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(match error {
            rustls::Error::InvalidCertificate(_) => "its certificate is not accepted",
            _ => "no TLS connection came about",
        });
    }
    // The library's type for it is private.
    (cause.to_string() == "dns error").then_some("its name is not found")
}

/// Reads `max-age` (RFC 9111 section 5.2.2.1); `no-store` and `no-cache` count as zero.
fn max_age(header: &str) -> Option<Duration> {
    let mut found = None;
    for directive in header.split(',').map(|text| text.trim().to_ascii_lowercase()) {
        match directive.split_once('=') {
            Some(("max-age", seconds)) => {
                found = found.or(seconds.trim_matches('"').parse().ok().map(Duration::from_secs));
            }
            None if directive == "no-store" || directive == "no-cache" => {
                return Some(Duration::ZERO);
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn said(url: &str) -> String {
        let fetcher = Fetcher::new(Duration::from_secs(10)).expect("the system has authorities");
        fetcher.fetch(url).await.expect_err("nobody answers there").to_string()
    }

    #[tokio::test]
    async fn an_error_names_no_host() {
        let nowhere = format!("http://{}.example/keys", "secret".repeat(12));
        assert_eq!(said(&nowhere).await, "the issuer does not answer: its name is not found");
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
        let url = format!("http://{}/keys", free.expect("a free port"));
        assert_eq!(said(&url).await, "the issuer does not answer: the connection was refused");
    }

    #[test]
    fn a_certificate_for_another_name_is_told_without_the_name() {
        let names = rustls::CertificateError::NotValidForNameContext {
            expected: rustls::pki_types::ServerName::try_from("login.secret.example")
                .expect("a name"),
            presented: vec!["other.secret.example".to_owned()],
        };
        let error = io::Error::other(rustls::Error::InvalidCertificate(names));
        assert!(error.to_string().contains("secret"), "{error}");
        assert_eq!(known_cause(&error), Some("its certificate is not accepted"));
        let error = io::Error::other(rustls::Error::HandshakeNotComplete);
        assert_eq!(known_cause(&error), Some("no TLS connection came about"));
        assert_eq!(known_cause(&io::Error::other("secret.example")), None);
    }

    #[test]
    fn the_age_is_read_where_it_is_said() {
        let check = |header, expected: Option<u64>| {
            assert_eq!(max_age(header), expected.map(Duration::from_secs), "{header}");
        };
        check("public, max-age=15, stale-while-revalidate=15", Some(15));
        check("Max-Age=\"60\"", Some(60));
        check("no-store", Some(0));
        check("max-age=600, no-cache", Some(0));
        check("max-age=-1", None);
        check("max-age", None);
        check("s-maxage=5", None);
        check("", None);
    }
}
