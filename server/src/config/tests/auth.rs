//! Keys of `[[auth.keys]]`, and that no secret is shown.

use super::super::{KeyAlgorithm, KeyMaterial};
use super::{TempFile, with_env, with_file, wrong};

const SECRET: &str = "a-planted-secret-of-more-than-32-bytes";
/// RFC 8037, appendix A.2, in PEM.
const ED25519: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
    -----END PUBLIC KEY-----\n";

fn keys(entries: &str) -> String {
    format!("[auth]\nkeys = [{entries}]")
}

#[test]
fn a_shared_secret_and_a_public_key_are_read() {
    let pem = TempFile::new(ED25519);
    let text = keys(&format!(
        "{{ id = \"a\", alg = \"HS256\", secret = \"{SECRET}\" }}, \
         {{ id = \"b\", alg = \"EdDSA\", pem_file = {:?}, tenants = [\"x\", \"y\"] }}",
        pem.path()
    ));
    let keys = with_file(&text).unwrap().config.auth.keys;
    assert_eq!(keys[0].algorithm, KeyAlgorithm::Hs256);
    assert!(keys[0].tenants.allow("default") && !keys[0].tenants.allow("x"));
    assert_eq!(keys[1].material, KeyMaterial::Pem(ED25519.to_owned()));
    assert!(keys[1].tenants.allow("x") && !keys[1].tenants.allow("default"));
    assert!(keys.iter().all(|key| key.decoding_key().is_ok()));
}

#[test]
fn everything_wrong_with_a_key_is_told_and_never_its_secret() {
    for (entry, expected) in [
        ("5", vec!["auth.keys[0]: must be a table, not a whole number"]),
        (
            "{ alg = \"none\", secrets = \"hunter2\" }",
            vec![
                "auth.keys[0].secrets: is not a field of a key; did you mean secret?",
                "auth.keys[0].id: is missing",
                "auth.keys[0].alg: must be HS256, RS256, ES256 or EdDSA",
            ],
        ),
        (
            "{ id = \"a\", alg = \"HS256\", secret = \"hunter2\", tenants = [] }",
            vec![
                "auth.keys[0].tenants: must be a list of tenants, or [\"*\"] for any",
                "auth.keys[0].secret: has 7 bytes, but needs 32 or more",
            ],
        ),
        (
            "{ id = \"a\", alg = \"RS256\", secret = \"hunter2\" }",
            vec!["auth.keys[0].pem: or pem_file is what this algorithm needs: one, and no secret"],
        ),
        (
            "{ id = \"a\", alg = \"ES256\", pem = \"-----BEGIN PRIVATE KEY-----hunter2\" }",
            vec!["auth.keys[0].pem: holds a private key; only the public key belongs here"],
        ),
    ] {
        let told = wrong(with_file(&keys(entry)));
        assert_eq!(told, expected);
        assert!(!told.concat().contains("hunter2"), "{told:?}");
    }
}

#[test]
fn a_public_key_of_another_algorithm_is_refused() {
    for alg in ["RS256", "ES256"] {
        let entry = format!("{{ id = \"a\", alg = \"{alg}\", pem = {ED25519:?} }}");
        let told = wrong(with_file(&keys(&entry)));
        assert_eq!(told, [format!("auth.keys[0].pem: is not a public key in PEM for {alg}")]);
    }
}

/// Makes a PEM from a public key's DER.
fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
}

fn accepts(alg: &str, pem: &str) -> bool {
    let entry = format!("{{ id = \"a\", alg = \"{alg}\", pem = {pem:?} }}");
    with_file(&keys(&entry)).is_ok()
}

#[test]
fn rsa_and_p256_are_taken_and_another_curve_is_not() {
    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair, RsaKeyPair};
    let curve = |alg| {
        let pair = EcdsaKeyPair::generate(alg).unwrap();
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        pem(der.as_ref())
    };
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: PublicKeyX509Der<'_> = rsa.public_key().as_der().unwrap();
    assert!(accepts("RS256", &pem(der.as_ref())));
    assert!(accepts("ES256", &curve(&signature::ECDSA_P256_SHA256_FIXED_SIGNING)));
    assert!(!accepts("ES256", &curve(&signature::ECDSA_P384_SHA384_FIXED_SIGNING)));
    assert!(!accepts("ES256", &pem(der.as_ref())));
}

#[test]
fn ids_are_unique_and_two_are_reserved() {
    let entry = |id: &str| format!("{{ id = \"{id}\", alg = \"HS256\", secret = \"{SECRET}\" }}");
    for ids in [["a", "a"], ["b", "self"], ["b", "env"]] {
        let told = wrong(with_file(&keys(&ids.map(entry).join(","))));
        assert_eq!(
            told,
            [format!("auth.keys: the id {:?} is taken; each key needs its own", ids[1])]
        );
    }
}

#[test]
fn secrets_are_stars_wherever_settings_are_printed() {
    let entry = format!("{{ id = \"a\", alg = \"HS256\", secret = \"{SECRET}\" }}");
    let pair = crate::keys::generate_vapid().unwrap();
    let private = pair.private_key.expose();
    let loaded = with_env(&[
        ("LANDFALL_AUTH_KEYS", &format!("[{entry}]")),
        ("JWT_SECRET_KEY", SECRET),
        ("VAPID_PUBLIC_KEY", &pair.public_key),
        ("VAPID_PRIVATE_KEY", private),
    ])
    .unwrap();
    assert_eq!(loaded.config.auth.keys.len(), 2);
    let printed = loaded.effective.to_string();
    for text in [format!("{loaded:?}"), format!("{:#?}", loaded.config), printed.clone()] {
        assert!(!text.contains(SECRET) && !text.contains(private), "{text}");
    }
    assert!(printed.contains("auth.jwt_secret_key = \"***\""), "{printed}");
    assert!(printed.contains("# environment JWT_SECRET_KEY"), "{printed}");
}
