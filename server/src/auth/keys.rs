//! The keys that may sign tokens: each pins one algorithm and the tenants it may speak for.
//!
//! A public key must never serve as an HMAC secret, and no `Debug` output here may show key material.

use std::collections::BTreeSet;
use std::fmt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{PublicEncryptingKey, PublicKey};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey};
use jsonwebtoken::{Algorithm, DecodingKey};
use landfall_core::id::Tenant;

use super::error::SetupError;

/// A signature algorithm that tokens may use (RFC 7518 section 3.1, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alg {
    /// HMAC with SHA-256.
    Hs256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 to 8192 bits.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Alg {
    /// Reads the name as headers and the configuration spell it: `HS256`, `RS256`, `ES256`, `EdDSA`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "HS256" => Some(Self::Hs256),
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" => Some(Self::EdDsa),
            _ => None,
        }
    }

    /// Gives the name as headers spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    pub(super) fn library(self) -> Algorithm {
        match self {
            Self::Hs256 => Algorithm::HS256,
            Self::Rs256 => Algorithm::RS256,
            Self::Es256 => Algorithm::ES256,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }
}

/// Secret bytes that print as stars.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes the bytes of a shared secret.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Tells whether the secret is shorter than the 256 bits that RFC 7518 section 3.2 asks for. The server works
    /// with such a secret, since documented examples use one; whoever configures it should be warned.
    pub fn is_weak(&self) -> bool {
        self.0.len() < 32
    }

    /// Gives the bytes, for signing.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What a key is made of.
#[derive(Clone, PartialEq, Eq)]
pub enum Material {
    /// The shared secret of HS256.
    Secret(Secret),
    /// A public key as PEM text: `PUBLIC KEY`, for RSA also `RSA PUBLIC KEY`.
    Pem(String),
}

impl fmt::Debug for Material {
    /// Hides the PEM too: somebody may have put a private key there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret(***)",
            Self::Pem(_) => "Pem(***)",
        })
    }
}

/// The tenants a key may speak for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tenants {
    /// Every tenant.
    Any,
    /// These; an empty set is refused at the start.
    Only(BTreeSet<Tenant>),
}

impl Tenants {
    pub(super) fn contains(&self, tenant: &Tenant) -> bool {
        match self {
            Self::Any => true,
            Self::Only(these) => these.contains(tenant),
        }
    }
}

/// One key as it was configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyConfig {
    /// The `kid` by which tokens name the key; no other key has it.
    pub id: String,
    /// The one algorithm the key serves.
    pub alg: Alg,
    /// The key itself.
    pub material: Material,
    /// Whom it may speak for.
    pub tenants: Tenants,
}

/// One key, checked and ready to verify.
#[derive(Debug)]
pub(super) struct Key {
    pub id: String,
    pub alg: Alg,
    pub tenants: Tenants,
    pub decoding: DecodingKey,
}

impl Key {
    pub(super) fn new(config: KeyConfig) -> Result<Self, SetupError> {
        let KeyConfig { id, alg, material, tenants } = config;
        if tenants == Tenants::Only(BTreeSet::new()) {
            return Err(SetupError::NoTenant { id });
        }
        let decoding = match (alg, material) {
            (Alg::Hs256, Material::Secret(secret)) => {
                hmac_key(&secret).ok_or_else(|| SetupError::BadSecret { id: id.clone() })
            }
            (Alg::Rs256 | Alg::Es256 | Alg::EdDsa, Material::Pem(pem)) => {
                public_key(alg, &pem).ok_or_else(|| SetupError::BadPem { id: id.clone() })
            }
            (Alg::Hs256, Material::Pem(_)) | (_, Material::Secret(_)) => {
                Err(SetupError::WrongMaterial { id: id.clone() })
            }
        }?;
        Ok(Self { id, alg, tenants, decoding })
    }
}

/// Refuses a PEM text: whoever reads a public key could sign with it (RFC 8725 section 2.1).
fn hmac_key(secret: &Secret) -> Option<DecodingKey> {
    let bytes = secret.expose();
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
