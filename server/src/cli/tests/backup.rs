//! `backup` and `restore`: what they print, what they refuse, and what becomes of keys.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::{Folder, run};
use crate::keys::{DataLock, Keys};
use crate::witness;

impl Folder {
    pub(super) fn with_store() -> Self {
        let folder = Self::new();
        run(&["migrate", "--data-dir", folder.path()], &[]).unwrap();
        Keys::open(&super::config(&[("LANDFALL_SERVER_DATA_DIR", folder.path())])).unwrap();
        folder
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn key(&self) -> Vec<u8> {
        std::fs::read(self.file("keys/jwt-hs256.key")).unwrap()
    }

    pub(super) fn backup(&self, more: &[&str]) -> anyhow::Result<String> {
        let file = self.file("backup");
        let args = ["backup", file.to_str().unwrap(), "--quiet", "--data-dir", self.path()];
        run(&[&args, more].concat(), &[])
    }

    /// Restores another folder's backup into this one.
    pub(super) fn restore(&self, from: &Folder, more: &[&str]) -> anyhow::Result<String> {
        let file = from.file("backup");
        let args = ["restore", file.to_str().unwrap(), "--quiet", "--data-dir", self.path()];
        run(&[&args, more].concat(), &[])
    }
}

#[test]
fn a_backup_is_written_beside_a_running_server_and_never_over_a_file() {
    let folder = Folder::with_store();
    let _running = DataLock::take(&folder.0).unwrap();
    let printed = folder.backup(&[]).unwrap();
    let file = folder.file("backup");
    assert!(printed.starts_with(&format!("{}: ", file.display())), "{printed}");
    assert!(printed.contains("tables and 5 keys; schema "), "{printed}");
    assert!(printed.contains(", epoch 1, made at 20"), "{printed}");
    assert!(printed.contains(concat!("by landfall ", env!("CARGO_PKG_VERSION"))), "{printed}");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    let written = std::fs::read(&file).unwrap();
    let refused = folder.backup(&[]).unwrap_err().to_string();
    assert!(refused.contains("is there already") && refused.contains("--force"), "{refused}");
    assert_eq!(std::fs::read(&file).unwrap(), written);
    folder.backup(&["--force"]).unwrap();

    let none = Folder::new();
    std::fs::create_dir(&none.0).unwrap();
    let error = none.backup(&[]).unwrap_err().to_string();
    assert!(error.starts_with("there is no store at "), "{error}");
    assert!(!none.file("backup").exists() && !none.file("landfall.db").exists());
}

#[test]
fn a_backup_names_the_keys_that_it_needs_and_does_not_hold() {
    let folder = Folder::with_store();
    assert_eq!(folder.backup(&[]).unwrap().lines().count(), 1);
    let keys = ["k2", "k1"].map(|name| format!("{name}:{}", "A".repeat(43))).join(",");
    let file = folder.file("other");
    let args = ["backup", file.to_str().unwrap(), "--quiet", "--data-dir", folder.path()];
    let env = [("LANDFALL_SECRETS_KEYS", keys.as_str())];
    let printed = run(&args, &env).unwrap();
    assert!(printed.contains("open with secrets.keys (k2, k1), which it does not"), "{printed}");
    assert!(!printed.contains("AAAA"), "{printed}");
}

#[test]
fn a_restore_into_an_empty_folder_brings_the_keys() {
    let (from, to) = (Folder::with_store(), Folder::new());
    from.backup(&[]).unwrap();
    let checked = to.restore(&from, &["--check"]).unwrap();
    assert!(checked.contains(" and 5 keys; "), "{checked}");
    assert!(!to.0.exists(), "a check changes nothing");
    let printed = to.restore(&from, &[]).unwrap();
    assert!(printed.starts_with("restored ") && printed.contains("\nepoch "), "{printed}");
    assert!(printed.ends_with(" has begun\n"), "{printed}");
    assert_eq!(to.key(), from.key());
    let mode = to.file("keys/jwt-hs256.key").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let migrated = run(&["migrate", "--data-dir", to.path()], &[]).unwrap();
    assert!(migrated.ends_with(": nothing to do\n"), "{migrated}");
}

#[test]
fn what_is_there_stays_unless_it_is_to_be_replaced() {
    let (from, to) = (Folder::with_store(), Folder::with_store());
    from.backup(&[]).unwrap();
    let before = (to.key(), std::fs::read(to.file("landfall.db")).unwrap());
    let refused = to.restore(&from, &[]).unwrap_err().to_string();
    assert!(refused.contains("keys/") && refused.contains("--replace"), "{refused}");
    std::fs::remove_dir_all(to.file("keys")).unwrap();
    let refused = to.restore(&from, &[]).unwrap_err().to_string();
    assert!(refused.contains("landfall.db already") && refused.contains("--replace"), "{refused}");
    assert!(!to.file("keys").exists());
    std::fs::create_dir(to.file("keys")).unwrap();
    std::fs::write(to.file("keys/jwt-hs256.key"), &before.0).unwrap();

    let printed = to.restore(&from, &["--replace"]).unwrap();
    assert_eq!(to.key(), from.key());
    let moved: Vec<PathBuf> = printed
        .lines()
        .filter_map(|line| line.strip_prefix("what was there is now "))
        .map(PathBuf::from)
        .collect();
    assert_eq!(moved.len(), 2, "{printed}");
    assert_eq!(std::fs::read(&moved[0]).unwrap(), before.1);
    assert_eq!(std::fs::read(&moved[1]).unwrap(), before.0);
    // A key that was kept so is not taken for one when this folder is backed up.
    assert!(to.backup(&[]).unwrap().contains(" and 5 keys; "));
}

#[test]
fn a_restore_leaves_a_running_server_and_damaged_backups_alone() {
    let (from, to) = (Folder::with_store(), Folder::with_store());
    from.backup(&[]).unwrap();
    let key = to.key();
    let running = DataLock::take(&to.0).unwrap();
    let error = to.restore(&from, &["--replace"]).unwrap_err().to_string();
    assert!(error.contains("in use by another server"), "{error}");
    drop(running);

    let life = landfall_core::life::Life {
        store: "a".into(),
        epoch: landfall_core::feed::Epoch(u64::MAX >> 12),
        mark: 1,
    };
    witness::Witness::open(&to.0).unwrap().write(&life).unwrap();
    let whole = std::fs::read(from.file("backup")).unwrap();
    std::fs::write(from.file("backup"), &whole[..whole.len() / 2]).unwrap();
    for more in [["--check"], ["--replace"]] {
        let error = to.restore(&from, &more).unwrap_err().to_string();
        assert!(error.contains("is damaged or cut off"), "{error}");
    }
    assert_eq!(to.key(), key);
    assert_eq!(witness::read(&to.0).as_ref(), Some(&life));

    std::fs::write(from.file("backup"), &whole).unwrap();
    let printed = to.restore(&from, &["--replace"]).unwrap();
    let epoch = format!("epoch {} has begun", life.epoch.0 + 1);
    assert!(printed.contains(&epoch), "later than what was known beside the store: {printed}");
    assert_eq!(witness::read(&to.0), None);
}
