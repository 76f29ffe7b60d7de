//! What a restore brings back, what it begins anew, and what it never takes away.

use std::os::unix::fs::PermissionsExt as _;

use landfall_core::audit::Action;
use landfall_core::feed::{Epoch, FeedKey, Head, Number};
use landfall_core::id::TopicId;
use landfall_core::life::{Rollback, rollback};
use landfall_core::topic::MemberRole;
use landfall_store::sqlite::Sqlite;
use landfall_store::{
    Audits as _, BackupError, BackupFile, Commits as _, Inbox as _, Lives as _, Overwrite,
    SendState, SendTo, Sends as _, StoreError, StoredSend, Topics as _, Unit, Write,
};

use crate::going_back::put_file_back;
use crate::make::{
    at, content, draft, key, mark_read, note, publish, put_member, put_topic, send_id, tenant,
    topic, topic_id, unit, user,
};
use crate::place::{Place, block_on, inbox};

pub fn send(topic: TopicId) -> StoredSend {
    StoredSend {
        id: send_id(),
        tenant: tenant("t"),
        content: content("s").into(),
        to: SendTo::Topic(topic),
        route: "{}".into(),
        cursor: String::new(),
        accepted: 3,
        expanded: 0,
        state: SendState::Active,
        later: None,
        reminds: None,
        digest: None,
        canceled_at: None,
        created_at: at(0),
        expires_at: None,
    }
}

/// Makes a store with something of everything; gives the unit that made it.
async fn fill(store: &Sqlite) -> Unit {
    let u = user("u");
    let (a, b) = (note(&u, "a"), note(&u, "b"));
    let writes = vec![
        publish(&a),
        publish(&b),
        mark_read(&u, a.id, at(1)),
        put_topic(&topic("c", "A")),
        put_member("c", "u", MemberRole::Owner),
        Write::CreateSend(Box::new(send(topic_id("c")))),
    ];
    let audit = vec![draft(Action::Connected, "u", 1)];
    let first = Unit { audit, idempotency: Some(key("k", 1)), ..unit(&tenant("t"), writes) };
    store.commit(first.clone()).await.unwrap();
    store.seal(at(2), 9).await.unwrap();
    first
}

#[tokio::test]
async fn everything_is_there_again() {
    let (place, t, u) = (Place::new(), tenant("t"), user("u"));
    let store = place.store("a.db");
    let first = fill(&store).await;
    let summary = place.backup("a.db", "backup");
    assert_eq!((summary.keys, summary.about.epoch), (1, Epoch(1)));
    assert_eq!(place.verify("backup").unwrap(), summary);
    place.restore("backup", "b.db");
    let again = place.store("b.db");
    assert_eq!(again.life().await.unwrap().store, store.life().await.unwrap().store);
    assert_eq!(inbox(&again, &t, &u).await, inbox(&store, &t, &u).await);
    let member = again.member(&t, &topic_id("c"), &u).await.unwrap().unwrap();
    assert_eq!(member.role, MemberRole::Owner);
    let sends = store.active_sends(&t, 9).await.unwrap();
    assert_eq!((sends.len(), again.active_sends(&t, 9).await.unwrap()), (1, sends));
    match again.commit(first).await {
        Err(StoreError::Duplicate(answer)) => {
            assert_eq!(answer.numbers[..2], [Number(1), Number(2)]);
        }
        other => panic!("{other:?}"),
    }
    again.seal(at(9), 9).await.unwrap();
    let verified = again.verify(&t).await.unwrap();
    assert_eq!((verified.broken, verified.entries), (None, 2));
    let keys = block_on(BackupFile::open(&place.file("backup")).unwrap().keys()).unwrap();
    assert_eq!((keys[0].name.as_str(), keys[0].content.len()), ("cursor-mac.key", 32));
}

#[tokio::test]
async fn numbers_go_on_above_what_was_lost() {
    let (place, t, u) = (Place::new(), tenant("t"), user("u"));
    let store = place.store("a.db");
    fill(&store).await;
    place.backup("a.db", "backup");
    let lost = vec![publish(&note(&u, "lost")), publish(&note(&user("new"), "x"))];
    store.commit(unit(&t, lost)).await.unwrap();
    let restored = place.restore("backup", "b.db");
    assert_eq!((restored.epoch, restored.moved), (Epoch(at(0).as_ms() as u64), None));
    let again = place.store("b.db");
    assert_eq!(again.epoch(), restored.epoch);
    let base = restored.epoch.base();
    let skipped = Head { newest: base, horizon: base };
    assert_eq!(again.unread(&t, &u).await.unwrap(), (1, skipped));
    let feed = FeedKey::topic(&t, &topic_id("c"));
    assert_eq!(again.heads(vec![feed.into()]).await.unwrap(), [skipped]);
    let receipt = again.commit(unit(&t, vec![publish(&note(&user("new"), "y"))])).await.unwrap();
    assert_eq!(receipt.numbers(), [base.next()]);
}

