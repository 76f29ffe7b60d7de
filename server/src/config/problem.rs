//! What is wrong with a configuration, collected so that all of it is said at once.
//!
//! Must never hold the value of a secret: every text here is printed.

use std::fmt;

use super::Origin;

/// One wrong setting: its name, what is wrong, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Path of the setting (`server.listen`) or name of the variable or file.
    pub name: String,
    /// What is wrong with it, as the end of a sentence that starts with the name.
    pub what: String,
    /// Where the wrong value stands.
    pub origin: Origin,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.name, self.what, self.origin)
    }
}

/// Everything that is wrong with a configuration, one line each when printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Returns them in the order in which they were found.
    pub fn list(&self) -> &[Problem] {
        &self.0
    }

    pub(super) fn add(&mut self, name: &str, what: impl Into<String>, origin: &Origin) {
        let (name, what, origin) = (name.to_owned(), what.into(), origin.clone());
        self.0.push(Problem { name, what, origin });
    }

    /// Tells whether a setting was found wrong, so that checks built on it can be left out.
    pub(super) fn names(&self, path: &str) -> bool {
        self.0.iter().any(|problem| problem.name == path)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
