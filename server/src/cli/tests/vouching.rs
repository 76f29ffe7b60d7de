//! `restore --check --vouch`: what it notes, what it prints, and what it refuses.

use std::sync::Arc;

use landfall_core::time::Timestamp;
use landfall_store::sqlite::{Settings, Sqlite};
use landfall_store::{Commits as _, Lives as _};

use super::{Folder, run};
use crate::keys::DataLock;

impl Folder {
    /// Opens the store, as a server does.
    fn open(&self) -> Sqlite {
        Sqlite::open(&Settings::new(&self.0.join("landfall.db")), Arc::new(|_| ())).unwrap()
    }
}

fn noted(store: &Sqlite) -> Option<Timestamp> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.backed_up_to()).unwrap()
}

/// Gives the time behind some words of what was printed.
fn time(printed: &str, words: &str) -> Timestamp {
    let rest = printed.split(words).nth(1).unwrap();
    Timestamp::parse(rest.split_whitespace().next().unwrap()).unwrap()
}

const VOUCH: [&str; 2] = ["--check", "--vouch"];

#[test]
fn a_backup_is_vouched_for_beside_a_running_server_less_ten_minutes() {
    let folder = Folder::with_store();
    let (_running, store) = (DataLock::take(&folder.0).unwrap(), folder.open());
    folder.backup(&[]).unwrap();
    let checked = folder.restore(&folder, &["--check"]).unwrap();
    assert_eq!((checked.lines().count(), noted(&store)), (1, None), "a check alone notes nothing");
    let printed = folder.restore(&folder, &VOUCH).unwrap();
    assert!(printed.starts_with(&checked), "{printed}");
    let up_to = time(&printed, "devices may forget what was answered before ");
    assert_eq!(up_to, time(&printed, "made at ").plus_ms(-600_000), "{printed}");
    assert_eq!(noted(&store), Some(up_to));

    // A later one that is vouched for by mistake after an earlier one changes nothing.
    let first = std::fs::read(folder.file("backup")).unwrap();
    while crate::clock::now_ms() <= up_to.as_ms() + 600_000 {
        std::hint::spin_loop();
    }
    folder.backup(&["--force"]).unwrap();
    let printed = folder.restore(&folder, &VOUCH).unwrap();
    let later = time(&printed, "devices may forget what was answered before ");
    assert!(later > up_to, "{printed}");
    std::fs::write(folder.file("backup"), first).unwrap();
    let printed = folder.restore(&folder, &VOUCH).unwrap();
    assert!(printed.contains("a later backup is vouched for already\n"), "{printed}");
    assert_eq!(time(&printed, "may forget what was answered before "), later);
    assert_eq!(noted(&store), Some(later));
    store.close();
}

#[test]
fn what_is_damaged_or_of_another_store_or_life_is_not_vouched_for() {
    let (folder, other) = (Folder::with_store(), Folder::with_store());
    let refused = |from: &Folder| folder.restore(from, &VOUCH).unwrap_err().to_string();
    folder.backup(&[]).unwrap();
    assert!(refused(&folder).contains("of one that was never served"));
    for each in [&folder, &other] {
        each.open().close();
        each.backup(&["--force"]).unwrap();
    }
    assert!(refused(&other).contains("of another one"), "{}", refused(&other));

    let whole = std::fs::read(folder.file("backup")).unwrap();
    std::fs::write(folder.file("backup"), &whole[..whole.len() / 2]).unwrap();
    assert!(refused(&folder).contains("is damaged or cut off"));
    std::fs::write(folder.file("backup"), &whole).unwrap();
    folder.restore(&folder, &["--replace"]).unwrap();
    let error = refused(&folder);
    assert!(error.contains("made in epoch 1, and the store is in epoch "), "{error}");
    assert_eq!(noted(&folder.open()), None);

    let nowhere = Folder::new();
    let error = nowhere.restore(&folder, &VOUCH).unwrap_err().to_string();
    assert!(error.contains("there is no store at "), "{error}");
    assert!(!nowhere.0.exists());
}

#[test]
fn nothing_is_vouched_for_without_being_read_through() {
    for more in [&["--vouch"][..], &["--vouch", "--replace"]] {
        let error = run(&[&["restore", "file"], more].concat(), &[]).unwrap_err();
        let usage = error.downcast_ref::<clap::Error>().unwrap();
        assert_eq!(usage.exit_code(), 2, "{usage}");
    }
}
