//! The keys of `[[auth.keys]]`: parsed by hand, so that no message repeats a secret.
//!
//! Must never accept a key whose material does not fit its one algorithm.

use std::collections::BTreeSet;

use jsonwebtoken::DecodingKey;
use toml::{Table, Value};

use super::problem::Problems;
use super::rules::type_name;
use super::suggest::did_you_mean;
use super::{Origin, Secret};

/// Path of the list.
pub(super) const PATH: &str = "auth.keys";
/// Id of the key that `JWT_SECRET_KEY` makes.
pub(super) const ENV_KEY_ID: &str = "env";
/// Id of the key that is made on the first start.
pub(crate) const SELF_KEY_ID: &str = "self";
/// A shorter HS256 secret can be guessed (RFC 7518, section 3.2).
pub const MIN_SECRET_BYTES: usize = 32;

const FIELDS: [&str; 6] = ["id", "alg", "secret", "pem", "pem_file", "tenants"];

/// A key that tokens may be signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthKey {
    /// Matched with a token's `kid` where it has one.
    pub id: String,
    /// The only algorithm accepted with it.
    pub algorithm: KeyAlgorithm,
    /// Secret or public key.
    pub material: KeyMaterial,
    /// Tenants that it may speak for.
    pub tenants: KeyTenants,
}

/// The algorithms that a key can be pinned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// RSA PKCS#1 v1.5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

/// What a key is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyMaterial {
    /// A shared secret, used byte for byte.
    Secret(Secret),
    /// A public key in PEM, known to be one for the key's algorithm.
    Pem(String),
}

/// The tenants that a key may speak for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyTenants {
    /// Every tenant (`["*"]`).
    Any,
    /// These.
    Only(BTreeSet<String>),
}

impl KeyTenants {
    /// Tells whether a tenant is among them.
    pub fn allow(&self, tenant: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(tenants) => tenants.contains(tenant),
        }
    }
}

impl KeyAlgorithm {
    /// Returns the name as tokens spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Returns it as the JWT library spells it.
    pub fn jwt(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Hs256, Self::Rs256, Self::Es256, Self::EdDsa].into_iter().find(|a| a.name() == text)
    }
}

impl AuthKey {
    /// Returns the key as the JWT library verifies with it.
    ///
    /// # Errors
    /// When the PEM is not a public key for the algorithm; a loaded configuration holds none such.
    pub fn decoding_key(&self) -> Result<DecodingKey, jsonwebtoken::errors::Error> {
        match (&self.material, self.algorithm) {
            (KeyMaterial::Secret(secret), _) => {
                Ok(DecodingKey::from_secret(secret.expose().as_bytes()))
            }
            (KeyMaterial::Pem(pem), KeyAlgorithm::Es256) => {
                DecodingKey::from_ec_pem(pem.as_bytes())
            }
            (KeyMaterial::Pem(pem), KeyAlgorithm::EdDsa) => {
                DecodingKey::from_ed_pem(pem.as_bytes())
            }
            (KeyMaterial::Pem(pem), _) => DecodingKey::from_rsa_pem(pem.as_bytes()),
        }
    }
}

/// Reads one entry of the list; reports all that is wrong with it and answers `None` then.
pub(super) fn read(
    index: usize,
    value: &Value,
    origin: &Origin,
    problems: &mut Problems,
) -> Option<AuthKey> {
    let mut wrong = Vec::new();
    let key = match value.as_table() {
        Some(table) => Entry { table, wrong: &mut wrong }.read(),
        None => {
            wrong.push((String::new(), format!("must be a table, not {}", type_name(value))));
            None
        }
    };
    for (field, what) in &wrong {
        let dot = if field.is_empty() { "" } else { "." };
        problems.add(&format!("{PATH}[{index}]{dot}{field}"), what, origin);
    }
    key.filter(|_| wrong.is_empty())
}

/// Reports ids that two keys share or that are kept for the server's own keys.
pub(super) fn refuse_double_ids(keys: &[AuthKey], origin: &Origin, problems: &mut Problems) {
    let mut seen = BTreeSet::from([ENV_KEY_ID, SELF_KEY_ID]);
    for key in keys {
        if !seen.insert(&key.id) {
            let what = format!("the id {:?} is taken; each key needs its own", key.id);
            problems.add(PATH, what, origin);
        }
    }
}

/// Checks the length of a shared secret.
pub(super) fn check_secret(secret: &Secret) -> Result<(), String> {
    match secret.expose().len() {
        0 => Err(format!("is set but empty; it needs {MIN_SECRET_BYTES} bytes or more")),
        length if length < MIN_SECRET_BYTES => {
            Err(format!("has {length} bytes, but needs {MIN_SECRET_BYTES} or more"))
        }
        _ => Ok(()),
    }
}

/// Returns the list as it may be printed.
pub(super) fn masked(keys: &Value) -> Value {
    let mut keys = keys.clone();
    for table in keys.as_array_mut().into_iter().flatten().filter_map(Value::as_table_mut) {
        for field in ["secret", "pem"] {
            if let Some(value) = table.get_mut(field) {
                *value = Value::String("***".to_owned());
            }
        }
    }
    keys
}

