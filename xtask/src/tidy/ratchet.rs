//! The list of files and functions that are larger than the house likes, which may only shrink.
//!
//! It is read from `xtask/ratchet.toml`; it never lifts the hard limits.

use anyhow::{Result, ensure};
use serde::Deserialize;

/// The exceptions as written in `xtask/ratchet.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ratchet {
    /// How many functions may have 41 to 70 lines.
    pub long_functions: usize,
    /// Files that may have 401 to 600 lines.
    #[serde(default, rename = "file")]
    pub files: Vec<LongFile>,
}

/// One file that is allowed to be long.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LongFile {
    /// Path from the repository root.
    pub path: String,
    /// The most lines it may have.
    pub lines: usize,
    /// Why it is one file.
    pub reason: String,
}

impl Ratchet {
    /// Reads the list. Fails on unknown keys and on an exception without a reason.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let ratchet: Self = toml::from_str(text)?;
        for file in &ratchet.files {
            ensure!(!file.reason.trim().is_empty(), "`{}` gives no reason", file.path);
        }
        Ok(ratchet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wants_a_reason() {
        let text = "long_functions = 1\n[[file]]\npath = 'a.rs'\nlines = 410\nreason = ";
        assert!(Ratchet::parse(&format!("{text}'one table'")).is_ok());
        assert!(Ratchet::parse(&format!("{text}' '")).is_err());
    }

    #[test]
    fn refuses_unknown_keys() {
        assert!(Ratchet::parse("long_functions = 1\nlong_files = 2").is_err());
    }
}
