//! The folder of key files.
//!
//! A file appears whole or not at all, also over a crash or a power cut. Must never lose one.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::KeysError;

/// `keys/` in the data folder.
pub(super) struct KeyFolder(PathBuf);

impl KeyFolder {
    /// Opens the folder and makes it, for the owner alone, if it is not there.
    pub(super) fn open(data_dir: &Path) -> Result<Self, KeysError> {
        let path = data_dir.join("keys");
        make_dir(&path)?;
        Ok(Self(path))
    }

    /// Returns a file's content; makes the file first if it is not there.
    pub(super) fn read_or_make(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<Vec<u8>, KeysError>,
    ) -> Result<Vec<u8>, KeysError> {
        if let Some(content) = self.read(name)? {
            return Ok(content);
        }
        // `landfall token` may run beside the first `landfall serve`; the lock makes one of them
        // the maker, and the other finds the file when it looks again.
        let _lock = self.lock()?;
        if let Some(content) = self.read(name)? {
            return Ok(content);
        }
        let content = make()?;
        self.write(name, &content).map_err(|source| self.io(name, source))?;
        tracing::info!(file = %self.0.join(name).display(), "made a key; keep a copy");
        Ok(content)
    }

    /// Makes a file hold a content; one that held another is kept under its name and `suffix`,
    /// which is what is returned.
    pub(super) fn put(
        &self,
        name: &str,
        content: &[u8],
        suffix: &str,
    ) -> Result<Option<PathBuf>, KeysError> {
        let _lock = self.lock()?;
        let aside = match self.read(name)? {
            Some(there) if there == content => return Ok(None),
            Some(_) => Some(self.0.join(format!("{name}{suffix}"))),
            None => None,
        };
        if let Some(aside) = &aside {
            std::fs::rename(self.0.join(name), aside).map_err(|source| self.io(name, source))?;
        }
        self.write(name, content).map_err(|source| self.io(name, source))?;
        Ok(aside)
    }

    /// Returns a file's content as text.
    pub(super) fn text(&self, name: &str, content: Vec<u8>) -> Result<String, KeysError> {
        String::from_utf8(content).map_err(|_| self.damaged(name, "it is not text".to_owned()))
    }

    /// Says that a file does not hold what it should.
    pub(super) fn damaged(&self, name: &str, what: String) -> KeysError {
        KeysError::Damaged { path: self.0.join(name), what }
    }

    /// Returns a file's content, if it is there.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, KeysError> {
        match std::fs::read(self.0.join(name)) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.io(name, error)),
        }
    }

    fn lock(&self) -> Result<File, KeysError> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600);
        let open = || {
            let file = file.open(self.0.join(".lock"))?;
            file.lock()?;
            Ok(file)
        };
        open().map_err(|source| self.io(".lock", source))
    }

    /// Writes beside, syncs, renames, syncs the folder: after a power cut the name is either
    /// absent or holds everything.
    fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let temporary = self.0.join(format!(".{name}.new"));
        match std::fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&temporary, self.0.join(name))?;
        File::open(&self.0)?.sync_all()?;
        // The folder's own name may be as new as the file's.
        self.0.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    }

    fn io(&self, name: &str, source: io::Error) -> KeysError {
        KeysError::Io { path: self.0.join(name), source }
    }
}

/// Makes a folder and those above it for the owner alone; one that is there stays as it is.
pub(super) fn make_dir(path: &Path) -> Result<(), KeysError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| KeysError::Io { path: path.to_owned(), source })
}