/// One entry being read, with what is wrong about it so far, by field.
struct Entry<'a> {
    table: &'a Table,
    wrong: &'a mut Vec<(String, String)>,
}

impl Entry<'_> {
    fn read(mut self) -> Option<AuthKey> {
        for field in self.table.keys().filter(|field| !FIELDS.contains(&field.as_str())) {
            let what = format!("is not a field of a key{}", did_you_mean(field, FIELDS));
            self.wrong.push((field.clone(), what));
        }
        let id = self.required("id");
        let algorithm = self.algorithm();
        let tenants = self.tenants();
        let material = self.material(algorithm?);
        Some(AuthKey { id: id?, algorithm: algorithm?, material: material?, tenants: tenants? })
    }

    fn refuse<T>(&mut self, field: &str, what: impl Into<String>) -> Option<T> {
        self.wrong.push((field.to_owned(), what.into()));
        None
    }

    fn text(&mut self, field: &str) -> Option<String> {
        match self.table.get(field)? {
            Value::String(text) => Some(text.clone()),
            other => self.refuse(field, format!("must be a text, not {}", type_name(other))),
        }
    }

    fn required(&mut self, field: &str) -> Option<String> {
        if !self.table.contains_key(field) {
            return self.refuse(field, "is missing");
        }
        match self.text(field) {
            Some(text) if text.is_empty() => self.refuse(field, "must not be empty"),
            text => text,
        }
    }

    fn algorithm(&mut self) -> Option<KeyAlgorithm> {
        let text = self.required("alg")?;
        let known = KeyAlgorithm::parse(&text);
        known.or_else(|| self.refuse("alg", "must be HS256, RS256, ES256 or EdDSA"))
    }

    fn tenants(&mut self) -> Option<KeyTenants> {
        let Some(value) = self.table.get("tenants") else {
            return Some(KeyTenants::Only(BTreeSet::from(["default".to_owned()])));
        };
        let texts = value.as_array().into_iter().flatten().map(Value::as_str);
        let names: Option<BTreeSet<String>> = texts.map(|text| text.map(str::to_owned)).collect();
        match names {
            Some(names) if names.len() == 1 && names.contains("*") => Some(KeyTenants::Any),
            Some(names) if !names.is_empty() && !names.contains("*") && !names.contains("") => {
                Some(KeyTenants::Only(names))
            }
            _ => self.refuse("tenants", r#"must be a list of tenants, or ["*"] for any"#),
        }
    }

    fn material(&mut self, algorithm: KeyAlgorithm) -> Option<KeyMaterial> {
        let given = ["secret", "pem", "pem_file"].map(|field| self.table.contains_key(field));
        match (algorithm, given) {
            (KeyAlgorithm::Hs256, [true, false, false]) => self.secret(),
            (KeyAlgorithm::Hs256, _) => self.refuse("secret", "is what HS256 needs, and no pem"),
            (_, [false, true, false]) => {
                let pem = self.text("pem")?;
                self.pem("pem", pem, algorithm)
            }
            (_, [false, false, true]) => self.pem_file(algorithm),
            _ => self.refuse("pem", "or pem_file is what this algorithm needs: one, and no secret"),
        }
    }

    fn secret(&mut self) -> Option<KeyMaterial> {
        let secret = Secret::new(self.text("secret")?);
        match check_secret(&secret) {
            Ok(()) => Some(KeyMaterial::Secret(secret)),
            Err(what) => self.refuse("secret", what),
        }
    }

    fn pem_file(&mut self, algorithm: KeyAlgorithm) -> Option<KeyMaterial> {
        let path = self.text("pem_file")?;
        match std::fs::read_to_string(&path) {
            Ok(pem) => self.pem("pem_file", pem, algorithm),
            Err(error) => self.refuse("pem_file", format!("{path} cannot be read: {error}")),
        }
    }

    fn pem(&mut self, field: &str, pem: String, algorithm: KeyAlgorithm) -> Option<KeyMaterial> {
        if pem.contains("PRIVATE KEY") {
            return self.refuse(field, "holds a private key; only the public key belongs here");
        }
        let material = KeyMaterial::Pem(pem);
        let tenants = KeyTenants::Any;
        let key = AuthKey { id: String::new(), algorithm, material, tenants };
        if key.decoding_key().is_ok_and(|decoded| fits(algorithm, &decoded)) {
            return Some(key.material);
        }
        self.refuse(field, format!("is not a public key in PEM for {}", algorithm.name()))
    }
}

/// The PEM reader takes every curve; ES256 is P-256 alone, whose points have 65 bytes.
fn fits(algorithm: KeyAlgorithm, key: &DecodingKey) -> bool {
    algorithm != KeyAlgorithm::Es256 || key.try_get_as_bytes().is_ok_and(|point| point.len() == 65)
}
