//! Finding files that may be nobody's: a part of the folder at a time, in a fixed order.
//!
//! A crash between a file's name and its row leaves one, and so does a store that was put back. It must
//! never remove anything by itself: whose a file is, the store says.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use landfall_core::time::Timestamp;
use uuid::Uuid;

use super::BlobFolder;
use super::folder::{INCOMING, blocking, remove};

/// Files of a part that are looked at together.
pub const PAGE: usize = 500;
/// What arrives and was written to since is left alone: somebody may be at it.
const FRESH: Duration = Duration::from_secs(3_600);
/// A file under a blob's name is left alone for so long: the store that knows it may still be put back.
const NAMED: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Where a walk over the folder stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// A tenant's folder, or what arrives.
    top: String,
    /// One of its folders; what arrives has none.
    shard: String,
    /// The last name in there that was looked at.
    after: String,
}

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
        blocking(move || folder.look_from(place, now)).await
    }

    fn look_from(&self, place: Place, now: Timestamp) -> io::Result<Found> {
        let tops = entries(self.path())?;
        let Some((top, next_top)) = from(&tops, &place.top) else {
            return Ok(Found { files: Vec::new(), next: Place::default() });
        };
        let place = if top == place.top { place } else { Place { top, ..Place::default() } };
        let after_top = Place { top: next_top.unwrap_or_default(), ..Place::default() };
        let shards = match place.top == INCOMING {
            true => vec![String::new()],
            false => entries(&self.path().join(&place.top))?,
        };
        let Some((shard, next_shard)) = from(&shards, &place.shard) else {
            return Ok(Found { files: Vec::new(), next: after_top });
        };
        let place = if shard == place.shard { place } else { place.at(shard) };
        let after_shard = next_shard.map_or(after_top, |next| place.at(next));
        self.page(&place, after_shard, now)
    }

    fn page(&self, place: &Place, after_shard: Place, now: Timestamp) -> io::Result<Found> {
        let path = self.path().join(&place.top).join(&place.shard);
        let names = entries(&path)?.into_iter().filter(|name| *name > place.after);
        let names: Vec<String> = names.take(PAGE).collect();
        let next = match names.last() {
            Some(last) if names.len() == PAGE => Place { after: last.clone(), ..place.clone() },
            _ => after_shard,
        };
        let age = if place.top == INCOMING { FRESH } else { NAMED };
        let file = |name: String| {
            let id = name.rsplit('.').next().and_then(|id| Uuid::try_parse(id).ok())?;
            let path = path.join(name);
            is_older(&path, now, age).then_some((id, path))
        };
        Ok(Found { files: names.into_iter().filter_map(file).collect(), next })
    }

    /// Removes files that are nobody's.
    ///
    /// # Errors
    /// When the disk does not let one go.
    pub(crate) async fn remove_all(&self, files: Vec<PathBuf>) -> io::Result<()> {
        blocking(move || files.iter().try_for_each(|path| remove(path))).await
    }
}

impl Place {
    /// Stands at the beginning of another folder of the same one.
    fn at(&self, shard: String) -> Self {
        Self { top: self.top.clone(), shard, after: String::new() }
    }
}

/// Gives the first name that is not before `least`, and the one behind it.
fn from(names: &[String], least: &str) -> Option<(String, Option<String>)> {
    let mut left = names.iter().skip_while(|name| name.as_str() < least).cloned();
    Some((left.next()?, left.next()))
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
fn is_older(path: &Path, now: Timestamp, least: Duration) -> bool {
    let written = std::fs::metadata(path).and_then(|about| about.modified());
    let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(now.as_ms()).unwrap_or(0));
    let is_older = |at: SystemTime| now.duration_since(at).is_ok_and(|age| age > least);
    written.is_ok_and(is_older)
}
