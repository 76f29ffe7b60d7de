//! Why a backup could not be made, read or restored.

use std::path::{Path, PathBuf};

use crate::StoreError;

/// Why a backup could not be made, read or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file is there, and was not to be overwritten.
    #[error("{0} is there already")]
    FileThere(PathBuf),
    /// Another backup is being written to the same place.
    #[error("another backup to {} is being written", .0.display())]
    UnderWay(PathBuf),
    /// A file or folder cannot be read or written.
    #[error("{path} cannot be read or written")]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file was not made by a backup.
    #[error("{0} is no backup of Landfall")]
    NotABackup(PathBuf),
    /// The file was made by a version that knows more than this one.
    #[error("{path} was made by a newer version: {what}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// What is unknown here.
        what: String,
    },
    /// The file does not hold what was once written to it.
    #[error("{path} is damaged or cut off: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// There is nothing to back up.
    #[error("there is no store at {0}")]
    NoStore(String),
    /// A store is there already, and was not to be replaced.
    #[error("there is a store at {0} already")]
    StoreThere(String),
    /// The operator vouched for a backup that says nothing of this store's life.
    #[error("the backup is not of this store as it is now: {0}")]
    NotOfThisStore(String),
    /// Somebody else uses the database.
    #[error("{0} is in use by a server: stop every node first")]
    InUse(String),
    /// What goes with the store could not be put in place.
    #[error("what goes with the store could not be put in place")]
    Before(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store's tables are not those of its version.
    #[error("the store's tables are not those of its version: {0}")]
    Foreign(String),
    /// The store did not do what it was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BackupError {
    /// Makes an error of touching a path.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Io { path, source }
    }

    /// Says what is wrong with a file that was written otherwise.
    pub(crate) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.into() }
    }
}

/// Says what is behind a store's error.
pub(super) fn cause(error: StoreError) -> String {
    match error {
        StoreError::Internal(source) => source.to_string(),
        other => other.to_string(),
    }
}
