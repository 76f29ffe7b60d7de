//! Keys that the server makes for itself on the first start of the embedded store.
//!
//! They live in `keys/` of the data folder, readable by the owner alone, and are made once and
//! never changed. Must never overwrite a key that is there: tokens, cursors and push
//! subscriptions out in the world depend on it.

use std::path::PathBuf;

use thiserror::Error;

use crate::auth::{Alg, KeyConfig, Material, Tenants};
use crate::config::{Config, SELF_KEY_ID, VapidPair, VapidPairError};
use crate::secret::Secret;

mod copies;
mod folder;
mod lock;
mod secrets;
#[cfg(test)]
mod tests;
mod vapid;

pub use copies::{copies, differing, put_back};
use folder::KeyFolder;
pub use lock::DataLock;
pub use secrets::VaultKeys;
pub use vapid::generate as generate_vapid;

/// The file of the key that signs tokens.
const SIGNING_KEY: &str = "jwt-hs256.key";

/// Says why the keys or the data folder cannot be used.
#[derive(Debug, Error)]
pub enum KeysError {
    /// A file or folder cannot be read or written.
    #[error(
        "{path} cannot be read or written; give it to the user who runs the server, or name \
         another folder with --data-dir"
    )]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A key file does not hold what was once written to it.
    #[error("{path} is damaged: {what}; put it back from a backup, or remove it to make a new one")]
    Damaged {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it; never its content.
        what: String,
    },
    /// The configured Web Push pair is not one.
    #[error("vapid: {0}")]
    Vapid(#[from] VapidPairError),
    /// Another server runs on the data folder.
    #[error("the data folder {path} is in use by another server{holder}; stop that one first")]
    InUse {
        /// The data folder.
        path: PathBuf,
        /// ` (process N)` where it is known.
        holder: String,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random,
}

/// Every key that a running server uses.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Keys that tokens may be signed with: the configured ones, else the self-made one.
    pub auth: Vec<KeyConfig>,
    /// What cursors are authenticated with.
    pub cursor_mac: CursorMacKey,
    /// The Web Push pair: the configured one, else the self-made one.
    pub vapid: VapidPair,
    /// What addresses are sealed with and found by.
    pub vault: VaultKeys,
}

/// Key of the MAC over sync cursors; prints as stars.
#[derive(Clone, PartialEq, Eq)]
pub struct CursorMacKey(pub [u8; 32]);

impl std::fmt::Debug for CursorMacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Keys {
    /// Opens the keys of a data folder and makes those that are missing and not configured.
    ///
    /// Safe to call from several processes at once: all of them get the same keys.
    ///
    /// # Errors
    /// When a key file cannot be read or made, or is damaged.
    pub fn open(config: &Config) -> Result<Self, KeysError> {
        let folder = KeyFolder::open(&config.server.data_dir)?;
        let vapid = match config.vapid.pair()? {
            Some(pair) => pair,
            None => vapid::open(&folder)?,
        };
        let auth = match config.auth.keys.as_slice() {
            [] => vec![self_made(&folder)?],
            configured => configured.to_vec(),
        };
        let cursor_mac = match config.auth.cursor_key() {
            Some(secret) => derived(secret),
            None => cursor_mac(&folder)?,
        };
        let vault = secrets::open(config, &folder)?;
        Ok(Self { auth, cursor_mac, vapid, vault })
    }
}

/// Returns the keys that tokens may be signed with, making only the signing key if it is needed.
///
/// # Errors
/// When the key file cannot be read or made, or is damaged.
pub fn open_auth(config: &Config) -> Result<Vec<KeyConfig>, KeysError> {
    if !config.auth.keys.is_empty() {
        return Ok(config.auth.keys.clone());
    }
    Ok(vec![self_made(&KeyFolder::open(&config.server.data_dir)?)?])
}

/// Names the file that [`open_auth`] makes: that of the signing key, if none is configured and none
/// was made in this data folder yet.
pub fn missing_auth(config: &Config) -> Option<PathBuf> {
    let path = config.server.data_dir.join("keys").join(SIGNING_KEY);
    (config.auth.keys.is_empty() && !path.exists()).then_some(path)
}

/// The secret is kept as the text that it is used as, so that an app's backend can be given the
/// file's content as its JWT_SECRET_KEY.
fn self_made(folder: &KeyFolder) -> Result<KeyConfig, KeysError> {
    let text = folder.read_or_make(SIGNING_KEY, || Ok(base64url(&random::<48>()?)))?;
    let text = folder.text(SIGNING_KEY, text)?;
    let secret = Secret::new(text.trim_end());
    if secret.expose().len() != 64 {
        let what = format!("it has {} characters instead of 64", secret.expose().len());
        return Err(folder.damaged(SIGNING_KEY, what));
    }
    Ok(KeyConfig {
        id: SELF_KEY_ID.to_owned(),
        alg: Alg::Hs256,
        material: Material::Secret(secret),
        tenants: Tenants::Any,
    })
}

fn cursor_mac(folder: &KeyFolder) -> Result<CursorMacKey, KeysError> {
    let bytes = folder.read_or_make("cursor-mac.key", || Ok(random::<32>()?.to_vec()))?;
    let length = bytes.len();
    let key = bytes.try_into().map_err(|_| {
        folder.damaged("cursor-mac.key", format!("it has {length} bytes instead of 32"))
    })?;
    Ok(CursorMacKey(key))
}

/// Makes a key of the right length from a configured secret.
fn derived(secret: &Secret) -> CursorMacKey {
    use aws_lc_rs::digest::{SHA256, digest};
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, secret.expose().as_bytes()).as_ref());
    CursorMacKey(bytes)
}

fn random<const N: usize>() -> Result<[u8; N], KeysError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| KeysError::Random)?;
    Ok(bytes)
}

fn base64url(bytes: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes).into_bytes()
}
