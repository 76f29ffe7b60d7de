//! The vault: seals what leads to a person before it is stored, and opens it to be used.
//!
//! AES-256-GCM under a ring of keys: the first seals, all open. Everything sealed names its key in
//! front and is bound to its tenant, its user and what it is, so that a row which is put elsewhere
//! does not open. A keyed hash finds an address without opening any. Must never log what it opens.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hkdf, hmac};
use landfall_core::audit::Hash;
use landfall_core::id::{Tenant, UserId};
use landfall_store::Sealed;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::config::SealingKey;
use crate::keys::VaultKeys;

#[cfg(test)]
mod tests;

/// The first byte of everything sealed; another one would mean another form.
const FORM: u8 = 1;

/// What a sealed text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// A phone number.
    Phone,
    /// An e-mail address.
    Email,
    /// A push token with its kind.
    PushToken,
    /// A browser's subscription: endpoint and keys.
    Subscription,
    /// The secret of a calendar; nothing is sealed as one.
    Calendar,
}

impl Purpose {
    /// Part of what is authenticated: never change one.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Email => "email",
            Self::PushToken => "push token",
            Self::Subscription => "subscription",
            Self::Calendar => "calendar",
        }
    }
}

/// Where a sealed text belongs; it opens nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Whose server.
    pub tenant: &'a Tenant,
    /// Whose.
    pub user: &'a UserId,
    /// What it is.
    pub purpose: Purpose,
}

/// Why something sealed does not open.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VaultError {
    /// Its key is not on the ring.
    #[error("sealed with the key {0:?}, which is not in secrets.keys")]
    NoSuchKey(String),
    /// It is not what was sealed, or not where it was sealed for.
    #[error("sealed for another place, or damaged")]
    Damaged,
}

/// A text that was opened, or is about to be sealed; wiped when it is dropped.
pub type Opened = Zeroizing<Vec<u8>>;

/// Seals and opens.
pub struct Vault {
    /// Never empty.
    ring: Vec<Key>,
    lookup: hmac::Key,
}

struct Key {
    id: String,
    key: RandomizedNonceKey,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ring.iter().map(|key| &key.id)).finish()
    }
}

impl Vault {
    /// Takes the keys; the first of the ring seals.
    ///
    /// # Panics
    /// When the ring is empty, which `keys` never gives.
    pub fn new(keys: &VaultKeys) -> Self {
        assert!(!keys.ring.is_empty(), "a vault needs a key");
        let ring = keys.ring.iter().map(|SealingKey { id, bytes }| Key {
            id: id.clone(),
            key: RandomizedNonceKey::new(&AES_256_GCM, &bytes[..])
                .expect("AES-256 takes every key of 32 bytes"),
        });
        Self { ring: ring.collect(), lookup: lookup_key(keys.lookup.expose()) }
    }

    /// Seals a text for its place, and hashes what it is looked up by.
    pub fn seal(&self, place: Place<'_>, text: &[u8], looked_up_by: &str) -> Sealed {
        let hash = self.hash(place.tenant, place.purpose, looked_up_by);
        Sealed { bytes: self.sealed(place, text), hash }
    }

    fn sealed(&self, place: Place<'_>, text: &[u8]) -> Vec<u8> {
        let Key { id, key } = &self.ring[0];
        // Room for the tag, so that the text is not left behind in a buffer that was outgrown.
        let mut in_out = Vec::with_capacity(text.len() + AES_256_GCM.tag_len());
        in_out.extend_from_slice(text);
        let nonce = key
            .seal_in_place_append_tag(bound_to(place, id), &mut in_out)
            .expect("the system's random generator works once it has started");
        let mut bytes = front(id);
        bytes.extend_from_slice(nonce.as_ref());
        bytes.extend_from_slice(&in_out);
        bytes
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// When its key is not on the ring, or it was sealed for another place or changed.
    pub fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<Opened, VaultError> {
        let (id, rest) = parts(&sealed.bytes).ok_or(VaultError::Damaged)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE_LEN>().ok_or(VaultError::Damaged)?;
        let known = self.ring.iter().find(|key| key.id == id);
        let known = known.ok_or_else(|| VaultError::NoSuchKey(id.to_owned()))?;
        let mut in_out = Zeroizing::new(body.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = known.key.open_in_place(nonce, bound_to(place, id), &mut in_out);
        let length = opened.map_err(|_| VaultError::Damaged)?.len();
        in_out.truncate(length);
        Ok(in_out)
    }

    /// Says whether the key that seals now sealed this.
    pub fn is_current(&self, sealed: &Sealed) -> bool {
        sealed.bytes.starts_with(&front(&self.ring[0].id))
    }

    /// Says whether there are keys that open and seal no more.
    pub fn has_older_keys(&self) -> bool {
        self.ring.len() > 1
    }

    /// Seals anew what an older key sealed; nothing where that is not needed.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub fn renewed(&self, place: Place<'_>, sealed: &Sealed) -> Result<Option<Sealed>, VaultError> {
        if self.is_current(sealed) {
            return Ok(None);
        }
        let text = self.open(place, sealed)?;
        Ok(Some(Sealed { bytes: self.sealed(place, &text), hash: sealed.hash }))
    }

    /// Hashes a text to look it up by: the same for the same text within a tenant and a purpose,
    /// and unknown to whoever has not the look-up secret.
    pub fn hash(&self, tenant: &Tenant, purpose: Purpose, text: &str) -> Hash {
        let mut context = hmac::Context::with_key(&self.lookup);
        for part in [tenant.as_str(), purpose.as_str(), text] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.sign().as_ref().try_into().expect("HMAC-SHA-256 has 32 bytes")
    }
}

/// Derived apart from the ring: rotating what seals must not lose what is looked up (RFC 5869).
fn lookup_key(secret: &str) -> hmac::Key {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"landfall").extract(secret.as_bytes());
    let okm = prk.expand(&[b"look-up of addresses 1"], hmac::HMAC_SHA256);
    hmac::Key::from(okm.expect("HKDF gives 32 bytes"))
}

/// Form, length of the key's name, the name.
fn front(id: &str) -> Vec<u8> {
    let length = u8::try_from(id.len()).expect("a key's name has at most 32 characters");
    [&[FORM, length], id.as_bytes()].concat()
}

fn parts(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let [FORM, length, rest @ ..] = bytes else { return None };
    let (id, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(id).ok()?, rest))
}

/// Every part with its length, so that none can be shifted into another.
fn bound_to(place: Place<'_>, id: &str) -> Aad<Vec<u8>> {
    let Place { tenant, user, purpose } = place;
    let mut bytes = b"landfall sealed 1".to_vec();
    for part in [id, tenant.as_str(), user.as_str(), purpose.as_str()] {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    Aad::from(bytes)
}
