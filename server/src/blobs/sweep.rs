//! Finding files that may be nobody's: a part of the folder at a time, in a fixed order.
//!
//! A crash between a file's name and its row leaves one, and so does a store that was put back. It must
//! never remove anything: whose a file is, the store says.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use landfall_core::time::Timestamp;
use uuid::Uuid;

use super::BlobFolder;
use super::folder::{INCOMING, blocking, remove};

/// Files of a part that are looked at together.
pub const PAGE: usize = 500;
/// A file that was written to since is left alone: somebody may be at it.
const FRESH: Duration = Duration::from_secs(3_600);

/// Where a walk over the folder stands: a folder, and the last name in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place(PathBuf, String);

/// A part of the folder.
pub(crate) struct Found {
    /// Files that are old enough, by the names that the store knows them by.
    pub(crate) files: Vec<(Uuid, PathBuf)>,
    /// Where to go on; the beginning where everything has been looked at.
    pub(crate) next: Place,
}

impl BlobFolder {
    /// Looks at the next part of the folder.
    ///
    /// # Errors
    /// When the disk does not tell.
    pub(crate) async fn look(&self, place: Place, now: Timestamp) -> io::Result<Found> {
        let folder = self.clone();
        blocking(move || folder.look_from(&place, now)).await
    }

    fn look_from(&self, Place(part, after): &Place, now: Timestamp) -> io::Result<Found> {
        let parts = self.parts()?;
        let at = parts.iter().find(|one| *one >= part).cloned();
        let Some(at) = at else {
            return Ok(Found { files: Vec::new(), next: Place::default() });
        };
        let after = if at == *part { after.as_str() } else { "" };
        let names = entries(&self.path().join(&at))?;
        let page: Vec<String> = names.into_iter().filter(|name| &**name > after).take(PAGE).collect();
        let next = match page.last() {
            Some(last) if page.len() == PAGE => Place(at.clone(), last.clone()),
            _ => match parts.into_iter().find(|one| *one > at) {
                Some(next) => Place(next, String::new()),
                None => Place::default(),
            },
        };
        let file = |name: String| {
            let id = name.rsplit('.').next().and_then(|id| Uuid::try_parse(id).ok())?;
            let path = self.path().join(&at).join(name);
            is_old(&path, now).then_some((id, path))
        };
        Ok(Found { files: page.into_iter().filter_map(file).collect(), next })
    }

    /// Lists the folders that hold files, in order; a tenant has at most 256.
    fn parts(&self) -> io::Result<Vec<PathBuf>> {
        let mut parts = Vec::new();
        for tenant in entries(self.path())? {
            if tenant == INCOMING {
                parts.push(tenant.into());
                continue;
            }
            let shards = entries(&self.path().join(&tenant))?;
            parts.extend(shards.into_iter().map(|shard| Path::new(&tenant).join(shard)));
        }
        parts.sort_unstable();
        Ok(parts)
    }

    /// Removes files that are nobody's.
    ///
    /// # Errors
    /// When the disk does not let one go.
    pub(crate) async fn remove_all(&self, files: Vec<PathBuf>) -> io::Result<()> {
        blocking(move || files.iter().try_for_each(|path| remove(path))).await
    }
}

/// Lists the names in a folder, in order; none where there is no such folder.
fn entries(path: &Path) -> io::Result<Vec<String>> {
    let listed = match std::fs::read_dir(path) {
        Err(error) if is_no_folder(&error) => return Ok(Vec::new()),
        listed => listed?,
    };
    let name = |entry: io::Result<std::fs::DirEntry>| Ok(entry?.file_name().into_string().ok());
    let names: io::Result<Vec<Option<String>>> = listed.map(name).collect();
    let mut names: Vec<String> = names?.into_iter().flatten().collect();
    names.sort_unstable();
    Ok(names)
}

fn is_no_folder(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// A file without a time, or one that went meanwhile, is not old.
fn is_old(path: &Path, now: Timestamp) -> bool {
    let written = std::fs::metadata(path).and_then(|about| about.modified());
    let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(now.as_ms()).unwrap_or(0));
    let is_old = |at: SystemTime| now.duration_since(at).is_ok_and(|age| age > FRESH);
    written.is_ok_and(is_old)
}
