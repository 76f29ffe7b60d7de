//! Settings of `[vapid]` and the key pair they may hold (RFC 8292).
//!
//! Must never make a key: `keys` does.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use thiserror::Error;

use crate::secret::Secret;

/// The Web Push identity as configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VapidSettings {
    pub(super) public_key: String,
    pub(super) private_key: Secret,
    former_private_keys: Secret,
    /// `mailto:` or `https:` contact; empty when not set.
    pub subject: String,
}

/// A P-256 pair in base64url without padding: the uncompressed point (65 bytes) and the scalar
/// (32 bytes), which were checked to belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VapidPair {
    /// What browsers get as `applicationServerKey`.
    pub public_key: String,
    /// What signs the tokens to push services.
    pub private_key: Secret,
}

/// Says why two texts are not a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VapidPairError {
    /// One of the two is missing.
    #[error("public and private key must be set both or neither")]
    Half,
    /// A text is not base64url of the right length.
    #[error("must be the base64url texts that `landfall vapid` prints, of 65 and 32 bytes")]
    Form,
    /// The two are not of the same pair.
    #[error("the public key does not belong to the private key")]
    Mismatch,
}

impl VapidSettings {
    /// Gives the private keys that signed before, newest first.
    pub fn former_keys(&self) -> impl Iterator<Item = &str> {
        let keys = self.former_private_keys.expose().split(',').map(str::trim);
        keys.filter(|key| !key.is_empty())
    }

    /// Returns the configured pair, or `None` when none is configured.
    ///
    /// # Errors
    /// When only one half is set, or the two do not belong together.
    pub fn pair(&self) -> Result<Option<VapidPair>, VapidPairError> {
        match (self.public_key.is_empty(), self.private_key.is_empty()) {
            (true, true) => Ok(None),
            (false, false) => {
                VapidPair::parse(&self.public_key, self.private_key.expose()).map(Some)
            }
            _ => Err(VapidPairError::Half),
        }
    }
}

impl VapidPair {
    /// Checks two base64url texts, with or without padding, and takes them as a pair.
    ///
    /// # Errors
    /// When a text has the wrong form or the two do not belong together.
    pub fn parse(public_key: &str, private_key: &str) -> Result<Self, VapidPairError> {
        let public = decode::<65>(public_key)?;
        let private = decode::<32>(private_key)?;
        EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &private,
            &public,
        )
        .map_err(|_| VapidPairError::Mismatch)?;
        Ok(Self {
            public_key: URL_SAFE_NO_PAD.encode(public),
            private_key: Secret::new(URL_SAFE_NO_PAD.encode(private)),
        })
    }

    /// Gives the uncompressed point: 65 bytes.
    pub fn public_bytes(&self) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(&self.public_key).expect("both ways to make a pair encode the point")
    }
}

fn decode<const N: usize>(text: &str) -> Result<[u8; N], VapidPairError> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
    bytes.ok().and_then(|bytes| bytes.try_into().ok()).ok_or(VapidPairError::Form)
}
