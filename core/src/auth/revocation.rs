//! Revocations: tokens that hold no more although their signature and their time say that they do.
//!
//! Pure: which tokens one covers. Remembering them is the store's work.

use crate::id::UserId;
use crate::time::Timestamp;

/// What a revocation is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Revoked {
    /// Every token of a user that was issued until then, and those that do not say when they were.
    User(UserId),
    /// The one token with this `jti`.
    Token(String),
}

impl Revoked {
    /// Names the kind, as stores and the trail spell it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Token(_) => "token",
        }
    }

    /// Gives the user's id or the token's.
    pub fn subject(&self) -> &str {
        match self {
            Self::User(user) => user.as_str(),
            Self::Token(token) => token,
        }
    }

    /// Tells whether a revocation of this, made at `at`, covers a token.
    pub fn covers(&self, at: Timestamp, token: &TokenMark) -> bool {
        match self {
            Self::User(user) => {
                *user == token.user && token.issued_at.is_none_or(|issued_at| issued_at <= at)
            }
            Self::Token(id) => token.token_id.as_ref() == Some(id),
        }
    }
}

/// What of a token a revocation looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenMark {
    /// Its `sub`.
    pub user: UserId,
    /// Its `jti`.
    pub token_id: Option<String>,
    /// Its `iat`.
    pub issued_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn token(user: &str, id: Option<&str>, issued_at: Option<i64>) -> TokenMark {
        TokenMark {
            user: UserId::parse(user).unwrap(),
            token_id: id.map(str::to_owned),
            issued_at: issued_at.map(Timestamp::from_ms),
        }
    }

    #[test]
    fn a_users_tokens_are_covered_up_to_the_moment() {
        let check = |token: TokenMark, expected: bool| {
            let ada = Revoked::User(UserId::parse("ada").unwrap());
            assert_eq!(ada.covers(Timestamp::from_ms(1_000), &token), expected, "{token:?}");
        };
        check(token("ada", None, Some(999)), true);
        check(token("ada", Some("x"), Some(1_000)), true);
        check(token("ada", Some("x"), Some(1_001)), false);
        check(token("ada", None, None), true);
        check(token("bob", None, None), false);
    }

    #[test]
    fn a_tokens_revocation_covers_that_token_whenever_it_was_issued() {
        let one = Revoked::Token("one".to_owned());
        let covers = |token: &TokenMark| one.covers(Timestamp::from_ms(1_000), token);
        assert!(covers(&token("ada", Some("one"), Some(5_000))));
        assert!(!covers(&token("ada", Some("two"), None)));
        assert!(!covers(&token("one", None, None)));
    }
}
