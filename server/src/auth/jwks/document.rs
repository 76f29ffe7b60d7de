//! Reads a JSON Web Key Set (RFC 7517) and takes of it what one algorithm can verify with.
//!
//! Pure. Must never take a key of another algorithm, of another use or too small, nor one whose private half stands in
//! the document: whoever can read that could sign.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;

use crate::auth::Alg;

/// Entries that a document may have; one with more is refused whole, since leaving some out would refuse tokens for no
/// reason that anybody could see.
const ENTRIES_MAX: usize = 100;
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A key of the set that suits the algorithm.
#[derive(Debug, Clone)]
pub(in crate::auth) struct SetKey {
    /// The `kid` by which tokens name it; without one it is tried for tokens that name none.
    pub kid: Option<String>,
    /// The key itself.
    pub decoding: DecodingKey,
}

/// What was found in a document.
#[derive(Debug)]
pub(super) struct Found {
    /// What suits, in the document's order.
    pub keys: Vec<SetKey>,
    /// How many entries were left out.
    pub left_out: usize,
}

/// Why a document is no key set; its text suits a log line and repeats nothing of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoKeySet {
    /// No JSON object with a list `keys`.
    #[error("the document is no JSON object with a list of keys")]
    Unreadable,
    /// More entries than a set can have.
    #[error("the document holds more than {ENTRIES_MAX} keys")]
    TooMany,
    /// No key that the configured algorithm can verify with.
    #[error("the document holds no usable key of the configured algorithm")]
    NoneFits,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// What of an entry matters; certificates and their addresses are ignored.
#[derive(Deserialize)]
struct Entry {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    /// The private half.
    d: Option<Value>,
}

/// Takes the keys of one algorithm. An entry that does not suit is left out (RFC 7517 section 5).
pub(super) fn read(document: &[u8], alg: Alg) -> Result<Found, NoKeySet> {
    let document: Document = serde_json::from_slice(document).map_err(|_| NoKeySet::Unreadable)?;
    let total = document.keys.len();
    if total > ENTRIES_MAX {
        return Err(NoKeySet::TooMany);
    }
    let keys: Vec<SetKey> = document.keys.into_iter().filter_map(|entry| key(entry, alg)).collect();
    Ok(Found { left_out: total - keys.len(), keys })
}

fn key(entry: Value, alg: Alg) -> Option<SetKey> {
    let entry: Entry = serde_json::from_value(entry).ok()?;
    let is_for_signatures = entry.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
    let may_verify = entry.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
    let is_pinned = entry.alg.as_deref().is_none_or(|name| name == alg.as_str());
    if entry.d.is_some() || !(is_for_signatures && may_verify && is_pinned) {
        return None;
    }
    let decoding = match (alg, entry.kty.as_str(), entry.crv.as_deref()) {
        (Alg::Rs256, "RSA", _) => rsa(&entry),
        (Alg::Es256, "EC", Some("P-256")) => p256(&entry),
        (Alg::EdDsa, "OKP", Some("Ed25519")) => ed25519(&entry),
        _ => None,
    }?;
    Some(SetKey { kid: entry.kid, decoding })
}

fn rsa(entry: &Entry) -> Option<DecodingKey> {
    let (modulus, exponent) = (number(entry.n.as_ref()?)?, number(entry.e.as_ref()?)?);
    let bits = modulus.len() * 8 - modulus.first()?.leading_zeros() as usize;
    // The crypto library refuses other exponents too, but only when the first token comes.
    let is_sound = exponent.len() <= 4 && exponent.last()? % 2 == 1 && exponent != [1];
    (RSA_BITS.contains(&bits) && is_sound)
        .then(|| DecodingKey::from_rsa_raw_components(&modulus, &exponent))
}

fn p256(entry: &Entry) -> Option<DecodingKey> {
    let (x, y) = (entry.x.as_ref()?, entry.y.as_ref()?);
    let point = [vec![4], coordinate(x)?, coordinate(y)?].concat();
    ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).ok()?;
    DecodingKey::from_ec_components(x, y).ok()
}

fn ed25519(entry: &Entry) -> Option<DecodingKey> {
    let x = entry.x.as_ref()?;
    ParsedPublicKey::new(&ED25519, coordinate(x)?).ok()?;
    DecodingKey::from_ed_components(x).ok()
}

/// A number without leading zeroes (RFC 7518 section 2, Base64urlUInt); some issuers write them nevertheless.
fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let first = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes[first..].to_vec())
}

