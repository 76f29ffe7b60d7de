//! A blob that arrives: written beside, digested as it comes, and named only when it is whole.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use landfall_core::blob::BlobHash;

use super::folder::{INCOMING, blocking, make_dir, remove, sync_dir};
use super::{BlobFolder, Name};

/// What has come is written in parts of about this many bytes.
const PART: usize = 256 * 1_024;

/// A blob that is being written; what of it is on disk goes when this is dropped.
#[derive(Debug)]
pub struct Incoming {
    name: Name,
    folder: BlobFolder,
    /// Gone while it is lent to the thread that writes.
    writing: Option<Writing>,
    waiting: Vec<u8>,
    bytes: u64,
}

/// The bytes are not those that the blob's name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mismatch;

struct Writing {
    file: File,
    digest: Context,
    temporary: Temporary,
}

impl std::fmt::Debug for Writing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.temporary.fmt(f)
    }
}

/// A file that goes unless it is kept.
#[derive(Debug)]
struct Temporary(Option<PathBuf>);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.0
            && let Err(error) = remove(path)
        {
            tracing::warn!(%error, "what came of a blob stays until it is swept up");
        }
    }
}

impl Writing {
    fn add(&mut self, part: &[u8]) -> io::Result<()> {
        self.digest.update(part);
        self.file.write_all(part)
    }

    /// Gives the file its name, which lasts when this returns.
    fn keep(mut self, to: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        let shard = to.parent().expect("a blob's file is in a folder");
        let tenant = shard.parent().expect("a shard is in a tenant's folder");
        make_dir(tenant)?;
        make_dir(shard)?;
        if let Some(from) = &self.temporary.0 {
            std::fs::rename(from, to)?;
        }
        self.temporary.0 = None;
        sync_dir(shard)
    }
}

impl Incoming {
    pub(super) fn begin(folder: BlobFolder, name: Name) -> io::Result<Self> {
        let beside = folder.path().join(INCOMING);
        make_dir(&beside)?;
        let path = beside.join(name.file.simple().to_string());
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let temporary = Temporary(Some(path));
        let writing = Some(Writing { file, digest: Context::new(&SHA256), temporary });
        Ok(Self { name, folder, writing, waiting: Vec::new(), bytes: 0 })
    }

    /// Tells how many bytes have come.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes the next part.
    ///
    /// # Errors
    /// When the disk does not take it; the blob is given up then.
    pub async fn push(&mut self, part: &[u8]) -> io::Result<()> {
        self.bytes += part.len() as u64;
        self.waiting.extend_from_slice(part);
        if self.waiting.len() >= PART { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> io::Result<()> {
        let part = std::mem::take(&mut self.waiting);
        let mut writing = self.writing.take().ok_or_else(given_up)?;
        let (writing, part) = blocking(move || {
            writing.add(&part)?;
            Ok((writing, part))
        })
        .await?;
        (self.writing, self.waiting) = (Some(writing), part);
        self.waiting.clear();
        Ok(())
    }

    /// Ends the blob: all of it is on disk under its name, or nothing of it.
    ///
    /// # Errors
    /// When the disk does not take it. Inside: when the bytes are others than the name says.
    pub async fn finish(mut self) -> io::Result<Result<(), Mismatch>> {
        self.flush().await?;
        let Self { name, folder, writing, .. } = self;
        let writing = writing.ok_or_else(given_up)?;
        blocking(move || {
            let found = writing.digest.clone().finish();
            if BlobHash(found.as_ref().try_into().map_err(io::Error::other)?) != name.hash {
                return Ok(Err(Mismatch));
            }
            writing.keep(&folder.path_of(&name)).map(Ok)
        })
        .await
    }
}

fn given_up() -> io::Error {
    io::Error::other("an earlier part of it could not be written")
}
