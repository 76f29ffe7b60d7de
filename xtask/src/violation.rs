//! What a check reports: a place, the rule that was broken, and what to do instead.
//!
//! A violation without advice is a riddle, so there is no way to make one.

use std::fmt;

/// One broken rule at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Path from the repository root, with `/` between folders.
    pub path: String,
    /// Line in that file, from 1.
    pub line: usize,
    /// Short name of the rule.
    pub rule: &'static str,
    /// What to do instead.
    pub advice: String,
}

impl Violation {
    /// Names a broken rule and its remedy.
    pub fn new(path: &str, line: usize, rule: &'static str, advice: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, rule, advice: advice.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, advice } = self;
        write!(f, "{path}:{line}: {rule}: {advice}")
    }
}
