//! The files of the repository as git sees them: tracked, or new and not ignored.
//!
//! New files count, so that a check speaks before the commit and not after it. Nothing here
//! judges what it reads.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// One file whose bytes are UTF-8.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Path from the repository root, with `/` between folders.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl SourceFile {
    /// Tells the part of the name after the last dot, or nothing.
    pub fn extension(&self) -> &str {
        Path::new(&self.path).extension().and_then(|e| e.to_str()).unwrap_or_default()
    }

    /// Tells whether the file itself is a test: below a `tests` folder or named for its tests.
    pub fn is_test(&self) -> bool {
        self.is_in_tests_folder()
            || self.path.ends_with("/tests.rs")
            || self.path.ends_with("_tests.rs")
    }

    /// Tells whether the file lies below a folder called `tests`.
    pub fn is_in_tests_folder(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/")
    }
}

/// The repository as the checks see it.
#[derive(Debug, Default)]
pub struct Tree {
    /// The folder that holds the workspace's `Cargo.toml`.
    pub root: PathBuf,
    /// Every readable text file, sorted by path.
    pub files: Vec<SourceFile>,
    /// Every file's path, text or not.
    pub paths: BTreeSet<String>,
}

impl Tree {
    /// Reads the repository this crate was built in. Fails without git or outside a checkout.
    pub fn read() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask lies inside the workspace")?
            .to_owned();
        let paths: BTreeSet<String> =
            list_files(&root)?.into_iter().filter(|path| root.join(path).is_file()).collect();
        let mut files = Vec::new();
        for path in &paths {
            let bytes = std::fs::read(root.join(path)).with_context(|| format!("read {path}"))?;
            if let Ok(text) = String::from_utf8(bytes) {
                files.push(SourceFile { path: path.clone(), text });
            }
        }
        Ok(Self { root, files, paths })
    }

    /// Makes a tree out of paths and texts, for the tests of the checks.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let files: Vec<SourceFile> = files
            .iter()
            .map(|(path, text)| SourceFile { path: (*path).into(), text: (*text).into() })
            .collect();
        let paths = files.iter().map(|file| file.path.clone()).collect();
        Self { root: PathBuf::new(), files, paths }
    }

    /// Gives the files with one extension.
    pub fn with_extension<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a SourceFile> {
        self.files.iter().filter(move |file| file.extension() == wanted)
    }
}

fn list_files(root: &Path) -> Result<Vec<String>> {
    // A checkout that belongs to another user (a container's volume) is only listed here, never
    // executed from, so git's ownership guard has nothing to protect.
    let output = Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "-z"])
        .args(["--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("git is needed to list the files: sudo apt-get install git")?;
    ensure!(
        output.status.success(),
        "git could not list the files of {}: {}",
        root.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    let listing = String::from_utf8(output.stdout).context("a path is not UTF-8")?;
    Ok(listing.split_terminator('\0').map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_this_very_file() {
        let tree = Tree::read().expect("the tests run in a checkout");
        assert!(tree.paths.contains("xtask/src/tree.rs"));
        assert!(tree.paths.contains("Cargo.lock"));
        assert!(!tree.paths.iter().any(|path| path.starts_with("target/")));
    }

    #[test]
    fn knows_tests_by_their_place() {
        let tree = Tree::of(&[
            ("a/tests/x.rs", ""),
            ("a/src/b/tests.rs", ""),
            ("a/src/contests.rs", ""),
            ("a/src/b_tests.rs", ""),
        ]);
        let verdicts: Vec<bool> = tree.files.iter().map(SourceFile::is_test).collect();
        assert_eq!(verdicts, [true, true, false, true]);
    }
}
