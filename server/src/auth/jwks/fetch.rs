//! Fetches a key set from its issuer: bounded in time and size, from the configured address and nowhere else.
//!
//! Must never follow a redirect: whoever can redirect could choose the keys. The address is the operator's, so it may
//! lie in a private network.

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
    Away(String),
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
        client.map(Self).map_err(|error| FetchError::Away(innermost(&error)))
    }

    pub(super) async fn fetch(&self, url: &str) -> Result<Fetched, FetchError> {
        let away = |error: reqwest::Error| FetchError::Away(innermost(&error));
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

/// The outer texts repeat the address, which may carry what is nobody's business.
fn innermost(error: &reqwest::Error) -> String {
    let mut source: &dyn std::error::Error = error;
    while let Some(deeper) = source.source() {
        source = deeper;
    }
    match std::ptr::addr_eq(source, error) {
        true if error.is_timeout() => "it took too long".to_owned(),
        true => "the request could not be made".to_owned(),
        false => source.to_string(),
    }
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
