//! What stops the start, and what may be printed of a configuration.

use std::collections::BTreeSet;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use landfall_server::auth::{
    Alg, KeyConfig, Material, Policy, SetupError, SetupErrors, Tenants, Verifier,
};
use landfall_server::secret::Secret;

use crate::signing::{SECRET, key, pairs, pem_of, policy, public_pem, verifier};

fn refused(config: KeyConfig, expected: fn(String) -> SetupError) {
    let outcome = Verifier::new(vec![config], policy()).map(drop);
    assert_eq!(outcome, Err(SetupErrors(vec![expected("k".to_owned())])));
}

fn with(alg: Alg, material: Material) -> KeyConfig {
    KeyConfig { material, ..key("k", alg) }
}

#[test]
fn material_must_suit_the_pinned_algorithm() {
    let wrong = |id| SetupError::WrongMaterial { id };
    let secret = Material::Secret(Secret::new(SECRET));
    for alg in [Alg::Rs256, Alg::Es256, Alg::EdDsa] {
        refused(with(alg, secret.clone()), wrong);
        refused(with(Alg::Hs256, Material::Pem(public_pem(alg))), wrong);
    }
    let bad_secret = |id| SetupError::BadSecret { id };
    refused(with(Alg::Hs256, Material::Secret(Secret::new(""))), bad_secret);
    let pem = Secret::new(format!("\n{}", public_pem(Alg::Rs256)));
    refused(with(Alg::Hs256, Material::Secret(pem)), bad_secret);
}

#[test]
fn a_pem_must_hold_a_public_key_of_the_algorithm() {
    let bad = |id| SetupError::BadPem { id };
    let algs = [Alg::Rs256, Alg::Es256, Alg::EdDsa];
    for (alg, other) in algs.into_iter().flat_map(|a| algs.map(|b| (a, b))) {
        if alg != other {
            refused(with(alg, Material::Pem(public_pem(other))), bad);
        }
    }
    for text in ["", "x", "-----BEGIN PUBLIC KEY-----", &pem_of(b"junk"), &pem_of(&[])] {
        for alg in algs {
            refused(with(alg, Material::Pem(text.to_owned())), bad);
        }
    }
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let p384 = pem_of(p384.public_key().as_der().unwrap().as_ref());
    refused(with(Alg::Es256, Material::Pem(p384)), bad);
    let private: Pkcs8V1Der<'_> = pairs().rsa.as_der().unwrap();
    let private = pem_of(private.as_ref());
    refused(with(Alg::Rs256, Material::Pem(private.replace("PUBLIC", "PRIVATE"))), bad);
    refused(with(Alg::Rs256, Material::Pem(private)), bad);
}

#[test]
fn every_problem_is_reported_at_once() {
    let keys = vec![
        key("same", Alg::Hs256),
        key("same", Alg::Hs256),
        key("", Alg::Hs256),
        KeyConfig { tenants: Tenants::Only(BTreeSet::new()), ..key("mute", Alg::Hs256) },
    ];
    let mut policy = Policy { leeway_seconds: 3601, ..policy() };
    policy.roles.insert("cook".to_owned(), vec!["soup".to_owned(), "admin".to_owned()]);
    policy.roles.insert(" x".to_owned(), vec![]);
    let text = |text: &str| text.to_owned();
    assert_eq!(
        Verifier::new(keys, policy).map(drop),
        Err(SetupErrors(vec![
            SetupError::KeyId { id: text("same") },
            SetupError::KeyId { id: text("") },
            SetupError::NoTenant { id: text("mute") },
            SetupError::BadRole { role: text(" x") },
            SetupError::UnknownScope { role: text("cook"), scope: text("soup") },
            SetupError::Leeway { seconds: 3601 },
        ]))
    );
}

#[test]
fn nothing_that_is_printed_shows_a_key() {
    let hs = key("hs", Alg::Hs256);
    let ed = key("ed", Alg::EdDsa);
    let verifier = verifier(vec![hs.clone(), ed.clone()]);
    let printed = format!("{hs:?} {hs:#?} {ed:?} {verifier:?} {verifier:#?}");
    let pem_line = public_pem(Alg::EdDsa).lines().nth(1).unwrap().to_owned();
    let as_numbers = format!("{:?}", &SECRET.as_bytes()[..4]);
    for secret in [SECRET, &pem_line, as_numbers.trim_matches(['[', ']']), "BEGIN"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
    assert!(printed.contains("***"));
}

#[test]
fn the_least_length_of_a_secret_is_the_configurations_matter() {
    verifier(vec![with(Alg::Hs256, Material::Secret(Secret::new("your-secret-key")))]);
}
