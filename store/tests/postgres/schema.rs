//! The schema: the same columns as the embedded store's, made once however many nodes start.

use std::collections::BTreeSet;

use landfall_store::postgres::{Address, Postgres};
use landfall_store::{StoreError, sqlite};
use rusqlite::Connection;

use crate::contract::make::{note, publish, tenant, unit, user};
use crate::{Place, deaf, open};

/// A backup is one SQLite file whichever store it comes from.
#[tokio::test(flavor = "multi_thread")]
async fn both_stores_have_the_same_columns() {
    let place = Place::empty();
    open(&place.settings()).await;
    let sql = "select table_name || '.' || column_name from information_schema.columns
               where table_schema = 'public' and table_name <> 'schema_version'";
    let theirs: BTreeSet<String> =
        place.database.ask(sql).unwrap().lines().map(str::to_owned).collect();
    let embedded = Connection::open_in_memory().unwrap();
    embedded.execute_batch(sqlite::SCHEMA).unwrap();
    let sql = "select t.name || '.' || c.name from sqlite_schema t, pragma_table_info(t.name) c
               where t.type = 'table'";
    let mut columns = embedded.prepare(sql).unwrap();
    let ours: BTreeSet<String> =
        columns.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(ours.len() > 80, "{}", ours.len());
    assert_eq!(theirs, ours);
}

/// Pages of lists and cursors rely on one order of texts, whatever the database's locale is.
#[tokio::test(flavor = "multi_thread")]
async fn every_text_is_compared_by_its_bytes() {
    let place = Place::empty();
    open(&place.settings()).await;
    let sql = "select table_name || '.' || column_name from information_schema.columns
               where table_schema = 'public' and data_type = 'text'
                 and collation_name is distinct from 'C'";
    assert_eq!(place.database.ask(sql).unwrap(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_at_once_make_one_schema() {
    for _ in 0..5 {
        let place = Place::empty();
        let settings = place.settings();
        let migrate = || Postgres::migrate(&settings);
        let (a, b, c) = tokio::join!(migrate(), migrate(), migrate());
        let mut done = [a.unwrap(), b.unwrap(), c.unwrap()];
        done.sort_unstable();
        let newest = done[0].1;
        assert_eq!(done, [(0, newest), (newest, newest), (newest, newest)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_may_not_be_written_to_is_told_apart() {
    let place = Place::empty();
    let store = open(&place.settings()).await;
    store.check().await.unwrap();
    store.close();
    let sql = "do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$";
    place.database.ask(sql).unwrap();
    let Err(error) = Postgres::open(&place.settings(), deaf()).await else { panic!("opened") };
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(error.to_string().contains("read-only"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_says_so_and_shows_no_secret() {
    let place = Place::empty();
    let url = place.database.url();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    drop(taken);
    let (start, rest) = url.rsplit_once(':').unwrap();
    let (_, database) = rest.split_once('/').unwrap();
    let settings =
        |url: &str| landfall_store::postgres::Settings::new(Address::parse(url).unwrap());
    let password = start.rsplit_once('@').unwrap().0.rsplit_once(':').unwrap().1.to_owned();
    let away = format!("{start}:{port}/{database}");
    let wrong = url.replace(&password, "wrong-secret");
    let missing = format!("{}/elsewhere", url.rsplit_once('/').unwrap().0);
    for (url, word) in [(away, "refused"), (wrong, "authentication"), (missing, "elsewhere")] {
        let Err(error) = Postgres::open(&settings(&url), deaf()).await else { panic!("opened") };
        let text = format!("{error} {error:?}");
        assert!(text.contains(word), "{text}");
        assert!(!text.contains(&password) && !text.contains("wrong-secret"), "{text}");
    }
}

/// An answered commit is on the disk, even where the database's own default lets it wait.
#[tokio::test(flavor = "multi_thread")]
async fn every_commit_waits_for_the_disk() {
    let place = Place::empty();
    open(&place.settings()).await.close();
    for sql in [
        "do $$ begin execute format('alter database %I set synchronous_commit = off', current_database()); end $$",
        "create function insist() returns trigger language plpgsql as $$ begin
             if current_setting('synchronous_commit') <> 'on' then raise 'it may be lost'; end if;
             return new; end $$",
        "create trigger insist before insert on notification
             for each row execute function insist()",
    ] {
        place.database.ask(sql).unwrap();
    }
    let store = open(&place.settings()).await;
    let new = publish(&note(&user("u"), "n"));
    store.commit(unit(&tenant("t"), vec![new])).await.unwrap();
}
