//! What a key is made of, and whether that is enough for its algorithm.
//!
//! Must never take a private key, or a public one as a shared secret.

use std::fmt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{PublicEncryptingKey, PublicKey};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey};
use jsonwebtoken::DecodingKey;

use super::Alg;
use crate::secret::Secret;

/// The shared secret or public key of one algorithm.
#[derive(Clone, PartialEq, Eq)]
pub enum Material {
    /// The shared secret of HS256, used byte for byte.
    Secret(Secret),
    /// A public key as PEM text: `PUBLIC KEY`, for RSA also `RSA PUBLIC KEY`.
    Pem(String),
    /// The address at which the issuer publishes its public keys as a JSON Web Key Set (RFC 7517).
    Jwks(String),
}

impl Material {
    /// Tells whether tokens of this algorithm can be verified with it.
    pub fn suits(&self, alg: Alg) -> bool {
        match self {
            Self::Jwks(_) => alg != Alg::Hs256,
            Self::Secret(_) | Self::Pem(_) => self.decoding(alg).is_some(),
        }
    }

    pub(super) fn decoding(&self, alg: Alg) -> Option<DecodingKey> {
        match (alg, self) {
            (Alg::Hs256, Self::Secret(secret)) => hmac_key(secret),
            (Alg::Rs256 | Alg::Es256 | Alg::EdDsa, Self::Pem(pem)) => public_key(alg, pem),
            (Alg::Hs256, Self::Pem(_)) | (_, Self::Secret(_) | Self::Jwks(_)) => None,
        }
    }
}

impl fmt::Debug for Material {
    /// Hides the PEM too: somebody may have put a private key there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret(***)",
            Self::Pem(_) => "Pem(***)",
            Self::Jwks(_) => "Jwks(***)",
        })
    }
}

/// Refuses a PEM text: whoever reads a public key could sign with it (RFC 8725 section 2.1).
fn hmac_key(secret: &Secret) -> Option<DecodingKey> {
    let bytes = secret.expose().as_bytes();
    let pem = bytes.trim_ascii_start().starts_with(b"-----BEGIN");
    (!bytes.is_empty() && !pem).then(|| DecodingKey::from_secret(bytes))
}

/// Reads the PEM and tries the key itself, which the library would do only when the first token comes. A certificate is
/// refused although the library would take it: nothing here would check its dates or who issued it.
fn public_key(alg: Alg, pem: &str) -> Option<DecodingKey> {
    let pem = pem.trim();
    let label = pem.strip_prefix("-----BEGIN ")?.split_once("-----")?.0;
    if label != "PUBLIC KEY" && !(label == "RSA PUBLIC KEY" && alg == Alg::Rs256) {
        return None;
    }
    let key = match alg {
        Alg::Hs256 => return None,
        Alg::Rs256 => DecodingKey::from_rsa_pem(pem.as_bytes()),
        Alg::Es256 => DecodingKey::from_ec_pem(pem.as_bytes()),
        Alg::EdDsa => DecodingKey::from_ed_pem(pem.as_bytes()),
    }
    .ok()?;
    let bytes = key.try_get_as_bytes().ok()?;
    let usable = match alg {
        Alg::Hs256 => false,
        Alg::Rs256 => (2048..=8192).contains(&rsa_bits(bytes)?),
        Alg::Es256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes).is_ok(),
        Alg::EdDsa => ParsedPublicKey::new(&ED25519, bytes).is_ok(),
    };
    usable.then_some(key)
}

fn rsa_bits(pkcs1: &[u8]) -> Option<usize> {
    let subject_public_key_info = PublicKey::from_der(pkcs1).ok()?.as_der().ok()?;
    let key = PublicEncryptingKey::from_der(subject_public_key_info.as_ref()).ok()?;
    Some(key.key_size_bits())
}
