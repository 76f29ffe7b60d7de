//! Why a token, or the configuration that should judge it, is refused. No text here may contain a part of either's secret.

use std::fmt;

use landfall_core::auth::OutOfTime;
use landfall_protocol::problem::Code;

/// Why a caller is not known. Each is a 401 but [`AuthError::KeysUnavailable`]; its text suits the problem's `detail` and holds no part of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The request brought no token.
    #[error("A bearer token is required.")]
    Missing,
    /// The text is no JWT in compact form, is too long, or asks for an extension (`crit`).
    #[error("The token is not readable as a JWT.")]
    Malformed,
    /// No configured key has this `kid` with this `alg`.
    #[error("The token names no key and algorithm that this server accepts.")]
    UnknownKey,
    /// The key did not make this signature.
    #[error("The token's signature is not valid.")]
    BadSignature,
    /// The token, or its user's tokens until some time, were revoked.
    #[error("The token was revoked.")]
    Revoked,
    /// The key may be one that its issuer published, but cannot be asked for now. Nothing is known about the token: the
    /// same one may hold in a moment, so this is no 401.
    #[error(
        "The keys of the token's issuer cannot be had at this moment; try again with the same token."
    )]
    KeysUnavailable,
    /// `exp` has passed by more than the leeway.
    #[error("The token has expired.")]
    Expired,
    /// `nbf` is further ahead than the leeway.
    #[error("The token is not valid yet.")]
    NotYet,
    /// `iss` is not the configured issuer.
    #[error("The token's issuer is not accepted.")]
    WrongIssuer,
    /// `aud` does not contain the configured audience.
    #[error("The token is meant for another audience.")]
    WrongAudience,
    /// The key may not speak for the tenant that the token names.
    #[error("The token's key may not speak for its tenant.")]
    TenantNotAllowed,
    /// The named claim is required and missing, or has the wrong type or form.
    #[error("The token's claim `{0}` is missing or not valid.")]
    BadClaim(&'static str),
}

impl AuthError {
    /// Names the refusal for logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::Revoked => "revoked",
            Self::KeysUnavailable => "keys_unavailable",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::TenantNotAllowed => "tenant_not_allowed",
            Self::BadClaim(_) => "bad_claim",
        }
    }
}

impl AuthError {
    /// Gives the code with which requests and frames are refused for it.
    pub fn code(self) -> Code {
        match self {
            Self::Revoked => Code::TokenRevoked,
            Self::KeysUnavailable => Code::Unavailable,
            _ => Code::Unauthenticated,
        }
    }

    /// Says whether who brought the token did something wrong, so that guesses can be counted.
    pub fn is_the_tokens_fault(self) -> bool {
        self != Self::KeysUnavailable
    }
}

impl From<OutOfTime> for AuthError {
    fn from(reason: OutOfTime) -> Self {
        match reason {
            OutOfTime::Expired => Self::Expired,
            OutOfTime::NotYet => Self::NotYet,
        }
    }
}

/// Why keys and policy cannot be used; each stops the start. `id` is the key's configured name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// A key has no id, or one that another key has too.
    #[error("key id `{id}` is empty or used twice")]
    KeyId {
        /// The id in question.
        id: String,
    },
    /// HS256 without a secret, or another algorithm with one.
    #[error(
        "key `{id}`: HS256 takes a secret; RS256, ES256 and EdDSA take a public key in PEM or a key set"
    )]
    WrongMaterial {
        /// The key's id.
        id: String,
    },
    /// The secret is empty or is a PEM text, which is public and so no secret.
    #[error("key `{id}`: the secret is empty or is a PEM text")]
    BadSecret {
        /// The key's id.
        id: String,
    },
    /// The PEM holds no public key of the pinned algorithm.
    #[error(
        "key `{id}`: the PEM holds no public key for its algorithm (RS256: 2048 to 8192 bits, ES256: P-256)"
    )]
    BadPem {
        /// The key's id.
        id: String,
    },
    /// The key may speak for nobody.
    #[error("key `{id}`: names no tenant it may speak for")]
    NoTenant {
        /// The key's id.
        id: String,
    },
    /// The role map names a role that no token can carry.
    #[error("role `{role}` is not a valid role name")]
    BadRole {
        /// The name in question.
        role: String,
    },
    /// The role map gives a role a scope that does not exist.
    #[error("role `{role}`: `{scope}` is not a known scope")]
    UnknownScope {
        /// The role.
        role: String,
        /// The scope as it was written.
        scope: String,
    },
    /// More than an hour of leeway would make `exp` meaningless.
    #[error("a leeway of {seconds} seconds is more than 3600")]
    Leeway {
        /// The configured leeway.
        seconds: u64,
    },
}

/// Everything that is wrong with keys and policy; never empty, one line each when printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupErrors(pub Vec<SetupError>);

impl fmt::Display for SetupErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(SetupError::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for SetupErrors {}
