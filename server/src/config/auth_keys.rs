//! The keys of `[[auth.keys]]`: parsed by hand, so that no message repeats a secret.
//!
//! Must never accept a key whose material does not fit its one algorithm.

use std::collections::BTreeSet;

use landfall_core::id::Tenant;
use toml::{Table, Value};

use super::Origin;
use super::forms;
use super::problem::Problems;
use super::rules::type_name;
use super::suggest::did_you_mean;
use crate::auth::{Alg, DEFAULT_TENANT, KeyConfig, Material, Tenants};
use crate::secret::Secret;

/// Path of the list.
pub(super) const PATH: &str = "auth.keys";
/// Id of the key that `JWT_SECRET_KEY` makes.
pub(super) const ENV_KEY_ID: &str = "env";
/// Id of the key that is made on the first start.
pub(crate) const SELF_KEY_ID: &str = "self";
/// A shorter HS256 secret can be guessed (RFC 7518, section 3.2).
pub const MIN_SECRET_BYTES: usize = 32;

const FIELDS: [&str; 7] = ["id", "alg", "secret", "pem", "pem_file", "jwks_url", "tenants"];
/// Those of which a key has one.
const MATERIALS: [&str; 4] = ["secret", "pem", "pem_file", "jwks_url"];

/// Reads one entry of the list; reports all that is wrong with it and answers `None` then.
pub(super) fn read(
    index: usize,
    value: &Value,
    origin: &Origin,
    problems: &mut Problems,
) -> Option<KeyConfig> {
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
pub(super) fn refuse_double_ids(keys: &[KeyConfig], origin: &Origin, problems: &mut Problems) {
    let mut seen = BTreeSet::from([ENV_KEY_ID, SELF_KEY_ID]);
    for key in keys {
        if !seen.insert(&key.id) {
            let taken = if [ENV_KEY_ID, SELF_KEY_ID].contains(&&*key.id) {
                "kept for the server's own key"
            } else {
                "taken"
            };
            let what = format!("the id {:?} is {taken}; each key needs its own", key.id);
            problems.add(PATH, what, origin);
        }
    }
}

/// Takes a shared secret that is long enough and no PEM.
pub(super) fn shared(secret: Secret) -> Result<Material, String> {
    match secret.expose().len() {
        0 => return Err(format!("is set but empty; it needs {MIN_SECRET_BYTES} bytes or more")),
        length if length < MIN_SECRET_BYTES => {
            return Err(format!("has {length} bytes, but needs {MIN_SECRET_BYTES} or more"));
        }
        _ => {}
    }
    let material = Material::Secret(secret);
    match material.suits(Alg::Hs256) {
        true => Ok(material),
        false => Err("is a PEM text; whoever reads a public key could sign with it".to_owned()),
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
    fn read(mut self) -> Option<KeyConfig> {
        for field in self.table.keys().filter(|field| !FIELDS.contains(&field.as_str())) {
            let what = format!("is not a field of a key{}", did_you_mean(field, FIELDS));
            self.wrong.push((field.clone(), what));
        }
        let id = self.required("id");
        let alg = self.alg();
        let tenants = self.tenants();
        let material = self.material(alg?);
        Some(KeyConfig { id: id?, alg: alg?, material: material?, tenants: tenants? })
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

    fn alg(&mut self) -> Option<Alg> {
        let text = self.required("alg")?;
        Alg::parse(&text).or_else(|| self.refuse("alg", "must be HS256, RS256, ES256 or EdDSA"))
    }

    fn tenants(&mut self) -> Option<Tenants> {
        let Some(value) = self.table.get("tenants") else {
            return Some(Tenants::Only(BTreeSet::from([default_tenant()])));
        };
        let texts = value.as_array().into_iter().flatten().map(Value::as_str);
        let names: Option<Vec<Tenant>> = texts.map(|text| Tenant::parse(text?).ok()).collect();
        let is_any = |name: &Tenant| name.as_str() == "*";
        match names.as_deref() {
            Some([name]) if is_any(name) => Some(Tenants::Any),
            Some(names @ [_, ..]) if !names.iter().any(is_any) => {
                Some(Tenants::Only(names.iter().cloned().collect()))
            }
            _ => self.refuse("tenants", r#"must be a list of tenants, or ["*"] for any"#),
        }
    }

    fn material(&mut self, alg: Alg) -> Option<Material> {
        let given = MATERIALS.map(|field| self.table.contains_key(field));
        match (alg, given) {
            (Alg::Hs256, [true, false, false, false]) => self.secret(),
            (Alg::Hs256, _) => self.refuse("secret", "is what HS256 needs, and nothing public"),
            (_, [false, true, false, false]) => {
                let pem = self.text("pem")?;
                self.pem("pem", pem, alg)
            }
            (_, [false, false, true, false]) => self.pem_file(alg),
            (_, [false, false, false, true]) => self.jwks_url(),
            _ => {
                let what =
                    "or pem_file or jwks_url is what this algorithm needs: one, and no secret";
                self.refuse("pem", what)
            }
        }
    }

    fn jwks_url(&mut self) -> Option<Material> {
        let url = self.text("jwks_url")?;
        match forms::issuer_url(&url) {
            Ok(()) => Some(Material::Jwks(url)),
            Err(what) => self.refuse("jwks_url", what),
        }
    }

    fn secret(&mut self) -> Option<Material> {
        let secret = Secret::new(self.text("secret")?);
        shared(secret).map_or_else(|what| self.refuse("secret", what), Some)
    }

    fn pem_file(&mut self, alg: Alg) -> Option<Material> {
        let path = self.text("pem_file")?;
        match std::fs::read_to_string(&path) {
            Ok(pem) => self.pem("pem_file", pem, alg),
            Err(error) => self.refuse("pem_file", format!("{path} cannot be read: {error}")),
        }
    }

    fn pem(&mut self, field: &str, pem: String, alg: Alg) -> Option<Material> {
        if pem.contains("PRIVATE KEY") {
            return self.refuse(field, "holds a private key; only the public key belongs here");
        }
        let material = Material::Pem(pem);
        if material.suits(alg) {
            return Some(material);
        }
        self.refuse(field, format!("is not a public key in PEM for {}", alg.as_str()))
    }
}

fn default_tenant() -> Tenant {
    Tenant::parse(DEFAULT_TENANT).expect("the word is a sound id")
}
