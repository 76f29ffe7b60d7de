//! Taste as a test: what every file of the repository must look like.
//!
//! One module per family of rules; this one only runs them all. A rule belongs here when
//! neither rustfmt nor clippy can hold it.

mod bans;
mod links;
mod names;
mod portable;
mod ratchet;
mod sizes;
mod sql;
mod text;

use anyhow::{Context, Result};

use crate::Violation;
use crate::rust_source::RustSource;
use crate::tree::{SourceFile, Tree};
use ratchet::Ratchet;

/// Where the exceptions to the sizes are listed.
const RATCHET: &str = "xtask/ratchet.toml";

/// A file of Rust with its tokens read.
struct RustFile<'a> {
    file: &'a SourceFile,
    source: RustSource,
}

/// Checks the whole tree; the answer is sorted and empty when all is well.
///
/// Fails when the ratchet file is missing or malformed.
pub fn check(tree: &Tree) -> Result<Vec<Violation>> {
    let written = tree.files.iter().find(|file| file.path == RATCHET);
    let ratchet = Ratchet::parse(&written.with_context(|| format!("{RATCHET} is missing"))?.text)
        .with_context(|| format!("{RATCHET} is malformed"))?;
    let mut found = Vec::new();
    let mut sources = Vec::new();
    for file in tree.with_extension("rs") {
        match RustSource::read(&file.text) {
            Ok(source) => sources.push(RustFile { file, source }),
            Err(error) => found.push(Violation::new(&file.path, 1, "not Rust", error)),
        }
    }
    for file in &tree.files {
        found.extend(text::check(file));
        found.extend(portable::migration(file));
    }
    for rust in &sources {
        found.extend(bans::check(rust));
        found.extend(sql::check(rust));
        found.extend(portable::statements(rust));
    }
    found.extend(names::check(&tree.paths, &sources));
    found.extend(links::check(tree));
    found.extend(sizes::files(tree, &ratchet));
    found.extend(sizes::functions(&sources, &ratchet));
    found.sort();
    Ok(found)
}

#[cfg(test)]
fn rust_file(file: &SourceFile) -> RustFile<'_> {
    RustFile { file, source: RustSource::read(&file.text).expect("the fixture is Rust") }
}
