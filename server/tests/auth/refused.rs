//! Bad tokens: each is refused with its own reason, and nothing of it is echoed.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use landfall_core::id::Tenant;
use landfall_server::auth::{Alg, AuthError, KeyConfig, MAX_TOKEN_BYTES, Material, Tenants};
use landfall_server::secret::Secret;
use serde_json::{Value, json};

use crate::signing::{
    NOW, NOW_MS, SECRET, claims, compact, hmac_of, key, public_pem, token, token_with, verifier,
    verify,
};

fn check(keys: &[KeyConfig], token: &str, expected: AuthError) {
    let outcome = verifier(keys.to_vec()).verify(token, NOW_MS);
    assert_eq!(outcome.map(drop), Err(expected), "{}", &token[..token.len().min(80)]);
}

#[test]
fn the_header_cannot_choose_another_algorithm_than_the_keys() {
    let keys = [key("hs", Alg::Hs256), key("rs", Alg::Rs256)];
    let good = claims(json!({}));
    for alg in ["none", "None", "", "HS384", "HS512", "RS512", "PS256", "ES256", "EdDSA", "hs256"] {
        check(&keys, &token_with(&json!({"alg": alg}), Alg::Hs256, &good), AuthError::UnknownKey);
    }
    let unsigned = compact(&json!({"alg": "none"}), &good.to_string(), |_| Vec::new());
    check(&keys, &unsigned, AuthError::UnknownKey);
    let header = json!({"alg": "HS256", "kid": "rs"});
    check(&keys, &token_with(&header, Alg::Hs256, &good), AuthError::UnknownKey);
    let header = json!({"alg": "RS256", "kid": "hs"});
    check(&keys, &token_with(&header, Alg::Rs256, &good), AuthError::UnknownKey);
    let header = json!({"alg": "RS256"});
    check(&keys, &token_with(&header, Alg::Hs256, &good), AuthError::BadSignature);
}

#[test]
fn a_public_key_is_no_hmac_secret() {
    let pem = public_pem(Alg::Rs256);
    let payload = claims(json!({"roles": "admin"})).to_string();
    for secret in [pem.as_str(), pem.trim_end()] {
        for header in [json!({"alg": "HS256"}), json!({"alg": "HS256", "kid": "rs"})] {
            let forged = compact(&header, &payload, |message| hmac_of(secret.as_bytes(), message));
            check(&[key("rs", Alg::Rs256)], &forged, AuthError::UnknownKey);
        }
        let forged = compact(&json!({"alg": "HS256"}), &payload, |message| {
            hmac_of(secret.as_bytes(), message)
        });
        check(&[key("rs", Alg::Rs256), key("hs", Alg::Hs256)], &forged, AuthError::BadSignature);
    }
}

#[test]
fn kid_chooses_one_key_and_its_absence_tries_a_bounded_number() {
    let other = |id: &str| KeyConfig {
        material: Material::Secret(Secret::new("another secret")),
        ..key(id, Alg::Hs256)
    };
    let good = claims(json!({}));
    let plain = token(Alg::Hs256, &good);
    let named = |kid: Value| token_with(&json!({"alg": "HS256", "kid": kid}), Alg::Hs256, &good);

    let mut keys = vec![other("other"), key("mine", Alg::Hs256)];
    check(&keys, &named(json!("other")), AuthError::BadSignature);
    check(&keys, &named(json!("stranger")), AuthError::UnknownKey);
    check(&keys, &named(json!(7)), AuthError::Malformed);
    assert!(verifier(keys.clone()).verify(&plain, NOW_MS).is_ok());

    keys.splice(0..0, (0..7).map(|n| other(&n.to_string())));
    check(&keys, &plain, AuthError::BadSignature);
    assert!(verifier(keys).verify(&named(json!("mine")), NOW_MS).is_ok());
    check(&[], &plain, AuthError::UnknownKey);
}

#[test]
fn a_changed_token_is_refused_for_each_algorithm() {
    for alg in [Alg::Hs256, Alg::Rs256, Alg::Es256, Alg::EdDsa] {
        let good = token(alg, &claims(json!({})));
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let (header, _) = signed.split_once('.').unwrap();
        let payload = URL_SAFE_NO_PAD.encode(claims(json!({"sub": "u2"})).to_string());
        let keys = [key("k", alg)];
        check(&keys, &format!("{header}.{payload}.{signature}"), AuthError::BadSignature);
        check(&keys, &format!("{signed}."), AuthError::BadSignature);
        check(&keys, &format!("{good}A"), AuthError::BadSignature);
        check(&keys, &format!("{signed}.{}", "!"), AuthError::BadSignature);
    }
}

