//! What the vault promises.
#![allow(clippy::unwrap_used)]

use zeroize::Zeroizing;

use super::*;
use crate::secret::Secret;

fn key(id: &str, byte: u8) -> SealingKey {
    SealingKey { id: id.to_owned(), bytes: Zeroizing::new([byte; 32]) }
}

fn vault(ring: &[SealingKey]) -> Vault {
    let lookup = Secret::new("a look-up secret that is long enough for anybody");
    Vault::new(&VaultKeys { ring: ring.to_vec(), lookup })
}

struct Who(Tenant, UserId);

impl Who {
    fn new(tenant: &str, user: &str) -> Self {
        Self(Tenant::parse(tenant).unwrap(), UserId::parse(user).unwrap())
    }

    fn place(&self, purpose: Purpose) -> Place<'_> {
        Place { tenant: &self.0, user: &self.1, purpose }
    }
}

const PHONE: &str = "+1234567890";

#[test]
fn what_is_sealed_opens_in_its_place_alone() {
    let vault = vault(&[key("k1", 1)]);
    let who = Who::new("acme", "sarah");
    let sealed = vault.seal(who.place(Purpose::Phone), PHONE.as_bytes(), PHONE);
    let opened = vault.open(who.place(Purpose::Phone), &sealed).unwrap();
    assert_eq!(&**opened, PHONE.as_bytes());
    let elsewhere = [
        (Who::new("other", "sarah"), Purpose::Phone),
        (Who::new("acme", "michael"), Purpose::Phone),
        (Who::new("acme", "sarah"), Purpose::Email),
        (Who::new("acmes", "arah"), Purpose::Phone),
    ];
    for (who, purpose) in &elsewhere {
        assert_eq!(vault.open(who.place(*purpose), &sealed), Err(VaultError::Damaged));
    }
}

#[test]
fn every_changed_byte_is_noticed() {
    let vault = vault(&[key("k1", 1), key("k2", 2)]);
    let who = Who::new("acme", "sarah");
    let place = who.place(Purpose::Email);
    let sealed = vault.seal(place, b"sarah@example.org", "sarah@example.org");
    for index in 0..sealed.bytes.len() {
        let mut changed = sealed.clone();
        changed.bytes[index] ^= 1;
        assert!(vault.open(place, &changed).is_err(), "byte {index}");
        changed.bytes.truncate(index);
        assert!(vault.open(place, &changed).is_err(), "{index} bytes");
    }
    // A key's name cannot be put in place of another's.
    let mut renamed = sealed.clone();
    renamed.bytes[3] = b'2';
    assert_eq!(vault.open(place, &renamed), Err(VaultError::Damaged));
}

#[test]
fn nothing_of_the_text_shows_and_nothing_repeats() {
    let vault = vault(&[key("k1", 1)]);
    let who = Who::new("acme", "sarah");
    let seal = || vault.seal(who.place(Purpose::Phone), PHONE.as_bytes(), PHONE);
    let (one, other) = (seal(), seal());
    assert_ne!(one.bytes, other.bytes);
    assert_eq!(one.hash, other.hash);
    assert!(!one.bytes.windows(4).any(|part| PHONE.as_bytes().windows(4).any(|p| p == part)));
    assert_eq!(format!("{vault:?} {:?}", key("k1", 7)), r#"["k1"] k1:***"#);
}

#[test]
fn rotation_opens_old_seals_anew_and_finds_both() {
    let who = Who::new("acme", "sarah");
    let place = who.place(Purpose::Phone);
    let before = vault(&[key("k1", 1)]);
    let old = before.seal(place, PHONE.as_bytes(), PHONE);
    let during = vault(&[key("k2", 2), key("k1", 1)]);
    assert!(!during.is_current(&old));
    assert_eq!(&**during.open(place, &old).unwrap(), PHONE.as_bytes());
    let new = during.renewed(place, &old).unwrap().unwrap();
    assert_eq!((new.hash, during.is_current(&new)), (old.hash, true));
    assert_eq!(during.renewed(place, &new), Ok(None));
    let after = vault(&[key("k2", 2)]);
    assert_eq!(&**after.open(place, &new).unwrap(), PHONE.as_bytes());
    assert_eq!(after.open(place, &old), Err(VaultError::NoSuchKey("k1".into())));
    assert_eq!(after.hash(&who.0, Purpose::Phone, PHONE), old.hash);
}

#[test]
fn a_hash_is_of_a_tenant_a_purpose_and_a_secret() {
    let one = vault(&[key("k1", 1)]);
    let (acme, other) = (Who::new("acme", "u").0, Who::new("other", "u").0);
    let hash = one.hash(&acme, Purpose::Phone, PHONE);
    assert_ne!(hash, one.hash(&other, Purpose::Phone, PHONE));
    assert_ne!(hash, one.hash(&acme, Purpose::Email, PHONE));
    let keys = VaultKeys { ring: vec![key("k1", 1)], lookup: Secret::new("x".repeat(32)) };
    assert_ne!(hash, Vault::new(&keys).hash(&acme, Purpose::Phone, PHONE));
}

#[test]
fn a_ring_takes_only_sound_keys() {
    let good = format!("k-1.a_b:{}", "A".repeat(43));
    assert_eq!(SealingKey::parse(&good).unwrap().id, "k-1.a_b");
    assert_eq!(SealingKey::parse(&format!(" {good}= ")).unwrap().bytes[..], [0; 32]);
    let both = ["k:-_-_", "k:+/+/"].map(|text| {
        let text = format!("{text}{}", "A".repeat(39));
        SealingKey::parse(&text).unwrap()
    });
    assert_eq!(both[0], both[1]);
    for bad in ["", "k1", "k1:", ":AAAA", "k 1:AAAA", "k1:AAAA", "k1:!!!!"] {
        assert_eq!(SealingKey::parse(bad), None, "{bad}");
    }
    assert_eq!(SealingKey::parse(&format!("{}:{}", "k".repeat(33), "A".repeat(43))), None);
}
