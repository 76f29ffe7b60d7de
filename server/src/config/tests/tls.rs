//! The certificate's files, as far as they can be judged before the start.

use super::{TempFile, with_env, wrong};

const CERT: &str = include_str!("../../../../fixtures/src/tls/first.pem");
const KEY: &str = include_str!("../../../../fixtures/src/tls/first.key");
const OTHER_KEY: &str = include_str!("../../../../fixtures/src/tls/second.key");

/// Expects one problem with these files' content, which names a setting and says this.
fn check(cert: &str, key: &str, setting: &str, expected: &str) {
    let (cert, key) = (TempFile::new(cert), TempFile::new(key));
    let paths = [&cert, &key].map(|file| file.path().to_str().unwrap());
    let told = wrong(with_env(&[("LANDFALL_TLS_CERT", paths[0]), ("LANDFALL_TLS_KEY", paths[1])]));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with(&format!("{setting}: ")), "{told:?}");
    assert!(told[0].contains(expected), "{told:?}");
    let middle = KEY.lines().nth(1).unwrap();
    assert!(!told[0].contains(middle), "{told:?}");
}

#[test]
fn files_that_cannot_be_used_stop_the_start() {
    check(CERT, OTHER_KEY, "tls.key", "is not the key of the certificate in tls.cert");
    check(KEY, KEY, "tls.cert", "holds no certificate");
    check(CERT, CERT, "tls.key", "holds no private key");
    check("", KEY, "tls.cert", "holds no certificate");
    check(CERT, "", "tls.key", "holds no private key");
    let damaged = CERT.replace("MIIB", "AAAA");
    check(&damaged, KEY, "tls.cert", "damaged certificate");
    let broken = "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n";
    check(broken, KEY, "tls.cert", "is no PEM");
}

#[test]
fn both_are_set_or_none() {
    let told = wrong(with_env(&[("LANDFALL_TLS_CERT", "x")]));
    assert_eq!(told, ["tls.key: must be set where tls.cert is"]);
    let told = wrong(with_env(&[("LANDFALL_TLS_KEY", "x")]));
    assert_eq!(told, ["tls.cert: must be set where tls.key is"]);
    assert!(with_env(&[]).unwrap().config.tls.files().is_none());
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let told =
        wrong(with_env(&[("LANDFALL_TLS_CERT", "/no/cert"), ("LANDFALL_TLS_KEY", "/no/key")]));
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("tls.cert: /no/cert cannot be read: "), "{told:?}");
}

#[test]
fn a_key_that_everybody_may_read_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let (cert, key) = (TempFile::new(CERT), TempFile::new(KEY));
    let paths = [&cert, &key].map(|file| file.path().to_str().unwrap());
    let check = |mode, count| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(key.path(), permissions).unwrap();
        let pairs = [("LANDFALL_TLS_CERT", paths[0]), ("LANDFALL_TLS_KEY", paths[1])];
        let warnings = with_env(&pairs).unwrap().warnings;
        assert_eq!(warnings.len(), count, "{warnings:?}");
        assert!(warnings.iter().all(|warning| warning.starts_with("tls.key: ")), "{warnings:?}");
    };
    check(0o644, 1);
    check(0o640, 0);
    check(0o600, 0);
}