#[test]
fn no_single_character_of_a_token_can_be_changed() {
    let verifier = verifier(vec![key("k", Alg::Hs256)]);
    let good = token(Alg::Hs256, &claims(json!({})));
    for (at, old) in good.char_indices() {
        for new in ['A', 'w', '-', '.', '=', '\n'].into_iter().filter(|new| *new != old) {
            let changed = format!("{}{new}{}", &good[..at], &good[at + 1..]);
            assert!(verifier.verify(&changed, NOW_MS).is_err(), "{new} at {at}");
        }
    }
}

#[test]
fn a_key_speaks_only_for_its_tenants() {
    let north = Tenants::Only(BTreeSet::from([Tenant::parse("north").unwrap()]));
    let keys = [KeyConfig { tenants: north, ..key("k", Alg::Hs256) }];
    let of = |tenant: Value| token(Alg::Hs256, &claims(json!({"tenant": tenant})));
    assert!(verifier(keys.to_vec()).verify(&of(json!("north")), NOW_MS).is_ok());
    for foreign in [json!("south"), json!("North"), json!("default"), json!(null)] {
        check(&keys, &of(foreign), AuthError::TenantNotAllowed);
    }
}

#[test]
fn a_claim_of_the_wrong_form_is_named() {
    let bad = |name: &'static str, value: Value| {
        let outcome = verify(json!({ name: value.clone() })).map(drop);
        assert_eq!(outcome, Err(AuthError::BadClaim(name)), "{name}: {value}");
    };
    for sub in [json!(null), json!(""), json!(" u"), json!("a\nb"), json!(1.5), json!(true)] {
        bad("sub", sub);
    }
    bad("sub", json!("u".repeat(129)));
    for date in [json!("1700000000"), json!([]), json!(true)] {
        bad("exp", date.clone());
        bad("nbf", date);
    }
    bad("exp", json!(null));
    for tenant in [json!(""), json!({}), json!(["default"])] {
        bad("tenant", tenant);
    }
    for role in [json!(1), json!([1]), json!([""]), json!("a\u{0}"), json!({})] {
        bad("roles", role.clone());
        bad("role", role);
    }
    for scope in [json!(1), json!([1]), json!({})] {
        bad("scope", scope);
    }
    for name in ["name", "locale", "tz", "jti"] {
        bad(name, json!(5));
        bad(name, json!("a\u{7}"));
        bad(name, json!("x".repeat(300)));
    }
}

#[test]
fn what_is_no_jwt_is_unreadable_and_never_a_panic() {
    let keys = [key("k", Alg::Hs256)];
    check(&keys, "", AuthError::Missing);
    for junk in
        [" ", ".", "..", "...", "a", "a.b", "a.b.c", "a.b.c.d", "é.è.ê", "\u{0}.\u{0}.\u{0}"]
    {
        check(&keys, junk, AuthError::Malformed);
    }
    let sign = |message: &[u8]| hmac_of(SECRET.as_bytes(), message);
    for header in
        [json!([]), json!(["HS256", null, null]), json!({}), json!({"alg": 1}), json!(null)]
    {
        check(&keys, &compact(&header, "{}", sign), AuthError::Malformed);
    }
    let header = json!({"alg": "HS256"});
    let deep = format!("{{\"sub\":{}{}}}", "[".repeat(2000), "]".repeat(2000));
    let twice = format!("{{\"sub\":\"a\",\"sub\":\"b\",\"exp\":{}}}", NOW + 600);
    for payload in ["", "null", "[]", "[\"u1\",1900000000]", "\"x\"", "{", &deep, &twice] {
        check(&keys, &compact(&header, payload, sign), AuthError::Malformed);
    }
    let critical = json!({"alg": "HS256", "crit": ["b64"], "b64": false});
    check(&keys, &token_with(&critical, Alg::Hs256, &claims(json!({}))), AuthError::Malformed);
}

#[test]
fn a_token_has_a_greatest_length() {
    let keys = [key("k", Alg::Hs256)];
    let of = |filler: usize| token(Alg::Hs256, &claims(json!({"x": "x".repeat(filler)})));
    let longest = (1..MAX_TOKEN_BYTES).rev().map(of).find(|t| t.len() <= MAX_TOKEN_BYTES).unwrap();
    assert!(longest.len() > MAX_TOKEN_BYTES - 3);
    assert!(verifier(keys.to_vec()).verify(&longest, NOW_MS).is_ok());
    check(&keys, &of(MAX_TOKEN_BYTES), AuthError::Malformed);
    check(&keys, &"a".repeat(10 << 20), AuthError::Malformed);
}
