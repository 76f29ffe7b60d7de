//! The folder and the names in it.
//!
//! Tenants are told apart by a digest of their names, so that no name of a tenant is a path.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use landfall_core::blob::BlobHash;
use landfall_core::id::Tenant;
use uuid::Uuid;

use super::Incoming;

/// Where what is not complete yet is written.
pub(super) const INCOMING: &str = "incoming";

/// Names a file that holds a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Whose.
    pub tenant: Tenant,
    /// Which blob.
    pub hash: BlobHash,
    /// Which of the files that ever held it.
    pub file: Uuid,
}

/// The folder of all blobs.
#[derive(Debug, Clone)]
pub struct BlobFolder(Arc<Path>);

impl BlobFolder {
    /// Names the folder of a store; it is made when the first blob comes. Each store has its own, so that
    /// none sweeps up what is another's, such as that of which an empty one took the place.
    pub fn new(path: &Path, store: &str) -> Self {
        Self(path.join(store).into())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Gives the path of a blob's file: `TENANT/2 DIGITS/HASH.FILE`.
    pub(super) fn path_of(&self, name: &Name) -> PathBuf {
        let Name { tenant, hash, file } = name;
        let tenant: String = digest(&SHA256, tenant.as_str().as_bytes())
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let hash = hash.to_string();
        self.0.join(tenant).join(&hash[..2]).join(format!("{hash}.{}", file.simple()))
    }

    /// Begins to write a blob that has not arrived yet.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub async fn receive(&self, name: Name) -> io::Result<Incoming> {
        let folder = self.clone();
        blocking(move || Incoming::begin(folder, name)).await
    }

    /// Opens a blob's file; nothing where it is not there, or has another length.
    ///
    /// # Errors
    /// When the disk does not give it.
    pub async fn open(&self, name: &Name, bytes: u64) -> io::Result<Option<Arc<File>>> {
        let path = self.path_of(name);
        blocking(move || match File::open(path) {
            Ok(file) if file.metadata()?.len() == bytes => Ok(Some(Arc::new(file))),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    /// Removes a blob's file, if it is there.
    ///
    /// # Errors
    /// When the disk does not let it go.
    pub async fn remove(&self, name: &Name) -> io::Result<()> {
        let path = self.path_of(name);
        blocking(move || remove(&path)).await
    }
}

/// Reads `length` bytes at a place of a file.
///
/// # Errors
/// When the disk does not give them.
pub async fn read_at(file: &Arc<File>, at: u64, length: usize) -> io::Result<Bytes> {
    let file = Arc::clone(file);
    blocking(move || {
        let mut buffer = vec![0; length];
        file.read_exact_at(&mut buffer, at)?;
        Ok(Bytes::from(buffer))
    })
    .await
}

/// Works on a thread that may wait for the disk.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes a folder of ours for the owner alone, and makes its name last.
pub(super) fn make_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Makes the names in a folder last.
pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
