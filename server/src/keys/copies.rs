//! Key files as they travel with a backup.
//!
//! Must never change a key that is there without keeping it under another name.

use std::io;
use std::path::{Path, PathBuf};

use landfall_store::KeyFile;

use super::KeysError;
use super::folder::KeyFolder;

/// Reads the key files of a data folder; none where there are no keys.
///
/// # Errors
/// When one cannot be read.
pub fn copies(data_dir: &Path) -> Result<Vec<KeyFile>, KeysError> {
    let folder = data_dir.join("keys");
    let io_at = |path: &Path| {
        let path = path.to_owned();
        move |source| KeysError::Io { path, source }
    };
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(io_at(&folder))?,
    };
    let mut keys = Vec::new();
    for entry in entries {
        let path = entry.map_err(io_at(&folder))?.path();
        // What begins with a dot is a lock, or half a key of a start that was killed.
        let name = path.file_name().and_then(|name| name.to_str()).filter(|name| is_key(name));
        if let Some(name) = name {
            let content = std::fs::read(&path).map_err(io_at(&path))?;
            keys.push(KeyFile { name: name.to_owned(), content });
        }
    }
    keys.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(keys)
}

/// Says whether a text can be a key file's name: nothing that leads elsewhere.
fn is_key(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.starts_with('.')
        && !name.is_empty()
        && name.chars().all(plain)
        && !name.contains(REPLACED)
}

const REPLACED: &str = ".replaced-";

/// Lists the keys that are there and say something else.
///
/// # Errors
/// When one cannot be read.
pub fn differing(data_dir: &Path, keys: &[KeyFile]) -> Result<Vec<PathBuf>, KeysError> {
    let there = copies(data_dir)?;
    let differs = |key: &&KeyFile| {
        there.iter().any(|other| other.name == key.name && other.content != key.content)
    };
    let path = |key: &KeyFile| data_dir.join("keys").join(&key.name);
    Ok(keys.iter().filter(differs).map(path).collect())
}

/// Puts keys where they are missing; one that is there and differs is kept under its name and
/// `suffix`. Gives what was kept so.
///
/// # Errors
/// When a name is none of a key, or a file cannot be written.
pub fn put_back(
    data_dir: &Path,
    keys: &[KeyFile],
    suffix: &str,
) -> Result<Vec<PathBuf>, KeysError> {
    let folder = KeyFolder::open(data_dir)?;
    let mut moved = Vec::new();
    for KeyFile { name, content } in keys {
        if !is_key(name) {
            return Err(folder.damaged(name, "its name is none of a key".to_owned()));
        }
        moved.extend(folder.put(name, content, suffix)?);
    }
    Ok(moved)
}
