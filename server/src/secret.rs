//! A text that must not be shown.
//!
//! Must never get a `Display`, a `Serialize` or a `Debug` that prints what it holds.

use std::fmt;

use serde::Deserialize;
use zeroize::Zeroize as _;

/// Holds a secret text; prints as stars, and is wiped when it is dropped.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text, for the code that signs, verifies or sends with it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Tells whether nothing was set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
