//! From a file to PostgreSQL and back: row by row what it was, but for what a new epoch changes.

use landfall_core::audit::Action;
use landfall_core::topic::MemberRole;
use landfall_store::{Audits as _, Commits as _, Overwrite, Unit, Write};
use rusqlite::Connection;

use crate::make::{
    at, draft, key, mark_read, note, note_at, publish, put_member, put_topic, tenant, topic,
    topic_id, unit, user,
};
use crate::place::Place;
use crate::postgres::Base;
use crate::restore::send;

/// What a new epoch changes, which is compared apart.
const CHANGED: [&str; 4] = ["setting", "feed", "audit_chain", "audit_entry"];

fn rows(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| {
        Ok((0..columns).map(|c| format!("{:?} ", row.get_ref(c).unwrap())).collect::<String>())
    };
    statement.query_map([], row).unwrap().map(Result::unwrap).collect()
}

fn check_same(place: &Place, one: &str, other: &str, restores: u64) {
    let [one, other] = [one, other].map(|file| Connection::open(place.file(file)).unwrap());
    let both = |sql: &str| (rows(&one, sql), rows(&other, sql));
    let names = "select name from sqlite_schema where type = 'table' and name not like 'backup%'";
    let mut statement = one.prepare(names).unwrap();
    let names = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let mut compared = 0;
    for name in names.map(Result::unwrap).filter(|name| !CHANGED.contains(&name.as_str())) {
        let (these, those) = both(&format!("select * from {name}"));
        assert_eq!(these, those, "{name}");
        compared += these.len();
    }
    assert!(compared > 1_000, "{compared}");
    let (these, those) = both(
        "select id, tenant, kind, owner, unread, read_up_to, read_mark, read_mark_at from feed",
    );
    assert_eq!(these, those);
    assert_eq!(rows(&other, "select 1 from feed where newest <> horizon"), [""; 0]);
    let (these, those) = both("select * from audit_entry where action <> 'epoch_begun'");
    assert_eq!(these, those);
    let (these, those) = both("select tenant, sealed, block, hash from audit_chain");
    assert_eq!(these, those);
    let begun =
        rows(&other, "select 1 from audit_entry where action = 'epoch_begun' and tenant = 't'");
    assert_eq!(begun.len() as u64, restores);
    let (these, those) = both("select value from setting where name = 'store_id'");
    assert_eq!(these, those);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_moves_to_postgres_and_back_row_by_row() {
    let (place, base) = (Place::new(), Base::new());
    let (t, u) = (tenant("t"), user("u"));
    let store = place.store("a.db");
    let a = note(&u, "\u{1f600} \u{fffd}\u{7f} 'quoted' \"twice\" \\ ?1 $1");
    let mut writes = vec![
        publish(&a),
        publish(&note_at(&user("Ünï"), "Ä", at(-1))),
        mark_read(&u, a.id, at(1)),
        put_topic(&topic("c", "A")),
        put_member("c", "u", MemberRole::Owner),
        Write::CreateSend(Box::new(send(topic_id("c")))),
    ];
    writes.extend((0..1_200).map(|n| publish(&note(&user(&format!("user {}", n % 7)), "many"))));
    let audit = vec![draft(Action::Connected, "u", 1)];
    store.commit(Unit { audit, idempotency: Some(key("k", 1)), ..unit(&t, writes) }).await.unwrap();
    let large = "x".repeat(2_000_000);
    let other = tenant("other");
    let audit = vec![draft(Action::Refused, "u", 2)];
    store.commit(Unit { audit, ..unit(&other, vec![publish(&note(&u, &large))]) }).await.unwrap();
    store.seal(at(2), 9).await.unwrap();
    store.erase_details(&other, &u).await.unwrap();

    place.backup("a.db", "1.backup");
    let to = base.try_restore(&place, "1.backup", Overwrite::Never).await.unwrap();
    let moved = base.store().await;
    assert_eq!(moved.verify(&t).await.unwrap().broken, None);
    assert_eq!(moved.epoch(), to.epoch);
    moved.close();
    base.try_backup(&place, "2.backup").await.unwrap();
    check_same(&place, "1.backup", "2.backup", 1);
    let restored = place.restore("2.backup", "b.db");
    assert!(restored.epoch > to.epoch);
    assert_eq!(place.store("b.db").verify(&t).await.unwrap().broken, None);
    place.backup("b.db", "3.backup");
    check_same(&place, "1.backup", "3.backup", 2);
}
