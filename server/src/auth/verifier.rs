//! Turns a token into a caller, or says why not.
//!
//! The library checks signatures only. Time, issuer, audience, tenant and the pinned algorithm are checked here, so
//! that the present can be passed in and every refusal has its own reason. A token's header may never choose how it
//! is verified: it can only name a key, and the key says which algorithm it serves (RFC 8725 section 3.1).

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use jsonwebtoken::DecodingKey;
use landfall_core::auth::{Caller, Role, Scope, ScopeSet};
use landfall_core::time::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Alg;
use super::claims::Claims;
use super::error::{AuthError, SetupError, SetupErrors};
use super::jwks::{Freshness, KeySet, SetKey};
use super::keys::{Key, KeyConfig, Source};

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// How many configured keys, and of each key set how many of its keys, are tried for a token without `kid`, so that junk
/// costs a bounded number of signature checks. Keys of one algorithm beyond these are reached by `kid` only.
const MAX_TRIES: usize = 8;

const MAX_LEEWAY_SECONDS: u64 = 3600;

/// How long a token waits for the keys of its issuer when they are on their way.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a token must satisfy besides its signature, and what its roles mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Forgiven at both ends of a token's time window; at most 3600.
    pub leeway_seconds: u64,
    /// The only `iss` that is accepted; `None` accepts any.
    pub issuer: Option<String>,
    /// What `aud` must contain; `None` accepts any.
    pub audience: Option<String>,
    /// Role to scopes. A role that is not listed is an ordinary user's.
    pub roles: BTreeMap<String, Vec<String>>,
}

/// Checks tokens against the configured keys and policy. One serves every thread: what changes, the keys that issuers
/// publish, is behind a lock that is held only to read them.
#[derive(Debug)]
pub struct Verifier {
    keys: Vec<Key>,
    leeway_ms: i64,
    issuer: Option<String>,
    audience: Option<String>,
    roles: BTreeMap<Role, Vec<Scope>>,
}

/// Whether a token that nobody signed is a reason to ask the issuers.
#[derive(Clone, Copy)]
enum Issuers {
    AskThem,
    HaveAnswered,
}

/// What of the header matters (RFC 7515 section 4.1). Everything else in it, keys and key addresses above all, is ignored.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

