//! Whether a URL that a user supplied may be asked (contract 3: one guarded connector).
//!
//! Pure: what can be said before a name is resolved. The addresses that a name leads to are
//! checked when the connection is made, by the resolver. Must never let the server be used to
//! reach what only the server can reach.

use std::net::IpAddr;

use reqwest::Url;
use url::Host;

use super::address::not_public;
use super::allow::Allow;

/// The longest URL that is taken, in bytes; push services' are a tenth of it.
const URL_MAX: usize = 2_048;

/// Checks URLs that users supply.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allow: Allow,
}

/// What is wrong with a URL; repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// It cannot be read.
    #[error("must be a URL")]
    NoUrl,
    /// It is too long.
    #[error("must have at most {URL_MAX} bytes")]
    TooLong,
    /// Another scheme than https, or http to a host that is not allowed by name.
    #[error("must begin with https://")]
    Scheme,
    /// It carries a name or a password.
    #[error("must carry no user name or password")]
    UserInfo,
    /// A port that is not for the web.
    #[error("must have port 443 or one from 1024")]
    Port,
    /// An address that is not on the public internet, such as `loopback`.
    #[error("must lead to the public internet, not to a {0} address")]
    Address(&'static str),
}

/// A URL that the guard let through. Never shown, since endpoints are secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Destination {
    url: Url,
    /// The operator named this very host: its addresses are not judged.
    is_named: bool,
}

impl Guard {
    /// Guards with what is allowed besides the public internet.
    pub fn new(allow: Allow) -> Self {
        Self { allow }
    }

    /// Checks a URL.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, url: &str) -> Result<Destination, UrlFault> {
        if url.len() > URL_MAX {
            return Err(UrlFault::TooLong);
        }
        let mut url = Url::parse(url).map_err(|_| UrlFault::NoUrl)?;
        url.set_fragment(None);
        if !matches!(url.scheme(), "https" | "http") {
            return Err(UrlFault::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlFault::UserInfo);
        }
        let port = url.port_or_known_default().filter(|port| *port != 0).ok_or(UrlFault::Port)?;
        let (name, address) = match url.host().ok_or(UrlFault::NoUrl)? {
            Host::Domain(name) => (name.to_owned(), None),
            Host::Ipv4(address) => named(IpAddr::V4(address)),
            Host::Ipv6(address) => named(IpAddr::V6(address).to_canonical()),
        };
        let is_named = self.allow.has_host(&name, port)
            || address.is_some_and(|address| self.allow.has_address(address));
        if !is_named {
            judge(&url, port, address)?;
        }
        Ok(Destination { url, is_named })
    }

    /// Says what keeps a resolved address from being connected to.
    pub(super) fn refuses(&self, address: IpAddr) -> Option<&'static str> {
        not_public(address).filter(|_| !self.allow.has_address(address))
    }
}

fn named(address: IpAddr) -> (String, Option<IpAddr>) {
    (address.to_string(), Some(address))
}

/// Ports below 1024 speak other protocols than the web, all but 443.
fn judge(url: &Url, port: u16, address: Option<IpAddr>) -> Result<(), UrlFault> {
    if url.scheme() != "https" {
        return Err(UrlFault::Scheme);
    }
    if port != 443 && port < 1024 {
        return Err(UrlFault::Port);
    }
    match address.and_then(not_public) {
        Some(word) => Err(UrlFault::Address(word)),
        None => Ok(()),
    }
}

impl Destination {
    /// The scheme, the host and, where it is not the usual one, the port (RFC 6454 section 6.2).
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    pub(super) fn url(&self) -> Url {
        self.url.clone()
    }

    pub(super) fn is_named(&self) -> bool {
        self.is_named
    }
}

