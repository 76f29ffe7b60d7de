//! A disk that can fail: the file layer of `disk.c`, preloaded into the real binary.
//!
//! Nothing of it is in the product; the server runs as it is shipped.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use tokio::process::Command;

use crate::process::Folder;

/// One server's disk.
pub struct Disk {
    data: PathBuf,
    around: Folder,
}

/// What is wrong with a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// What would make a file longer fails with `ENOSPC`.
    Full,
    /// A sync fails with `EIO`, and keeps nothing.
    Broken,
}

impl Trouble {
    fn variable(self) -> &'static str {
        match self {
            Self::Full => "DISK_FULL",
            Self::Broken => "DISK_BROKEN",
        }
    }
}

impl Disk {
    /// Makes a sound disk for the files of a data folder.
    pub fn new(data: &Path) -> Self {
        let around = Folder::new("disk");
        std::fs::create_dir(around.path().join("shadow")).unwrap();
        Self { data: data.canonicalize().unwrap(), around }
    }

    fn shadow(&self) -> PathBuf {
        self.around.path().join("shadow")
    }

    fn flag(&self, trouble: Trouble) -> PathBuf {
        self.around.path().join(trouble.variable())
    }

    /// Puts a command's files on this disk.
    pub fn mount(&self, command: &mut Command) {
        command.env("LD_PRELOAD", layer()).env("DISK_FOLDER", &self.data);
        command.env("DISK_SHADOW", self.shadow());
        for trouble in [Trouble::Full, Trouble::Broken] {
            command.env(trouble.variable(), self.flag(trouble));
        }
    }

    /// Begins a trouble.
    pub fn begin(&self, trouble: Trouble) {
        std::fs::write(self.flag(trouble), "").unwrap();
    }

    /// Ends a trouble.
    pub fn end(&self, trouble: Trouble) {
        std::fs::remove_file(self.flag(trouble)).unwrap();
    }

    /// Forgets everything that no sync has reached, as a machine without power does. The server
    /// must not be running.
    pub fn lose_unsynced(&self) {
        for file in std::fs::read_dir(&self.data).unwrap() {
            let file = file.unwrap();
            if file.file_type().unwrap().is_file() {
                std::fs::remove_file(file.path()).unwrap();
            }
        }
        for shadow in std::fs::read_dir(self.shadow()).unwrap() {
            let shadow = shadow.unwrap();
            std::fs::copy(shadow.path(), self.data.join(shadow.file_name())).unwrap();
        }
    }
}

/// Compiles the layer once.
fn layer() -> &'static Path {
    static LAYER: OnceLock<PathBuf> = OnceLock::new();
    LAYER.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/torture/disk.c");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (making, layer) = (folder.join("disk-layer.new"), folder.join("disk-layer.so"));
        let compiled = std::process::Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
            .arg(&making)
            .args([source, "-ldl"])
            .stdin(Stdio::null())
            .output()
            .expect("a C compiler is there, since SQLite is built with it");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        // Another run of this test may have it in use.
        std::fs::rename(making, &layer).unwrap();
        layer
    })
}
