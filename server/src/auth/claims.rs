//! Reads the claims of a token whose signature has already been found good.
//!
//! Unknown claims are ignored; a known one of the wrong type is refused by name, never guessed at: a `jti` that is
//! silently dropped would be a token that nobody can revoke.

use landfall_core::auth::{Role, Scope, Validity};
use landfall_core::id::{Tenant, UserId};
use landfall_core::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::error::AuthError;

/// The tenant of a token that names none, and of a key that lists none.
pub const DEFAULT_TENANT: &str = "default";
const MAX_NAME_CHARS: usize = 256;
const MAX_TAG_CHARS: usize = 64;
const MAX_TOKEN_ID_CHARS: usize = 256;

/// The payload as it came (RFC 7519 section 4). A claim that occurs twice makes it unreadable; `null` means absent.
#[derive(Deserialize)]
pub(super) struct Claims {
    sub: Option<Value>,
    exp: Option<Value>,
    nbf: Option<Value>,
    iat: Option<Value>,
    iss: Option<Value>,
    aud: Option<Value>,
    jti: Option<Value>,
    tenant: Option<Value>,
    roles: Option<Value>,
    role: Option<Value>,
    scope: Option<Value>,
    name: Option<Value>,
    locale: Option<Value>,
    tz: Option<Value>,
}

impl Claims {
    /// `exp` is required, `nbf` is not.
    pub(super) fn validity(&self, leeway_ms: i64) -> Result<Validity, AuthError> {
        let expires_at = date(&self.exp, "exp")?.ok_or(AuthError::BadClaim("exp"))?;
        Ok(Validity { expires_at, not_before: date(&self.nbf, "nbf")?, leeway_ms })
    }

    /// `iat`: when it was issued.
    pub(super) fn issued_at(&self) -> Result<Option<Timestamp>, AuthError> {
        date(&self.iat, "iat")
    }

    /// Tells whether `iss` is this text, exactly.
    pub(super) fn is_from(&self, issuer: &str) -> bool {
        self.iss.as_ref().and_then(Value::as_str) == Some(issuer)
    }

    /// Tells whether `aud`, a text or a list of texts, names this audience.
    pub(super) fn is_for(&self, audience: &str) -> bool {
        match &self.aud {
            Some(Value::Array(items)) => items.iter().any(|item| item.as_str() == Some(audience)),
            Some(single) => single.as_str() == Some(audience),
            None => false,
        }
    }

    /// `sub`, a text or an integer.
    pub(super) fn user(&self) -> Result<UserId, AuthError> {
        const BAD: AuthError = AuthError::BadClaim("sub");
        UserId::parse(&id(self.sub.as_ref().ok_or(BAD)?).ok_or(BAD)?).map_err(|_| BAD)
    }

    /// `tenant`, a text or an integer; `default` where the token names none.
    pub(super) fn tenant(&self) -> Result<Tenant, AuthError> {
        const BAD: AuthError = AuthError::BadClaim("tenant");
        let text = match &self.tenant {
            Some(value) => id(value).ok_or(BAD)?,
            None => DEFAULT_TENANT.to_owned(),
        };
        Tenant::parse(&text).map_err(|_| BAD)
    }

    /// `roles` and `role` together, each a text or a list of texts, without repeats.
    pub(super) fn roles(&self) -> Result<Vec<Role>, AuthError> {
        let mut roles = Vec::new();
        for (claim, name) in [(&self.roles, "roles"), (&self.role, "role")] {
            for text in texts(claim).ok_or(AuthError::BadClaim(name))? {
                let role = Role::parse(text).map_err(|_| AuthError::BadClaim(name))?;
                if !roles.contains(&role) {
                    roles.push(role);
                }
            }
        }
        Ok(roles)
    }

    /// `scope`, a space-separated text (RFC 8693 section 4.2) or a list; scopes this server does not know are
    /// somebody else's and are left out.
    pub(super) fn scopes(&self) -> Result<Vec<Scope>, AuthError> {
        let items = texts(&self.scope).ok_or(AuthError::BadClaim("scope"))?;
        let words = items.iter().flat_map(|item| item.split_ascii_whitespace());
        Ok(words.filter_map(|word| Scope::parse(word).ok()).collect())
    }

    /// `name`: at most 256 characters.
    pub(super) fn name(&self) -> Result<Option<String>, AuthError> {
        text(&self.name, "name", MAX_NAME_CHARS)
    }

    /// `locale`: at most 64 characters.
    pub(super) fn locale(&self) -> Result<Option<String>, AuthError> {
        text(&self.locale, "locale", MAX_TAG_CHARS)
    }

    /// `tz`: at most 64 characters.
    pub(super) fn tz(&self) -> Result<Option<String>, AuthError> {
        text(&self.tz, "tz", MAX_TAG_CHARS)
    }

    /// `jti`: at most 256 characters.
    pub(super) fn token_id(&self) -> Result<Option<String>, AuthError> {
        text(&self.jti, "jti", MAX_TOKEN_ID_CHARS)
    }
}

fn date(claim: &Option<Value>, name: &'static str) -> Result<Option<Timestamp>, AuthError> {
    let Some(value) = claim else { return Ok(None) };
    let read = value.as_f64().and_then(Timestamp::from_numeric_date);
    read.map(Some).ok_or(AuthError::BadClaim(name))
}

fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

/// A text counts as a list of one; absent as an empty list; anything else is `None`.
fn texts(claim: &Option<Value>) -> Option<Vec<&str>> {
    match claim {
        None => Some(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(Value::as_str).collect(),
        Some(single) => single.as_str().map(|text| vec![text]),
    }
}

/// An empty text counts as absent.
fn text(
    claim: &Option<Value>,
    name: &'static str,
    max_chars: usize,
) -> Result<Option<String>, AuthError> {
    match claim {
        None => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text))
            if text.chars().count() <= max_chars && !text.chars().any(char::is_control) =>
        {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(AuthError::BadClaim(name)),
    }
}
