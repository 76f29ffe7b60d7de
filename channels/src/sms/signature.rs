//! Whether it was Twilio that called.
//!
//! A pure check of what was received; it reads no request and remembers nothing, so a repeated
//! callback passes again. The URL is the one that Twilio was given: behind a proxy that is not
//! the one that the server sees.

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What callbacks may be signed with.
#[derive(Clone, Copy)]
pub struct SigningKeys<'a> {
    /// The account's token, by which Twilio signs unless told otherwise.
    pub auth_token: &'a str,
    /// Keys that were made for signing, old ones too while both are in use.
    pub shared: &'a [SharedKey<'a>],
}

/// A key that was made for signing callbacks.
#[derive(Clone, Copy)]
pub struct SharedKey<'a> {
    /// What Twilio calls it.
    pub id: &'a str,
    /// Its secret.
    pub secret: &'a str,
}

/// What a callback brought.
#[derive(Clone, Copy)]
pub enum Content<'a> {
    /// A form's parameters, decoded; empty for a GET. All of them: unknown ones are signed too.
    Form(&'a [(String, String)]),
    /// Any other body, as it came.
    Raw(&'a [u8]),
}

/// The headers that speak of the signature.
#[derive(Clone, Copy)]
pub struct SignatureHeaders<'a> {
    /// `X-Twilio-Signature`.
    pub signature: &'a str,
    /// `X-Twilio-Webhooks-Signature-Settings`, such as `key=…,algorithm=HMAC_SHA256`.
    pub settings: Option<&'a str>,
}

/// Says why a callback is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No base64.
    #[error("the signature is unreadable")]
    Unreadable,
    /// Signed with a key that is not configured.
    #[error("the signing key is not known")]
    UnknownKey,
    /// Signed in a way that this server does not know.
    #[error("the signing algorithm is not known")]
    UnknownAlgorithm,
    /// The body is another than the one that was signed.
    #[error("the body is not the one that was signed")]
    OtherBody,
    /// Made with another key, or for another call.
    #[error("the signature is wrong")]
    Wrong,
}

/// Checks a callback: HMAC-SHA1 with the account's token, or HMAC-SHA256 with a shared key, over
/// the URL and a form's sorted parameters. The URL is tried as it is, with its port and without,
/// since Twilio does either. Comparisons take the same time for every wrong signature.
pub fn verify(
    keys: &SigningKeys<'_>,
    url: &str,
    content: Content<'_>,
    headers: SignatureHeaders<'_>,
) -> Result<(), SignatureError> {
    let key = choose_key(keys, headers.settings)?;
    let signature =
        STANDARD.decode(headers.signature.trim()).map_err(|_| SignatureError::Unreadable)?;
    let parameters = match content {
        Content::Form(parameters) => joined(parameters),
        Content::Raw(body) => {
            check_body(url, body)?;
            String::new()
        }
    };
    // All are tried, whichever fits, so that the time tells nothing.
    let fits = spellings(url)
        .iter()
        .filter(|url| {
            hmac::verify(&key, format!("{url}{parameters}").as_bytes(), &signature).is_ok()
        })
        .count();
    if fits == 0 { Err(SignatureError::Wrong) } else { Ok(()) }
}

fn choose_key(keys: &SigningKeys<'_>, settings: Option<&str>) -> Result<hmac::Key, SignatureError> {
    let Some(settings) = settings else {
        let token = keys.auth_token.as_bytes();
        return Ok(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token));
    };
    let setting = |name: &str| {
        let mut pairs = settings.split([',', ';']).filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    if setting("algorithm") != Some("HMAC_SHA256") {
        return Err(SignatureError::UnknownAlgorithm);
    }
    let id = setting("key").ok_or(SignatureError::UnknownKey)?;
    let shared = keys.shared.iter().find(|shared| shared.id == id);
    let secret = shared.ok_or(SignatureError::UnknownKey)?.secret.as_bytes();
    Ok(hmac::Key::new(hmac::HMAC_SHA256, secret))
}

/// Joins a form's parameters: by name, then by value, each pair once, nothing in between.
fn joined(parameters: &[(String, String)]) -> String {
    let mut pairs: Vec<_> = parameters.iter().collect();
    pairs.sort();
    pairs.dedup();
    pairs.into_iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]).collect()
}

/// Compares a body with the hash of it that the URL carries, which is signed.
fn check_body(url: &str, body: &[u8]) -> Result<(), SignatureError> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    let named = query.split('&').find_map(|pair| pair.strip_prefix("bodySHA256="));
    let digest = digest::digest(&digest::SHA256, body);
    let hash: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    // No secret: whoever sends the body can make its hash; the signature covers the URL.
    if named.is_some_and(|named| named.eq_ignore_ascii_case(&hash)) {
        Ok(())
    } else {
        Err(SignatureError::OtherBody)
    }
}

/// Spells a URL as it came, with its port and without.
fn spellings(url: &str) -> [String; 3] {
    let as_it_came = || [url.to_owned(), url.to_owned(), url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else { return as_it_came() };
    let usual = if scheme.eq_ignore_ascii_case("https") { "443" } else { "80" };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    // Behind the `]` of an IPv6 address, so that its own colons are none of a port.
    let host_end = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority[host_end..].rfind(':') {
        Some(at) => (&authority[..host_end + at], &authority[host_end + at + 1..]),
        None => (authority, usual),
    };
    let with_port = format!("{scheme}://{host}:{port}{path}");
    [url.to_owned(), with_port, format!("{scheme}://{host}{path}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_spelled_with_its_port_and_without() {
        let check = |url: &str| {
            let [_, with, without] = spellings(url);
            (with, without)
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            check("https://a.b/c?d=e:1"),
            pair("https://a.b:443/c?d=e:1", "https://a.b/c?d=e:1")
        );
        assert_eq!(check("http://a.b?c"), pair("http://a.b:80?c", "http://a.b?c"));
        assert_eq!(check("https://a:8443/"), pair("https://a:8443/", "https://a/"));
        assert_eq!(check("http://[::1]/x"), pair("http://[::1]:80/x", "http://[::1]/x"));
        assert_eq!(check("http://[::1]:81/"), pair("http://[::1]:81/", "http://[::1]/"));
        assert_eq!(check("mailto:a"), pair("mailto:a", "mailto:a"));
    }

    #[test]
    fn parameters_are_joined_sorted_and_once() {
        let pair = |(a, b): (&str, &str)| (a.to_owned(), b.to_owned());
        let parameters = [("b", "2"), ("a", "9"), ("a", "10"), ("b", "2"), ("B", "")].map(pair);
        assert_eq!(joined(&parameters), "Ba10a9b2");
    }
}
