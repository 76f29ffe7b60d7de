//! Tokens: junk is never accepted, whatever its header says, and claims behind a good signature are
//! read or refused.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use landfall_server::auth::{Alg, KeyConfig, Material, Policy, Tenants, Verifier};
use landfall_server::secret::Secret;
use serde_json::Value;

const SECRET: &str = "a secret of these targets alone, of 32 bytes and more";
/// In the year 2103: what was signed elsewhere has expired.
const NOW_MS: i64 = 4_200_000_000_000;

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let pem = |text: &str| Material::Pem(text.to_owned());
    let es256 = include_str!("../../server/tests/auth/openssl/es256.pem");
    let eddsa = include_str!("../../server/tests/auth/openssl/eddsa.pem");
    let rs256 = include_str!("../../server/tests/auth/openssl/rs256.pem");
    let keys = [
        ("hs", Alg::Hs256, Material::Secret(Secret::new(SECRET))),
        ("es", Alg::Es256, pem(es256)),
        ("ed", Alg::EdDsa, pem(eddsa)),
        ("rs", Alg::Rs256, pem(rs256)),
    ];
    let key = |(id, alg, material): (&str, Alg, Material)| KeyConfig {
        id: id.to_owned(),
        alg,
        material,
        tenants: Tenants::Any,
    };
    let roles = BTreeMap::from([("admin".to_owned(), vec!["admin".to_owned()])]);
    let policy = Policy { leeway_seconds: 60, issuer: None, audience: None, roles };
    Verifier::new(keys.map(key).into(), policy).expect("the keys are good")
});

pub(crate) fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(VERIFIER.verify(text, NOW_MS).is_err(), "{text}");
    }
    let (header, claims) = match data.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (br#"{"alg":"HS256"}"#.as_slice(), data),
    };
    let token = signed(header, claims);
    let Ok(caller) = VERIFIER.verify(&token, NOW_MS) else { return };
    let utf8 = |bytes| std::str::from_utf8(bytes).expect("what is accepted is UTF-8");
    let (header, claims) = (utf8(header), utf8(claims));
    let read = |text| serde_json::from_str::<Value>(text).ok();
    // A field that is ignored may hold what a full reader refuses.
    let Some((header, claims)) = read(header).zip(read(claims)) else { return };
    assert_eq!(header["alg"], "HS256");
    assert!(header["kid"].is_null() || header["kid"] == "hs");
    assert!(caller.expires_at.as_ms() > NOW_MS, "{claims}");
    assert_eq!(
        claims["sub"].as_str().map(str::to_owned).unwrap_or_else(|| claims["sub"].to_string()),
        caller.user.as_str()
    );
    assert!(claims["exp"].is_number());
    assert!(VERIFIER.verify(&touched(&token, data.len()), NOW_MS).is_err(), "{token}");
}

/// Signs any header and claims with the one key whose secret is known.
fn signed(header: &[u8], claims: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256);
    format!("{message}.{}", signature.expect("an HMAC can always be made"))
}

/// Changes one character to another of the same alphabet.
fn touched(token: &str, seed: usize) -> String {
    let mut bytes = token.as_bytes().to_vec();
    let at = seed.wrapping_mul(7_919) % bytes.len();
    bytes[at] = if bytes[at] == b'Q' { b'g' } else { b'Q' };
    String::from_utf8(bytes).expect("a token is ASCII")
}
