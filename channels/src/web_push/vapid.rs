//! The keys by which push services know this server (RFC 8292).
//!
//! Must never show a private key, nor sign for another origin than the endpoint's own.

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use landfall_core::time::Timestamp;
use serde::Serialize;

/// `{"typ":"JWT","alg":"ES256"}`
const JWT_HEADER: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9";

/// One pair of keys for voluntary application server identification.
pub struct VapidKey {
    pair: EcdsaKeyPair,
    public: Vec<u8>,
}

/// Whom a push service can write to about this server: a `mailto:` or an https URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject(String);

/// What is wrong with a key or a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VapidFault {
    /// The private key is none.
    #[error("must be a P-256 private key: 32 bytes as URL-safe base64")]
    NoKey,
    /// The subject is neither.
    #[error("must be mailto: with a real address, or an https URL; push services refuse others")]
    Subject,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
}

impl VapidKey {
    /// Reads a private key: the URL-safe base64 of its 32 bytes, padded or not.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(private: &str) -> Result<Self, VapidFault> {
        let bytes = URL_SAFE_NO_PAD.decode(private.trim_end_matches('='));
        let bytes = bytes.map_err(|_| VapidFault::NoKey)?;
        let key = PrivateKey::from_private_key(&ECDH_P256, &bytes);
        let public = key.map_err(|_| VapidFault::NoKey)?.compute_public_key();
        let public = public.map_err(|_| VapidFault::NoKey)?.as_ref().to_vec();
        let alg = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(alg, &bytes, &public);
        Ok(Self { pair: pair.map_err(|_| VapidFault::NoKey)?, public })
    }

    /// The public half: 65 bytes, as browsers take it for `applicationServerKey`.
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// The public half as URL-safe base64 without padding, as web pages spell it.
    pub fn public_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.public)
    }

    /// Makes the `Authorization` header for one origin; `None` when the crypto library fails.
    pub(super) fn sign(
        &self,
        origin: &str,
        subject: Option<&Subject>,
        expires: Timestamp,
    ) -> Option<String> {
        let sub = subject.map(|subject| subject.0.as_str());
        let claims = Claims { aud: origin, exp: expires.as_ms() / 1_000, sub };
        let claims = serde_json::to_vec(&claims).ok()?;
        let mut token = String::with_capacity(512);
        token.push_str("vapid t=");
        let start = token.len();
        token.push_str(JWT_HEADER);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.pair.sign(&SystemRandom::new(), &token.as_bytes()[start..]).ok()?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.as_ref(), &mut token);
        token.push_str(", k=");
        URL_SAFE_NO_PAD.encode_string(&self.public, &mut token);
        Some(token)
    }
}

impl std::fmt::Debug for VapidKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VapidKey({}, …)", self.public_text())
    }
}

impl Subject {
    /// Reads a subject (RFC 8292 section 2.1). Refuses what some push services answer with 403: a
    /// bare address, spaces, brackets, and hosts that are nowhere.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, VapidFault> {
        let is_clean = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"".contains(&byte));
        let host = match text.strip_prefix("mailto:") {
            Some(address) => address.split_once('@').filter(|(local, _)| !local.is_empty()),
            None => text.strip_prefix("https://").map(|rest| ("", rest)),
        };
        let host = host.map(|(_, rest)| rest.split(['/', ':', '?']).next().unwrap_or_default());
        match host {
            Some(host) if is_clean && is_somewhere(host) => Ok(Self(text.to_owned())),
            _ => Err(VapidFault::Subject),
        }
    }
}

fn is_somewhere(host: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && !part.contains('@');
    host.contains('.') && host.split('.').all(is_part) && !host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    /// RFC 8291, appendix A.
    const PRIVATE: &str = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
    const PUBLIC: &str =
        "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8";

    #[test]
    fn a_private_key_brings_its_public_one_and_never_shows_itself() {
        let key = VapidKey::parse(PRIVATE).unwrap();
        assert_eq!(key.public_text(), PUBLIC);
        assert_eq!(VapidKey::parse(&format!("{PRIVATE}=")).unwrap().public(), key.public());
        assert_eq!(format!("{key:?}"), format!("VapidKey({PUBLIC}, …)"));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "x", "AAAA", &"A".repeat(43), &"_".repeat(43), "your_vapid_private_key"] {
            assert_eq!(VapidKey::parse(text).err(), Some(VapidFault::NoKey), "{text}");
        }
    }

    #[test]
    fn a_subject_is_one_that_every_push_service_takes() {
        let check = |text: &str, is_good: bool| {
            assert_eq!(Subject::parse(text).is_ok(), is_good, "{text}");
        };
        check("mailto:admin@armadaden.com", true);
        check("https://example.org/contact", true);
        check("https://example.org:8443", true);
        check("admin@example.org", false);
        check("mailto:admin@localhost", false);
        check("mailto: admin@example.org", false);
        check("mailto:<admin@example.org>", false);
        check("mailto:@example.org", false);
        check("mailto:admin@example..org", false);
        check("mailto:a@b@example.org", false);
        check("http://example.org", false);
        check("https://localhost", false);
        check("https://push.localhost", false);
        check("", false);
    }

    #[test]
    fn a_header_is_signed_for_origin_time_and_subject() {
        let key = VapidKey::parse(PRIVATE).unwrap();
        let subject = Subject::parse("mailto:ops@example.org").unwrap();
        let expires = Timestamp::from_ms(1_700_000_000_999);
        let header = key.sign("https://push.example:8443", Some(&subject), expires).unwrap();
        let (token, shown) = header.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        assert_eq!(shown, key.public_text());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public());
        public.verify(signed.as_bytes(), &signature).unwrap();
        let parts: Vec<Vec<u8>> =
            signed.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
        assert_eq!(parts[0], br#"{"typ":"JWT","alg":"ES256"}"#);
        let claims: serde_json::Value = serde_json::from_slice(&parts[1]).unwrap();
        assert_eq!(
            claims,
            serde_json::json!({"aud": "https://push.example:8443", "exp": 1_700_000_000,
                "sub": "mailto:ops@example.org"})
        );
    }
}