#[tokio::test]
async fn two_restores_of_one_backup_are_two_lives() {
    let (place, t, u) = (Place::new(), tenant("t"), user("u"));
    let store = place.store("a.db");
    store.commit(unit(&t, vec![publish(&note(&u, "a"))])).await.unwrap();
    place.backup("a.db", "backup");
    store.close();
    let first = place.try_restore("backup", "a.db", Overwrite::Always, 0).unwrap();
    // The clock went back meanwhile.
    let second = place.try_restore("backup", "a.db", Overwrite::Always, -50).unwrap();
    assert!(second.epoch > first.epoch);
    assert!(second.epoch.base() > first.epoch.base());
    let fresh = place.try_restore("backup", "c.db", Overwrite::Never, 7_000).unwrap();
    assert!(fresh.epoch > second.epoch);
}

#[tokio::test]
async fn a_store_that_is_there_stays_unless_it_is_to_be_replaced() {
    let (place, t, u) = (Place::new(), tenant("t"), user("u"));
    let store = place.store("a.db");
    store.commit(unit(&t, vec![publish(&note(&u, "old"))])).await.unwrap();
    place.backup("a.db", "backup");
    store.commit(unit(&t, vec![publish(&note(&u, "newer"))])).await.unwrap();
    store.close();
    let refused = place.try_restore("backup", "a.db", Overwrite::Never, 0).unwrap_err();
    assert!(matches!(refused, BackupError::StoreThere(_)), "{refused}");
    assert_eq!(inbox(&place.store("a.db"), &t, &u).await.len(), 2);

    let restored = place.try_restore("backup", "a.db", Overwrite::Always, 0).unwrap();
    assert_eq!(restored.moved, Some(place.file("a.db.replaced-20250915T140000000Z")));
    assert_eq!(inbox(&place.store("a.db"), &t, &u).await.len(), 1);
    let aside = place.store("a.db.replaced-20250915T140000000Z");
    assert_eq!(inbox(&aside, &t, &u).await.len(), 2);
    assert_eq!(aside.epoch(), Epoch(1));
}

#[tokio::test]
async fn a_damaged_store_is_replaced_and_kept() {
    let (place, t, u) = (Place::new(), tenant("t"), user("u"));
    let store = place.store("a.db");
    store.commit(unit(&t, vec![publish(&note(&u, "a"))])).await.unwrap();
    place.backup("a.db", "backup");
    store.close();
    std::fs::write(place.file("a.db"), "no database").unwrap();
    std::fs::write(place.file("a.db-wal"), "no log").unwrap();
    let restored = place.try_restore("backup", "a.db", Overwrite::Always, 0).unwrap();
    assert_eq!(std::fs::read(restored.moved.unwrap()).unwrap(), b"no database");
    assert_eq!(inbox(&place.store("a.db"), &t, &u).await.len(), 1);
    assert!(place.file("a.db.replaced-20250915T140000000Z-wal").exists());
}

#[tokio::test]
async fn a_backup_is_its_owners_alone_and_leaves_nothing_else() {
    let place = Place::new();
    let no_store = place.try_backup("a.db", "backup", Overwrite::Never).unwrap_err();
    assert!(matches!(no_store, BackupError::NoStore(_)), "{no_store}");
    assert_eq!(place.names(), [""; 0]);
    place.store("a.db").close();
    // What a backup that was killed left behind.
    std::fs::write(place.file("backup.part"), "half").unwrap();
    let other = std::fs::File::open(place.file("backup.part")).unwrap();
    other.lock().unwrap();
    let busy = place.try_backup("a.db", "backup", Overwrite::Never).unwrap_err();
    assert!(matches!(busy, BackupError::UnderWay(_)), "{busy}");
    other.unlock().unwrap();
    place.backup("a.db", "backup");
    assert_eq!(place.names(), ["a.db", "backup"]);
    let mode = place.file("backup").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let there = place.try_backup("a.db", "backup", Overwrite::Never).unwrap_err();
    assert!(matches!(there, BackupError::FileThere(_)), "{there}");
    place.try_backup("a.db", "backup", Overwrite::Always).unwrap();
    place.verify("backup").unwrap();
}

#[tokio::test]
async fn a_file_that_went_back_shows_it() {
    let (place, t) = (Place::new(), tenant("t"));
    let store = place.store("a.db");
    let one = || Unit { audit: vec![draft(Action::Connected, "u", 1)], ..Unit::new(&t) };
    store.commit(one()).await.unwrap();
    let older = store.life().await.unwrap();
    store.close();
    std::fs::copy(place.file("a.db"), place.file("older.db")).unwrap();
    let store = place.store("a.db");
    store.commit(one()).await.unwrap();
    let known = store.life().await.unwrap();
    assert_eq!((rollback(&older, &known), rollback(&known, &known)), (None, None));
    put_file_back(&place.file("a.db"), &place.file("older.db"));
    let found = store.life().await.unwrap();
    assert_eq!((rollback(&known, &found), &found), (Some(Rollback::WentBack), &older));
}
