//! Where a database is and how it is spoken to: a URL, read once.
//!
//! The URL holds a password, so that an address shows only host, port and database.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// How the connection is kept from others on the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Protection {
    /// Not at all.
    Nothing,
    /// TLS where the server offers it, with whoever that is.
    Offered,
    /// TLS with whoever that is, or, with roots, with a server whose certificate they signed.
    Required(Option<PathBuf>),
    /// TLS with the server that the URL names, proved by the system's roots or these.
    Verified(Option<PathBuf>),
}

/// A parsed `postgres://` URL.
#[derive(Clone)]
pub struct Address {
    pub(super) config: Config,
    pub(super) protection: Protection,
}

/// Why a URL cannot be used; never holds any of its values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The URL cannot be read.
    #[error("is no URL of a PostgreSQL database: {0}")]
    Unreadable(String),
    /// The URL names no host.
    #[error("names no host")]
    NoHost,
    /// The URL asks for a protection that there is not.
    #[error("has another sslmode than disable, prefer, require or verify-full")]
    SslMode,
    /// `sslrootcert` stands beside a mode that looks at no certificate.
    #[error("has an sslrootcert, which only sslmode=require and sslmode=verify-full look at")]
    UnusedRoots,
}

/// How connections of the house call themselves.
pub(super) const APPLICATION: &str = "landfall";
/// Connections that are gone without a word are noticed after so long.
const SILENCE: Duration = Duration::from_secs(30);

impl Address {
    /// Reads a URL with the parameters of libpq. `sslmode` is `disable`, `prefer` (the default),
    /// `require` or `verify-full`; `sslrootcert` names a file of certificates.
    ///
    /// # Errors
    /// Says what is wrong without repeating any of the URL.
    pub fn parse(url: &str) -> Result<Self, AddressError> {
        let (place, parameters) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => roots = Some(decoded(value)?),
                _ => rest.push(parameter),
            }
        }
        let mut config = read(&format!("{place}?{}", rest.join("&")))?;
        let protection = protection(mode, roots)?;
        config.ssl_mode(match protection {
            Protection::Nothing => SslMode::Disable,
            Protection::Offered => SslMode::Prefer,
            Protection::Required(_) | Protection::Verified(_) => SslMode::Require,
        });
        // Begins with the same word whatever the URL says: a restore looks for who is connected.
        let name = config.get_application_name().map(|name| format!("{APPLICATION} {name}"));
        config.application_name(name.as_deref().unwrap_or(APPLICATION));
        config.keepalives_idle(SILENCE).tcp_user_timeout(SILENCE);
        Ok(Self { config, protection })
    }
}

fn read(url: &str) -> Result<Config, AddressError> {
    let unreadable = |error: tokio_postgres::Error| {
        let source = std::error::Error::source(&error);
        AddressError::Unreadable(source.map_or_else(|| error.to_string(), ToString::to_string))
    };
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(AddressError::Unreadable("it has to begin with postgres://".into()));
    }
    let config: Config = url.parse().map_err(unreadable)?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(AddressError::NoHost);
    }
    Ok(config)
}

fn protection(mode: Option<&str>, roots: Option<PathBuf>) -> Result<Protection, AddressError> {
    match (mode, roots) {
        (Some("disable"), None) => Ok(Protection::Nothing),
        (None | Some("prefer"), None) => Ok(Protection::Offered),
        (None | Some("disable" | "prefer"), Some(_)) => Err(AddressError::UnusedRoots),
        (Some("require"), roots) => Ok(Protection::Required(roots)),
        (Some("verify-full"), roots) => Ok(Protection::Verified(roots)),
        (Some(_), _) => Err(AddressError::SslMode),
    }
}

/// Reads a path in which some bytes stand as `%20`.
fn decoded(text: &str) -> Result<PathBuf, AddressError> {
    let bad = || AddressError::Unreadable("sslrootcert is no path".into());
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (high, low) = (digit().ok_or_else(bad)?, digit().ok_or_else(bad)?);
        bytes.push((high * 16 + low) as u8);
    }
    String::from_utf8(bytes).map(PathBuf::from).map_err(|_| bad())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => {
                self.config.get_hostaddrs().first().map(ToString::to_string).unwrap_or_default()
            }
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        let database = self.config.get_dbname().unwrap_or_default();
        write!(f, "postgres://***@{host}:{port}/{database}")
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_shows_no_secret() {
        let url = "postgres://ann:s3cret@db.example.org:5433/app?sslmode=require";
        let address = Address::parse(url).unwrap();
        assert_eq!(format!("{address}"), "postgres://***@db.example.org:5433/app");
        assert_eq!(format!("{address:?}"), format!("{address}"));
    }

    #[test]
    fn the_protection_is_what_the_url_says() {
        let of = |query: &str| {
            Address::parse(&format!("postgresql://u@h/d{query}")).map(|read| read.protection)
        };
        let roots = || Some(PathBuf::from("/etc/my roots.pem"));
        assert_eq!(of(""), Ok(Protection::Offered));
        assert_eq!(of("?sslmode=disable"), Ok(Protection::Nothing));
        assert_eq!(of("?sslmode=require&connect_timeout=3"), Ok(Protection::Required(None)));
        let query = "?sslrootcert=/etc/my%20roots.pem&sslmode=verify-full";
        assert_eq!(of(query), Ok(Protection::Verified(roots())));
        assert_eq!(of("?sslmode=verify-ca"), Err(AddressError::SslMode));
        assert_eq!(of("?sslrootcert=a"), Err(AddressError::UnusedRoots));
    }

    #[test]
    fn what_is_wrong_with_a_url_is_told_without_its_values() {
        for url in [
            "postgres://u:s3cret@h:s3cret/d",
            "postgres://u:s3cret@h/d?connect_timeout=s3cret",
            "postgres://u:s3cret@h/d?sslmode=s3cret",
            "postgres://u:s3cret%zz@h/d?sslmode=require&sslrootcert=%zs3cret",
            "mysql://u:s3cret@h/d",
            "postgres:///d",
        ] {
            let error = Address::parse(url).unwrap_err();
            assert!(!error.to_string().contains("s3cret"), "{url}: {error}");
        }
    }
}
