//! Tests of the self-made keys and the folder's lock.
#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{DataLock, Keys, KeysError, open_auth};
use crate::config::{Config, Environment, Flags, Inputs};

/// A data folder that is gone after the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("landfall-{}", uuid::Uuid::now_v7())))
    }

    fn config(&self, env: &[(&str, &str)]) -> Config {
        let flags = Flags { data_dir: Some(self.0.to_str().unwrap().to_owned()), listen: None };
        let env = env.iter().copied().collect::<Environment>();
        Config::load(Inputs { env, flags, ..Inputs::default() }).unwrap().config
    }

    fn key(&self, name: &str) -> PathBuf {
        self.0.join("keys").join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

const FILES: [&str; 5] =
    ["jwt-hs256.key", "cursor-mac.key", "vapid.json", "sealing.key", "lookup.key"];

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn keys_are_made_once_and_stay() {
    let folder = Folder::new();
    let config = folder.config(&[]);
    let first = Keys::open(&config).unwrap();
    let second = Keys::open(&config).unwrap();
    assert_eq!(first.auth, second.auth);
    assert_eq!(first.cursor_mac, second.cursor_mac);
    assert_eq!(first.vapid, second.vapid);
    assert_eq!(first.vault, second.vault);
    assert_eq!((first.auth[0].id.as_str(), first.auth.len()), ("self", 1));

    let other = Keys::open(&Folder::new().config(&[])).unwrap();
    assert_ne!(first.auth, other.auth);
    assert_ne!(first.cursor_mac, other.cursor_mac);
    assert_ne!(first.vapid, other.vapid);
    assert_ne!(first.vault.ring, other.vault.ring);
    assert_ne!(first.vault.lookup, other.vault.lookup);
}

#[test]
fn keys_are_readable_by_their_owner_alone() {
    let folder = Folder::new();
    let keys = Keys::open(&folder.config(&[])).unwrap();
    for name in FILES {
        assert_eq!(mode(&folder.key(name)), 0o600, "{name}");
    }
    assert_eq!(mode(&folder.0.join("keys")), 0o700);
    for name in ["jwt-hs256.key", "sealing.key", "lookup.key"] {
        let secret = std::fs::read_to_string(folder.key(name)).unwrap();
        let secret = secret.rsplit(':').next().unwrap();
        assert!(!format!("{keys:?}").contains(secret), "{name}");
    }
}

#[test]
fn the_content_of_the_key_file_works_as_jwt_secret_key() {
    let folder = Folder::new();
    let made = Keys::open(&folder.config(&[])).unwrap();
    let text = std::fs::read_to_string(folder.key("jwt-hs256.key")).unwrap();
    let given = folder.config(&[("JWT_SECRET_KEY", &text)]).auth.keys;
    assert_eq!(made.auth[0].material, given[0].material);
}

#[test]
fn configured_keys_leave_no_self_made_ones() {
    let folder = Folder::new();
    let pair = super::generate_vapid().unwrap();
    let config = folder.config(&[
        ("JWT_SECRET_KEY", "0123456789abcdef0123456789abcdef"),
        ("VAPID_PUBLIC_KEY", &pair.public_key),
        ("VAPID_PRIVATE_KEY", pair.private_key.expose()),
    ]);
    let keys = Keys::open(&config).unwrap();
    assert_eq!((keys.auth[0].id.as_str(), keys.vapid), ("env", pair));
    assert!(!folder.key("jwt-hs256.key").exists() && !folder.key("vapid.json").exists());
}

#[test]
fn a_self_made_sealing_key_opens_on_after_another_is_configured() {
    let folder = Folder::new();
    let made = Keys::open(&folder.config(&[])).unwrap().vault;
    let new = format!("k2:{}", "A".repeat(43));
    let env = [("LANDFALL_SECRETS_KEYS", new.as_str())];
    let both = Keys::open(&folder.config(&env)).unwrap().vault;
    let names: Vec<&str> = both.ring.iter().map(|key| key.id.as_str()).collect();
    assert_eq!(names, ["k2", "self"]);
    assert_eq!((&both.ring[1], &both.lookup), (&made.ring[0], &made.lookup));

    // Given to another node as it stands in the file.
    let text = std::fs::read_to_string(folder.key("sealing.key")).unwrap();
    let lookup = std::fs::read_to_string(folder.key("lookup.key")).unwrap();
    let env = [("LANDFALL_SECRETS_KEYS", text.as_str()), ("LANDFALL_SECRETS_LOOKUP", &lookup)];
    let elsewhere = Folder::new();
    assert_eq!(Keys::open(&elsewhere.config(&env)).unwrap().vault, made);
    assert!(!elsewhere.key("sealing.key").exists() && !elsewhere.key("lookup.key").exists());
}

#[test]
fn a_damaged_key_is_named_and_never_replaced() {
    let folder = Folder::new();
    let config = folder.config(&[]);
    for name in FILES {
        Keys::open(&config).unwrap();
        std::fs::write(folder.key(name), "x").unwrap();
        let error = Keys::open(&config).unwrap_err();
        assert!(matches!(error, KeysError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(std::fs::read(folder.key(name)).unwrap(), b"x");
        std::fs::remove_file(folder.key(name)).unwrap();
    }
}

#[test]
fn a_half_written_file_of_a_crash_is_not_taken_for_a_key() {
    let folder = Folder::new();
    let config = folder.config(&[]);
    std::fs::create_dir_all(folder.0.join("keys")).unwrap();
    std::fs::write(folder.key(".jwt-hs256.key.new"), "half").unwrap();
    assert_eq!(open_auth(&config).unwrap(), open_auth(&config).unwrap());
    assert!(!folder.key(".jwt-hs256.key.new").exists());
}

#[test]
fn many_first_starts_at_once_agree_on_one_key() {
    let folder = Folder::new();
    let config = folder.config(&[]);
    let opened = std::thread::scope(|scope| {
        let threads = [(); 8].map(|()| scope.spawn(|| open_auth(&config).unwrap()));
        threads.map(|thread| thread.join().unwrap())
    });
    assert!(opened.iter().all(|keys| *keys == opened[0]));
}

#[test]
fn a_second_server_on_the_folder_is_told_who_holds_it() {
    let folder = Folder::new();
    let first = DataLock::take(&folder.0).unwrap();
    let error = DataLock::take(&folder.0).unwrap_err().to_string();
    let process = std::process::id();
    assert!(error.contains(&format!("in use by another server (process {process})")), "{error}");
    assert!(error.contains(folder.0.to_str().unwrap()), "{error}");
    drop(first);
    DataLock::take(&folder.0).unwrap();
}