/// A token in compact form, split but not believed.
struct Compact<'a> {
    header: Header,
    /// Header and payload as they were signed.
    signed: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl Verifier {
    /// Checks keys and policy; every problem is reported, not only the first. Without keys every token is refused.
    pub fn new(keys: Vec<KeyConfig>, policy: Policy) -> Result<Self, SetupErrors> {
        let Policy { leeway_seconds, issuer, audience, roles } = policy;
        let mut problems = Vec::new();
        let keys = usable_keys(keys, &mut problems);
        let roles = role_map(roles, &mut problems);
        if leeway_seconds > MAX_LEEWAY_SECONDS {
            problems.push(SetupError::Leeway { seconds: leeway_seconds });
        }
        if !problems.is_empty() {
            return Err(SetupErrors(problems));
        }
        let leeway_ms = i64::try_from(leeway_seconds * 1000).expect("at most 3600 seconds");
        Ok(Self { keys, leeway_ms, issuer, audience, roles })
    }

    /// Decides who sent this token, at `now_ms` milliseconds since the epoch.
    ///
    /// The signature is checked first: nothing else of the token is believed, or told about, before.
    pub fn verify(&self, token: &str, now_ms: i64) -> Result<Caller, AuthError> {
        self.judge(token, now_ms, Issuers::AskThem)
    }

    fn judge(&self, token: &str, now_ms: i64, issuers: Issuers) -> Result<Caller, AuthError> {
        if token.is_empty() {
            return Err(AuthError::Missing);
        }
        let compact = Compact::split(token)?;
        let nobody = Cell::new(AuthError::UnknownKey);
        let mut signers = self.signers(&compact, &nobody)?;
        let signer = signers.next().ok_or_else(|| match issuers {
            Issuers::AskThem => self.after_asking(&compact, nobody.get()),
            Issuers::HaveAnswered => self.unless_stale(&compact, nobody.get()),
        })?;
        let claims: Claims = read(compact.payload)?;
        let validity = claims.validity(self.leeway_ms)?;
        validity.check(Timestamp::from_ms(now_ms))?;
        self.check_parties(&claims)?;
        let tenant = claims.tenant()?;
        // Two issuers may publish one key, and neither may thereby lock the other out.
        let speaks = |key: &Key| key.tenants.contains(&tenant);
        if !speaks(signer) && !signers.any(speaks) {
            return Err(AuthError::TenantNotAllowed);
        }
        let roles = claims.roles()?;
        Ok(Caller {
            tenant,
            user: claims.user()?,
            name: claims.name()?,
            locale: claims.locale()?,
            tz: claims.tz()?,
            scopes: self.scopes_of(&roles, claims.scopes()?),
            roles,
            expires_at: validity.ends_at(),
            token_id: claims.token_id()?,
            issued_at: claims.issued_at()?,
        })
    }

    /// Decides as [`Self::verify`] does, and waits a little for the keys of an issuer that are on their way: at the start,
    /// and when a token names a key that the issuer has only just published.
    ///
    /// Cancel safe.
    pub async fn verify_waiting(&self, token: &str, now_ms: i64) -> Result<Caller, AuthError> {
        let first = self.verify(token, now_ms);
        if first != Err(AuthError::KeysUnavailable) {
            return first;
        }
        let alg = Compact::split(token)?.alg()?;
        let coming: Vec<_> = self.published(alg).filter_map(|set| set.coming()).collect();
        match tokio::time::timeout(PATIENCE, join_all(coming)).await {
            Ok(_) => self.judge(token, now_ms, Issuers::HaveAnswered),
            Err(_) => Err(AuthError::KeysUnavailable),
        }
    }

    /// Lists the key sets that have to be kept fresh.
    pub fn key_sets(&self) -> impl Iterator<Item = &Arc<KeySet>> {
        self.keys.iter().filter_map(|key| match &key.source {
            Source::Published(set) => Some(set),
            Source::Configured(_) => None,
        })
    }

    fn published(&self, alg: Alg) -> impl Iterator<Item = &Arc<KeySet>> {
        self.key_sets().filter(move |set| set.alg() == alg)
    }

    /// Finds the configured keys that made the signature, one after the other: those that `kid` names, else the first of
    /// the header's algorithm. `nobody` learns what to say where there is none.
    fn signers<'a>(
        &'a self,
        compact: &'a Compact<'_>,
        nobody: &'a Cell<AuthError>,
    ) -> Result<impl Iterator<Item = &'a Key>, AuthError> {
        let alg = compact.alg()?;
        let tries = if compact.header.kid.is_some() { usize::MAX } else { MAX_TRIES };
        let candidates = self.keys.iter().filter(move |key| key.alg == alg).take(tries);
        Ok(candidates.filter(|key| match compact.is_signed_by(key) {
            None => false,
            Some(true) => true,
            Some(false) => {
                nobody.set(AuthError::BadSignature);
                false
            }
        }))
    }

    /// Says why nobody signed a token. A key that its issuer published a moment ago is not known here yet, nor is one of
    /// an issuer that could not be reached: then the keys are asked for, and nothing is said about the token. A known
    /// `kid` settles nothing: another issuer may use it too, and its own may have put another key under it.
    fn after_asking(&self, compact: &Compact<'_>, refusal: AuthError) -> AuthError {
        let refusal = self.unless_stale(compact, refusal);
        let Ok(alg) = compact.alg() else { return refusal };
        // Each is asked, not only the first that answers.
        match self.published(alg).filter(|set| set.ask()).count() {
            0 => refusal,
            _ => AuthError::KeysUnavailable,
        }
    }

    /// Says nothing about a token whose key may be in a set that could not be had.
    fn unless_stale(&self, compact: &Compact<'_>, refusal: AuthError) -> AuthError {
        let Ok(alg) = compact.alg() else { return refusal };
        match self.published(alg).any(|set| set.freshness() != Freshness::Fresh) {
            true => AuthError::KeysUnavailable,
            false => refusal,
        }
    }

    fn check_parties(&self, claims: &Claims) -> Result<(), AuthError> {
        if self.issuer.as_ref().is_some_and(|issuer| !claims.is_from(issuer)) {
            return Err(AuthError::WrongIssuer);
        }
        if self.audience.as_ref().is_some_and(|audience| !claims.is_for(audience)) {
            return Err(AuthError::WrongAudience);
        }
        Ok(())
    }

    fn scopes_of(&self, roles: &[Role], granted: Vec<Scope>) -> ScopeSet {
        let by_role = roles.iter().filter_map(|role| self.roles.get(role)).flatten().cloned();
        by_role.chain(granted).collect()
    }
}

