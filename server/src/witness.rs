//! The witness: a small file beside the store that says how far the store had come.
//!
//! It is written after the commits that it speaks of and never synced, so that it costs nothing
//! and never claims too much. A store that is found behind it was put back to an earlier state.
//! Must never be part of a backup.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use landfall_core::feed::Epoch;
use landfall_core::life::Life;
use serde::{Deserialize, Serialize};

/// One write of this length cannot be seen by half.
const BYTES: usize = 256;
const NAME: &str = "witness.json";

/// The file's content, filled up with spaces.
#[derive(Serialize, Deserialize)]
struct Stored {
    store: String,
    epoch: u64,
    mark: u64,
}

/// The file in the data folder.
#[derive(Debug)]
pub struct Witness {
    file: File,
    written: Option<Life>,
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(NAME)
}

/// Reads what was known; nothing where there is no file, or none that can be read.
pub fn read(data_dir: &Path) -> Option<Life> {
    let text = std::fs::read_to_string(path(data_dir)).ok()?;
    let Stored { store, epoch, mark } = serde_json::from_str(text.trim_end()).ok()?;
    Some(Life { store, epoch: Epoch(epoch), mark })
}

/// Removes the file: what it speaks of is being replaced on purpose.
///
/// # Errors
/// When the file is there and cannot be removed.
pub fn forget(data_dir: &Path) -> io::Result<()> {
    match std::fs::remove_file(path(data_dir)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Witness {
    /// Opens the file for writing and leaves what it says.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600);
        Ok(Self { file: file.open(path(data_dir))?, written: None })
    }

    /// Writes down how far the store has come, if that is news.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, life: &Life) -> io::Result<()> {
        if self.written.as_ref() == Some(life) {
            return Ok(());
        }
        let Life { store, epoch, mark } = life;
        let stored = Stored { store: store.clone(), epoch: epoch.0, mark: *mark };
        let mut text = serde_json::to_vec(&stored)?;
        text.resize(text.len().max(BYTES - 1), b' ');
        text.push(b'\n');
        self.file.write_all_at(&text, 0)?;
        self.written = Some(life.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_was_written_last_is_read() {
        let folder = std::env::temp_dir().join(format!("landfall-witness-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        assert_eq!(read(&folder), None);
        let mut witness = Witness::open(&folder).unwrap();
        assert_eq!(read(&folder), None, "an empty file says nothing");
        let life = |mark| Life { store: "a".repeat(32), epoch: Epoch(u64::MAX), mark };
        for mark in [u64::MAX, 7, 7] {
            witness.write(&life(mark)).unwrap();
            assert_eq!(read(&folder), Some(life(mark)));
        }
        let witness = Witness::open(&folder).unwrap();
        assert_eq!(read(&folder), Some(life(7)), "opening changes nothing");
        drop(witness);
        std::fs::write(folder.join(NAME), "{\"store\":").unwrap();
        assert_eq!(read(&folder), None);
        forget(&folder).unwrap();
        forget(&folder).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
