//! Public keys and tokens that the `openssl` tool made. The private keys were thrown away.

use landfall_server::auth::{Alg, KeyConfig, Material, SetupError, SetupErrors, Tenants, Verifier};

use crate::signing::{NOW_MS, policy};

fn verifier(alg: Alg, pem: &str) -> Result<Verifier, SetupErrors> {
    let material = Material::Pem(pem.to_owned());
    let key = KeyConfig { id: "k".to_owned(), alg, material, tenants: Tenants::Any };
    Verifier::new(vec![key], policy())
}

fn check(alg: Alg, pem: &str, token: &str) {
    let caller = verifier(alg, pem).unwrap().verify(token.trim_end(), NOW_MS).unwrap();
    assert_eq!(caller.user.as_str(), "u1");
}

#[test]
fn keys_and_signatures_of_another_tool_are_accepted() {
    let rs256 = include_str!("openssl/rs256.jwt");
    check(Alg::Rs256, include_str!("openssl/rs256.pem"), rs256);
    check(Alg::Rs256, include_str!("openssl/rs256_pkcs1.pem"), rs256);
    check(Alg::Es256, include_str!("openssl/es256.pem"), include_str!("openssl/es256.jwt"));
    check(Alg::EdDsa, include_str!("openssl/eddsa.pem"), include_str!("openssl/eddsa.jwt"));
    let windows_lines = include_str!("openssl/eddsa.pem").replace('\n', "\r\n");
    check(Alg::EdDsa, &windows_lines, include_str!("openssl/eddsa.jwt"));
}

fn refused(alg: Alg, pem: &str) {
    let outcome = verifier(alg, pem).map(drop);
    assert_eq!(outcome, Err(SetupErrors(vec![SetupError::BadPem { id: "k".to_owned() }])));
}

#[test]
fn an_rsa_key_of_1024_bits_stops_the_start() {
    refused(Alg::Rs256, include_str!("openssl/rs256_1024.pem"));
}

#[test]
fn a_certificate_is_no_public_key_since_nobody_would_check_its_dates() {
    refused(Alg::Es256, include_str!("openssl/es256_certificate.pem"));
}
