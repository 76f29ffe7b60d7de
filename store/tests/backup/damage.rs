//! A backup that is not what was written is refused, and the store that is there is not touched.

use landfall_store::{BackupError, Commits as _, Overwrite};
use rusqlite::Connection;

use crate::make::{note, publish, tenant, unit, user};
use crate::place::{Place, inbox};

/// A store with enough in it for many pages, and its backup.
async fn place() -> Place {
    let place = Place::new();
    let store = place.store("a.db");
    for user in ["u", "v", "w"].map(user) {
        let writes = (0..350).map(|n| publish(&note(&user, &n.to_string()))).collect();
        store.commit(unit(&tenant("t"), writes)).await.unwrap();
    }
    place.backup("a.db", "backup");
    store.close();
    place
}

/// Restores and says why it was refused; the store must be as it was.
#[track_caller]
fn refused(place: &Place, file: &str) -> BackupError {
    let before = std::fs::read(place.file("a.db")).unwrap();
    let error = place.try_restore(file, "a.db", Overwrite::Always, 0).unwrap_err();
    assert!(std::fs::read(place.file("a.db")).unwrap() == before, "the store was touched");
    let left: Vec<String> =
        place.names().into_iter().filter(|name| name.contains("restoring")).collect();
    assert_eq!(left, [""; 0]);
    error
}

#[tokio::test]
async fn a_cut_off_backup_is_refused() {
    let place = place().await;
    let whole = std::fs::read(place.file("backup")).unwrap();
    for kept in [0, 1, 99, 100, 4_096, whole.len() / 2, whole.len() - 4_096, whole.len() - 1] {
        std::fs::write(place.file("cut"), &whole[..kept]).unwrap();
        let error = refused(&place, "cut");
        let is_named = matches!(error, BackupError::NotABackup(_) | BackupError::Damaged { .. });
        assert!(is_named, "{kept} bytes: {error:?}");
    }
}

#[tokio::test]
async fn a_changed_byte_is_never_restored() {
    let place = place().await;
    let whole = std::fs::read(place.file("backup")).unwrap();
    let original = place.verify("backup").unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 40) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        std::fs::write(place.file("changed"), &bytes).unwrap();
        // What no row uses may change: what is restored is what was written all the same.
        if let Ok(summary) = place.verify("changed") {
            assert_eq!(summary, original, "byte {at}");
        }
    }
}

#[tokio::test]
async fn rows_that_were_changed_or_are_gone_are_named() {
    let place = place().await;
    for (sql, named) in [
        ("update notification set title = 'x' where born = 5", "notification"),
        ("delete from notification where born = 350", "notification"),
        ("insert into setting values ('a', 'b')", "setting"),
        ("update backup_about set value = '7' where name = 'epoch'", "backup_about"),
        ("delete from backup_about where name = 'epoch'", "epoch"),
        ("update backup_key set content = x'00'", "backup_key"),
        ("delete from backup_table where name = 'send'", "send"),
        ("drop table topic", "tables"),
        ("alter table topic add column more text", "tables"),
        ("update backup_about set value = 'soon' where name = 'made_at'", "made_at"),
    ] {
        std::fs::copy(place.file("backup"), place.file("changed")).unwrap();
        Connection::open(place.file("changed")).unwrap().execute_batch(sql).unwrap();
        let error = refused(&place, "changed");
        assert!(matches!(error, BackupError::Damaged { .. }), "{sql}: {error}");
        assert!(error.to_string().contains(named), "{sql}: {error}");
    }
}

#[tokio::test]
async fn what_another_program_or_a_newer_version_made_is_refused() {
    let place = place().await;
    for (sql, newer) in [
        ("update backup_about set value = '2' where name = 'format'", "format"),
        ("update backup_about set value = '99' where name = 'schema'", "schema"),
    ] {
        std::fs::copy(place.file("backup"), place.file("newer")).unwrap();
        Connection::open(place.file("newer")).unwrap().execute_batch(sql).unwrap();
        let error = refused(&place, "newer");
        assert!(matches!(error, BackupError::Newer { .. }), "{error}");
        assert!(error.to_string().contains(newer), "{error}");
    }
    std::fs::write(place.file("text"), "a letter").unwrap();
    for file in ["a.db", "text"] {
        assert!(matches!(refused(&place, file), BackupError::NotABackup(_)));
    }
    assert!(matches!(refused(&place, "none"), BackupError::Io { .. }));
    assert_eq!(inbox(&place.store("a.db"), &tenant("t"), &user("u")).await.len(), 350);
}
