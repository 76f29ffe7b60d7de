//! The lock that lets one server at a time use a data folder.
//!
//! The system drops it with the process, however that ends. Must never be kept by a file's mere
//! existence, which a crash would leave behind.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::KeysError;
use super::folder::make_dir;

/// Holds the data folder until it is dropped.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Makes the data folder if needed and takes it for this process.
    ///
    /// # Errors
    /// [`KeysError::InUse`] when another server holds it; otherwise when the folder cannot be
    /// written.
    pub fn take(data_dir: &Path) -> Result<Self, KeysError> {
        make_dir(data_dir)?;
        let path = data_dir.join("landfall.lock");
        let io = |source| KeysError::Io { path: path.clone(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let path = data_dir.to_owned();
                return Err(KeysError::InUse { path, holder: holder(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        sign(&mut file).map_err(io)?;
        Ok(Self { _file: file })
    }
}

fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.read_to_string(&mut text).ok();
    match read.and_then(|_| text.trim().parse::<u32>().ok()) {
        Some(process) => format!(" (process {process})"),
        None => String::new(),
    }
}
