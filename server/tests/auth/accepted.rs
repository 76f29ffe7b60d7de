//! Good tokens and the callers they make.

use landfall_core::auth::Scope;
use landfall_core::time::Timestamp;
use landfall_server::auth::{Alg, AuthError};
use serde_json::{Value, json};

use crate::signing::{NOW, NOW_MS, claims, key, policy, token, token_with, verifier, verify};

const ALGS: [Alg; 4] = [Alg::Hs256, Alg::Rs256, Alg::Es256, Alg::EdDsa];

#[test]
fn each_algorithm_is_accepted_with_and_without_kid() {
    let verifier = verifier(ALGS.iter().map(|alg| key(alg.as_str(), *alg)).collect());
    for alg in ALGS {
        let plain = token(alg, &claims(json!({})));
        assert_eq!(verifier.verify(&plain, NOW_MS).unwrap().user.as_str(), "u1", "{alg:?}");
        let header = json!({"alg": alg.as_str(), "kid": alg.as_str()});
        let named = token_with(&header, alg, &claims(json!({})));
        assert_eq!(verifier.verify(&named, NOW_MS).unwrap().user.as_str(), "u1", "{alg:?}");
    }
}

#[test]
fn every_claim_reaches_the_caller() {
    let caller = verify(json!({
        "sub": 42, "tenant": "north", "roles": ["teacher", "coach", "teacher"], "role": "mentor",
        "scope": "notify:phone calendar:read", "name": "Ana", "locale": "es-MX",
        "tz": "America/Mexico_City", "jti": "t-1", "nbf": NOW - 5, "iat": NOW, "other": [1],
    }))
    .unwrap();
    assert_eq!(caller.user.as_str(), "42");
    assert_eq!(caller.tenant.as_str(), "north");
    let roles: Vec<&str> = caller.roles.iter().map(|role| role.as_str()).collect();
    assert_eq!(roles, ["teacher", "coach", "mentor"]);
    let scopes: Vec<String> = caller.scopes.iter().map(Scope::to_string).collect();
    assert_eq!(scopes, ["notify:send", "notify:phone", "events:manage"]);
    assert_eq!(caller.name.as_deref(), Some("Ana"));
    assert_eq!(caller.locale.as_deref(), Some("es-MX"));
    assert_eq!(caller.tz.as_deref(), Some("America/Mexico_City"));
    assert_eq!(caller.token_id.as_deref(), Some("t-1"));
    assert_eq!(caller.expires_at, Timestamp::from_ms((NOW + 600 + 60) * 1000));
}

#[test]
fn a_bare_token_is_an_ordinary_user_of_the_default_tenant() {
    let caller = verify(json!({"tenant": null, "roles": null, "name": ""})).unwrap();
    assert_eq!(caller.tenant.as_str(), "default");
    assert!(caller.roles.is_empty());
    assert_eq!(caller.scopes.iter().count(), 0);
    assert_eq!((caller.name, caller.token_id), (None, None));
}

fn scopes_are(changes: Value, expected: &[&str]) {
    let caller = verify(changes.clone()).unwrap();
    let scopes: Vec<String> = caller.scopes.iter().map(Scope::to_string).collect();
    assert_eq!(scopes, expected, "{changes}");
}

#[test]
fn scopes_come_in_either_form_and_unknown_ones_are_left_out() {
    scopes_are(
        json!({"scope": "metrics:read  notify:send:quiz"}),
        &["notify:send:quiz", "metrics:read"],
    );
    scopes_are(
        json!({"scope": ["metrics:read", "x", "users:manage"]}),
        &["users:manage", "metrics:read"],
    );
    scopes_are(json!({"scope": "openid profile"}), &[]);
    scopes_are(json!({"roles": "admin"}), &["admin"]);
    scopes_are(json!({"role": ["student"]}), &[]);
    scopes_are(json!({"roles": ["toString"]}), &[]);
}

fn at(offset_ms: i64, changes: Value, expected: Result<(), AuthError>) {
    let verifier = verifier(vec![key("main", Alg::Hs256)]);
    let token = token(Alg::Hs256, &claims(changes.clone()));
    let outcome = verifier.verify(&token, NOW_MS + offset_ms).map(drop);
    assert_eq!(outcome, expected, "{changes} at {offset_ms}");
}

#[test]
fn the_window_has_its_leeway_at_both_ends() {
    at(59_000, json!({"exp": NOW}), Ok(()));
    at(59_999, json!({"exp": NOW}), Ok(()));
    at(60_000, json!({"exp": NOW}), Err(AuthError::Expired));
    at(61_000, json!({"exp": NOW}), Err(AuthError::Expired));
    at(60_250, json!({"exp": NOW as f64 + 0.5}), Ok(()));
    at(-60_000, json!({"nbf": NOW}), Ok(()));
    at(-60_001, json!({"nbf": NOW}), Err(AuthError::NotYet));
    at(0, json!({"nbf": NOW + 3600}), Err(AuthError::NotYet));
    at(0, json!({"exp": i64::MAX}), Ok(()));
    at(0, json!({"exp": -1}), Err(AuthError::Expired));
}

#[test]
fn issuer_and_audience_are_checked_where_configured() {
    let strict = landfall_server::auth::Policy {
        issuer: Some("https://school".to_owned()),
        audience: Some("landfall".to_owned()),
        ..policy()
    };
    let keys = vec![key("main", Alg::Hs256)];
    let verifier = landfall_server::auth::Verifier::new(keys, strict).unwrap();
    let check = |changes: Value, expected: Result<(), AuthError>| {
        let token = token(Alg::Hs256, &claims(changes.clone()));
        assert_eq!(verifier.verify(&token, NOW_MS).map(drop), expected, "{changes}");
    };
    check(json!({"iss": "https://school", "aud": "landfall"}), Ok(()));
    check(json!({"iss": "https://school", "aud": ["x", "landfall"]}), Ok(()));
    check(json!({"iss": "https://school/", "aud": "landfall"}), Err(AuthError::WrongIssuer));
    check(json!({"iss": ["https://school"], "aud": "landfall"}), Err(AuthError::WrongIssuer));
    check(json!({"aud": "landfall"}), Err(AuthError::WrongIssuer));
    check(json!({"iss": "https://school"}), Err(AuthError::WrongAudience));
    check(json!({"iss": "https://school", "aud": ["x"]}), Err(AuthError::WrongAudience));
    check(json!({"iss": "https://school", "aud": 1}), Err(AuthError::WrongAudience));
}
