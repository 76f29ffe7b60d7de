//! Which crate may know which, and which module of the server may name what.
//!
//! The two tables are the architecture; `crates` asks cargo, `modules` reads paths in code. An
//! arrow that is not in a table does not exist.

mod crates;
mod modules;

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::Violation;
use crate::rust_source::RustSource;
use crate::tree::Tree;

/// Checks the whole tree; the answer is sorted and empty when all is well.
///
/// Fails when cargo cannot describe the workspace.
pub fn check(tree: &Tree) -> Result<Vec<Violation>> {
    let mut found = crates::check(tree, &metadata(tree)?)?;
    for file in tree.with_extension("rs") {
        match RustSource::read(&file.text) {
            Ok(source) => found.extend(modules::check(&file.path, &source)),
            Err(error) => found.push(Violation::new(&file.path, 1, "not Rust", error)),
        }
    }
    found.sort();
    Ok(found)
}

fn metadata(tree: &Tree) -> Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(&tree.root)
        .output()
        .context("run cargo metadata")?;
    ensure!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).context("cargo metadata is not UTF-8")
}
