//! Settings of `[auth]`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::auth_keys::{self, ENV_KEY_ID, SELF_KEY_ID};
use super::problem::Problems;
use super::{Days, Effective, Origin, Seconds};
use crate::auth::{Alg, KeyConfig, Policy, Tenants, jwks};
use crate::secret::Secret;

/// Tokens, the keys that sign them, and what roles may do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthSettings {
    /// By which a token's times may be off.
    pub leeway_seconds: Seconds,
    /// In which a socket without a token has to send one.
    pub first_message_seconds: Seconds,
    /// The longest that an issuer's key set is used without asking again.
    pub jwks_refresh_seconds: Seconds,
    /// The shortest time between two fetches of one key set.
    pub jwks_refetch_seconds: Seconds,
    /// After which a fetch is given up.
    pub jwks_timeout_seconds: Seconds,
    /// For which the revocation of a single token is kept.
    pub revocation_days: Days,
    issuer: String,
    audience: String,
    jwt_secret_key: Secret,
    cursor_key: Secret,
    /// Role to scopes; a role that is not here gives nothing of its own.
    pub roles: BTreeMap<String, Vec<String>>,
    /// The configured keys, `JWT_SECRET_KEY` last; empty means that one is made on the first start.
    #[serde(skip)]
    pub keys: Vec<KeyConfig>,
}

impl AuthSettings {
    /// Returns what a token's `iss` has to be, if anything.
    pub fn issuer(&self) -> Option<&str> {
        Some(self.issuer.as_str()).filter(|text| !text.is_empty())
    }

    /// Returns what a token's `aud` has to hold, if anything.
    pub fn audience(&self) -> Option<&str> {
        Some(self.audience.as_str()).filter(|text| !text.is_empty())
    }

    /// Returns the secret that cursors are sealed with, if one is configured.
    pub fn cursor_key(&self) -> Option<&Secret> {
        Some(&self.cursor_key).filter(|key| !key.is_empty())
    }

    /// Returns what a token has to satisfy besides its signature, for `Verifier::new`.
    pub fn policy(&self) -> Policy {
        Policy {
            leeway_seconds: u64::from(self.leeway_seconds.0),
            issuer: self.issuer().map(str::to_owned),
            audience: self.audience().map(str::to_owned),
            roles: self.roles.clone(),
        }
    }

    /// Returns how often issuers are asked for their key sets.
    pub fn jwks_pace(&self) -> jwks::Pace {
        jwks::Pace {
            refresh: self.jwks_refresh_seconds.duration(),
            refetch: self.jwks_refetch_seconds.duration(),
        }
    }

    /// Fills `keys` from the list and from the single secret.
    pub(super) fn collect_keys(&mut self, effective: &Effective, problems: &mut Problems) {
        let origin = effective.origin(auth_keys::PATH);
        let list = effective.value(auth_keys::PATH).and_then(toml::Value::as_array);
        for (index, value) in list.into_iter().flatten().enumerate() {
            if let Some(key) = auth_keys::read(index, value, &origin, problems) {
                self.keys.push(key);
            }
        }
        auth_keys::refuse_double_ids(&self.keys, &origin, problems);
        self.add_single_secret(&effective.origin("auth.jwt_secret_key"), problems);
    }

    fn add_single_secret(&mut self, origin: &Origin, problems: &mut Problems) {
        // Set but empty is a variable that someone forgot to fill: falling back to a self-made
        // key would refuse every token of the app without saying why.
        let forgotten = matches!(origin, Origin::Env(_));
        if self.jwt_secret_key.is_empty() && !forgotten {
            return;
        }
        match auth_keys::shared(self.jwt_secret_key.clone()) {
            Ok(material) => {
                // A key that the server made may have become the configured one: the tokens that
                // it signed before name it by its first id.
                for id in [ENV_KEY_ID, SELF_KEY_ID] {
                    let (id, material) = (id.to_owned(), material.clone());
                    let tenants = Tenants::Any;
                    self.keys.push(KeyConfig { id, alg: Alg::Hs256, material, tenants });
                }
            }
            Err(what) => problems.add("auth.jwt_secret_key", what, origin),
        }
    }
}