impl std::fmt::Debug for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Destination(…)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fault(url: &str) -> Option<UrlFault> {
        Guard::default().check(url).err()
    }

    fn allowing(entry: &str) -> Guard {
        Guard::new(Allow::parse(&[entry]).unwrap())
    }

    #[test]
    fn public_https_passes() {
        for url in [
            "https://fcm.googleapis.com/fcm/send/abc:def",
            "https://push.example:8443/p?x=1#part",
            "HTTPS://8.8.8.8/",
            "https://[2606:4700::1111]/",
        ] {
            assert_eq!(fault(url), None, "{url}");
        }
    }

    #[test]
    fn what_is_no_address_of_the_web_is_refused() {
        let check = |url: &str, expected: UrlFault| assert_eq!(fault(url), Some(expected), "{url}");
        check("", UrlFault::NoUrl);
        check("push.example/p", UrlFault::NoUrl);
        check("https://", UrlFault::NoUrl);
        check("http://push.example/", UrlFault::Scheme);
        check("file:///etc/passwd", UrlFault::Scheme);
        check("gopher://push.example/", UrlFault::Scheme);
        check("https://user@push.example/", UrlFault::UserInfo);
        check("https://:word@push.example/", UrlFault::UserInfo);
        check("https://push.example:0/", UrlFault::Port);
        check("https://push.example:22/", UrlFault::Port);
        check("https://push.example:80/", UrlFault::Port);
        check("https://push.example:99999/", UrlFault::NoUrl);
        check(&format!("https://push.example/{}", "x".repeat(2_048)), UrlFault::TooLong);
    }

    #[test]
    fn an_address_is_judged_in_every_spelling() {
        for url in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://127.0.0.1./",
            "https://１２７.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[64:ff9b::127.0.0.1]/",
            "https://[2002:7f00:1::]/",
        ] {
            assert_eq!(fault(url), Some(UrlFault::Address("loopback")), "{url}");
        }
        assert_eq!(fault("https://169.254.169.254/"), Some(UrlFault::Address("link-local")));
        assert_eq!(fault("https://[fd00::1]/"), Some(UrlFault::Address("unique-local")));
        assert_eq!(fault("https://0/"), Some(UrlFault::Address("unspecified")));
    }

    #[test]
    fn what_is_allowed_by_name_may_speak_http_and_any_port() {
        let check = |entry: &str, url: &str, expected: Result<bool, UrlFault>| {
            let found = allowing(entry).check(url).map(|destination| destination.is_named());
            assert_eq!(found, expected, "{entry} {url}");
        };
        check("push.internal", "http://push.internal:81/p", Ok(true));
        check("push.internal:81", "http://push.internal:81/p", Ok(true));
        check("push.internal:81", "http://push.internal/p", Err(UrlFault::Scheme));
        check("127.0.0.1:9000", "http://127.0.0.1:9000/", Ok(true));
        check("127.0.0.1:9000", "http://127.0.0.1:9001/", Err(UrlFault::Scheme));
        check("127.0.0.0/8", "http://127.0.0.1:9001/", Ok(true));
        check("127.0.0.0/8", "http://[::ffff:127.0.0.1]:9001/", Ok(true));
        check("[::1]:9000", "https://[::1]:9000/", Ok(true));
        check("127.0.0.0/8", "https://other.example/", Ok(false));
        check("push.internal", "http://user@push.internal/", Err(UrlFault::UserInfo));
        check("push.internal", "ftp://push.internal/", Err(UrlFault::Scheme));
    }

    #[test]
    fn an_origin_has_a_port_that_is_not_the_usual_one() {
        let origin = |url: &str| Guard::default().check(url).unwrap().origin();
        assert_eq!(origin("https://Push.Example:443/p?q"), "https://push.example");
        assert_eq!(origin("https://push.example:8443/p"), "https://push.example:8443");
        assert_eq!(origin("https://[2606:4700::1111]:8443/"), "https://[2606:4700::1111]:8443");
    }

    #[test]
    fn a_destination_shows_nothing() {
        let destination = Guard::default().check("https://push.example/secret").unwrap();
        assert_eq!(format!("{destination:?}"), "Destination(…)");
    }
}
