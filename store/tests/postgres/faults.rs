//! Faults: a unit that the database refuses, a server that is killed, one that does not answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use landfall_core::audit::{Action, Details};
use landfall_core::feed::Number;
use landfall_core::id::NotificationId;
use landfall_fixtures::{Durability, Postgres as Server};
use landfall_store::postgres::{Address, Postgres, Settings};
use landfall_store::{Answer, Commits, Inbox, Receipt, SaltedDetails, Store, StoreError, Unit};
use tokio::task::JoinSet;

use crate::contract::make::{at, draft, key, note, publish, tenant, unit, user};
use crate::contract::world::everything;
use crate::{Place, deaf, open};

/// PostgreSQL keeps no text with a zero byte. The edge refuses such text; here one stands for
/// whatever the database will not take.
#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_cannot_be_stored_fails_nobody_elses() {
    let place = Place::empty();
    let store = open(&Settings { committers: 1, ..place.settings() }).await;
    let (t, u) = (tenant("t"), user("u"));
    let mut running = JoinSet::new();
    for n in 0..64 {
        let title = if n % 21 == 0 { "bad\0".to_owned() } else { format!("n{n}") };
        let unit = unit(&t, vec![publish(&note(&u, &title)), publish(&note(&u, "twin"))]);
        let store = Arc::clone(&store);
        running.spawn(async move { (n, store.commit(unit).await) });
    }
    for (n, answer) in running.join_all().await {
        let is_bad = matches!(answer, Err(StoreError::Internal(_)));
        assert_eq!((is_bad, answer.is_ok()), (n % 21 == 0, n % 21 != 0), "{n}: {answer:?}");
    }
    let (unread, head) = store.unread(&t, &u).await.unwrap();
    assert_eq!((unread, head.newest), (120, Number(120)));
}

fn unstorable() -> SaltedDetails {
    let details = Details { actor: None, target: None, metadata: "\0".into() };
    SaltedDetails::new(details, [0; 16])
}

/// What is sent with the commit can fail too; the commit is then no success, though the server
/// answers it without an error.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_behind_a_refused_statement_commits_nothing() {
    let place = Place::empty();
    let store = open(&Settings { committers: 1, ..place.settings() }).await;
    let (t, u) = (tenant("t"), user("u"));
    let unit_of = |n: u64, is_bad: bool| {
        let (mut key, mut entry) = (key(&format!("{n}"), 1), draft(Action::Connected, "u", 1));
        match n % 2 {
            0 if is_bad => key.memo.push('\0'),
            1 if is_bad => entry.details = unstorable(),
            _ => {}
        }
        let publishing = unit(&t, vec![publish(&note(&u, &format!("n{n}")))]);
        Unit { audit: vec![entry], idempotency: Some(key), ..publishing }
    };
    let mut running = JoinSet::new();
    for n in 0..32 {
        let (store, unit, is_bad) = (Arc::clone(&store), unit_of(n, n % 5 == 0), n % 5 == 0);
        running.spawn(async move { (is_bad, store.commit(unit).await) });
    }
    for (is_bad, answer) in running.join_all().await {
        let is_refused = matches!(answer, Err(StoreError::Internal(_)));
        assert_eq!((is_refused, answer.is_ok()), (is_bad, !is_bad), "{answer:?}");
    }
    assert_eq!(store.unread(&t, &u).await.unwrap().1.newest, Number(25));
    // Of what was refused nothing is left, neither its key nor its entry.
    store.commit(unit_of(5, false)).await.unwrap();
    store.seal(at(1), 1_000).await.unwrap();
    assert_eq!(store.verify(&t).await.unwrap().entries, 26);
}

const DEADLINE: Duration = Duration::from_secs(120);
const WRITERS: u64 = 8;
/// Units committed between two kills.
const UNITS: u64 = 96;

/// Commits a unit until its answer is known; unavailable means to ask again with the same key.
async fn insist(store: &dyn Store, unit: &Unit, refused: &AtomicU64) -> Vec<Number> {
    loop {
        let answer: Answer<Receipt> = store.commit(unit.clone()).await;
        match answer {
            Ok(receipt) => return receipt.numbers(),
            Err(StoreError::Duplicate(stored)) => return stored.numbers,
            Err(StoreError::Unavailable(_)) => refused.fetch_add(1, Ordering::Relaxed),
            Err(error) => panic!("{error:?}"),
        };
        // Any client pauses before it asks again; a read is as long as a pause needs to be.
        let _ = store.check().await;
        tokio::task::yield_now().await;
    }
}

