//! Whom this server is to Firebase: a service account's key file, checked once.
//!
//! The private key leaves it only as a signature, and is never shown.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use landfall_core::time::Timestamp;
use serde::{Deserialize, Serialize};

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
/// How long an assertion may be used; the token endpoint takes none that is good for longer.
const ASSERTION_S: i64 = 3600;
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// A service account of a Firebase project.
pub struct ServiceAccount {
    pub(super) project_id: String,
    pub(super) token_uri: String,
    client_email: String,
    key_id: Option<String>,
    key: EncodingKey,
}

/// Says what is wrong with a key file.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Not JSON, or a field is missing.
    #[error("is no service account's key file: {0}")]
    Unreadable(#[source] serde_json::Error),
    /// A key file of another kind.
    #[error("is a key of type `{0}`, not `service_account`")]
    OtherType(String),
    /// The private key is no RSA key in PEM.
    #[error("`private_key` is no RSA key in PEM")]
    BadKey,
    /// The project's name would not fit into a URL.
    #[error("`project_id` has characters that no project's id has")]
    BadProject,
}

#[derive(Deserialize)]
struct KeyFile {
    #[serde(rename = "type")]
    kind: String,
    project_id: String,
    private_key_id: Option<String>,
    private_key: String,
    client_email: String,
    token_uri: Option<String>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'static str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

impl ServiceAccount {
    /// Reads the JSON file that Firebase's console gives out under "Service accounts".
    pub fn parse(json: &str) -> Result<Self, AccountError> {
        let file: KeyFile = serde_json::from_str(json).map_err(AccountError::Unreadable)?;
        if file.kind != "service_account" {
            return Err(AccountError::OtherType(file.kind));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
        if file.project_id.is_empty() || !file.project_id.chars().all(fits) {
            return Err(AccountError::BadProject);
        }
        let key = EncodingKey::from_rsa_pem(file.private_key.as_bytes())
            .map_err(|_| AccountError::BadKey)?;
        Ok(Self {
            project_id: file.project_id,
            token_uri: file.token_uri.unwrap_or_else(|| TOKEN_URI.into()),
            client_email: file.client_email,
            key_id: file.private_key_id,
            key,
        })
    }

    /// Signs what is exchanged for a token (RFC 7523 section 2.1): RS256, for the token endpoint.
    pub(super) fn assertion(&self, now: Timestamp) -> Result<String, AccountError> {
        let iat = now.as_ms() / 1000;
        let claims = Claims {
            iss: &self.client_email,
            scope: SCOPE,
            aud: &self.token_uri,
            iat,
            exp: iat + ASSERTION_S,
        };
        let header = Header { kid: self.key_id.clone(), ..Header::new(Algorithm::RS256) };
        jsonwebtoken::encode(&header, &claims, &self.key).map_err(|_| AccountError::BadKey)
    }
}

impl std::fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServiceAccount({}, …)", self.project_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: &str, project: &str) -> String {
        let json = format!(
            r#"{{"type": "{kind}", "project_id": "{project}", "client_email": "a@b.c",
                "private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}}"#
        );
        ServiceAccount::parse(&json).expect_err("the key is no key").to_string()
    }

    #[test]
    fn a_key_file_is_told_what_is_wrong_with_it() {
        assert_eq!(
            parse("authorized_user", "p"),
            "is a key of type `authorized_user`, not `service_account`"
        );
        assert!(parse("service_account", "p/../q").contains("project_id"));
        assert_eq!(parse("service_account", "p"), "`private_key` is no RSA key in PEM");
        let missing = ServiceAccount::parse("{}").expect_err("nothing is there");
        assert!(missing.to_string().contains("missing field `type`"));
    }
}
