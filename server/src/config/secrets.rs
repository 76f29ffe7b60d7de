//! Settings of `[secrets]`: the keys that seal what leads to people, and what finds it again.
//!
//! Must never make a key (`keys` does), and never put one into a message.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::Deserialize;
use toml::Value;
use zeroize::{Zeroize as _, Zeroizing};

use crate::secret::Secret;

/// Characters of a key's name.
const NAME_CHARS_MAX: usize = 32;

/// The key ring and the look-up secret as configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretsSettings {
    keys: Vec<Secret>,
    lookup: Secret,
}

/// A key of 32 bytes with its name; prints as its name alone, and is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SealingKey {
    /// Stands in front of what the key sealed.
    pub id: String,
    /// The key.
    pub bytes: Zeroizing<[u8; 32]>,
}

impl SecretsSettings {
    /// Returns the configured keys, the one that seals first; none when none is configured.
    pub fn ring(&self) -> Vec<SealingKey> {
        self.keys.iter().filter_map(|text| SealingKey::parse(text.expose())).collect()
    }

    /// Returns the look-up secret, if one is configured.
    pub fn lookup(&self) -> Option<&Secret> {
        Some(&self.lookup).filter(|secret| !secret.is_empty())
    }

    /// Returns a name that two keys have.
    pub(super) fn double_id(&self) -> Option<String> {
        let mut seen = BTreeSet::new();
        self.ring().into_iter().find(|key| !seen.insert(key.id.clone())).map(|key| key.id)
    }
}

impl SealingKey {
    /// Reads `NAME:BASE64`: a name of 1 to 32 letters, digits, dots, dashes and underscores, and
    /// 32 bytes in either alphabet of base64.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, encoded) = text.trim().split_once(':')?;
        let in_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if id.is_empty() || id.len() > NAME_CHARS_MAX || !id.chars().all(in_name) {
            return None;
        }
        let plain = encoded.trim_end_matches('=').replace('-', "+").replace('_', "/");
        let plain = Zeroizing::new(plain);
        let mut decoded = STANDARD_NO_PAD.decode(plain.as_bytes()).ok()?;
        let bytes = decoded.as_slice().try_into().map(Zeroizing::new).ok();
        decoded.zeroize();
        Some(Self { id: id.to_owned(), bytes: bytes? })
    }

    /// Spells the key as the setting takes it.
    pub fn to_text(&self) -> Secret {
        Secret::new(format!("{}:{}", self.id, STANDARD_NO_PAD.encode(*self.bytes)))
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:***", self.id)
    }
}

/// Checks one entry of the list; the answer never quotes it.
pub(super) fn form(text: &str) -> Result<(), String> {
    if SealingKey::parse(text).is_some() {
        return Ok(());
    }
    Err("must hold texts such as k1:BASE64, a name and 32 bytes in base64".to_owned())
}

/// Returns the list as it may be printed: the names, of which everybody may know.
pub(super) fn masked(keys: &Value) -> Value {
    let name = |key: &Value| {
        let text = key.as_str().unwrap_or_default();
        let name = text.split_once(':').map_or("", |(name, _)| name);
        Value::String(format!("{name}:***"))
    };
    Value::Array(keys.as_array().into_iter().flatten().map(name).collect())
}
