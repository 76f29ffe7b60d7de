//! What is wrong with a template's files, by file and line.
//!
//! Told to the operator at the start; must never hold what a notification carries.

/// One fault in a file of a template.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct TemplateFault {
    /// The file: a path for an operator's own, `templates/…` for one that is built in.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

impl TemplateFault {
    /// Names a fault.
    pub(super) fn new(file: &str, line: usize, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: what.into() }
    }
}

/// Gives the line, from 1, of a byte of a text.
pub(super) fn line_at(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}
