//! Makes keys and tokens with the crypto library alone, so that the tests do not trust what they test.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use landfall_core::auth::Caller;
use landfall_server::auth::{Alg, AuthError, KeyConfig, Material, Policy, Tenants, Verifier};
use landfall_server::secret::Secret;
use serde_json::{Value, json};

pub const SECRET: &str = "planted-secret-of-at-least-32-bytes";
pub const NOW_MS: i64 = 1_700_000_000_000;
pub const NOW: i64 = NOW_MS / 1000;

/// One key pair for each algorithm, made once for all tests: RSA is slow to generate.
pub struct Pairs {
    pub rsa: RsaKeyPair,
    pub ec: EcdsaKeyPair,
    pub ed: Ed25519KeyPair,
}

pub fn pairs() -> &'static Pairs {
    static PAIRS: OnceLock<Pairs> = OnceLock::new();
    PAIRS.get_or_init(|| Pairs {
        rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
        ec: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
        ed: Ed25519KeyPair::generate().unwrap(),
    })
}

pub fn pem_of(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}

pub fn public_pem(alg: Alg) -> String {
    match alg {
        Alg::Hs256 => panic!("HS256 has no public key"),
        Alg::Rs256 => pem_of(pairs().rsa.public_key().as_der().unwrap().as_ref()),
        Alg::Es256 => pem_of(pairs().ec.public_key().as_der().unwrap().as_ref()),
        Alg::EdDsa => pem_of(pairs().ed.public_key().as_der().unwrap().as_ref()),
    }
}

pub fn hmac_of(secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
}

fn signature(alg: Alg, message: &[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    match alg {
        Alg::Hs256 => hmac_of(SECRET.as_bytes(), message),
        Alg::Rs256 => {
            let mut signature = vec![0; pairs().rsa.public_modulus_len()];
            pairs().rsa.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
            signature
        }
        Alg::Es256 => pairs().ec.sign(&random, message).unwrap().as_ref().to_vec(),
        Alg::EdDsa => pairs().ed.sign(message).as_ref().to_vec(),
    }
}

/// Puts a token together with any header, payload text and way to sign.
pub fn compact(header: &Value, payload: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(sign(message.as_bytes())))
}

/// Signs with the key pair that `key` names, whatever the header says.
pub fn token_with(header: &Value, key: Alg, claims: &Value) -> String {
    compact(header, &claims.to_string(), |message| signature(key, message))
}

pub fn token(alg: Alg, claims: &Value) -> String {
    token_with(&json!({"alg": alg.as_str(), "typ": "JWT"}), alg, claims)
}

/// `sub` and a live `exp`, with `changes` on top; a `null` there means absent.
pub fn claims(changes: Value) -> Value {
    let mut claims = json!({"sub": "u1", "exp": NOW + 600});
    let Value::Object(changes) = changes else { panic!("changes are an object") };
    claims.as_object_mut().unwrap().extend(changes);
    claims
}

pub fn key(id: &str, alg: Alg) -> KeyConfig {
    let material = match alg {
        Alg::Hs256 => Material::Secret(Secret::new(SECRET)),
        public => Material::Pem(public_pem(public)),
    };
    KeyConfig { id: id.to_owned(), alg, material, tenants: Tenants::Any }
}

pub fn policy() -> Policy {
    let scopes = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    Policy {
        leeway_seconds: 60,
        issuer: None,
        audience: None,
        roles: BTreeMap::from([
            ("student".to_owned(), vec![]),
            ("teacher".to_owned(), scopes(&["notify:send", "events:manage"])),
            ("admin".to_owned(), scopes(&["admin"])),
        ]),
    }
}

pub fn verifier(keys: Vec<KeyConfig>) -> Verifier {
    Verifier::new(keys, policy()).unwrap()
}

/// Verifies HS256 claims at `NOW_MS`.
pub fn verify(changes: Value) -> Result<Caller, AuthError> {
    verifier(vec![key("main", Alg::Hs256)]).verify(&token(Alg::Hs256, &claims(changes)), NOW_MS)
}