impl<'a> Compact<'a> {
    fn split(token: &'a str) -> Result<Self, AuthError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(AuthError::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(AuthError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(AuthError::Malformed)?;
        if payload.contains('.') {
            return Err(AuthError::Malformed);
        }
        let header: Header = read(header)?;
        // RFC 7515 section 4.1.11: an extension that is not understood makes the token invalid; none is.
        if header.crit.is_some() {
            return Err(AuthError::Malformed);
        }
        Ok(Self { header, signed, payload, signature })
    }

    fn alg(&self) -> Result<Alg, AuthError> {
        Alg::parse(&self.header.alg).ok_or(AuthError::UnknownKey)
    }

    /// Tells whether a configured key signed; `None` if the token names another one.
    fn is_signed_by(&self, key: &Key) -> Option<bool> {
        let named = self.header.kid.as_deref();
        match &key.source {
            Source::Configured(decoding) => {
                let is_meant = named.is_none_or(|kid| kid == key.id);
                is_meant.then(|| self.fits(decoding, key.alg))
            }
            Source::Published(set) => {
                let keys = set.keys()?;
                let is_meant = |key: &&SetKey| named.is_none() || key.kid.as_deref() == named;
                let mut meant = keys.iter().filter(is_meant).take(MAX_TRIES).peekable();
                meant.peek()?;
                Some(meant.any(|one| self.fits(&one.decoding, key.alg)))
            }
        }
    }

    /// The algorithm is the key's own. HMACs are compared in constant time by the library.
    fn fits(&self, decoding: &DecodingKey, alg: Alg) -> bool {
        let message = self.signed.as_bytes();
        jsonwebtoken::crypto::verify(self.signature, message, decoding, alg.library())
            .unwrap_or(false)
    }
}

/// Reads a part's JSON object.
fn read<T: DeserializeOwned>(part: &str) -> Result<T, AuthError> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| AuthError::Malformed)?;
    // The reader would look over bytes that are no UTF-8 in fields that it ignores.
    let json = String::from_utf8(json).map_err(|_| AuthError::Malformed)?;
    // Serde would also take an array, for a struct's fields in their order.
    if !json.trim_ascii_start().starts_with('{') {
        return Err(AuthError::Malformed);
    }
    serde_json::from_str(&json).map_err(|_| AuthError::Malformed)
}

fn usable_keys(configs: Vec<KeyConfig>, problems: &mut Vec<SetupError>) -> Vec<Key> {
    let mut seen = BTreeSet::new();
    let mut keys = Vec::with_capacity(configs.len());
    for config in configs {
        if config.id.is_empty() || !seen.insert(config.id.clone()) {
            problems.push(SetupError::KeyId { id: config.id.clone() });
        }
        match Key::new(config) {
            Ok(key) => keys.push(key),
            Err(problem) => problems.push(problem),
        }
    }
    keys
}

fn role_map(
    configured: BTreeMap<String, Vec<String>>,
    problems: &mut Vec<SetupError>,
) -> BTreeMap<Role, Vec<Scope>> {
    let mut map = BTreeMap::new();
    for (name, texts) in configured {
        let mut scopes = Vec::with_capacity(texts.len());
        for text in texts {
            match Scope::parse(&text) {
                Ok(scope) => scopes.push(scope),
                Err(_) => {
                    problems.push(SetupError::UnknownScope { role: name.clone(), scope: text });
                }
            }
        }
        match Role::parse(&name) {
            Ok(role) => {
                map.insert(role, scopes);
            }
            Err(_) => problems.push(SetupError::BadRole { role: name }),
        }
    }
    map
}
