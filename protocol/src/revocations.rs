//! Revoking tokens before their time (contract 1).

use landfall_core::auth::Revoked;
use landfall_core::id::UserId;
use landfall_core::notify::FieldError;
use serde::{Deserialize, Serialize};

use crate::text::{IdText, Time};

/// Revokes the tokens of a user that were issued until now, or one token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct RevocationRequest {
    /// Whose tokens; this or `jti`.
    #[serde(alias = "userId", skip_serializing_if = "Option::is_none")]
    pub user_id: Option<IdText>,
    /// Which token, by its `jti`; this or `user_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// Why; kept with the revocation and in the trail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl RevocationRequest {
    /// Reads what is to be revoked, and why.
    ///
    /// # Errors
    /// What is wrong, unless exactly one of the two is given.
    pub fn read(self) -> Result<(Revoked, Option<String>), Vec<FieldError>> {
        let Self { user_id, jti, reason } = self;
        let of = match (user_id, jti) {
            (Some(user), None) => {
                let user = user.read("/user_id", UserId::parse);
                Revoked::User(user.map_err(|fault| vec![fault])?)
            }
            (None, Some(jti)) if jti.is_empty() => {
                return Err(vec![FieldError::new("/jti", "must not be empty")]);
            }
            (None, Some(jti)) => Revoked::Token(jti),
            (Some(_), Some(_)) => {
                return Err(vec![FieldError::new("/jti", "cannot be given with user_id")]);
            }
            (None, None) => {
                return Err(vec![FieldError::new("/user_id", "or jti must be given")]);
            }
        };
        Ok((of, reason.filter(|reason| !reason.is_empty())))
    }
}

/// A revocation that is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevocationItem {
    /// Its name, by which it can be lifted; another one once it is made again.
    pub id: String,
    /// Whose tokens.
    pub user_id: Option<String>,
    /// Which token.
    pub jti: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// A user's tokens are revoked that were issued until then.
    pub revoked_at: Time,
    /// Who did it.
    pub revoked_by: String,
}
