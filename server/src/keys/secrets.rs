//! The keys of the vault: the configured ones, and those of the first start.
//!
//! What was sealed with a key that the server made must stay open after another one is configured,
//! so a self-made key is kept on the ring as long as its file is there.

use zeroize::Zeroizing;

use super::folder::KeyFolder;
use super::{KeysError, base64url, random};
use crate::config::{Config, SealingKey};
use crate::secret::Secret;

const SEALING: &str = "sealing.key";
const LOOKUP: &str = "lookup.key";
/// Name of the sealing key that is made on the first start.
const SELF_MADE: &str = "self";
/// Characters of the look-up secret that is made on the first start.
const LOOKUP_CHARS: usize = 64;

/// What addresses are sealed with and found by; prints the names of its keys alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultKeys {
    /// The key that seals, then the others that open.
    pub ring: Vec<SealingKey>,
    /// What keyed hashes are made with.
    pub lookup: Secret,
}

/// Opens the keys and makes those that are neither configured nor there.
pub(super) fn open(config: &Config, folder: &KeyFolder) -> Result<VaultKeys, KeysError> {
    let mut ring = config.secrets.ring();
    let there = match ring.is_empty() {
        true => Some(folder.read_or_make(SEALING, || Ok(made()?.expose().into()))?),
        false => folder.read(SEALING)?,
    };
    if let Some(content) = there {
        let key = sealing(folder, content)?;
        if ring.iter().all(|known| known.id != key.id) {
            ring.push(key);
        }
    }
    let lookup = match config.secrets.lookup() {
        Some(secret) => secret.clone(),
        None => lookup(folder)?,
    };
    Ok(VaultKeys { ring, lookup })
}

/// The file holds the text that `secrets.keys` takes, so that it can be given to other nodes.
fn made() -> Result<Secret, KeysError> {
    let bytes = Zeroizing::new(random::<32>()?);
    Ok(SealingKey { id: SELF_MADE.to_owned(), bytes }.to_text())
}

fn sealing(folder: &KeyFolder, content: Vec<u8>) -> Result<SealingKey, KeysError> {
    let text = Secret::new(folder.text(SEALING, content)?);
    let damaged = || folder.damaged(SEALING, "it is not a name and 32 bytes in base64".to_owned());
    SealingKey::parse(text.expose()).ok_or_else(damaged)
}

fn lookup(folder: &KeyFolder) -> Result<Secret, KeysError> {
    let content = folder.read_or_make(LOOKUP, || Ok(base64url(&random::<48>()?)))?;
    let text = Secret::new(folder.text(LOOKUP, content)?.trim_end());
    let chars = text.expose().len();
    if chars != LOOKUP_CHARS {
        let what = format!("it has {chars} characters instead of {LOOKUP_CHARS}");
        return Err(folder.damaged(LOOKUP, what));
    }
    Ok(text)
}
