//! Key sets kept in the data folder, so that a restart while the issuer is away refuses nobody.
//!
//! They hold public keys alone; who can write to the data folder could write to the store as well. A file belongs to one
//! id, algorithm and address: after a change of any of them it is not found and is removed. Must never be the reason for
//! which a server does not start.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};

use super::KeySet;

/// `jwks/` in the data folder.
#[derive(Debug, Clone)]
pub struct KeptSets(PathBuf);

impl KeptSets {
    /// Names the folder; it is made when the first set is kept.
    pub fn new(data_dir: &Path) -> Self {
        Self(data_dir.join("jwks"))
    }

    /// Gives each set what was kept of it, and removes what belongs to none.
    pub fn restore<'a>(&self, sets: impl IntoIterator<Item = &'a KeySet>) {
        let mut known = Vec::new();
        for set in sets {
            let name = name(set);
            match std::fs::read(self.0.join(&name)) {
                Ok(document) => match set.take(&document) {
                    Ok(()) => tracing::info!(key = set.id(), "a kept key set is in use"),
                    Err(error) => {
                        tracing::warn!(key = set.id(), %error, "a kept key set is damaged");
                    }
                },
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(key = set.id(), %error, "a kept key set cannot be read");
                }
            }
            known.push(name);
        }
        for entry in std::fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let is_known = entry.file_name().to_str().is_some_and(|n| known.iter().any(|k| k == n));
            if !is_known {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    /// Keeps a set's document; it appears whole or not at all.
    pub(super) fn keep(&self, set: &KeySet, document: &[u8]) -> io::Result<()> {
        let path = self.0.join(name(set));
        if std::fs::read(&path).is_ok_and(|kept| kept == document) {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        let temporary = path.with_extension("new");
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(document)?;
        file.sync_all()?;
        std::fs::rename(temporary, path)
    }
}

fn name(set: &KeySet) -> String {
    let text = [set.id(), set.alg().as_str(), set.url()].join("\n");
    let hash = digest(&SHA256, text.as_bytes());
    let hex: String = hash.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}.json")
}
