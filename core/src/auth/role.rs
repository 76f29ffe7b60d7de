//! Role names as tokens carry them. A role means nothing here: what it allows stands in the configured role map.

use std::fmt;

/// The longest role name, in characters.
const MAX_CHARS: usize = 64;

/// A role's name: any text a token may carry; one that the role map does not know is an ordinary user's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Role(String);

/// Why a text is not a role's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role has 1 to 64 characters, no control characters, no space at its ends")]
pub struct RoleError;

impl Role {
    /// Accepts 1 to 64 characters without control characters or space at the ends.
    pub fn parse(text: &str) -> Result<Self, RoleError> {
        let fits = !text.is_empty() && text.chars().count() <= MAX_CHARS;
        if fits && text.trim() == text && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(RoleError)
        }
    }

    /// Gives the name as the token spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_short_printable_name_is_a_role() {
        for good in ["student", "Head of Year 9", "élève", &"r".repeat(64)] {
            assert_eq!(Role::parse(good).map(|r| r.to_string()).as_deref(), Ok(good));
        }
        for bad in ["", " teacher", "teacher\n", "a\u{0}b", &"r".repeat(65)] {
            assert_eq!(Role::parse(bad), Err(RoleError), "{bad:?}");
        }
    }
}