async fn write(
    store: Arc<dyn Store>,
    writer: u64,
    refused: Arc<AtomicU64>,
    done: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
) -> BTreeMap<Number, NotificationId> {
    let (t, u) = (tenant("t"), user("u"));
    let mut committed = BTreeMap::new();
    let mut n = 0;
    // However long a kill takes, there is somebody left who is refused.
    while !is_over.load(Ordering::Relaxed) {
        n += 1;
        let notes = [note(&u, &format!("{writer} {n}")), note(&u, "twin")];
        let audit = vec![draft(Action::NotificationCreated, "u", 1)];
        let idempotency = Some(key(&format!("{writer} {n}"), 1));
        let unit = Unit { audit, idempotency, ..unit(&t, notes.iter().map(publish).collect()) };
        let numbers = insist(&*store, &unit, &refused).await;
        assert_eq!(numbers.len(), 2);
        committed.extend(numbers.into_iter().zip(notes.map(|note| note.id)));
        done.fetch_add(1, Ordering::Relaxed);
    }
    committed
}

/// Kills the server in the middle of a load, several times; the store is never opened anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_nothing_and_doubles_nothing() {
    tokio::time::timeout(DEADLINE, kill_and_restart())
        .await
        .expect("the store comes back by itself");
}

async fn kill_and_restart() {
    let server = Arc::new(Server::start(Durability::PageCache, "").unwrap());
    let url = server.url("postgres");
    let store = open(&Settings::new(Address::parse(&url).unwrap())).await;
    let (refused, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let is_over = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (refused, done) = (Arc::clone(&refused), Arc::clone(&done));
        let is_over = Arc::clone(&is_over);
        writers.spawn(write(Arc::clone(&store), writer, refused, done, is_over));
    }
    for round in 1..=3 {
        while done.load(Ordering::Relaxed) < round * UNITS {
            tokio::task::yield_now().await;
        }
        let before = refused.load(Ordering::Relaxed);
        let theirs = Arc::clone(&server);
        tokio::task::spawn_blocking(move || theirs.kill().unwrap()).await.unwrap();
        while refused.load(Ordering::Relaxed) == before {
            tokio::task::yield_now().await;
        }
        assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
        let theirs = Arc::clone(&server);
        tokio::task::spawn_blocking(move || theirs.restart().unwrap()).await.unwrap();
    }
    is_over.store(true, Ordering::Relaxed);
    let committed: BTreeMap<Number, NotificationId> =
        writers.join_all().await.into_iter().flatten().collect();
    while store.check().await.is_err() {
        tokio::task::yield_now().await;
    }
    check_whole(&*store, &committed, done.load(Ordering::Relaxed)).await;
}

async fn check_whole(store: &dyn Store, committed: &BTreeMap<Number, NotificationId>, units: u64) {
    let (t, u) = (tenant("t"), user("u"));
    let inbox = store.list(&t, &u, everything()).await.unwrap();
    let stored: BTreeMap<Number, NotificationId> =
        inbox.iter().map(|one| (one.number, one.id)).collect();
    assert_eq!(stored, *committed);
    let numbers: Vec<u64> = stored.keys().map(|number| number.0).collect();
    assert_eq!(numbers, (1..=units * 2).collect::<Vec<_>>());
    store.seal(at(1), 1_000_000).await.unwrap();
    let found = store.verify(&t).await.unwrap();
    assert_eq!((found.entries, found.broken), (units, None));
}

/// Somebody holds a lock: whoever needs it is refused in time, and nobody is once it is free.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_held_too_long_is_unavailable_not_for_ever() {
    let place = Place::empty();
    let patience = Duration::from_millis(300);
    let settings = Settings {
        connections: 1,
        wait: patience / 3,
        statement_timeout: patience,
        ..place.settings()
    };
    let store = Postgres::open(&settings, deaf()).await.unwrap();
    let (t, u) = (tenant("t"), user("u"));
    let publishing = || unit(&t, vec![publish(&note(&u, "n"))]);
    store.commit(publishing()).await.unwrap();
    let url = place.database.url();
    let (mut client, connection) =
        tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let holding = client.transaction().await.unwrap();
    holding.batch_execute("lock table feed in access exclusive mode").await.unwrap();
    let (read, crowded, written) =
        tokio::join!(store.unread(&t, &u), store.unread(&t, &u), store.commit(publishing()));
    for error in [read.unwrap_err(), crowded.unwrap_err(), written.unwrap_err()] {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    }
    holding.rollback().await.unwrap();
    store.commit(publishing()).await.unwrap();
    assert_eq!(store.unread(&t, &u).await.unwrap().1.newest, Number(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_panics_keeps_nobody_waiting() {
    let place = Place::empty();
    let sink = Arc::new(|_| panic!("on purpose"));
    let store = Postgres::open(&place.settings(), sink).await.unwrap();
    let (t, u) = (tenant("t"), user("u"));
    for _ in 0..3 {
        store.commit(unit(&t, vec![publish(&note(&u, "n"))])).await.unwrap();
    }
    assert_eq!(store.replay_sequence(), Number(3));
}