fn coordinate(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == 32)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    /// RFC 8037, appendix A.2.
    const ED_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    /// RFC 7517, appendix A.1.
    const EC_X: &str = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4";
    const EC_Y: &str = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM";

    fn taken(alg: Alg, entries: Value) -> Vec<Option<String>> {
        let found = read(json!({ "keys": entries }).to_string().as_bytes(), alg).unwrap();
        found.keys.into_iter().map(|key| key.kid).collect()
    }

    fn ed(changes: Value) -> Value {
        let mut key = json!({ "kty": "OKP", "crv": "Ed25519", "x": ED_X, "kid": "a" });
        key.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        key
    }

    fn rsa_of(bits: usize, exponent: &[u8]) -> Value {
        let mut modulus = vec![0xff; bits.div_ceil(8)];
        modulus[0] >>= modulus.len() * 8 - bits;
        json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode(modulus),
            "e": URL_SAFE_NO_PAD.encode(exponent) })
    }

    #[test]
    fn each_algorithm_takes_its_own_kind_alone() {
        let all = json!([
            ed(json!({})),
            { "kty": "EC", "crv": "P-256", "x": EC_X, "y": EC_Y, "kid": "b" },
            rsa_of(2048, &[1, 0, 1]),
            { "kty": "oct", "k": "c2VjcmV0", "kid": "secret" },
        ]);
        assert_eq!(taken(Alg::EdDsa, all.clone()), [Some("a".to_owned())]);
        assert_eq!(taken(Alg::Es256, all.clone()), [Some("b".to_owned())]);
        assert_eq!(taken(Alg::Rs256, all.clone()), [None]);
        assert!(taken(Alg::Hs256, all).is_empty());
    }

    #[test]
    fn what_is_not_for_this_is_left_out() {
        let check = |changes: Value, expected: usize| {
            let entry = ed(changes.clone());
            assert_eq!(taken(Alg::EdDsa, json!([entry])).len(), expected, "{changes}");
        };
        check(json!({"use": "sig", "alg": "EdDSA", "key_ops": ["verify"], "x5c": ["junk"]}), 1);
        check(json!({"use": "enc"}), 0);
        check(json!({"alg": "ES256"}), 0);
        check(json!({"alg": "none"}), 0);
        check(json!({"key_ops": ["sign"]}), 0);
        check(json!({"d": "private"}), 0);
        check(json!({"kid": 5}), 0);
        check(json!({"crv": "X25519"}), 0);
        check(json!({"x": "AAAA"}), 0);
        check(json!({"x": "!"}), 0);
        check(json!({"kty": null}), 0);
    }

    #[test]
    fn an_rsa_key_has_a_least_and_a_greatest_size_and_a_sound_exponent() {
        let check = |bits, exponent: &[u8], expected: usize| {
            let entry = rsa_of(bits, exponent);
            assert_eq!(taken(Alg::Rs256, json!([entry])).len(), expected, "{bits} {exponent:?}");
        };
        check(2047, &[1, 0, 1], 0);
        check(2048, &[0, 1, 0, 1], 1);
        check(8192, &[3], 1);
        check(8193, &[3], 0);
        check(2048, &[1], 0);
        check(2048, &[2], 0);
        check(2048, &[0], 0);
        check(2048, &[], 0);
        check(2048, &[1, 0, 0, 0, 1], 0);
    }

    #[test]
    fn a_point_that_is_not_on_the_curve_is_left_out() {
        let entry = json!([{ "kty": "EC", "crv": "P-256", "x": EC_Y, "y": EC_X }]);
        assert!(taken(Alg::Es256, entry).is_empty());
    }

    #[test]
    fn junk_is_no_key_set_and_never_a_panic() {
        for junk in ["", "x", "[]", "{}", "null", "{\"keys\":{}}", "{\"keys\":null}", "\u{feff}{}"]
        {
            let refused = read(junk.as_bytes(), Alg::EdDsa).map(|found| found.keys.len());
            assert_eq!(refused, Err(NoKeySet::Unreadable), "{junk}");
        }
        let many = json!({ "keys": vec![ed(json!({})); ENTRIES_MAX + 1] }).to_string();
        let refused = read(many.as_bytes(), Alg::EdDsa).map(|found| found.keys.len());
        assert_eq!(refused, Err(NoKeySet::TooMany));
        assert!(taken(Alg::EdDsa, json!([null, 1, "x", [], {}])).is_empty());
    }
}
