//! Keys of `[[auth.keys]]`, and that no secret is shown.

use landfall_core::id::Tenant;

use super::{TempFile, with_env, with_file, wrong};
use crate::auth::{Alg, Material, Verifier};

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
    let auth = with_file(&text).unwrap().config.auth;
    let keys = &auth.keys;
    let allows = |key: usize, name: &str| keys[key].tenants.contains(&Tenant::parse(name).unwrap());
    assert_eq!(keys[0].alg, Alg::Hs256);
    assert!(allows(0, "default") && !allows(0, "x"));
    assert_eq!(keys[1].material, Material::Pem(ED25519.to_owned()));
    assert!(allows(1, "x") && !allows(1, "default"));
    Verifier::new(keys.clone(), auth.policy()).unwrap();
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
            vec![
                "auth.keys[0].pem: or pem_file or jwks_url is what this algorithm needs: one, \
                 and no secret",
            ],
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

#[test]
fn what_the_verifier_would_refuse_stops_the_start() {
    let small = include_str!("../../../tests/auth/openssl/rs256_1024.pem");
    let entry = format!("{{ id = \"a\", alg = \"RS256\", pem = {small:?} }}");
    let told = wrong(with_file(&keys(&entry)));
    assert_eq!(told, ["auth.keys[0].pem: is not a public key in PEM for RS256"]);
    let what = "is a PEM text; whoever reads a public key could sign with it";
    let entry = format!("{{ id = \"a\", alg = \"HS256\", secret = {ED25519:?} }}");
    assert_eq!(wrong(with_file(&keys(&entry))), [format!("auth.keys[0].secret: {what}")]);
    let told = wrong(with_env(&[("JWT_SECRET_KEY", ED25519)]));
    assert_eq!(told, [format!("auth.jwt_secret_key: {what}")]);
}

#[test]
fn a_key_set_comes_over_https_or_from_this_machine() {
    let read = |alg: &str, url: &str| {
        with_file(&keys(&format!(r#"{{ id = "a", alg = "{alg}", jwks_url = "{url}" }}"#)))
    };
    for url in [
        "https://issuer.example/.well-known/jwks.json",
        "https://10.0.0.5:8443/keys?policy=x",
        "http://localhost:9000/keys",
        "http://127.0.0.1/keys",
        "http://[::1]:9000/keys",
    ] {
        let auth = read("RS256", url).unwrap().config.auth;
        assert_eq!(auth.keys[0].material, Material::Jwks(url.to_owned()));
        Verifier::new(auth.keys.clone(), auth.policy()).unwrap();
    }
    for url in [
        "",
        "issuer.example/keys",
        "ftp://issuer.example/keys",
        "http://issuer.example/keys",
        "http://127.0.0.1.example/keys",
        "http://10.0.0.5/keys",
        "https://user:hunter2@issuer.example/keys",
        "https://issuer.example/keys#one",
    ] {
        let told = wrong(read("RS256", url));
        assert_eq!(told.len(), 1, "{url}");
        assert!(told[0].starts_with("auth.keys[0].jwks_url: must be https://"), "{told:?}");
        assert!(!told[0].contains("hunter2"));
    }
    let told = wrong(read("HS256", "https://issuer.example/keys"));
    assert_eq!(told, ["auth.keys[0].secret: is what HS256 needs, and nothing public"]);
}

#[test]
fn a_token_may_not_bring_fetches_about_more_rarely_than_they_come_anyway() {
    let told = wrong(with_file("[auth]\njwks_refresh_seconds = 60\njwks_refetch_seconds = 61"));
    let what = "must not be above auth.jwks_refresh_seconds";
    assert_eq!(told, [format!("auth.jwks_refetch_seconds: {what}")]);
}

#[test]
fn settings_become_the_policy() {
    let text = "[auth]\nleeway_seconds = 5\nissuer = \"me\"\n[auth.roles]\nteacher = [\"admin\"]";
    let policy = with_file(text).unwrap().config.auth.policy();
    assert_eq!((policy.leeway_seconds, policy.issuer.as_deref()), (5, Some("me")));
    assert_eq!((policy.audience, &policy.roles["teacher"][..]), (None, &["admin".to_owned()][..]));
}

#[test]
fn ids_are_unique_and_two_are_reserved() {
    let entry = |id: &str| format!("{{ id = \"{id}\", alg = \"HS256\", secret = \"{SECRET}\" }}");
    let kept = "kept for the server's own key";
    for (ids, why) in [(["a", "a"], "taken"), (["b", "self"], kept), (["b", "env"], kept)] {
        let told = wrong(with_file(&keys(&ids.map(entry).join(","))));
        let expected = format!("auth.keys: the id {:?} is {why}; each key needs its own", ids[1]);
        assert_eq!(told, [expected]);
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
    assert_eq!(loaded.config.auth.keys.len(), 3);
    let printed = loaded.effective.to_string();
    for text in [format!("{loaded:?}"), format!("{:#?}", loaded.config), printed.clone()] {
        assert!(!text.contains(SECRET) && !text.contains(private), "{text}");
    }
    assert!(printed.contains("auth.jwt_secret_key = \"***\""), "{printed}");
    assert!(printed.contains("# environment JWT_SECRET_KEY"), "{printed}");
}
